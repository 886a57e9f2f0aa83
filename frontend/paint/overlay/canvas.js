// The overlay without a GPU: every pixel by hand, the same arithmetic as the shader. Pixel rows that lie in one row
// of cells are equal, so all but the first of them are copies.

import { DIM, HATCH, step } from "../colormap.js";

/** @param {HTMLCanvasElement} canvas @returns {import("./overlay.js").Renderer} */
export function createCanvasRenderer(canvas) {
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  /** @type {ImageData | null} */
  let image = null;

  return {
    draw(frame) {
      if (canvas.width === 0 || canvas.height === 0) return;
      if (!image || image.width !== canvas.width || image.height !== canvas.height) {
        image = context.createImageData(canvas.width, canvas.height);
      }
      paint(image, frame);
      context.putImageData(image, 0, 0);
    },
    clear() {
      context.clearRect(0, 0, canvas.width, canvas.height);
    },
  };
}

/** @param {ImageData} image @param {import("./overlay.js").Frame} frame */
export function paint(image, frame) {
  const { width, height } = image;
  const pixels = new Uint32Array(image.data.buffer); // little-endian: alpha, blue, green, red
  const [[a, b, c], [d, e, f]] = frame.toCell;
  const [top, left, bottom, right] = frame.seen ?? [0, 0, frame.rows, frame.columns];
  const lookup = frame.smooth ? smoothValue : cellValue;
  const copies = !frame.smooth && b === 0 && d === 0 && !frame.values.some(Number.isNaN);
  let painted = NaN; // the row of cells that the pixel row before lies in, −1 outside
  const palette = paletteOf(frame.table, frame.opacities);
  const alpha = Math.round(frame.hatching * 255);
  const dim = packed(DIM.colour[0], DIM.colour[1], DIM.colour[2], Math.round(DIM.alpha * 255));
  const stripes = [HATCH.dark, HATCH.light].map((grey) => packed(grey, grey, grey, alpha));
  for (let y = 0; y < height; y++) {
    const before = painted;
    const at = Math.floor(e * (y + 0.5) + f);
    const level = e * (y + 0.5) + f;
    painted = level >= top && level < bottom ? Math.min(Math.max(at, 0), frame.rows - 1) : -1;
    if (copies && painted === before) {
      pixels.copyWithin(y * width, (y - 1) * width, y * width);
      continue;
    }
    for (let x = 0; x < width; x++) {
      const column = a * (x + 0.5) + b * (y + 0.5) + c;
      const row = d * (x + 0.5) + e * (y + 0.5) + f;
      const at = y * width + x;
      if (column < left || row < top || column >= right || row >= bottom) {
        pixels[at] = dim;
        continue;
      }
      const t = lookup(frame, row, column);
      pixels[at] = Number.isNaN(t) ? stripes[Math.floor((x + y) / HATCH.width) % 2] : palette[step(t)];
    }
  }
}

/** @param {import("./overlay.js").Frame} frame @param {number} row @param {number} column */
function cellValue({ values, rows, columns }, row, column) {
  const y = Math.min(Math.max(Math.floor(row), 0), rows - 1);
  const x = Math.min(Math.max(Math.floor(column), 0), columns - 1);
  return values[y * columns + x];
}

/** Bilinear between the centres of cells, held at the edge. @type {typeof cellValue} */
function smoothValue({ values, rows, columns }, row, column) {
  const y = Math.min(rows - 1, Math.max(0, row - 0.5));
  const x = Math.min(columns - 1, Math.max(0, column - 0.5));
  const top = Math.floor(y);
  const left = Math.floor(x);
  const bottom = Math.min(top + 1, rows - 1);
  const right = Math.min(left + 1, columns - 1);
  const upper = values[top * columns + left] * (1 - x + left) + values[top * columns + right] * (x - left);
  const lower =
    values[bottom * columns + left] * (1 - x + left) + values[bottom * columns + right] * (x - left);
  return upper * (1 - y + top) + lower * (y - top);
}

/** @param {import("../colormap.js").Table} table @param {Float32Array} opacities */
function paletteOf(table, opacities) {
  return Uint32Array.from({ length: 256 }, (_, i) =>
    packed(table[3 * i], table[3 * i + 1], table[3 * i + 2], Math.round(255 * opacities[i])),
  );
}

/** @param {number} red @param {number} green @param {number} blue @param {number} alpha */
function packed(red, green, blue, alpha) {
  return ((alpha << 24) | (blue << 16) | (green << 8) | red) >>> 0;
}
