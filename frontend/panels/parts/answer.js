// What the network says: its classes, or the shares of its mask.

import { counted, say } from "../../language/language.js";
import { h } from "../../ui/dom.js";
import { classesOf, wordsOf } from "../../sites/sites.js";
import { percent } from "../../ui/format.js";
import { fitting, isForClass, targetOf } from "../../sites/methods.js";

/** Below this the first answer is a guess. */
const UNSURE = 0.5;

/** @param {State} state @param {Store["set"]} set @returns {(Element | false)[]} */
export function answer(state, set) {
  const { analysisData: analysis } = state;
  if (analysis.output?.kind === "mask") return maskAnswer(analysis.output);
  if (wordsOf(analysis.output).length) return wordAnswer(analysis.output);
  const { predictions: rows } = analysis;
  if (!rows.length) return [];
  const asked = isForClass(state) ? targetOf(state) : null;
  const first = fitting(analysis, null).find((map) => map.for_class)?.name;
  return [
    h("h3", {}, say("The network says")),
    h(
      "ol",
      { class: "predictions" },
      rows.map((entry) =>
        first ? whyPrediction(entry, entry.index === asked, state, first, set) : h("li", {}, ...bar(entry)),
      ),
    ),
    h("p", { class: "quiet", id: "knows" }, knowledge(state)),
  ];
}

/** What the network could say at all, and how sure it is of its answer. @param {State} state */
export function knowledge({ models, analysisData: { model: id, predictions } }) {
  const classes = models.find((one) => one.id === id)?.classes;
  const [{ score }] = predictions;
  const unsure = score < UNSURE && say("It is not sure: {rest} goes to other answers.", { rest: percent(1 - score) });
  const knows = classes != null && counted(classes, "It knows {n} kind of thing and no other.", "It knows {n} kinds of things and no others; what it sees is always called one of them.");
  return [unsure, knows].filter(Boolean).join(" ");
}

/** A prediction that, pressed, shows the map for its class. @param {Prediction} entry @param {boolean} asked @param {State} state @param {string} first @param {Store["set"]} set */
function whyPrediction(entry, asked, state, first, set) {
  const shown = isForClass(state) ? state.method : first;
  return h(
    "li",
    {},
    h(
      "button",
      {
        type: "button",
        class: "why",
        "aria-pressed": String(asked),
        title: asked ? say("Back to what was shown") : say("What counted for “{label}”?", { label: entry.label }),
        onclick: () => set(asked ? { method: "site", against: null } : { method: shown, target: entry.index, against: null }),
      },
      ...bar(entry),
    ),
  );
}

/** Its name, its score and a bar as long. @param {{label: string, score: number, index: number}} entry */
function bar({ label, index, score }) {
  const length = h("i");
  length.style.width = `${100 * score}%`;
  return [
    h(
      "span",
      { class: "prediction" },
      h("span", {}, label ?? say("class {index}", { index })),
      h("span", { class: "number" }, percent(score)),
    ),
    length,
  ];
}

/** How sure the network was of each word it wrote. @param {Output} output */
function wordAnswer(output) {
  const words = wordsOf(output);
  return [
    h("h3", {}, say("How sure it was of each word")),
    h(
      "ol",
      { class: "predictions word-scores" },
      words.map((/** @type {Word} */ word) => h("li", {}, ...bar({ ...word, label: word.text }))),
    ),
  ];
}

/** The largest classes of a mask, with their colours. @param {Output} output */
function maskAnswer(output) {
  const shown = classesOf(output)
    .filter((/** @type {MaskClass} */ entry) => entry.share > 0)
    .sort((a, b) => b.share - a.share)
    .slice(0, 8);
  return [
    h("h3", {}, say("The network says")),
    h(
      "ul",
      { class: "mask-classes" },
      shown.map((/** @type {MaskClass} */ entry) =>
        h("li", {}, swatch(entry), h("span", {}, entry.label), h("span", { class: "number" }, percent(entry.share))),
      ),
    ),
    h("p", { class: "quiet" }, say("Shares of the area that the network saw.")),
  ];
}

/** The colour of a class; the background has none. @param {{index: number, colour: string}} entry */
export function swatch({ index, colour }) {
  const box = h("i", { class: `swatch ${index === 0 ? "clear" : ""}`, "aria-hidden": "true" });
  if (index !== 0) box.style.background = colour;
  return box;
}
