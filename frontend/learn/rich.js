// The text of a chapter: {name} is a live number, $…$ a formula, [words](chapter) a link, **…** strong.

import { h } from "../ui/dom.js";
import { isPlaced, placeOf } from "./lights.js";
import { formulaOf } from "../explain/walkthrough.js";
import { number, percent } from "../ui/format.js";

/** @typedef {import("./types.js").Numbers} Numbers */

/** How a live number is written: {share|percent}. @type {Record<string, (value: any) => string>} */
const FORMATS = {
  number: (value) => (typeof value !== "number" ? String(value) : Number.isInteger(value) ? value.toLocaleString("en").replace("-", "−") : number(value)),
  percent,
  whole: (value) => Math.round(value).toLocaleString("en"),
  fixed: (value) => value.toFixed(4).replace("-", "−"),
};

const PIECES = /(\{\w+(?:\|\w+)?\}|\$[^$]+\$|\[[^\]]+\]\([\w-]+\)|\*\*[^*]+\*\*)/;

/**
 * @param {string} text @param {Numbers | null} numbers null while they are on their way
 * @param {(slug: string) => string} address of a chapter
 * @returns {(Element | string)[]}
 */
export function rich(text, numbers, address) {
  return text.split(PIECES).map((piece) => {
    const live = /^\{(\w+)(?:\|(\w+))?\}$/.exec(piece);
    if (live) return liveNumber(live[1], live[2] ?? "number", numbers);
    if (/^\$[^$]+\$$/.test(piece)) return h("span", { class: "formula" }, ...withNumbers(piece.slice(1, -1), numbers));
    const link = /^\[([^\]]+)\]\(([\w-]+)\)$/.exec(piece);
    if (link) return h("a", { href: address(link[2]), "data-chapter": link[2] }, link[1]);
    const strong = /^\*\*([^*]+)\*\*$/.exec(piece);
    return strong ? h("b", {}, strong[1]) : piece;
  });
}

/** A formula whose {names} are live numbers. @param {string} text @param {Numbers | null} numbers */
export const withNumbers = (text, numbers) =>
  text.split(/(\{\w+(?:\|\w+)?\})/).flatMap((piece) => {
    const live = /^\{(\w+)(?:\|(\w+))?\}$/.exec(piece);
    return live ? [liveNumber(live[1], live[2] ?? "number", numbers)] : formulaOf(piece.replace(/_(\d+)/g, "_($1)"));
  });

/** @param {string} name @param {string} format @param {Numbers | null} numbers */
function liveNumber(name, format, numbers) {
  const live = numbers?.[name];
  if (!live) return h("span", { class: "live waiting", "data-live": name }, "…");
  const { value, from } = live;
  return h(
    "span",
    {
      class: "live",
      "data-live": name,
      "data-value": value,
      "data-from": from,
      "data-placed": isPlaced(placeOf(live)) ? "" : null,
    },
    FORMATS[format](value),
  );
}
