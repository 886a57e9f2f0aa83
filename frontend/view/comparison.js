// The same photo seen by several networks: which of them, which of their sites, and a picture of each.

import { endsOf, HATCH, normalise, paintCells } from "../paint/colormap.js";
import { opacitiesOf, tableOf } from "../sites/drawn.js";
import { cellAt, cellBox, crop } from "../geometry.js";
import { kindOf } from "../kinds/registry.js";

/** No more than these stand side by side. */
export const MOST = 4;

const DIM = "rgb(10 11 13 / 0.66)";

/** Sites whose picture lies on the photo and can be asked at a place. @param {Analysis} analysis */
export const comparableSites = (analysis) =>
  analysis.sites.filter((/** @type {Site} */ site) => kindOf(site).rank(site) < Infinity);

/** What is shown first of a network: attention halfway, over the whole photo before that in windows, else a mask over places, else a channel gate. @param {Site[]} sites */
export function firstOf(sites) {
  const ranks = sites.map((site) => kindOf(site).rank(site));
  const some = sites.filter((_, index) => ranks[index] === Math.min(...ranks));
  return Math.max(0, sites.indexOf(some[Math.floor(some.length / 2)]));
}

/**
 * The networks to choose from, those most like the shown one first: of the same task, with more mechanisms in common.
 * @param {Model[]} models @param {string} shown @param {(id: string) => string} kindOf what kind of picture a model was trained on
 */
export function suggested(models, shown, kindOf) {
  const own = models.find((model) => model.id === shown);
  const common = (/** @type {Model} */ model) =>
    model.mechanisms.filter((/** @type {string} */ one) => own?.mechanisms.includes(one)).length -
    0.1 * model.mechanisms.length +
    Number(model.task === own?.task);
  return models
    .filter((model) => model.status === "ready" && model.reads !== "text" && kindOf(model.id) === kindOf(shown))
    .sort((a, b) => Number(b.id === shown) - Number(a.id === shown) || common(b) - common(a));
}

/**
 * A map on its photo: exact cells, hatched where there is no number, dimmed where the network saw nothing.
 * @param {HTMLCanvasElement} canvas @param {ImageBitmap} photo @param {import("../geometry.js").Geometry} geometry
 * @param {{values: Float32Array, columns: number, ends?: {low: number, high: number}}} map  ends: of the colours, if not the map's own @param {Pick<State, "colormap" | "opacity" | "fade"> & {tables: NonNullable<State["tables"]>}} drawing
 */
export function paint(canvas, photo, geometry, { values, columns, ends = endsOf(values) }, drawing) {
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  const { width, height } = canvas;
  const scale = width / geometry.imageWidth;
  const [left, top, right, bottom] = crop(geometry).map((edge) => edge * scale);
  context.clearRect(0, 0, width, height);
  context.drawImage(photo, 0, 0, width, height);
  const cells = document.createElement("canvas");
  const t = normalise(values, ends.low, ends.high);
  paintCells(cells, t, columns, tableOf(drawing, ends), opacitiesOf(drawing, ends));
  context.imageSmoothingEnabled = false;
  context.drawImage(cells, left, top, right - left, bottom - top);
  const [cellWidth, cellHeight] = [(right - left) / cells.width, (bottom - top) / cells.height];
  context.beginPath();
  for (const i of values.keys())
    if (Number.isNaN(values[i]))
      context.rect(left + (i % columns) * cellWidth, top + Math.floor(i / columns) * cellHeight, cellWidth, cellHeight);
  context.fillStyle = hatching(context);
  context.globalAlpha = drawing.opacity;
  context.fill();
  context.globalAlpha = 1;
  context.fillStyle = DIM;
  context.beginPath();
  context.rect(0, 0, width, height);
  context.rect(left, top, right - left, bottom - top);
  context.fill("evenodd");
}

/** Slanted stripes of two greys. @param {CanvasRenderingContext2D} context */
function hatching(context) {
  const side = 2 * HATCH.width;
  const tile = document.createElement("canvas");
  Object.assign(tile, { width: side, height: side });
  const inked = /** @type {CanvasRenderingContext2D} */ (tile.getContext("2d"));
  for (let y = 0; y < side; y++)
    for (let x = 0; x < side; x++) {
      const grey = Math.floor((x + y) / HATCH.width) % 2 ? HATCH.light : HATCH.dark;
      inked.fillStyle = `rgb(${grey} ${grey} ${grey})`;
      inked.fillRect(x, y, 1, 1);
    }
  return /** @type {CanvasPattern} */ (context.createPattern(tile, "repeat"));
}

/**
 * The outline of the cell under a point of the photo; null where the network saw nothing.
 * @param {HTMLCanvasElement} canvas @param {import("../geometry.js").Geometry} geometry @param {import("../geometry.js").PatchGrid} grid
 * @param {[number, number]} point on the photo @param {boolean} asks drawn stronger
 */
export function outline(canvas, geometry, grid, [x, y], asks) {
  const cell = cellAt(geometry, x, y, grid);
  if (!cell) return null;
  const scale = canvas.width / geometry.imageWidth;
  const [left, top, right, bottom] = cellBox(geometry, cell.row, cell.column, grid).map((edge) => edge * scale);
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  for (const [colour, width] of /** @type {[string, number][]} */ ([["#000", asks ? 5 : 3], ["#fff", asks ? 2.5 : 1.2]])) {
    context.strokeStyle = colour;
    context.lineWidth = width;
    context.strokeRect(left, top, right - left, bottom - top);
  }
  return cell;
}

/**
 * The middle of the cell beside that of a point, or of the middle cell where there is none yet.
 * @param {import("../geometry.js").Geometry} geometry @param {import("../geometry.js").PatchGrid} grid
 * @param {[number, number] | null} point on the photo @param {[number, number]} by columns and rows
 * @returns {[number, number]} on the photo
 */
export function moved(geometry, grid, point, [right, down]) {
  const here = point && cellAt(geometry, ...point, grid);
  const middle = { row: Math.floor(grid.rows / 2), column: Math.floor(grid.columns / 2) };
  const { row, column } = here
    ? {
        row: Math.min(grid.rows - 1, Math.max(0, here.row + down)),
        column: Math.min(grid.columns - 1, Math.max(0, here.column + right)),
      }
    : middle;
  const [left, top, farRight, bottom] = cellBox(geometry, row, column, grid);
  return [(left + farRight) / 2, (top + bottom) / 2];
}
