// A sampling grid drawn on a canvas, for the saved picture, and what was read beside it.

import { colour, extent, normalise, paintCells } from "../../paint/colormap.js";
import { samplingLines } from "../../paint/marks.js";
import { channelMean } from "../../sites/sites.js";

/**
 * The grid on the photo, with lines as on the page: its first row in the strongest ink.
 * @param {CanvasRenderingContext2D} context @param {import("../../geometry.js").Geometry} geometry @param {Sampling} sampling
 * @param {import("../../paint/colormap.js").Table} table @param {number} scale canvas pixels a photo pixel
 */
export function drawGrid(context, geometry, sampling, table, scale) {
  const ink = (/** @type {number} */ t) => `rgb(${colour(table, t).join(" ")})`;
  const { inner, outline, top } = samplingLines(geometry, sampling);
  context.save();
  context.scale(scale, scale);
  for (const [path, style, width] of /** @type {[string, string, number][]} */ ([
    [inner, "rgb(0 0 0 / 0.55)", 2.5],
    [inner, ink(0.68), 1],
    [outline, "rgb(0 0 0 / 0.75)", 5],
    [outline, ink(0.68), 2],
    [top, ink(0.97), 3],
  ])) {
    context.strokeStyle = style;
    context.lineWidth = width / scale;
    context.stroke(new Path2D(path));
  }
  context.restore();
}

/**
 * What was read, as large as a box allows.
 * @param {ImageBitmap | {shape: number[], data: Float32Array}} warped a picture, or (channel, row, column)
 * @param {import("../../paint/colormap.js").Table} table @param {number} height
 */
export function warpedCanvas(warped, table, height) {
  const cells = document.createElement("canvas");
  if (warped instanceof ImageBitmap) {
    Object.assign(cells, { width: warped.width, height: warped.height });
    cells.getContext("2d")?.drawImage(warped, 0, 0);
  } else {
    const { shape, data } = channelMean(warped);
    paintCells(cells, normalise(data, ...extent(data)), shape[1], table);
  }
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width: Math.round((height * cells.width) / cells.height), height });
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  context.imageSmoothingEnabled = false;
  context.drawImage(cells, 0, 0, canvas.width, canvas.height);
  return canvas;
}
