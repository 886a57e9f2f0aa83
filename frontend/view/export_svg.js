// The picture as a drawing: the photo and the map as they are painted, legend, mark and sentence as lines and text.

import { fromAnalysis } from "../geometry.js";
import { cellOutline } from "../paint/marks.js";
import { tableOf } from "../sites/drawn.js";
import { number } from "../ui/format.js";
import { legendWords, overlayOf, told } from "./export.js";

const MARGIN = 16;
const LINE = 20;
const NARROWEST = 480;
const BAR = 200;
const LETTERS_PX = 7; // of 14 px type, about: lines may end early, never late

/** @param {Drawn} state that has a map on a photo @returns {string} */
export function figureSvg(state) {
  const { photo, picture, analysisData } = state;
  if (!photo) return "";
  const { width: across, height: down } = photo.bitmap;
  const times = Math.max(1, NARROWEST / across);
  const [width, height] = [Math.round(across * times), Math.round(down * times)];
  const { low, high, scale } = legendWords(state);
  const lines = wrapped(told(state), Math.floor((width - 2 * MARGIN) / LETTERS_PX));
  const before = MARGIN + LETTERS_PX * low.length + 12;
  const top = height + MARGIN;
  const whole = top + 3 * LINE + lines.length * LINE + MARGIN;
  const marked = picture.marked ? cellOutline(fromAnalysis(analysisData), picture.marked, picture.markedGrid ?? picture.grid) : null;
  const text = (/** @type {number} */ x, /** @type {number} */ y, /** @type {string} */ words) => `<text x="${x}" y="${y}">${escaped(words)}</text>`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${whole}" width="${width}" height="${whole}" font-family="system-ui, sans-serif" font-size="14" fill="#1b1c1e">`,
    `<title>${escaped(told(state))}</title>`,
    `<defs><linearGradient id="scale">${stops(tableOf(state, picture))}</linearGradient></defs>`,
    `<rect width="${width}" height="${whole}" fill="white"/>`,
    image(photoCanvas(photo.bitmap), width, height),
    image(overlayOf(state, across, down), width, height),
    marked && `<g transform="scale(${times})" fill="none"><path d="${marked}" stroke="black" stroke-width="${4 / times}"/><path d="${marked}" stroke="white" stroke-width="${2 / times}"/></g>`,
    text(MARGIN, top + 14, low),
    `<rect x="${before}" y="${top + 2}" width="${BAR}" height="12" fill="url(#scale)"/>`,
    text(before + BAR + 8, top + 14, high),
    text(MARGIN, top + LINE + 14, scale),
    ...lines.map((line, i) => text(MARGIN, top + 2 * LINE + i * LINE + 24, line)),
    "</svg>",
  ]
    .filter(Boolean)
    .join("\n");
}

/** One file that opens anywhere: the drawing and the table of its numbers. @param {Drawn} state */
export function figurePage(state) {
  const { grid, values } = state.picture;
  const rows = Array.from({ length: grid.rows }, (_, row) => {
    const cells = [...values.subarray(row * grid.columns, (row + 1) * grid.columns)];
    return `<tr><th>${row}</th>${cells.map((value) => `<td title="${value}">${number(value)}</td>`).join("")}</tr>`;
  });
  const columns = Array.from({ length: grid.columns }, (_, column) => `<th>${column}</th>`);
  return `<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${escaped(state.picture.sentence)}</title>
<style>body{margin:16px;font:14px system-ui,sans-serif}svg{max-width:100%;height:auto}table{font-size:11px;border-spacing:4px 1px;font-variant-numeric:tabular-nums}@media print{details{display:none}}</style>
${figureSvg(state)}
<details><summary>The numbers: rows from above, columns from the left</summary>
<table><tr><th></th>${columns.join("")}</tr>
${rows.join("\n")}
</table></details></html>
`;
}

/** @param {Uint8Array} table */
const stops = (table) =>
  Array.from({ length: 33 }, (_, i) => {
    const at = 3 * Math.round((i / 32) * 255);
    return `<stop offset="${i / 32}" stop-color="rgb(${table[at]} ${table[at + 1]} ${table[at + 2]})"/>`;
  }).join("");

/** @param {HTMLCanvasElement} canvas @param {number} width @param {number} height */
const image = (canvas, width, height) =>
  `<image width="${width}" height="${height}" preserveAspectRatio="none" style="image-rendering:pixelated" href="${canvas.toDataURL("image/png")}"/>`;

/** @param {ImageBitmap} bitmap */
function photoCanvas(bitmap) {
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width: bitmap.width, height: bitmap.height });
  canvas.getContext("2d")?.drawImage(bitmap, 0, 0);
  return canvas;
}

/** @param {string} text @param {number} most letters a line */
function wrapped(text, most) {
  /** @type {string[]} */
  const lines = [];
  for (const word of text.split(/\s+/)) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= most) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}

/** @type {Record<string, string>} */
const MARKUP = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };

/** @param {string} text */
const escaped = (text) => text.replace(/[&<>"]/g, (one) => MARKUP[one]);
