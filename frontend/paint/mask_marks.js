// A mask as SVG path data in photo pixels: the area of each class, and the borders between them.

import { cellBox } from "../geometry.js";

/**
 * @typedef {object} MaskPaths
 * @property {{index: number, path: string}[]} areas  of every class but the first, the background
 * @property {string} border
 */

/** @type {WeakMap<object, MaskPaths>} */
const made = new WeakMap();

/** @param {import("../geometry.js").Geometry} geometry @param {{shape: number[], data: ArrayLike<number>}} mask @returns {MaskPaths} */
export function maskPaths(geometry, mask) {
  const known = made.get(mask);
  if (known) return known;
  const paths = trace(geometry, mask);
  made.set(mask, paths);
  return paths;
}

/** @param {import("../geometry.js").Geometry} geometry @param {{shape: number[], data: ArrayLike<number>}} mask @returns {MaskPaths} */
function trace(geometry, { shape: [rows, columns], data }) {
  const grid = { rows, columns };
  const [x0, y0] = cellBox(geometry, 0, 0, grid);
  const [, , x1, y1] = cellBox(geometry, rows - 1, columns - 1, grid);
  const x = (/** @type {number} */ column) => round(x0 + ((x1 - x0) * column) / columns);
  const y = (/** @type {number} */ row) => round(y0 + ((y1 - y0) * row) / rows);
  const at = (/** @type {number} */ row, /** @type {number} */ column) => data[row * columns + column];

  /** @type {Map<number, string[]>} */
  const areas = new Map();
  for (let row = 0; row < rows; row++) {
    runs(columns, (column) => at(row, column), (index, from, to) => {
      if (index === 0) return;
      const parts = areas.get(index) ?? [];
      parts.push(`M${x(from)} ${y(row)}H${x(to)}V${y(row + 1)}H${x(from)}Z`);
      areas.set(index, parts);
    });
  }

  /** @type {string[]} */
  const border = [];
  for (let row = 1; row < rows; row++) {
    runs(columns, (column) => Number(at(row, column) !== at(row - 1, column)), (differs, from, to) => {
      if (differs) border.push(`M${x(from)} ${y(row)}H${x(to)}`);
    });
  }
  for (let column = 1; column < columns; column++) {
    runs(rows, (row) => Number(at(row, column) !== at(row, column - 1)), (differs, from, to) => {
      if (differs) border.push(`M${x(column)} ${y(from)}V${y(to)}`);
    });
  }
  return {
    areas: [...areas].sort(([a], [b]) => a - b).map(([index, parts]) => ({ index, path: parts.join("") })),
    border: border.join(""),
  };
}

/** Calls for every stretch of equal values. @param {number} count @param {(i: number) => number} value @param {(value: number, from: number, to: number) => void} found */
function runs(count, value, found) {
  let from = 0;
  for (let i = 1; i <= count; i++) {
    if (i < count && value(i) === value(from)) continue;
    found(value(from), from, i);
    from = i;
  }
}

/** @param {number} value */
const round = (value) => Math.round(value * 100) / 100;
