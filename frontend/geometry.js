// Where on the photo: the same conversions as models/geometry.py, checked by the same table of cases.
// Points are (x, y) in pixel-edge coordinates: pixel n covers [n, n + 1). Cells are {row, column}.

import { say } from "./language/language.js";

/**
 * @typedef {object} PatchGrid  without origin, stride and extent its cells share the whole input evenly
 * @property {number} rows
 * @property {number} columns
 * @property {number} [depth]
 * @property {number[] | null} [origin]  where cell (0, 0) begins, [row, column] in pixels of the input
 * @property {number[] | null} [stride]  from one cell to the next; a cell is drawn so large
 * @property {number[] | null} [extent]  what a cell was made from, with the same middle
 * @typedef {object} Geometry
 * @property {number} imageWidth
 * @property {number} imageHeight
 * @property {number} inputWidth
 * @property {number} inputHeight
 * @property {number[][]} imageToInput  2×3 affine from the photo to the network's input
 */

/** Of an analysis of a photo. @param {Analysis} analysis @returns {Geometry} */
export function fromAnalysis(analysis) {
  const { image, geometry } = analysis;
  if (!image || !geometry) throw new Error(say("A sentence has no places on a photo."));
  return {
    imageWidth: image.width,
    imageHeight: image.height,
    inputWidth: geometry.input.width,
    inputHeight: geometry.input.height,
    imageToInput: geometry.image_to_input,
  };
}

/** @param {number[][]} matrix @param {number} x @param {number} y @returns {[number, number]} */
export function apply([[a, b, c], [d, e, f]], x, y) {
  return [a * x + b * y + c, d * x + e * y + f];
}

/** @param {number[][]} matrix */
export function invert([[a, b, c], [d, e, f]]) {
  const determinant = a * e - b * d;
  return [
    [e / determinant, -b / determinant, (b * f - c * e) / determinant],
    [-d / determinant, a / determinant, (c * d - a * f) / determinant],
  ];
}

/** @param {Geometry} geometry @param {number} x @param {number} y */
export function toInput(geometry, x, y) {
  return apply(geometry.imageToInput, x, y);
}

/** @param {Geometry} geometry @param {number} x @param {number} y */
export function toImage(geometry, x, y) {
  return apply(invert(geometry.imageToInput), x, y);
}

/**
 * The part of the photo the network saw, as [left, top, right, bottom]; it may reach beyond the photo.
 * @param {Geometry} geometry
 */
export function crop(geometry) {
  return imageBox(geometry, 0, 0, geometry.inputWidth, geometry.inputHeight);
}

/**
 * The cell under a point of the photo; null where the network saw nothing.
 * @param {Geometry} geometry @param {number} x @param {number} y @param {PatchGrid} grid
 * @returns {Cell | null}
 */
export function cellAt(geometry, x, y, grid) {
  const [inputX, inputY] = toInput(geometry, x, y);
  const { down, across } = axesOf(geometry, grid);
  const row = cellAlong(down, inputY);
  const column = cellAlong(across, inputX);
  return row === null || column === null ? null : { row, column };
}

/**
 * @typedef {object} Axis  where the cells are along one axis, in pixels of the input
 * @property {number} cells
 * @property {number} origin
 * @property {number} stride
 * @property {[number, number]} seen  what all of them together were made from
 */

/**
 * Where the rows and the columns of a grid are on the network's input.
 * @param {Geometry} geometry @param {PatchGrid} grid
 * @returns {{down: Axis, across: Axis}}
 */
export function axesOf(geometry, grid) {
  const along = (/** @type {number} */ last, /** @type {number} */ cells, /** @type {number} */ length) => {
    const stride = grid.stride?.at(last) ?? length / cells;
    const origin = grid.origin?.at(last) ?? 0;
    const margin = ((grid.extent?.at(last) ?? stride) - stride) / 2;
    const end = origin + cells * stride + margin;
    return { cells, origin, stride, seen: /** @type {[number, number]} */ ([Math.max(0, origin - margin), Math.min(length, end)]) };
  };
  return {
    down: along(-2, grid.rows, geometry.inputHeight),
    across: along(-1, grid.columns, geometry.inputWidth),
  };
}

/** The nearest of the cells that were made from a point of the input. @param {Axis} axis @param {number} position */
function cellAlong({ cells, origin, stride, seen: [start, end] }, position) {
  if (position < 0 || position < start - 1e-9 || position >= end) return null;
  const index = Math.floor((position - origin) / stride);
  return Math.min(Math.max(index, 0), cells - 1);
}

/**
 * A cell's area on the photo as [left, top, right, bottom].
 * @param {Geometry} geometry @param {number} row @param {number} column @param {PatchGrid} grid
 */
export function cellBox(geometry, row, column, grid) {
  const { down, across } = axesOf(geometry, grid);
  const left = across.origin + column * across.stride;
  const top = down.origin + row * down.stride;
  return imageBox(geometry, left, top, left + across.stride, top + down.stride);
}

/** The smallest box of cells whose values are numbers; null where none is. @param {Float32Array} values @param {PatchGrid} grid */
export function filledBox(values, grid) {
  let [top, left, bottom, right] = [grid.rows, grid.columns, -1, -1];
  for (let i = 0; i < values.length; i++) {
    if (Number.isNaN(values[i])) continue;
    const row = Math.floor(i / grid.columns);
    const column = i % grid.columns;
    top = Math.min(top, row);
    bottom = Math.max(bottom, row);
    left = Math.min(left, column);
    right = Math.max(right, column);
  }
  return bottom < 0 ? null : { top, left, rows: bottom - top + 1, columns: right - left + 1 };
}

/** @param {Geometry} geometry @param {number} left @param {number} top @param {number} right @param {number} bottom */
function imageBox(geometry, left, top, right, bottom) {
  const inverse = invert(geometry.imageToInput);
  return [...apply(inverse, left, top), ...apply(inverse, right, bottom)];
}

/**
 * From a pixel of a canvas that shows the photo, or a part of it, to cell units of a grid, as a 2×3 affine.
 * @param {Geometry} geometry @param {PatchGrid} grid @param {number} width @param {number} height
 * @param {{left: number, top: number, width: number, height: number}} [part]  of the photo, in its pixels; all of it if not said
 */
export function canvasToCell(geometry, grid, width, height, part) {
  const [[a, b, c], [d, e, f]] = geometry.imageToInput;
  const { left, top, width: wide, height: high } = part ?? { left: 0, top: 0, width: geometry.imageWidth, height: geometry.imageHeight };
  const x = wide / width;
  const y = high / height;
  const { down: rows, across: columns } = axesOf(geometry, grid);
  const column = 1 / columns.stride;
  const row = 1 / rows.stride;
  return [
    [a * x * column, b * y * column, (a * left + b * top + c - columns.origin) * column],
    [d * x * row, e * y * row, (d * left + e * top + f - rows.origin) * row],
  ];
}

/**
 * What a grid's cells were made from, in cell units: [top, left, bottom, right].
 * @param {Geometry} geometry @param {PatchGrid} grid @returns {[number, number, number, number]}
 */
export function seenCells(geometry, grid) {
  const { down, across } = axesOf(geometry, grid);
  const [top, bottom] = down.seen.map((at) => (at - down.origin) / down.stride);
  const [left, right] = across.seen.map((at) => (at - across.origin) / across.stride);
  return [top, left, bottom, right];
}
