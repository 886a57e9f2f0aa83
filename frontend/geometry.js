// Where on the photo: the same conversions as models/geometry.py, checked by the same table of cases.
// Points are (x, y) in pixel-edge coordinates: pixel n covers [n, n + 1). Cells are {row, column}.

/**
 * @typedef {{rows: number, columns: number}} PatchGrid
 * @typedef {{row: number, column: number}} Cell
 * @typedef {object} Geometry
 * @property {number} imageWidth
 * @property {number} imageHeight
 * @property {number} inputWidth
 * @property {number} inputHeight
 * @property {number[][]} imageToInput  2×3 affine from the photo to the network's input
 */

/** @param {any} analysis @returns {Geometry} */
export function fromAnalysis(analysis) {
  const { image, geometry } = analysis;
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
  const inside = inputX >= 0 && inputX < geometry.inputWidth && inputY >= 0 && inputY < geometry.inputHeight;
  if (!inside) return null;
  const row = Math.floor((inputY * grid.rows) / geometry.inputHeight);
  const column = Math.floor((inputX * grid.columns) / geometry.inputWidth);
  // Rounding can carry a point just inside the last edge onto it.
  return { row: Math.min(row, grid.rows - 1), column: Math.min(column, grid.columns - 1) };
}

/**
 * A cell's area on the photo as [left, top, right, bottom].
 * @param {Geometry} geometry @param {number} row @param {number} column @param {PatchGrid} grid
 */
export function cellBox(geometry, row, column, grid) {
  const width = geometry.inputWidth / grid.columns;
  const height = geometry.inputHeight / grid.rows;
  return imageBox(geometry, column * width, row * height, (column + 1) * width, (row + 1) * height);
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
 * From a pixel of a canvas that shows the whole photo to cell units of a grid, as a 2×3 affine.
 * @param {Geometry} geometry @param {PatchGrid} grid @param {number} width @param {number} height
 */
export function canvasToCell(geometry, grid, width, height) {
  const [[a, b, c], [d, e, f]] = geometry.imageToInput;
  const x = geometry.imageWidth / width;
  const y = geometry.imageHeight / height;
  const column = grid.columns / geometry.inputWidth;
  const row = grid.rows / geometry.inputHeight;
  return [
    [a * x * column, b * y * column, c * column],
    [d * x * row, e * y * row, f * row],
  ];
}
