// A matrix of words drawn on a canvas, for the saved picture.

import { colour } from "../../paint/colormap.js";
import { shares } from "../../paint/scale.js";
import { shownWord } from "../../sites/words.js";

const CELL = 28;
const FONT = '13px system-ui, "Segoe UI", sans-serif';
const GAP = 6;

/** @param {CanvasRenderingContext2D} context @param {Picture} picture */
export function matrixSize(context, { labels, grid }) {
  context.font = FONT;
  const widest = (/** @type {string[]} */ words) =>
    Math.max(...words.map((word) => context.measureText(shownWord(word)).width));
  const left = widest(labels?.rows ?? []) + 2 * GAP;
  const top = widest(labels?.columns ?? []) * Math.SQRT1_2 + 3 * GAP;
  return { left, top, width: left + grid.columns * CELL + top, height: top + grid.rows * CELL };
}

/** @param {CanvasRenderingContext2D} context @param {Picture} picture @param {import("../../paint/colormap.js").Table} table @param {number} x @param {number} y */
export function drawMatrix(context, picture, table, x, y) {
  const { labels, grid } = picture;
  if (!labels) return;
  const { left, top } = matrixSize(context, picture);
  const t = shares(picture);
  for (let row = 0; row < grid.rows; row++) {
    for (let column = 0; column < grid.columns; column++) {
      if (labels.masked && column > row) continue;
      context.fillStyle = `rgb(${colour(table, t[row * grid.columns + column]).join(" ")})`;
      context.fillRect(x + left + column * CELL, y + top + row * CELL, CELL, CELL);
    }
  }
  context.font = FONT;
  context.fillStyle = "#1b1c1e";
  context.textBaseline = "middle";
  context.textAlign = "right";
  labels.rows.forEach((word, row) => context.fillText(shownWord(word), x + left - GAP, y + top + (row + 0.5) * CELL));
  context.textAlign = "left";
  labels.columns.forEach((word, column) => {
    context.save();
    context.translate(x + left + (column + 0.5) * CELL, y + top - GAP);
    context.rotate(-Math.PI / 4);
    context.fillText(shownWord(word), 0, 0);
    context.restore();
  });
}
