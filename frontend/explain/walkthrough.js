// The steps that the server tells of a site, each with its numbers as a strip of bars or a small map.

import { say } from "../language/language.js";
import { extent, paintValues } from "../paint/colormap.js";
import { h, put, svg } from "../ui/dom.js";
import { number } from "../ui/format.js";

/**
 * @typedef {{name: string, sentence: string, formula: string, module: string | null, axes: string[], shape: number[], values: any}} Step
 * @typedef {object} Wanted  what of the steps is picked out
 * @property {Record<string, string | number>} asked  of the server
 * @property {number} [channel]  the one whose own number is told
 * @property {number} [count]  how many channels there are: a vector of as many has one number a channel
 * @property {Cell | null} [place]  the same of a place
 * @property {{grid: import("../geometry.js").PatchGrid, prefix: number} | null} [keys]  where keys lie, if they do
 * @property {string} [title]
 */

/** The pointer rests this long before the server is asked. */
const REST_MS = 150;

/** So many numbers of a vector are read out. */
const SPOKEN = 5;

/** Bars are no wider than this. */
const BAR_PX = 10;

/** @type {{site: Site, nodes: Node[]} | null} */
let last = null; // shown, faintly, until the next ones are there

/**
 * Fills itself: at once where the steps are at hand, else when the server has told them and it is still on screen.
 * @param {State} state @param {Site} site @param {Session} session @param {Wanted} wanted
 */
export function walkthrough(state, site, session, wanted) {
  const root = h("section", { class: "walkthrough", "aria-label": say("Step by step") });
  const fill = (/** @type {{sentence: string, steps: Step[]}} */ answer) => {
    root.classList.remove("stale");
    put(root, ...lines(state, answer, wanted));
    last = { site, nodes: [...root.childNodes] };
  };
  const here = session.peekSteps(site, wanted.asked);
  if (here) {
    fill(here);
    return root;
  }
  root.classList.add("stale");
  put(root, ...(last?.site === site ? last.nodes : [h("p", { class: "quiet" }, say("Reading the steps …"))]));
  setTimeout(async () => {
    if (!root.isConnected) return;
    try {
      fill(await session.steps(site, wanted.asked));
    } catch (/** @type {any} */ error) {
      put(root, h("p", { class: "note" }, error.message));
    }
  }, REST_MS);
  return root;
}

/** @param {State} state @param {{sentence: string, steps: Step[]}} answer @param {Wanted} wanted */
function lines(state, { sentence, steps }, wanted) {
  return [
    h("h3", {}, wanted.title ?? say("Step by step")),
    h("p", { class: "quiet" }, `${sentence}.`),
    h(
      "ol",
      { class: "steps" },
      steps.map((step) =>
        h(
          "li",
          {},
          h("span", {}, step.sentence),
          h("div", { class: "formula" }, formulaOf(step.formula), ...own(step, wanted)),
          picture(state, step, wanted),
        ),
      ),
    ),
  ];
}

/** " = 0.76", where one of the numbers is the chosen one's. @param {Step} step @param {Wanted} wanted */
function own({ axes, values, shape }, { channel, count, place }) {
  if (typeof values === "number") return [` = ${number(values)}`];
  if (shape.join() === "1") return [` = ${number(values[0])}`];
  if (axes.join() === "channel" && channel !== undefined && shape[0] === count && values)
    return [` = ${number(values[channel])}`];
  if (axes.join() === "row,column" && place && values?.[place.row]?.[place.column] !== undefined)
    return [` = ${number(values[place.row][place.column])}`];
  return [];
}

