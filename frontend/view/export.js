// The picture as a PNG: the photo at its own size, the overlay drawn pixel by pixel, the legend and the sentence.

import { say } from "../language/language.js";
import { claimName } from "../sites/claims.js";
import { shares } from "../paint/scale.js";
import { endsSaid, opacitiesOf, said, tableOf } from "../sites/drawn.js";
import { drawGrid, warpedCanvas } from "../kinds/warp/export.js";
import { drawMatrix, matrixSize } from "../kinds/words/export.js";
import { fromAnalysis } from "../geometry.js";
import { cellOutline, throughEarlier } from "../paint/marks.js";
import { maskPaths } from "../paint/mask_marks.js";
import { prepare } from "../paint/overlay/overlay.js";
import { paint } from "../paint/overlay/canvas.js";
import { samplersBefore } from "../sites/sites.js";

const MARGIN = 16;
const LINE = 20;
const SMALLEST_WIDTH = 480;
const FONT = '14px system-ui, "Segoe UI", sans-serif';
const GAP = 8;
const LONGEST_BAR = 256;
const SHORTEST_BAR = 96;
const NOTHING = { width: 0, height: 0 };

/** How many pixels a pixel of the figure can be saved as, across and down. */
export const TIMES = [1, 2, 3, 4];
const MOST_PIXELS_ACROSS = 16384; // of a canvas, in every browser
const MOST_PIXELS = 2 ** 28;

/** The largest of these that a canvas has room for. @param {State} state */
export function timesThatFit({ photo }) {
  if (!photo) return 4;
  const { width, height } = photo.bitmap;
  const scale = Math.max(1, Math.ceil(SMALLEST_WIDTH / width));
  const fits = (/** @type {number} */ times) =>
    Math.max(width, 1.25 * height) * scale * times <= MOST_PIXELS_ACROSS && 1.25 * width * height * (scale * times) ** 2 <= MOST_PIXELS;
  return TIMES.findLast(fits) ?? 1;
}

/** @param {Drawn} state @param {string} ending */
export const fileName = (state, ending) =>
  `fovea-${state.sample ?? (state.photo ? "photo" : "sentence")}-${state.shown.site.id}.${ending}`;

/** @param {Blob} blob @param {string} name */
export function saveBlob(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

/** @param {Drawn} state @param {Session} session @param {number} [times] @returns {Promise<boolean>} whether there was something to save */
export async function exportPicture(state, session, times = 1) {
  const canvas = compose(state, await beside(state, session), times);
  const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
  if (!blob) return false;
  saveBlob(blob, fileName(state, "png"));
  return true;
}

/** What is shown, saved as it is. @param {Context} context */
export async function exportShown({ store, session }) {
  const state = store.get();
  const { picture, tables, shown } = state;
  return Boolean(picture && tables && shown && (await exportPicture({ ...state, picture, tables, shown }, session)));
}

/** @typedef {{sampling: Sampling | null, warped: ImageBitmap | Tensor}} Read  a sampling grid and what was read with it */

/** Of a spatial transformer, what stands beside the photo. @param {Drawn} state @param {Session} session @returns {Promise<Read | null>} */
async function beside(state, session) {
  const { site } = state.shown;
  if (state.picture.form !== "grid") return null;
  const [grid, warped] = await Promise.all([session.grid(site), session.warped(site)]);
  return { sampling: throughEarlier(grid, samplersBefore(state.analysisData.sites, site.id)), warped };
}

/** @param {Drawn} state @param {Read | null} read @param {number} times */
function compose(state, read, times) {
  const { photo, picture, analysisData } = state;
  const table = tableOf(state, picture);
  const canvas = document.createElement("canvas");
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  const scale = photo ? Math.max(1, Math.ceil(SMALLEST_WIDTH / photo.bitmap.width)) : 1;
  const image = photo ? { width: photo.bitmap.width * scale, height: photo.bitmap.height * scale } : NOTHING;
  const matrix = picture.labels ? matrixSize(context, picture) : NOTHING;
  const second = read && warpedCanvas(read.warped, table, image.height);
  const across = image.width + (second ? MARGIN + second.width : 0);
  const width = Math.ceil(Math.max(SMALLEST_WIDTH, across, matrix.width + 2 * MARGIN));
  const height = Math.ceil(image.height + (picture.labels ? matrix.height + MARGIN : 0));
  context.font = FONT;
  const lines = wrap(context, told(state), width - 2 * MARGIN);
  const legendHeight = picture.form === "map" || picture.labels ? legendSize(context, state, width) : 0;
  const whole = height + 2 * MARGIN + lines.length * LINE + legendHeight;
  canvas.width = width * times;
  canvas.height = whole * times;
  context.scale(times, times);
  context.fillStyle = "white";
  context.fillRect(0, 0, width, whole);
  if (photo) context.drawImage(photo.bitmap, 0, 0, image.width, image.height);
  if (picture.form === "mask") drawMask(context, state, scale);
  if (picture.labels) drawMatrix(context, picture, table, MARGIN, image.height + MARGIN);
  if (picture.form === "map") {
    context.drawImage(overlayOf(state, image.width * times, image.height * times), 0, 0, image.width, image.height);
    if (picture.marked)
      outline(context, cellOutline(fromAnalysis(analysisData), picture.marked, picture.markedGrid ?? picture.grid), scale);
  }
  if (read && second) {
    if (read.sampling) drawGrid(context, fromAnalysis(analysisData), read.sampling, table, scale);
    context.drawImage(second, image.width + MARGIN, 0);
  }
  if (legendHeight) legend(context, state, table, height + MARGIN, width);
  context.font = FONT;
  context.fillStyle = "#1b1c1e";
  context.textAlign = "left";
  context.textBaseline = "top";
  lines.forEach((line, i) => context.fillText(line, MARGIN, height + MARGIN + legendHeight + i * LINE));
  return canvas;
}

/** What stands under the picture. @param {Drawn} state */
export function told({ picture, model, analysisData: analysis, smooth, fade }) {
  const wrote = analysis.output && "words" in analysis.output ? `“${analysis.output.text}”.` : "";
  const read = analysis.text != null ? `“${analysis.text}” →` : "";
  return [read, wrote, said({ smooth, fade }, picture), say("{model}, {claim}.", { model, claim: claimName(picture.claim) })].filter(Boolean).join(" ");
}

/** @param {CanvasRenderingContext2D} context @param {Drawn} state @param {number} scale */
function drawMask(context, { picture, analysisData: analysis, opacity }, scale) {
  const { grid, values: data, classes } = picture;
  const mask = { shape: [grid.rows, grid.columns], data };
  const { areas, border } = maskPaths(fromAnalysis(analysis), mask);
  context.save();
  context.scale(scale, scale);
  context.globalAlpha = opacity;
  for (const { index, path } of areas) {
    context.fillStyle = classes?.[index].colour ?? "";
    context.fill(new Path2D(path));
  }
  context.restore();
  outline(context, border, scale);
}

/** @param {Drawn} state @param {number} width @param {number} height */
export function overlayOf(state, width, height) {
  const { picture, analysisData, opacity, smooth } = state;
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width, height });
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  const image = context.createImageData(width, height);
  const values = shares(picture);
  const drawing = {
    values,
    grid: picture.grid,
    geometry: fromAnalysis(analysisData),
    table: tableOf(state, picture),
    opacities: opacitiesOf(state, picture),
    hatching: opacity,
    smooth,
  };
  paint(image, prepare(drawing, width, height));
  context.putImageData(image, 0, 0);
  return canvas;
}

