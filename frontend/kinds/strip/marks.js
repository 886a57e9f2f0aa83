// The strips of a strip gate along the photo's edges: rows at the left, columns above.

import { svg } from "../../ui/dom.js";
import { cellBox, crop } from "../../geometry.js";
import { colour, extent, normalise } from "../../paint/colormap.js";

/** How wide a strip is, as a share of the shorter side of what the network saw. */
const WIDTH = 0.045;

/**
 * One rectangle a row and one a column, in the colours of both strips' common range.
 * @param {import("../../geometry.js").Geometry} geometry @param {Picture} picture
 * @param {import("../../paint/colormap.js").Table} table
 */
export function stripMarks(geometry, { edges, grid }, table) {
  if (!edges) return [];
  const { rows, columns } = edges;
  const [left, top, right, bottom] = crop(geometry);
  const wide = WIDTH * Math.min(right - left, bottom - top);
  const [low, high] = extent(Float32Array.from([...rows, ...columns]));
  const mark = (/** @type {string} */ strip, /** @type {number} */ share, /** @type {Record<string, number>} */ box) =>
    svg("rect", { ...box, class: `strip-of-${strip}`, fill: `rgb(${colour(table, share).join(" ")})` });
  return [
    ...[...normalise(rows, low, high)].map((share, index) => {
      const [, above, , below] = cellBox(geometry, index, 0, grid);
      return mark("rows", share, { x: left, y: above, width: wide, height: below - above });
    }),
    ...[...normalise(columns, low, high)].map((share, index) => {
      const [from, , to] = cellBox(geometry, 0, index, grid);
      return mark("columns", share, { x: from, y: top, width: to - from, height: wide });
    }),
  ];
}
