// What a map of the network shows, in one sentence: the server's, with what is chosen filled in.

import { say } from "../language/language.js";
import { forWords, targetOf } from "./methods.js";
import { wordOf, wordsOf } from "./sites.js";

/** @param {string} english @param {Record<string, unknown>} parameters */
const fill = (english, parameters) =>
  english.replace(/\{(\w+)\}/g, (all, /** @type {string} */ name) => String(parameters[name] ?? all));

/** @param {State} state */
export function networkSentence(state) {
  const { shown } = state;
  if (!shown?.offer) return "";
  const { offer, analysis, site } = shown;
  const chosen = {
    ...(offer.for_class && { [forWords(analysis) ? "word" : "class"]: className(state) }),
    ...(offer.kinds.length && { layer: site.layer, who: site.query_labels ? say("words") : say("tokens") }),
  };
  return say("{sentence}.", { sentence: fill(offer.sentence_english, { ...offer.sentence_parameters, ...chosen }) });
}

/** The name of the class or the word that a saliency map is for. @param {State} state */
export function className(state) {
  const { analysisData: analysis } = state;
  if (forWords(analysis)) return wordsOf(analysis.output)[writtenWord(state)]?.text ?? "";
  const first = labelOf(state, targetOf(state));
  return state.against == null ? first : say("{class}” minus “{other}", { class: first, other: labelOf(state, state.against) });
}

/** A class by its label, where that is known. @param {State} state @param {number | null} index */
export const labelOf = ({ analysisData, labels }, index) =>
  analysisData.predictions.find((one) => one.index === index)?.label ?? labels?.[index ?? -1] ?? say("class {index}", { index });

/** Whether a class is shown that is none of the answers, so that its label is to be asked for. @param {State} state */
export const lacksLabel = (state) =>
  !state.labels &&
  [targetOf(state), state.against].some(
    (index) => index != null && !state.analysisData.predictions.some((one) => one.index === index),
  );

/** The place of the chosen word among those that were written. @param {Pick<State, "word" | "analysisData">} state */
export function writtenWord({ word, analysisData: analysis }) {
  const words = wordsOf(analysis.output);
  const labels = words.map((one) => one.text);
  return Math.max(0, Math.min(words.length - 1, wordOf({ word }, { queries: words.length, query_labels: labels })));
}
