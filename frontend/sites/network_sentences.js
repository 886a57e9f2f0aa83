// What a map of the whole network shows, in one sentence.

import { forWords, METHODS, targetOf } from "./methods.js";
import { isCross, isPlaced, wordOf, wordsOf } from "./sites.js";
import { percent } from "../ui/format.js";

const DINO_SHARE = 0.6;

/** @param {State} state */
export function networkSentence(state) {
  const { analysisData: analysis, method } = state;
  const layers = analysis.sites.filter(isPlaced).length;
  if (method === "rollout")
    return `Rollout: where the class token's attention comes from through all ${layers} layers, heads averaged.`;
  if (method === "dino")
    return `The fewest patches that together get ${percent(DINO_SHARE)} of what the class token looks at in the last layer, mean over heads.`;
  const site = analysis.sites.find((/** @type {Site} */ one) => one.id === state.site);
  if (!site) return "";
  if (method === "received")
    return `Attention ${site.layer}, mean over heads: how much each patch is looked at by all ${isCross(site) ? "words" : "tokens that see it"}.`;
  if (method === "token-lengths") return `How long the token of each patch is as it leaves layer ${site.layer}.`;
  const how = forWords(analysis)
    ? "attention through encoder and decoder, weighed by its gradient"
    : {
        "attention-grad-cam": "the last layer's class-token attention, heads weighed by their gradient",
        "grad-cam": "the last feature maps, weighed by their gradient",
        legrad: `the gradient of attention in all ${layers} layers, where it is positive`,
      }[/** @type {string} */ (method)] ?? `attention through all ${layers} layers, weighed by its gradient`;
  return `${METHODS[method].name} for “${className(state)}”: ${how}.`;
}

/** The name of the class or the word that a saliency map is for. @param {State} state */
export function className(state) {
  const { analysisData: analysis } = state;
  if (forWords(analysis)) return wordsOf(analysis.output)[writtenWord(state)]?.text ?? "";
  const target = targetOf(state);
  const known = analysis.predictions.find((one) => one.index === target);
  return known?.label ?? `class ${target}`;
}

/** The place of the chosen word among those that were written. @param {State} state */
export function writtenWord({ word, analysisData: analysis }) {
  const words = wordsOf(analysis.output);
  const labels = words.map((one) => one.text);
  return Math.max(0, Math.min(words.length - 1, wordOf({ word }, { queries: words.length, query_labels: labels })));
}
