// The picture as a PNG: the photo at its own size, the overlay drawn pixel by pixel, the legend and the sentence.

import { normalise } from "../paint/colormap.js";
import { siteOf } from "./keep_picture.js";
import { drawMatrix, matrixSize } from "../kinds/words/export.js";
import { number } from "../ui/format.js";
import { fromAnalysis } from "../geometry.js";
import { cellOutline } from "../paint/marks.js";
import { maskPaths } from "../paint/mask_marks.js";
import { prepare } from "../paint/overlay/overlay.js";
import { paint } from "../paint/overlay/canvas.js";

const MARGIN = 16;
const LINE = 20;
const SMALLEST_WIDTH = 480;
const NOTHING = { width: 0, height: 0 };

/** @param {any} state @returns {Promise<boolean>} whether there was something to save */
export async function exportPicture(state) {
  const canvas = compose(state);
  const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
  if (!blob) return false;
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = `fovea-${state.sample ?? (state.photo ? "photo" : "sentence")}-${siteOf(state)?.id ?? ""}.png`;
  link.click();
  URL.revokeObjectURL(link.href);
  return true;
}

/** @param {any} state */
export function compose(state) {
  const { photo, picture, tables, colormap } = state;
  const canvas = document.createElement("canvas");
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  const font = '14px system-ui, "Segoe UI", sans-serif';
  const scale = photo ? Math.max(1, Math.ceil(SMALLEST_WIDTH / photo.bitmap.width)) : 1;
  const image = photo ? { width: photo.bitmap.width * scale, height: photo.bitmap.height * scale } : NOTHING;
  const matrix = picture.labels ? matrixSize(context, picture) : NOTHING;
  const width = Math.ceil(Math.max(SMALLEST_WIDTH, image.width, matrix.width + 2 * MARGIN));
  const height = Math.ceil(image.height + (picture.labels ? matrix.height + MARGIN : 0));
  context.font = font;
  const lines = wrap(context, told(state), width - 2 * MARGIN);
  const legendHeight = picture.form === "map" || picture.labels ? 2 * LINE : 0;
  canvas.width = width;
  canvas.height = height + 2 * MARGIN + lines.length * LINE + legendHeight;
  context.fillStyle = "white";
  context.fillRect(0, 0, canvas.width, canvas.height);
  if (photo) context.drawImage(photo.bitmap, 0, 0, image.width, image.height);
  if (picture.form === "mask") drawMask(context, state, scale);
  if (picture.labels) {
    drawMatrix(context, picture, tables[colormap], MARGIN, image.height + MARGIN);
    legend(context, state, tables[colormap], height + MARGIN, width, font);
  }
  if (picture.form === "map") {
    context.drawImage(overlayOf(state, image.width, image.height), 0, 0);
    if (picture.marked)
      outline(context, cellOutline(fromAnalysis(state.analysisData), picture.marked, picture.grid), scale);
    legend(context, state, tables[colormap], height + MARGIN, width, font);
  }
  context.font = font;
  context.fillStyle = "#1b1c1e";
  context.textAlign = "left";
  context.textBaseline = "top";
  lines.forEach((line, i) => context.fillText(line, MARGIN, height + MARGIN + legendHeight + i * LINE));
  return canvas;
}

/** What stands under the picture. @param {any} state */
function told({ picture, model, analysisData: analysis }) {
  const wrote = analysis.output?.words ? `“${analysis.output.text}”.` : "";
  const read = analysis.text != null ? `“${analysis.text}” →` : "";
  return [read, wrote, picture.sentence, `${model}, ${picture.claim}.`].filter(Boolean).join(" ");
}

/** @param {CanvasRenderingContext2D} context @param {any} state @param {number} scale */
function drawMask(context, { picture, analysisData: analysis, opacity }, scale) {
  const { grid, values: data, classes } = picture;
  const mask = { shape: [grid.rows, grid.columns], data };
  const { areas, border } = maskPaths(fromAnalysis(analysis), mask);
  context.save();
  context.scale(scale, scale);
  context.globalAlpha = opacity;
  for (const { index, path } of areas) {
    context.fillStyle = classes[index].colour;
    context.fill(new Path2D(path));
  }
  context.restore();
  outline(context, border, scale);
}

/** @param {any} state @param {number} width @param {number} height */
function overlayOf({ picture, analysisData, tables, colormap, opacity, smooth }, width, height) {
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width, height });
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  const image = context.createImageData(width, height);
  const values = normalise(picture.values, picture.low, picture.high);
  const drawing = {
    values,
    grid: picture.grid,
    geometry: fromAnalysis(analysisData),
    table: tables[colormap],
    opacity,
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

/** @param {CanvasRenderingContext2D} context @param {any} state @param {Uint8Array} table @param {number} top @param {number} width @param {string} font */
function legend(context, state, table, top, width, font) {
  const { picture } = state;
  const bar = Math.min(256, width - 200);
  for (let x = 0; x < bar; x++) {
    const at = 3 * Math.round((x / (bar - 1)) * 255);
    context.fillStyle = `rgb(${table[at]} ${table[at + 1]} ${table[at + 2]})`;
    context.fillRect(MARGIN + 50 + x, top, 1, 12);
  }
  context.font = font;
  context.fillStyle = "#1b1c1e";
  context.textBaseline = "top";
  context.fillText(number(picture.low), MARGIN, top);
  context.fillText(
    `${state.clip ? "≥ " : ""}${number(picture.high)}  (${picture.scale})`,
    MARGIN + 58 + bar,
    top,
  );
}

/** @param {CanvasRenderingContext2D} context @param {string} text @param {number} width */
function wrap(context, text, width) {
  /** @type {string[]} */
  const lines = [];
  let line = "";
  for (const word of text.split(/\s+/)) {
    const longer = line ? `${line} ${word}` : word;
    if (line && context.measureText(longer).width > width) {
      lines.push(line);
      line = word;
    } else line = longer;
  }
  return line ? [...lines, line] : lines;
}
