// A number of the text and what it is of in a figure light each other up: a patch of the photo, a bar, a cell of a
// matrix, a word, a class of the answer. By pointer either way; by keyboard from a step of the text, whose numbers the
// arrow keys go through.

import { h } from "../ui/dom.js";

/** @typedef {import("./types.js").Live} Live */
/** @typedef {import("./types.js").Place} Place */

/** @param {Place} a @param {Place} b whether they are the same place of a figure */
const same = (a, b) =>
  Boolean(
    (a.cell && b.cell && a.cell.row === b.cell.row && a.cell.column === b.cell.column) ||
      (a.bar && b.bar && a.bar[0] === b.bar[0] && a.bar[1] === b.bar[1]) ||
      (a.at && b.at && a.at.row === b.at.row && a.at.column === b.at.column) ||
      (a.word != null && a.word === b.word) ||
      (a.answer != null && a.answer === b.answer),
  );

/** Where a live number is in the figures; of a class of the answer by its address. @param {Live | undefined} live @returns {Place} */
export function placeOf(live) {
  if (!live) return {};
  const answer = /#\/(?:predictions|change\/classes)\/(\d+)\//.exec(live.from ?? "")?.[1];
  const { cell, bar, at, word } = live;
  return { cell, bar, at, word, ...(answer && { answer: Number(answer) }) };
}

/** @param {Place} place */
export const isPlaced = (place) => Object.values(place).some((value) => value != null);

/**
 * @param {HTMLElement} article @param {(key: string) => string} say
 * @param {() => import("./types.js").Numbers | null} numbers @param {() => import("./figures/parts.js").Figure[]} figures
 */
export function lighting(article, say, numbers, figures) {
  const spoken = h("p", { class: "unseen", role: "status" });
  article.append(spoken);
  /** Names of the lit numbers. @type {string[]} */
  let lit = [];

  /** @param {string[]} names */
  function light(names) {
    lit = names;
    draw();
  }
  function draw() {
    for (const element of /** @type {NodeListOf<HTMLElement>} */ (article.querySelectorAll("[data-live]")))
      element.classList.toggle("lit", lit.includes(element.dataset.live ?? ""));
    const places = lit.map((name) => placeOf(numbers()?.[name])).filter(isPlaced);
    for (const figure of figures()) figure.light?.(places);
  }

  /** A figure says where the pointer is. @param {Place | null} place */
  function over(place) {
    const all = Object.entries(numbers() ?? {});
    light(place ? all.filter(([, live]) => same(placeOf(live), place)).map(([name]) => name) : []);
  }

  const nameAt = (/** @type {Event} */ event) => (event.target instanceof Element ? /** @type {HTMLElement | null} */ (event.target.closest("[data-live]"))?.dataset.live : undefined);
  article.addEventListener("pointerover", (event) => {
    const name = nameAt(event);
    if (name) light([name]);
  });
  article.addEventListener("pointerout", (event) => {
    if (nameAt(event)) light([]);
  });
  article.addEventListener("focusin", (event) => {
    const step = /** @type {HTMLElement} */ (event.target);
    if (step.matches("[data-step]")) light(namesIn(step));
  });
  article.addEventListener("focusout", (event) => {
    if (/** @type {HTMLElement} */ (event.target).matches("[data-step]")) light([]);
  });
  article.addEventListener("keydown", (event) => {
    const step = /** @type {HTMLElement} */ (event.target);
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!by || !step.matches("[data-step]")) return;
    const names = namesIn(step);
    if (!names.length) return;
    event.preventDefault();
    const at = lit.length === 1 ? names.indexOf(lit[0]) + by : by > 0 ? 0 : -1;
    const name = names[(at + names.length) % names.length];
    light([name]);
    spoken.textContent = [step.querySelector(`[data-live="${name}"]`)?.textContent, told(placeOf(numbers()?.[name]), say)].filter(Boolean).join(": ");
  });
  return { draw, over };
}

/** @param {Element} step */
const namesIn = (step) => [...new Set([...step.querySelectorAll("[data-live]")].map((element) => /** @type {HTMLElement} */ (element).dataset.live ?? ""))];

/** Where a number is, for who cannot see it. @param {Place} place @param {(key: string) => string} say */
function told({ cell, bar, at }, say) {
  const spot = cell ?? at;
  if (spot) return say("lit-cell").replace("{row}", String(spot.row)).replace("{column}", String(spot.column));
  return bar ? say("lit-bar").replace("{n}", String(bar[1])) : "";
}
