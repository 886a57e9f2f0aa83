// What one number says of a head's map: how spread it is, how far it looks, how much of it lies on a region. Pure.

import { entropy } from "../../sites/attention_rows.js";

/**
 * One head's look at the photo.
 * @typedef {object} HeadMap
 * @property {Site} site
 * @property {number} head
 * @property {Float32Array} values  (row, column); NaN where its window does not reach
 * @property {PatchGrid} grid
 * @property {Cell | null} from  who asks, in this grid; null where that has no place, such as a class token or a word
 */

/** @typedef {(cell: Cell, grid: PatchGrid) => boolean} Region  whether a cell belongs to it */

/** The values that are there. @param {Float32Array} values */
const known = (values) => values.filter((value) => !Number.isNaN(value));

/** −Σ p ln p in nats over the patches, their shares made to sum to 1. @param {HeadMap} map */
export function spread({ values }) {
  const shares = known(values);
  const sum = shares.reduce((total, share) => total + share, 0);
  return sum > 0 ? entropy(shares.map((share) => share / sum)) : 0;
}

/**
 * The mean distance in patches between who asks and what is looked at, weighed by the attention to it (Dosovitskiy et
 * al. 2020, figure 7). Null where who asks has no place.
 * @param {HeadMap} map @returns {number | null}
 */
export function distance({ values, grid, from }) {
  if (!from) return null;
  let [far, sum] = [0, 0];
  for (const [i, share] of values.entries()) {
    if (Number.isNaN(share)) continue;
    far += share * Math.hypot(Math.floor(i / grid.columns) - from.row, (i % grid.columns) - from.column);
    sum += share;
  }
  return sum > 0 ? far / sum : 0;
}

/** The share of the query's attention that lies on a region. @param {HeadMap} map @param {Region} region */
export const mass = ({ values, grid }, region) =>
  values.reduce((sum, share, i) => {
    const inside = !Number.isNaN(share) && region({ row: Math.floor(i / grid.columns), column: i % grid.columns }, grid);
    return inside ? sum + share : sum;
  }, 0);

/** @typedef {"layer" | "spread" | "distance" | "mass"} Order */

/**
 * The maps in an order: by layer as they come, else those with the most first, or with the least where less is more
 * particular (a spread-out head last).
 * @template {HeadMap} M
 * @param {M[]} maps @param {Order} order @param {Region | null} region
 * @returns {{map: M, value: number | null}[]}
 */
export function ranked(maps, order, region) {
  const measure = { layer: () => null, spread, distance, mass: (/** @type {HeadMap} */ map) => region && mass(map, region) }[order];
  const rows = maps.map((map) => ({ map, value: measure(map) }));
  if (order === "layer" || rows.some(({ value }) => value === null)) return rows;
  const sign = order === "spread" ? 1 : -1;
  return rows.sort((a, b) => sign * (Number(a.value) - Number(b.value)));
}

/**
 * Several maps on one grid as one picture: at each place the colour of the map that is largest there, as opaque as that
 * value is of the largest of all.
 * @param {Float32Array[]} maps @param {[number, number, number][]} colours @param {number} high
 * @returns {Uint8ClampedArray} red, green, blue and alpha of each place
 */
export function mixed(maps, colours, high) {
  const out = new Uint8ClampedArray(4 * maps[0].length);
  for (let i = 0; i < maps[0].length; i++) {
    let best = 0;
    for (let m = 1; m < maps.length; m++) if (!(maps[m][i] <= maps[best][i])) best = m;
    const value = maps[best][i];
    if (Number.isNaN(value)) continue;
    out.set([...colours[best], high > 0 ? (255 * Math.min(1, value / high)) : 0], 4 * i);
  }
  return out;
}