/** @param {CanvasRenderingContext2D} context @param {string} path @param {number} scale */
function outline(context, path, scale) {
  context.save();
  context.scale(scale, scale);
  for (const [colour, width] of /** @type {[string, number][]} */ ([
    ["black", 4],
    ["white", 2],
  ])) {
    context.strokeStyle = colour;
    context.lineWidth = width / scale;
    context.stroke(new Path2D(path));
  }
  context.restore();
}

/** The words of a legend: beside the bar the two ends, and after them what they are the ends of. @param {Drawn} state */
export const legendWords = ({ picture }) => ({ ...endsSaid(picture), scale: `(${picture.scale})` });

/**
 * Where a legend's parts stand: the bar has what its numbers leave, and the words below where they leave too little.
 * @param {CanvasRenderingContext2D} context @param {Drawn} state @param {number} width
 */
function legendPlaces(context, state, width) {
  context.font = FONT;
  const { low, high, scale } = legendWords(state);
  const [before, after, words] = [low, high, scale].map((text) => Math.ceil(context.measureText(text).width));
  const free = width - 2 * MARGIN - before - after - 2 * GAP;
  const below = free - words - GAP < SHORTEST_BAR;
  const bar = Math.max(1, Math.min(LONGEST_BAR, below ? free : free - words - GAP));
  const start = MARGIN + before + GAP;
  const end = start + bar + GAP;
  return { start, bar, end, words: below ? { x: MARGIN, y: LINE } : { x: end + after + GAP, y: 0 }, below };
}

/** How high a legend is. @param {CanvasRenderingContext2D} context @param {Drawn} state @param {number} width */
const legendSize = (context, state, width) => (legendPlaces(context, state, width).below ? 3 : 2) * LINE;

/** @param {CanvasRenderingContext2D} context @param {Drawn} state @param {Uint8Array} table @param {number} top @param {number} width */
function legend(context, state, table, top, width) {
  const { low, high, scale } = legendWords(state);
  const { start, bar, end, words } = legendPlaces(context, state, width);
  for (let x = 0; x < bar; x++) {
    const at = 3 * Math.round((x / Math.max(1, bar - 1)) * 255);
    context.fillStyle = `rgb(${table[at]} ${table[at + 1]} ${table[at + 2]})`;
    context.fillRect(start + x, top + 2, 1, 12);
  }
  context.fillStyle = "#1b1c1e";
  context.textAlign = "left";
  context.textBaseline = "top";
  context.fillText(low, MARGIN, top);
  context.fillText(high, end, top);
  context.fillText(scale, words.x, top + words.y);
}

/** @param {CanvasRenderingContext2D} context @param {string} text @param {number} width */
function wrap(context, text, width) {
  /** @type {string[]} */
  const lines = [];
  let line = "";
  // Chinese may be broken between any two characters, but no line begins with a mark that closes.
  for (const piece of text.match(/\s*(?:[\u2e80-\u9fff]|[^\s\u2e80-\u9fff\uff00-\uffef]+|[\uff00-\uffef])[，。；：、）”？]*/gu) ?? []) {
    const longer = `${line}${piece}`;
    if (line && context.measureText(longer).width > width) {
      lines.push(line);
      line = piece.trimStart();
    } else line = line ? longer : piece.trimStart();
  }
  return line ? [...lines, line] : lines;
}
