// What the contact sheet draws: a head as a tile, and one of them on the photo with pins and region.

import { cellAt, cellBox, crop } from "../geometry.js";
import { sharesOf } from "../paint/scale.js";
import { mixed } from "../kinds/attention/measures.js";
import { extent, normalise, opacities, paintCells } from "../paint/colormap.js";

/** Of pins, apart for the colour-blind too (Okabe and Ito). @type {[number, number, number][]} */
export const PIN_COLOURS = [
  [230, 159, 0],
  [86, 180, 233],
  [0, 158, 115],
  [204, 121, 167],
];

/** @param {number} pin */
export const cssColour = (pin) => `rgb(${PIN_COLOURS[pin].join(" ")})`;

/** @typedef {import("../kinds/attention/measures.js").HeadMap & {pins: Float32Array[]}} SheetMap */

/**
 * A head: one pin in the page's colours, several in those of the pins.
 * @param {HTMLCanvasElement} canvas @param {State} state @param {SheetMap} map @param {number | null} highest  where colours end; null: at its own largest value
 */
export function paintTile(canvas, { tables, colormap, scale }, { values, grid, pins }, highest) {
  if (!tables) return;
  if (pins.length < 2) {
    return paintCells(canvas, sharesOf(values, { scale }, highest === null ? null : [0, highest]), grid.columns, tables[colormap]);
  }
  paintMixed(canvas, pins, grid, highest);
}

/** @param {HTMLCanvasElement} canvas @param {Float32Array[]} pins @param {PatchGrid} grid @param {number | null} highest */
function paintMixed(canvas, pins, grid, highest) {
  Object.assign(canvas, { width: grid.columns, height: pins[0].length / grid.columns });
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  const image = context.createImageData(canvas.width, canvas.height);
  image.data.set(mixed(pins, PIN_COLOURS, highest ?? Math.max(...pins.map((map) => extent(map)[1]))));
  context.putImageData(image, 0, 0);
}

/**
 * Whether a cell's middle lies on the brushed cells, which may be of another grid.
 * @param {import("../geometry.js").Geometry} geometry @param {Cell[]} brushed @param {PatchGrid | null} on
 * @returns {import("../kinds/attention/measures.js").Region | null}
 */
export function regionOf(geometry, brushed, on) {
  if (!on) return null;
  const inside = new Set(brushed.map(({ row, column }) => row * on.columns + column));
  return ({ row, column }, grid) => {
    const [left, top, right, bottom] = cellBox(geometry, row, column, grid);
    const cell = cellAt(geometry, (left + right) / 2, (top + bottom) / 2, on);
    return cell !== null && inside.has(cell.row * on.columns + cell.column);
  };
}

/**
 * The photo with one head's map, the pins and the region.
 * @param {HTMLCanvasElement} canvas @param {State} state @param {import("../geometry.js").Geometry} geometry @param {SheetMap | null} map
 * @param {{pins: Cell[], brushed: Cell[], cursor: Cell | null, grid: PatchGrid | null}} marks
 */
export function paintPreview(canvas, { photo, tables, colormap, opacity }, geometry, map, { pins, brushed, cursor, grid }) {
  if (!photo || !tables) return;
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  const scale = canvas.width / geometry.imageWidth;
  context.drawImage(photo.bitmap, 0, 0, canvas.width, canvas.height);
  if (map) {
    const cells = document.createElement("canvas");
    if (map.pins.length > 1) paintMixed(cells, map.pins, map.grid, null);
    else paintCells(cells, normalise(map.values, ...extent(map.values)), map.grid.columns, tables[colormap], opacities(opacity, "value", false));
    const [left, top, right, bottom] = areaOf(geometry, map.grid).map((edge) => edge * scale);
    context.imageSmoothingEnabled = false;
    context.drawImage(cells, left, top, right - left, bottom - top);
  }
  const [left, top, right, bottom] = crop(geometry).map((edge) => edge * scale);
  context.fillStyle = "rgb(10 11 13 / 0.66)";
  context.beginPath();
  context.rect(0, 0, canvas.width, canvas.height);
  context.rect(left, top, right - left, bottom - top);
  context.fill("evenodd");
  if (!grid) return;
  const box = (/** @type {Cell} */ cell) => cellBox(geometry, cell.row, cell.column, grid).map((edge) => edge * scale);
  context.fillStyle = "rgb(255 255 255 / 0.35)";
  for (const [x, y, right, bottom] of brushed.map(box)) context.fillRect(x, y, right - x, bottom - y);
  /** @param {Cell} cell @param {string} colour @param {number} width */
  const outline = (cell, colour, width) => {
    const [x, y, right, bottom] = box(cell);
    context.strokeStyle = colour;
    context.lineWidth = width;
    context.strokeRect(x, y, right - x, bottom - y);
  };
  for (const [at, pin] of pins.entries()) {
    outline(pin, "black", 6);
    outline(pin, cssColour(at), 3);
  }
  if (cursor) outline(cursor, "white", 2);
}

/** Where a whole grid lies on the photo. @param {import("../geometry.js").Geometry} geometry @param {PatchGrid} grid */
function areaOf(geometry, grid) {
  const [left, top] = cellBox(geometry, 0, 0, grid);
  const [, , right, bottom] = cellBox(geometry, grid.rows - 1, grid.columns - 1, grid);
  return [left, top, right, bottom];
}
