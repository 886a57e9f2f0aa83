// What all figures are given, and what they have in common.

import { gradient, isSigned } from "../../paint/colormap.js";
import { h } from "../../ui/dom.js";
import { number } from "../../ui/format.js";
import { rich } from "../rich.js";

/**
 * @typedef {object} Figures
 * @property {import("../lesson.js").Lesson} lesson
 * @property {(patch: Record<string, any>) => void} set  changes the chapter's state
 * @property {(key: string) => string} say  a text of the chapter, or else of the frame
 * @property {() => import("../types.js").Numbers | null} numbers
 * @property {(slug: string) => string} address
 * @property {(place: import("../types.js").Place | null) => void} over  the pointer is on a place of the figure, or has left it
 *
 * @typedef {object} Figure
 * @property {HTMLElement} element
 * @property {(spec: any) => void} update
 * @property {(places: import("../types.js").Place[]) => void} [light]  lights these places up, and no others
 */

/** A caption with its live numbers, and the scale of the colours. @param {any} spec @param {Figures} figures @param {{low: number, high: number} | null} [ends] */
export function caption(spec, figures, ends = null) {
  return [
    spec.caption && h("span", {}, rich(figures.say(spec.caption), figures.numbers(), figures.address)),
    ends && scale(ends, figures),
  ].filter(Boolean);
}

/** @param {{low: number, high: number}} ends @param {Figures} figures */
export function scale({ low, high }, { lesson }) {
  const table = lesson.tables[isSigned({ low, high }) ? "coolwarm" : "inferno"];
  return h("span", { class: "scale" }, number(low), h("i", { style: `background: ${gradient(table)}` }), number(high));
}

/** A figure's name for who cannot see it, and the cell that is chosen. @param {string} key @param {Figures} figures @param {Cell | null} [cell] */
export function named(key, figures, cell = null) {
  const text = figures.say(key).replace(/\{(\w+)(?:\|\w+)?\}|[$*]/g, (_, name) => {
    const live = name && figures.numbers()?.[name];
    return live ? (typeof live.value === "number" ? number(live.value) : live.value) : "";
  });
  if (!cell) return text;
  const where = figures.say("cell").replace("{row}", String(cell.row)).replace("{column}", String(cell.column));
  return `${text} ${where}`;
}
