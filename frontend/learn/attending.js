// What the chapters on attention compute from queries and keys, as the server gives them.

import { fuse } from "../sites/attention_rows.js";
import { onGrid, tokenOf } from "../sites/sites.js";

/** @typedef {{shape: number[], data: Float32Array}} Tensor */

/** The attention sites between patches, first to last. @param {Analysis} analysis @returns {PlacedSite[]} */
export const placed = ({ sites }) =>
  /** @type {PlacedSite[]} */ (sites.filter((site) => site.kind === "attention" && site.grid && site.queries === site.keys));

/** @param {Cell} cell @param {Site} site @returns {number} */
export const tokenAt = (cell, site) => tokenOf(cell, site) ?? 0;

/** @param {number} token @param {PlacedSite} site @returns {Cell | undefined} the cell of a patch */
export function cellOfToken(token, { prefix_tokens: prefix, grid }) {
  const index = token - prefix;
  if (index < 0 || index >= grid.rows * grid.columns) return undefined;
  return { row: Math.floor(index / grid.columns), column: index % grid.columns };
}

/** @param {ArrayLike<number>} values */
export function largest(values) {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (values[i] > values[best]) best = i;
  return best;
}

/** One row of a tensor (head, token, head_dim). @param {Tensor} tensor @param {number} head @param {number} token */
export function vector({ shape: [, tokens, dim], data }, head, token) {
  const at = (head * tokens + token) * dim;
  return data.subarray(at, at + dim);
}

/** @param {ArrayLike<number>} a @param {ArrayLike<number>} b */
export const dot = (a, b) => Array.from(a).reduce((sum, value, i) => sum + value * b[i], 0);
/** @param {ArrayLike<number>} a */
export const length = (a) => Math.sqrt(dot(a, a));

export const HIDDEN = 8;
const SEED = 7;

/**
 * The additive score's W and U, (hidden, dim), and v. They are learned, and a network with another score has none: these
 * are drawn from a seed, by a linear congruential generator, evenly between ±√(3 / dim), so that sums have variance 1.
 * @type {(dim: number) => {W: number[][], U: number[][], v: number[]}}
 */
export const seeded = remembered((dim) => {
  let state = SEED;
  const drawn = () => {
    state = (Math.imul(1664525, state) + 1013904223) >>> 0;
    return (2 * state) / 2 ** 32 - 1;
  };
  const matrix = () => Array.from({ length: HIDDEN }, () => Array.from({ length: dim }, () => drawn() * Math.sqrt(3 / dim)));
  const [W, U] = [matrix(), matrix()];
  return { W, U, v: Array.from({ length: HIDDEN }, drawn) };
});

/** @template T @param {(dim: number) => T} make @returns {(dim: number) => T} */
function remembered(make) {
  /** @type {Map<number, T>} */
  const kept = new Map();
  return (dim) => {
    const found = kept.get(dim) ?? make(dim);
    kept.set(dim, found);
    return found;
  };
}

/** tanh(W q + U k), the hidden layer of the additive score. @param {ArrayLike<number>} q @param {ArrayLike<number>} k */
export function hiddenOf(q, k) {
  const { W, U } = seeded(q.length);
  return W.map((row, i) => Math.tanh(dot(row, q) + dot(U[i], k)));
}

/**
 * The three score functions of two vectors (Bahdanau et al. 2015, appendix A.1.2; Graves et al. 2014, equation 6).
 * @type {Record<string, (q: ArrayLike<number>, k: ArrayLike<number>) => number>}
 */
export const SCORES = {
  dot,
  cosine: (q, k) => dot(q, k) / (length(q) * length(k) || 1),
  additive: (q, k) => dot(seeded(q.length).v, hiddenOf(q, k)),
};

/** What a score is multiplied by before the softmax: 1/√d, the first β of the cosine, nothing. @type {Record<string, (dim: number) => number>} */
export const FACTORS = { dot: (dim) => 1 / Math.sqrt(dim), cosine: () => 10, additive: () => 1 };

/** Of one query with every key. @param {Record<string, Tensor>} tensors @param {string} kind @param {number} head @param {number} query */
export function scoresOf({ query: q, key: k }, kind, head, query) {
  const asked = vector(q, head, query);
  return Float32Array.from({ length: k.shape[1] }, (_, key) => SCORES[kind](asked, vector(k, head, key)));
}

/** @param {ArrayLike<number>} scores @param {number} [factor] */
export function softmax(scores, factor = 1) {
  const scaled = Float64Array.from(scores, (score) => score * factor);
  const most = scaled.reduce((a, b) => Math.max(a, b), -Infinity);
  const powers = scaled.map((score) => Math.exp(score - most));
  const sum = powers.reduce((a, b) => a + b, 0);
  return Float32Array.from(powers, (power) => power / sum);
}

/** The patch that the class token, or else the middle patch, looks at most: a place worth asking about. @param {import("../sites/attention_rows.js").AttentionSource} source @param {PlacedSite} site @returns {Cell} */
export function busiest(source, site) {
  const row = onGrid(fuse(source.row(tokenOf("cls", site) ?? 0), source.heads, "mean"), site);
  const index = largest(row);
  return { row: Math.floor(index / site.grid.columns), column: index % site.grid.columns };
}

/** The patch that a query looks at most, itself left out. @param {Float32Array} row of one head @param {PlacedSite} site @param {Cell} query @returns {Cell} */
export function farthestLook(row, site, query) {
  const patches = onGrid(row, site).slice();
  patches[query.row * site.grid.columns + query.column] = -Infinity;
  const index = largest(patches);
  return { row: Math.floor(index / site.grid.columns), column: index % site.grid.columns };
}

/** Heads as choices of a control. @param {number} heads */
export const headChoices = (heads) => Array.from({ length: heads }, (_, value) => ({ value, text: String(value) }));