/** A vector as bars, a map as cells, a matrix as its rows' bars. @param {State} state @param {Step} step @param {Wanted} wanted */
function picture(state, step, wanted) {
  const { axes, shape, values } = step;
  if (values == null) return h("p", { class: "quiet" }, say("{shape} numbers", { shape: shape.join(" × ") }));
  if (typeof values === "number" || shape.join() === "1") return null;
  if (shape.length === 1) {
    const { keys } = wanted;
    if (axes[0] === "key" && keys && shape[0] === keys.prefix + keys.grid.rows * keys.grid.columns)
      return map(state, step, Float32Array.from(values.slice(keys.prefix), orNaN), keys.grid.columns);
    const marked = axes[0] === "channel" && shape[0] === wanted.count ? wanted.channel : undefined;
    return bars(step, values, marked);
  }
  if (axes.join() === "row,column") return map(state, step, Float32Array.from(values.flat(), orNaN), shape[1]);
  if (axes.join() === "channel,row" || axes.join() === "channel,column" || axes.join() === "channel,place")
    return map(state, step, Float32Array.from(transposed(values).flat(), orNaN), shape[0]);
  if (axes[0] === "head") return h("div", { class: "rows" }, values.map((/** @type {number[]} */ row) => bars(step, row)));
  return table(step);
}

/** A row for each place of a strip, channels from left to right. @param {(number | null)[][]} values */
const transposed = (values) => values[0].map((_, place) => values.map((channel) => channel[place]));

/** @param {number | null} value */
const orNaN = (value) => value ?? NaN;

/**
 * Upwards what is above zero, downwards what is below; told in words too.
 * @param {{name: string, sentence?: string}} step @param {(number | null)[]} values @param {number} [marked]
 */
export function bars(step, values, marked) {
  const numbers = Float32Array.from(values, orNaN);
  const [low, high] = extent(numbers);
  const [bottom, top] = [Math.min(0, low), Math.max(0, high)];
  const span = top - bottom || 1;
  const drawn = [...numbers].map((value, index) =>
    Number.isFinite(value)
      ? svg("rect", {
          x: index + 0.1,
          width: 0.8,
          y: (top - Math.max(0, value)) / span,
          height: Math.max(Math.abs(value) / span, 0.01),
          class: index === marked ? "marked" : null,
        })
      : null,
  );
  const spoken = `${step.sentence ?? step.name}: ${[...numbers.subarray(0, SPOKEN)].map(number).join(", ")}${numbers.length > SPOKEN ? ", …" : ""}`;
  return h(
    "figure",
    { class: "bars" },
    svg(
      "svg",
      {
        viewBox: `0 0 ${numbers.length} 1`,
        preserveAspectRatio: "none",
        style: `max-width: ${BAR_PX * numbers.length}px`,
        role: "img",
        "aria-label": spoken,
      },
      drawn,
    ),
    h("figcaption", { class: "quiet" }, say("{n} numbers, {low} to {high}", { n: numbers.length, low: number(low), high: number(high) })),
  );
}

/** @param {State} state @param {Step} step @param {Float32Array} values @param {number} columns */
function map({ tables, colormap }, step, values, columns) {
  const canvas = h("canvas", { class: "cells", role: "img", "aria-label": say("{name}: a map", { name: step.sentence }) });
  const [low, high] = extent(values);
  if (tables) paintValues(canvas, values, columns, tables, colormap);
  return h(
    "figure",
    { class: "small-map" },
    canvas,
    h("figcaption", { class: "quiet" }, say("{rows} × {columns}, {low} to {high}", { rows: values.length / columns, columns, low: number(low), high: number(high) })),
  );
}

/** @param {Step} step */
const table = ({ values }) =>
  h(
    "table",
    { class: "facts" },
    h("tbody", {}, values.map((/** @type {number[]} */ line) => h("tr", {}, line.map((value) => h("td", {}, number(value)))))),
  );

/** A formula as the API writes it, with what follows an underscore set lower, and what is in brackets after ^ higher. @param {string} text */
export function formulaOf(text) {
  return text
    .split(/(_(?:\([^)]*\)|\p{L}+)|\^\([^)]*\))/u)
    .map((part, index) => (index % 2 ? h(part.startsWith("_") ? "sub" : "sup", {}, part.slice(1).replace(/^\(|\)$/g, "")) : part));
}
