// Values to colours. The tables come from the server, their one home: 256 steps of six hexadecimal digits.

export const COLORMAPS = /** @type {const} */ (["viridis", "inferno", "cividis", "magma"]);

/** For values on both sides of zero, which is its middle. */
export const DIVERGING = "coolwarm";

/** Outside what the network saw: this colour at this alpha. NaN: stripes of these greys, this many pixels wide. */
export const DIM = { colour: [10, 11, 13], alpha: 0.66 };
export const HATCH = { dark: 70, light: 150, width: 4 };

/** @typedef {Uint8Array} Table  256 × (red, green, blue) */

/** @param {Record<string, string>} json @returns {Record<string, Table>} */
export function parseTables(json) {
  return Object.fromEntries(
    [...COLORMAPS, DIVERGING].map((name) => {
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

/** The table's step for a normalised value. @param {number} t */
export const step = (t) => Math.floor(t * 255 + 0.5);

/** Whether values lie on both sides of zero, which then has a colour of its own. @param {{low: number, high: number}} ends */
export const isSigned = ({ low, high }) => low < 0 && high > 0;

/** The values at both ends of the colours: zero in the middle where they lie on both sides of it. @param {Float32Array} values */
export function endsOf(values) {
  const [low, high] = extent(values);
  const end = Math.max(-low, high);
  return isSigned({ low, high }) ? { low: -end, high: end } : { low, high };
}

/** Values in colours of their own, one pixel a cell. @param {HTMLCanvasElement} canvas @param {Float32Array} values @param {number} columns @param {Record<string, Table>} tables @param {string} colormap */
export function paintValues(canvas, values, columns, tables, colormap) {
  const ends = endsOf(values);
  const table = tables[isSigned(ends) ? DIVERGING : colormap];
  paintCells(canvas, normalise(values, ends.low, ends.high), columns, table);
}

/**
 * How opaque each of the 256 steps is drawn, 0…1: all alike, or growing with the value; with its distance from zero
 * where the colours diverge, so that the photo shows where nothing is.
 * @param {number} opacity @param {"value" | "even"} fade @param {boolean} signed
 */
export const opacities = (opacity, fade, signed) =>
  Float32Array.from({ length: 256 }, (_, i) => {
    if (fade === "even") return opacity;
    return opacity * (signed ? Math.abs(2 * (i / 255) - 1) : i / 255);
  });

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
 * @param {Float32Array} [opacities]  of the table's steps; opaque if not said
 */
export function paintCells(canvas, t, columns, table, opacities) {
  const rows = t.length / columns;
  canvas.width = columns;
  canvas.height = rows;
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  const image = context.createImageData(columns, rows);
  for (let i = 0; i < t.length; i++) {
    if (Number.isNaN(t[i])) continue;
    image.data.set(colour(table, t[i]), 4 * i);
    image.data[4 * i + 3] = opacities ? Math.round(255 * opacities[step(t[i])]) : 255;
  }
  context.putImageData(image, 0, 0);
}
