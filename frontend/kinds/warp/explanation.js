// The spatial transformer in a few lines, with this photo's own numbers.

import { say } from "../../language/language.js";
import { h } from "../../ui/dom.js";
import { number, percent } from "../../ui/format.js";
import { formula, matrix, sub, text } from "../../explain/mathml.js";
import { sameInput } from "../../sites/sites.js";
import { correction, decompose } from "./theta.js";
import { walkthrough } from "../../explain/walkthrough.js";

/** @typedef {{row: number, column: number, weight: number, inside: boolean}} Neighbour */

const SIX_NUMBERS =
  say("A small network looks at the picture and answers with six numbers θ. They place a grid on the picture; at each point of it the picture is read, between pixels by bilinear interpolation. What comes after it sees only what was read.");

const DISPLACED =
  say("The network chooses for every pixel of its output a point of the picture, and reads it there. No six numbers give these points: each was displaced on its own, as by a flow or a spline. What comes after it sees only what was read.");

/** @type {Explanation} */
export async function explanation(state, site, session) {
  const { theta, grid, input, output, align_corners: centres } = await session.grid(site);
  const numbers = theta?.map((/** @type {number[]} */ line) => line.map(number));
  const pixel = state.hover ?? { row: Math.floor(output.rows / 2), column: Math.floor(output.columns / 2) };
  const [x, y] = grid[pixel.row][pixel.column];
  return [
    h("h3", {}, say("A network that moves its window")),
    h("p", {}, theta ? SIX_NUMBERS : DISPLACED),
    numbers && formula(matrix([["x"], ["y"]]), "=", matrix(numbers), matrix([["x′"], ["y′"], ["1"]])),
    h(
      "p",
      {},
      say("(x′, y′) is a pixel of the picture that is read, {rows} × {columns}; (x, y) is where it comes from on the {rows2} × {columns2} input. Both run from −1 to 1.", { rows: output.rows, columns: output.columns, rows2: input.rows, columns2: input.columns }),
    ),
    ...(await secondLook(state, site, session)),
    h("h3", {}, say("The pixel at row {row}, column {column}", { row: pixel.row, column: pixel.column })),
    h("p", {}, say("It is read at x = {x}, y = {y}, and mixed from the four pixels around that point:", { x: number(x), y: number(y) })),
    h(
      "table",
      { class: "facts" },
      h("tbody", {}, neighboursOf([x, y], input, centres).map(line)),
    ),
    walkthrough(state, site, session, {
      asked: { query: `${pixel.row},${pixel.column}` },
      title: theta ? say("What θ is made from, and what is read") : say("What is read there"),
    }),
    h("p", { class: "quiet" }, say("Move over the picture that was read to choose another. Jaderberg et al. 2015, equations 1 and 5.")),
  ].filter(Boolean);
}

/** Where a picture is read more than once: this window beside the one before. @type {Explanation} */
async function secondLook({ analysisData: { sites } }, site, session) {
  const looks = sameInput(sites, site);
  const order = looks.indexOf(site);
  if (order < 1) return [];
  const [{ theta }, before] = await Promise.all([session.grid(site), session.grid(looks[order - 1])]);
  const delta = before.theta && theta && correction(before.theta, theta);
  if (!delta) return [];
  const { rotation, scale } = decompose(delta);
  const way = rotation < 0 ? say("anticlockwise") : say("clockwise");
  return [
    h("h3", {}, say("Look {order} of {count}", { order: order + 1, count: looks.length })),
    h(
      "p",
      {},
      say("The picture is read more than once. Against the window before, this one is turned by {rotation}° {way}, {width} as wide and {height} as high:", { rotation: number(Math.abs(rotation)), way, width: percent(scale[0]), height: percent(scale[1]) }),
    ),
    formula("θ", "=", sub("θ", text(say("before"))), "∘", matrix(delta.map((line) => line.map(number)))),
    h("p", { class: "quiet" }, say("Every look reads the picture itself and not what the look before read. Lin and Lucey 2017.")),
  ];
}

/** @param {Neighbour} neighbour */
const line = ({ row, column, weight, inside }) =>
  h(
    "tr",
    {},
    h("th", { scope: "row" }, inside ? say("row {row}, column {column}", { row, column }) : say("outside, which counts as 0")),
    h("td", {}, percent(weight)),
  );

/**
 * The four pixels that a point is read from, with their shares, which add up to 1.
 * @param {number[]} point (x, y) in −1…1 @param {{rows: number, columns: number}} input
 * @param {boolean} centres whether ±1 are the centres of the outer pixels, and not their outer edges
 * @returns {Neighbour[]}
 */
export function neighboursOf([x, y], { rows, columns }, centres) {
  const at = (/** @type {number} */ value, /** @type {number} */ count) =>
    centres ? ((value + 1) / 2) * (count - 1) : ((value + 1) * count - 1) / 2;
  const [across, down] = [at(x, columns), at(y, rows)];
  const [left, top] = [Math.floor(across), Math.floor(down)];
  return [0, 1].flatMap((below) =>
    [0, 1].map((right) => {
      const [row, column] = [top + below, left + right];
      const weight = Math.abs(1 - right - (across - left)) * Math.abs(1 - below - (down - top));
      return { row, column, weight, inside: row >= 0 && column >= 0 && row < rows && column < columns };
    }),
  );
}
