// A site's heads as small maps of what is asked: a patch's look, a word's, or all words against each other.

import { fuse, matrix } from "../../sites/attention_rows.js";
import { extent } from "../../paint/colormap.js";
import { cellBox, filledBox, fromAnalysis } from "../../geometry.js";
import { askedQuery, shownToken } from "../../sites/picture.js";
import { answeredGrid, cellOf, isCross, isOfPatches, isScattered, isWordMatrix, onGrid, placeOf, wordOf } from "../../sites/sites.js";

/**
 * @typedef {object} HeadMaps
 * @property {number} heads
 * @property {number} columns  of each map
 * @property {(head: number) => Float32Array} of  (row, column)
 * @property {PatchGrid} grid  what the whole map lies on; of words, one cell a word
 * @property {(head: number) => Float32Array} whole  (row, column) of that grid; NaN where a window does not reach
 * @property {Cell | null} from  who asks, where that is a place of this grid
 * @property {number[] | null} area  what the maps lie on, as [left, top, right, bottom] on the photo; null for words
 */

/** Whether a site's heads can be drawn small. @param {Site} site @returns {site is AttentionSite} */
export const drawable = (site) =>
  isOfPatches(site) || isScattered(site) || isCross(site) || isWordMatrix(site);

/** @param {State} state @param {Site} site @param {Session} session @returns {Promise<HeadMaps>} */
export async function headMaps(state, site, session) {
  if (isScattered(site)) {
    const cell = cellOf(askedQuery(state), site, state.direction);
    const map = await session.place(site, cell, state.direction);
    const { query_grid: asking, key_grid: asked } = site;
    const same = asking.rows === asked.rows && asking.columns === asked.columns;
    return { ...inWindow(state, map, answeredGrid(site, state.direction)), from: same ? cell : null };
  }
  const source = await session.attention(site);
  const { heads } = source;
  if (isWordMatrix(site))
    return wordMaps(source);
  const toKeys = isCross(site) || state.direction === "from";
  const token = isCross(site) ? wordOf(state, site) : shownToken(state, site);
  const all = toKeys ? source.row(token) : source.column(token);
  const grid = site.grid ?? site.key_grid ?? { rows: 1, columns: source.keys };
  const of = (/** @type {number} */ head) => onGrid(fuse(all, heads, head), site);
  return {
    heads,
    columns: grid.columns,
    of,
    grid,
    whole: of,
    from: isCross(site) ? null : placeOf(token, site),
    area: boxArea(state.analysisData, grid, { top: 0, left: 0, ...grid }),
  };
}

/** The smallest and the largest value of all heads. @param {HeadMaps} maps @returns {[number, number]} */
export function extentOf({ heads, of }) {
  const each = Array.from({ length: heads }, (_, head) => extent(of(head)));
  return [Math.min(...each.map(([low]) => low)), Math.max(...each.map(([, high]) => high))];
}

/**
 * The smallest and the largest value of all heads of the shown layer, or of the network, for what is asked now; null
 * where what is shown has no heads to go by.
 * @param {Resolved} state @param {Session} session @returns {Promise<[number, number] | null>}
 */
export async function sharedEnds(state, session) {
  const { site, method, analysis } = state.shown;
  if (method !== "site" || !hasShared(state.shown)) return null;
  const sites = state.ends === "layer" ? [site] : analysis.sites.filter((one) => drawable(one) && isWordMatrix(one) === isWordMatrix(site));
  const found = await Promise.all(sites.map(async (one) => extentOf(await headMaps(state, one, session))));
  return [Math.min(...found.map(([low]) => low)), Math.max(...found.map(([, high]) => high))];
}

/** Whether the shown map is one of a layer's heads. @param {Shown} shown */
export const hasShared = ({ site, method }) => method === "site" && drawable(site);

/** Of words every row of each head. @param {import("../../sites/attention_rows.js").AttentionSource} source @returns {HeadMaps} */
function wordMaps(source) {
  const of = (/** @type {number} */ head) => matrix(source, head);
  const grid = { rows: source.queries, columns: source.keys };
  return { heads: source.heads, columns: source.keys, of, grid, whole: of, from: null, area: null };
}

/**
 * Of maps that know a window only, that window: on the whole photo it would be a few pixels.
 * @param {State} state @param {{shape: number[], data: Float32Array}} map  (head, row, column); NaN where the window does not reach
 * @param {import("../../geometry.js").PatchGrid | null} [known]  the grid of the map, where its cells are known
 * @returns {HeadMaps}
 */
export function inWindow({ analysisData: analysis }, { shape: [heads, rows, columns], data }, known) {
  const grid = known ?? { rows, columns };
  const box = filledBox(data.subarray(0, rows * columns), grid) ?? { top: 0, left: 0, ...grid };
  const cut = (/** @type {Float32Array} */ values) =>
    Float32Array.from(
      { length: box.rows * box.columns },
      (_, i) => values[(box.top + Math.floor(i / box.columns)) * columns + box.left + (i % box.columns)],
    );
  return {
    heads,
    columns: box.columns,
    of: (head) => cut(fuse(data, heads, head)),
    grid,
    whole: (head) => fuse(data, heads, head),
    from: null,
    area: boxArea(analysis, grid, box),
  };
}

/** A box of cells on the photo. @param {Analysis} analysis @param {import("../../geometry.js").PatchGrid} grid @param {{top: number, left: number, rows: number, columns: number}} box @returns {number[]} */
function boxArea(analysis, grid, box) {
  const geometry = fromAnalysis(analysis);
  const [left, top] = cellBox(geometry, box.top, box.left, grid);
  const [, , right, bottom] = cellBox(geometry, box.top + box.rows - 1, box.left + box.columns - 1, grid);
  return [left, top, right, bottom];
}
