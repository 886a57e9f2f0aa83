// Many pictures as one figure: the heads of the contact sheet as a grid of layers × heads, and the panes of Compare.

import { figure, gradientOf, image, line, LINE, MARGIN, widthOf, wrapped } from "./svg.js";

const GAP = 8;
const BAR = 200;
const BOLD = 'font-weight="600"';
const CENTRED = 'text-anchor="middle"';

/**
 * @typedef {object} Tile
 * @property {HTMLCanvasElement} canvas
 * @property {string} [title] above it
 * @property {string} [said] below it
 *
 * @typedef {object} Tiles
 * @property {string} caption
 * @property {number} width  of a tile, in pixels
 * @property {number} gap
 * @property {(Tile | null)[][]} rows
 * @property {string[]} [rowNames]
 * @property {string[]} [columnNames]
 * @property {{low: string, high: string, table: Uint8Array} | null} [legend]  where all tiles have one
 */

/** @param {Tiles} tiles @returns {import("./svg.js").Figure} */
export function tilesSvg({ caption, width, gap, rows, rowNames = [], columnNames = [], legend = null }) {
  const left = MARGIN + (rowNames.length ? Math.max(...rowNames.map(widthOf)) + GAP : 0);
  const across = Math.max(320, left + Math.max(...rows.map((row) => row.length)) * (width + gap) - gap + MARGIN);
  /** @type {string[]} */
  const parts = columnNames.map((name, at) => line(left + at * (width + gap) + width / 2, MARGIN + 12, name, CENTRED));
  let top = MARGIN + (columnNames.length ? LINE : 0);
  for (const [at, row] of rows.entries()) {
    const drawn = row.map((tile) => tile && laid(tile, width));
    const head = LINE * Math.max(0, ...drawn.map((one) => one?.title.length ?? 0));
    const tall = Math.max(0, ...drawn.map((one) => one?.height ?? 0));
    const foot = LINE * Math.max(0, ...drawn.map((one) => one?.said.length ?? 0));
    if (rowNames[at]) parts.push(line(MARGIN, top + head + tall / 2 + 5, rowNames[at]));
    for (const [column, one] of drawn.entries()) {
      if (!one) continue;
      const x = left + column * (width + gap);
      parts.push(...one.title.map((words, i) => line(x, top + i * LINE + 14, words, BOLD)));
      parts.push(image(one.canvas, x, top + head, width, one.height));
      parts.push(...one.said.map((words, i) => line(x, top + head + one.height + i * LINE + 16, words)));
    }
    top += head + tall + foot + gap;
  }
  if (legend) {
    const start = MARGIN + widthOf(legend.low) + 12;
    parts.push(gradientOf("scale", legend.table), line(MARGIN, top + 14, legend.low), `<rect x="${start}" y="${top + 2}" width="${BAR}" height="12" fill="url(#scale)"/>`, line(start + BAR + 8, top + 14, legend.high));
    top += LINE + GAP;
  }
  const words = wrapped(caption, across - 2 * MARGIN);
  parts.push(...words.map((one, i) => line(MARGIN, top + i * LINE + 14, one)));
  return figure(across, Math.ceil(top + words.length * LINE + MARGIN), caption, parts);
}

/** @param {Tile} tile @param {number} width */
const laid = ({ canvas, title = "", said = "" }, width) => ({
  canvas,
  height: Math.round((width * canvas.height) / canvas.width),
  title: wrapped(title, width),
  said: wrapped(said, width),
});
