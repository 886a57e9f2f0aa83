// A matrix whose rows and columns are words: cells with the words beside them and above them.

import { paintCells } from "../../paint/colormap.js";
import { shares } from "../../paint/scale.js";
import { h, put } from "../../ui/dom.js";
import { isMark, shownWord } from "../../sites/words.js";

const LARGEST_CELL_PX = 44;
const SMALLEST_CELL_PX = 14;
const LETTER_PX = 6.8;
const ABOVE_PX = 10; // of the slanted names, beyond their own height

/**
 * @typedef {object} WordMatrix
 * @property {Picture} picture  with labels
 * @property {import("../../paint/colormap.js").Table} table
 * @property {number} width  px at hand
 * @property {number} height
 * @property {number | null} [word]  the row that is chosen
 */

/**
 * @param {{choose: (row: number) => void, hover: (cell: Cell | null) => void}} on
 */
export function createMatrix(on) {
  const cells = h("canvas", { class: "cells", role: "img" });
  const row = h("div", { class: "matrix-row", hidden: true });
  const hovered = h("div", { class: "matrix-hover", hidden: true });
  const body = h("div", { class: "matrix-body" }, cells, row, hovered);
  const above = h("div", { class: "matrix-above", "aria-hidden": "true" });
  const beside = h("div", { class: "matrix-beside", "aria-hidden": "true" });
  const root = h("div", { class: "matrix" }, h("div", { class: "matrix-corner" }), above, beside, body);
  /** @type {Picture | null} */
  let shown = null;
  let size = 0;

  /** @param {WordMatrix} matrix */
  function draw({ picture, table, width, height, word = null }) {
    const { labels, grid } = picture;
    if (!labels) return;
    shown = picture;
    const longest = (/** @type {string[]} */ words) => Math.max(...words.map((one) => shownWord(one).length));
    const margin = {
      left: Math.min(120, longest(labels.rows) * LETTER_PX + 14),
      top: Math.min(96, longest(labels.columns) * LETTER_PX * 0.71 + ABOVE_PX + 8),
      right: Math.min(64, longest(labels.columns.slice(-2)) * LETTER_PX * 0.71),
    };
    size = Math.floor(
      Math.min(
        (width - margin.left - margin.right) / grid.columns,
        (height - margin.top) / grid.rows,
        LARGEST_CELL_PX,
      ),
    );
    size = Math.max(SMALLEST_CELL_PX, size);
    root.style.setProperty("--cell", `${size}px`);
    root.style.setProperty("--margin-left", `${margin.left}px`);
    root.style.setProperty("--margin-top", `${margin.top}px`);
    root.style.setProperty("--margin-right", `${margin.right}px`);
    root.classList.toggle("small", size < 17);
    Object.assign(body.style, { width: `${size * grid.columns}px`, height: `${size * grid.rows}px` });
    paintCells(cells, shares(picture), grid.columns, table);
    if (labels.masked) clearAbove(cells, grid.rows, grid.columns);
    cells.setAttribute("aria-label", picture.sentence);
    put(
      beside,
      labels.rows.map((text, i) => name(text, i === word)),
    );
    put(
      above,
      labels.columns.map((text) => name(text, false)),
    );
    row.hidden = word == null;
    if (word != null)
      Object.assign(row.style, {
        top: `${word * size}px`,
        height: `${size}px`,
        width: `${size * (labels.masked ? word + 1 : grid.columns)}px`,
      });
  }

  /** @param {PointerEvent} event @returns {Cell | null} */
  function cellUnder(event) {
    if (!shown || !size) return null;
    const box = cells.getBoundingClientRect();
    const cell = {
      row: Math.floor((event.clientY - box.top) / size),
      column: Math.floor((event.clientX - box.left) / size),
    };
    const { rows, columns } = shown.grid;
    const inside = cell.row >= 0 && cell.column >= 0 && cell.row < rows && cell.column < columns;
    return inside && !(shown.labels?.masked && cell.column > cell.row) ? cell : null;
  }

  /** @param {Cell | null} cell */
  function point(cell) {
    hovered.hidden = !cell;
    if (cell) Object.assign(hovered.style, { left: `${cell.column * size}px`, top: `${cell.row * size}px` });
    [...beside.children].forEach((one, i) => one.classList.toggle("pointed", i === cell?.row));
    [...above.children].forEach((one, i) => one.classList.toggle("pointed", i === cell?.column));
    on.hover(cell);
  }

  body.addEventListener("pointermove", (/** @type {PointerEvent} */ event) => point(cellUnder(event)));
  body.addEventListener("pointerleave", () => point(null));
  body.addEventListener("click", (/** @type {PointerEvent} */ event) => {
    const cell = cellUnder(event);
    if (cell) on.choose(cell.row);
  });

  return { element: root, draw };
}

/** @param {string} text @param {boolean} chosen */
const name = (text, chosen) =>
  h("span", { class: `${chosen ? "chosen" : ""} ${isMark(text) ? "mark" : ""}` }, h("b", {}, shownWord(text)));

/** Nothing is above the diagonal: those words were not there yet. @param {HTMLCanvasElement} canvas @param {number} rows @param {number} columns */
export function clearAbove(canvas, rows, columns) {
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  const width = canvas.width / columns;
  const height = canvas.height / rows;
  for (let i = 0; i < rows; i++) context.clearRect((i + 1) * width, i * height, canvas.width, height);
}
