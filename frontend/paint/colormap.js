// Values to colours. The tables come from the server, their one home: 256 steps of six hexadecimal digits.

export const COLORMAPS = /** @type {const} */ (["viridis", "inferno", "cividis", "magma"]);

/** Outside what the network saw: this colour at this alpha. NaN: stripes of these greys, this many pixels wide. */
export const DIM = { colour: [10, 11, 13], alpha: 0.66 };
export const HATCH = { dark: 70, light: 150, width: 4 };

/** @typedef {Uint8Array} Table  256 × (red, green, blue) */

/** @param {Record<string, string>} json @returns {Record<string, Table>} */
export function parseTables(json) {
  return Object.fromEntries(
    COLORMAPS.map((name) => {
      const bytes = json[name].match(/../g) ?? [];
      return [name, Uint8Array.from(bytes, (digits) => parseInt(digits, 16))];
    }),
  );
}

/**
 * Where each value lies between low and high, 0…1; NaN and infinity stay NaN, so that they are hatched, not coloured.
 * @param {Float32Array} values @param {number} low @param {number} high
 */
export function normalise(values, low, high) {
  const span = high - low;
  return values.map((value) => {
    if (!Number.isFinite(value)) return NaN;
    if (span <= 0) return 0;
    return Math.min(1, Math.max(0, (value - low) / span));
  });
}

/** @param {Float32Array} values @returns {[number, number]} the smallest and largest finite value */
export function extent(values) {
  let low = Infinity;
  let high = -Infinity;
  for (const value of values) {
    if (!Number.isFinite(value)) continue;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return low <= high ? [low, high] : [0, 0];
}

/**
 * As extent, or ending at the 95th percentile, so that a few peaks do not hide the rest.
 * @param {Float32Array} values @param {boolean} clip @returns {[number, number]}
 */
export function range(values, clip) {
  const [low, high] = extent(values);
  if (!clip) return [low, high];
  const sorted = values.filter(Number.isFinite).sort();
  return [low, sorted[Math.floor(0.95 * (sorted.length - 1))] ?? high];
}

/** The table's step for a normalised value. @param {number} t */
export const step = (t) => Math.floor(t * 255 + 0.5);

/** @param {Table} table @param {number} t @returns {[number, number, number]} */
export function colour(table, t) {
  const at = 3 * step(t);
  return [table[at], table[at + 1], table[at + 2]];
}

/** A CSS gradient for a legend. @param {Table} table */
export function gradient(table) {
  const stops = Array.from({ length: 17 }, (_, i) => `rgb(${colour(table, i / 16).join(" ")})`);
  return `linear-gradient(to right, ${stops.join(", ")})`;
}

/**
 * Draws values one pixel a cell; the canvas is scaled by CSS. The quick way for small multiples.
 * @param {HTMLCanvasElement} canvas @param {Float32Array} t normalised @param {number} columns @param {Table} table
 */
export function paintCells(canvas, t, columns, table) {
  const rows = t.length / columns;
  canvas.width = columns;
  canvas.height = rows;
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  const image = context.createImageData(columns, rows);
  for (let i = 0; i < t.length; i++) {
    if (Number.isNaN(t[i])) continue;
    image.data.set(colour(table, t[i]), 4 * i);
    image.data[4 * i + 3] = 255;
  }
  context.putImageData(image, 0, 0);
}
