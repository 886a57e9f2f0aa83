// From values to where they lie in the colours, 0…1: straight, by the square root, or by the logarithm. Of values on both
// sides of zero the same to both sides, with zero in the middle.

import { extent, isSigned, normalise } from "./colormap.js";

/** What values are turned into before they are coloured. */
export const SCALES = /** @type {const} */ (["linear", "percentile", "sqrt", "log"]);

/** Of all values so many lie inside the colours of "percentile". */
const INSIDE = 0.95;

/** Of a logarithmic scale: how far below the largest value its colours begin, unless the values do so sooner. */
export const DECADES = 1e4;

/** Around zero a logarithmic scale of both signs is straight: this part of its end. */
const STRAIGHT = 1e-3;

/** The value in the middle of the colours. @param {Pick<Picture, "low" | "high" | "curve">} picture */
export function middle({ low, high, curve }) {
  if (isSigned({ low, high })) return 0;
  return curve === "log" ? Math.sqrt(low * high) : low + (high - low) / 4;
}

/** Ends with most of the values between them. @param {Float32Array} values @param {boolean} signed */
export function inside(values, signed) {
  const known = values.filter(Number.isFinite);
  const sorted = (signed ? known.map(Math.abs) : known).sort();
  const high = sorted[Math.floor(INSIDE * (sorted.length - 1))] ?? 0;
  return signed && high > 0 ? { low: -high, high } : { low: extent(values)[0], high };
}

/** Where each value lies in the colours, 0…1; NaN where it is no number. @param {Pick<Picture, "values" | "low" | "high" | "curve">} picture */
export function shares({ values, low, high, curve }) {
  if (!curve || high <= low) return normalise(values, low, high);
  const bend = { sqrt: bySquareRoot, log: byLogarithm }[curve](low, high);
  return values.map((value) => (Number.isFinite(value) ? Math.min(1, Math.max(0, bend(value))) : NaN));
}

/** @param {number} low @param {number} high @returns {(value: number) => number} */
function bySquareRoot(low, high) {
  if (!isSigned({ low, high })) return (value) => Math.sqrt(Math.max(0, value - low) / (high - low));
  const end = Math.max(-low, high);
  return (value) => (1 + Math.sign(value) * Math.sqrt(Math.abs(value) / end)) / 2;
}

/** @type {typeof bySquareRoot} */
function byLogarithm(low, high) {
  if (!isSigned({ low, high })) {
    const start = low > 0 ? low : high / DECADES;
    return (value) => (value <= start ? 0 : Math.log(value / start) / Math.log(high / start));
  }
  const end = Math.max(-low, high);
  const straight = STRAIGHT * end;
  return (value) => (1 + (Math.sign(value) * Math.log1p(Math.abs(value) / straight)) / Math.log1p(end / straight)) / 2;
}

/**
 * A small map among others: in its own ends unless these are given, along the chosen scale.
 * @param {Float32Array} values @param {Pick<State, "scale">} state @param {[number, number] | null} [given]
 */
export function sharesOf(values, { scale }, given = null) {
  const [low, high] = given ?? extent(values);
  const ends = scale === "percentile" && !given ? inside(values, isSigned({ low, high })) : { low, high };
  return shares({ values, ...ends, curve: scale === "sqrt" || scale === "log" ? scale : undefined });
}
