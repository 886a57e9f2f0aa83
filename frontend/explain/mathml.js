// Formulas: a small notation for MathML. `x_i^2`-like strings would need a parser; functions do not.

const MATHML = "http://www.w3.org/1998/Math/MathML";

/** @typedef {Element | string} Term  a string is an identifier, a number or an operator, by its first character */

/** @param {string} tag @param {...Term} terms */
function element(tag, ...terms) {
  const made = document.createElementNS(MATHML, tag);
  made.append(...terms.map((term) => (typeof term === "string" ? operand(term) : term)));
  return made;
}

/** An identifier, number or operator on its own. @param {string} text */
export function operand(text) {
  const tag = /^[\d−.]+/.test(text) && /\d/.test(text) ? "mn" : /^[\p{L}]/u.test(text) ? "mi" : "mo";
  const made = document.createElementNS(MATHML, tag);
  made.textContent = text;
  return made;
}

export const row = (/** @type {Term[]} */ ...terms) => element("mrow", ...terms);
export const sub = (/** @type {Term} */ base, /** @type {Term} */ index) => element("msub", base, index);
export const sup = (/** @type {Term} */ base, /** @type {Term} */ power) => element("msup", base, power);
export const over = (/** @type {Term} */ above, /** @type {Term} */ below) => element("mfrac", above, below);
export const root = (/** @type {Term} */ term) => element("msqrt", term);

/** A word inside a formula. @param {string} word */
export function text(word) {
  const made = document.createElementNS(MATHML, "mtext");
  made.textContent = word;
  return made;
}

/** A matrix in brackets. @param {Term[][]} rows */
export function matrix(rows) {
  const cells = rows.map((cellsOfRow) => element("mtr", ...cellsOfRow.map((cell) => element("mtd", cell))));
  return row("(", element("mtable", ...cells), ")");
}

/** A formula on its own line. @param {...Term} terms */
export function formula(...terms) {
  const math = element("math", row(...terms));
  math.setAttribute("display", "block");
  return math;
}
