// What explanations are made of: numbered steps, a term in a line.

import { h } from "../ui/dom.js";
import { formula } from "./mathml.js";

/** What is done, one after the other. @param {[string, Element][]} list  words and a formula */
export const steps = (list) => h("ol", { class: "steps" }, list.map(told));

/** What could be done instead, in no order. @param {[string, Element][]} list  words and a formula */
export const alternatives = (list) => h("ul", { class: "steps unordered" }, list.map(told));

/** @param {[string, Element]} row */
function told([words, math]) {
  math.removeAttribute("display");
  math.setAttribute("displaystyle", "true");
  return h("li", {}, h("span", {}, words), h("div", {}, math));
}

/** A symbol in a line of words. @param {string} name */
export function mathOf(name) {
  const math = formula(name);
  math.removeAttribute("display");
  return math;
}
