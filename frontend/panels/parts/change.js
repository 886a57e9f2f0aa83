// The answer before and after edits: two bars a class, told apart by shape and by word, not by colour.

import { say } from "../../language/language.js";
import { h } from "../../ui/dom.js";
import { number, percent } from "../../ui/format.js";

/** @param {Change} change @returns {Element[]} */
export function changed({ classes, words, share }) {
  return [
    ...(classes.length ? [legend(), h("ol", { class: "changes" }, classes.map(row))] : []),
    ...(words ? [h("dl", { class: "facts" }, h("dt", {}, say("before")), h("dd", {}, words[0]), h("dt", {}, say("after")), h("dd", {}, words[1]))] : []),
    ...(share != null ? [h("p", {}, say("{share} of the places have another class.", { share: percent(share) }))] : []),
  ];
}

const legend = () =>
  h(
    "p",
    { class: "change-legend quiet", "aria-hidden": "true" },
    h("span", {}, h("i", { class: "before" }), say("before")),
    h("span", {}, h("i", { class: "after" }), say("after")),
    h("span", {}, say("probability · logit")),
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
    h("span", { class: "sr-only" }, when === "before" ? say("before") : say("after")),
    h("span", { class: "change-track" }, bar),
    h("span", { class: "number" }, `${percent(score)} · ${number(logit)}`),
  );
}
