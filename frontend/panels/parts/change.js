// The answer before and after edits: two bars a class, told apart by shape and by word, not by colour.

import { h } from "../../ui/dom.js";
import { number, percent } from "../../ui/format.js";

/** @param {Change} change @returns {Element[]} */
export function changed({ classes, words, share }) {
  return [
    ...(classes.length ? [legend(), h("ol", { class: "changes" }, classes.map(row))] : []),
    ...(words ? [h("dl", { class: "facts" }, h("dt", {}, "before"), h("dd", {}, words[0]), h("dt", {}, "after"), h("dd", {}, words[1]))] : []),
    ...(share != null ? [h("p", {}, `${percent(share)} of the places have another class.`)] : []),
  ];
}

const legend = () =>
  h(
    "p",
    { class: "change-legend quiet", "aria-hidden": "true" },
    h("span", {}, h("i", { class: "before" }), "before"),
    h("span", {}, h("i", { class: "after" }), "after"),
    h("span", {}, "probability · logit"),
  );

/** @param {ClassChange} entry */
function row({ label, index, before, after }) {
  return h(
    "li",
    { "data-class": index },
    h("span", { class: "change-label" }, label),
    line("before", before),
    line("after", after),
  );
}

/** @param {"before" | "after"} when @param {{score: number, logit: number}} answer */
function line(when, { score, logit }) {
  const bar = h("i", { class: when });
  bar.style.width = `${100 * score}%`;
  return h(
    "span",
    { class: "change-line" },
    h("span", { class: "sr-only" }, when),
    h("span", { class: "change-track" }, bar),
    h("span", { class: "number" }, `${percent(score)} · ${number(logit)}`),
  );
}
