// What a site is called, drawn as and can show.

import { say } from "../language/language.js";

/** Whether queries look at keys there. @param {Site} site @returns {site is AttentionSite} */
export const attends = (site) => site?.heads != null;

/** Queries are words, keys are places: what was looked at to write each word. @param {Site} site @returns {site is CrossSite} */
export const isCross = (site) =>
  attends(site) && site.query_labels != null && site.key_labels == null && site.key_grid != null;

/** Queries and keys are words: a matrix with names. @param {Site} site @returns {site is WordSite} */
export const isWordMatrix = (site) =>
  attends(site) && site.query_labels != null && site.key_labels != null;

/** Whose queries are words. @param {Site | null} site @returns {site is WritingSite} */
export const isWriting = (site) => site != null && "query_labels" in site && site.query_labels != null;

/** Each word looks at those that were written before it: key i + 1 is what was written at i. @param {Site} site @returns {site is WordSite} */
export const isMasked = (site) =>
  isWordMatrix(site) &&
  site.queries === site.keys &&
  !site.projections &&
  site.query_labels.every(
    (/** @type {string} */ label, /** @type {number} */ i) => i + 1 === site.keys || site.key_labels[i + 1] === label,
  );

/** Words that look at themselves and each other. @param {Site} site @returns {site is WordSite} */
export const ownWords = (site) => isWordMatrix(site) && site.query_labels.join(" ") === site.key_labels.join(" ");

/** What an attention is between, in a few words. @param {Site} site */
export function roleOf(site) {
  if (!attends(site)) return "";
  if (isCross(site)) return say("cross-attention, from words to the photo");
  if (isMasked(site)) return say("masked self-attention between words");
  if (isWordMatrix(site)) {
    return ownWords(site) ? say("self-attention between the words read") : say("cross-attention, from words to words");
  }
  return site.windows ? say("self-attention within windows") : say("self-attention");
}

/** Whether its windows are the patches of other sites: attention inside each patch (TNT). @param {Site} site @param {Site[]} sites */
export const isInner = (site, sites) =>
  site.windows != null && sites.some((one) => isPlaced(one) && one.grid.rows * one.grid.columns === site.windows);

/** Words that are about nothing that could be seen. */
const SMALL = new Set("<start> <end> a an the two three some of in on at with and to is are his her its".split(" "));

/** The word whose row is shown: the chosen one, else the first that is about something. @param {{word: number | null}} state @param {{queries: number, query_labels: string[]}} site */
export function wordOf({ word }, site) {
  if (word != null) return Math.min(word, site.queries - 1);
  return Math.max(
    0,
    site.query_labels.findIndex((/** @type {string} */ label) => !SMALL.has(label)),
  );
}

/** @param {Site} site */
export const siteTitle = (site) => `${site.title} ${site.layer}`;

/** A site that looks from every token at every token, at known places. @param {Site} site @returns {site is PlacedSite} */
export const isPlaced = (site) => attends(site) && site.grid != null;

/** Whether any token may be the query. @param {Site} site */
export const isSquare = (site) => site.queries === site.keys;

/** Whether all patches look at all patches. @param {Site} site @returns {site is PlacedSite} */
export const isOfPatches = (site) => isPlaced(site) && isSquare(site);

/** Tokens in windows, or queries on another grid than keys: every place can be asked about, by the server. @param {Site} site @returns {site is ScatteredSite} */
export const isScattered = (site) =>
  attends(site) && site.grid == null && site.query_grid != null && site.key_grid != null;

/** The grid whose cells may be asked about; null where no place can be. @param {Site} site @param {"from" | "to"} direction */
export function askedGrid(site, direction) {
  if (isScattered(site)) return direction === "from" ? site.query_grid : site.key_grid;
  return isOfPatches(site) ? site.grid : null;
}

/** The grid that the answer lies on; null where there is none. @param {Site} site @param {"from" | "to"} direction */
export const answeredGrid = (site, direction) => askedGrid(site, direction === "from" ? "to" : "from");

/** The asked cell of a scattered site: the middle one where the query names none of its cells. @param {import("../state/store.js").Query} query @param {ScatteredSite} site @param {"from" | "to"} direction */
export function cellOf(query, site, direction) {
  const { rows, columns } = direction === "from" ? site.query_grid : site.key_grid;
  const named = query !== "cls" && "row" in query && query.row < rows && query.column < columns;
  return named ? query : { row: Math.floor(rows / 2), column: Math.floor(columns / 2) };
}

/**
 * The change of the view that shows another site, asking about the same place of the photo: a pinned patch is counted
 * in the other site's grid.
 * @param {State} state @param {Site} site @returns {{site: string, channel: null, query: import("../state/store.js").Query}}
 */
export function visit({ query, direction, site: id, analysisData: { sites } }, site) {
  const shown = sites.find((/** @type {Site} */ one) => one.id === id);
  const [here, there] = [shown, site].map((one) => one && askedGrid(one, direction));
  const carried =
    here && there && query !== "cls" && "row" in query
      ? {
          row: Math.floor(((query.row + 0.5) * there.rows) / here.rows),
          column: Math.floor(((query.column + 0.5) * there.columns) / here.columns),
        }
      : query;
  return { site: site.id, channel: null, query: carried };
}

/** The sites rollout goes through. @param {Site[]} sites */
export const hasRollout = (sites) => {
  const placed = sites.filter((site) => isOfPatches(site) && site.prefix_tokens > 0);
  return placed.length > 1;
};

/** The spatial transformers whose windows a site sees, outermost first. @param {Site[]} sites @param {string | null} id */
export function samplersBefore(sites, id) {
  const through = sites.find((site) => site.id === id)?.reads_through ?? [];
  return sites.filter(isWarp).filter((site) => through.includes(site.id));
}

/** The spatial transformers that read the same picture as this one, itself included, in their order. @param {Site[]} sites @param {Site} site */
export const sameInput = (sites, site) =>
  sites.filter((one) => one.reads_through && one.reads_through.join() === site.reads_through?.join());

/** Whether a spatial transformer reads a feature map and no picture. @param {Site | null} site */
export const isOnFeatures = (site) => site?.reads_through != null && (site.channels ?? 0) > 3;

/** The mean over channels. @param {{shape: number[], data: Float32Array}} map (channel, row, column) */
export function channelMean({ shape: [channels, rows, columns], data }) {
  const mean = new Float32Array(rows * columns);
  for (let i = 0; i < data.length; i++) mean[i % mean.length] += data[i] / channels;
  return { shape: [rows, columns], data: mean };
}

/** What prefix tokens are called. @param {number} index */
export const prefixName = (index) => (index === 0 ? say("class token") : say("register token {index}", { index }));

/** The token a query means, or null where it is not in this site. @param {import("../state/store.js").Query} query @param {Site} site */
export function tokenOf(query, site) {
  const { grid, prefix_tokens: prefix, queries } = site;
  if (query === "cls") {
    if (prefix > 0) return 0;
    return grid ? Math.floor(grid.rows / 2) * grid.columns + Math.floor(grid.columns / 2) : 0;
  }
  if ("token" in query) return query.token < (queries ?? 0) ? query.token : null;
  if (!grid || query.row >= grid.rows || query.column >= grid.columns) return null;
  return prefix + query.row * grid.columns + query.column;
}

/** Of values on a site's tokens those on its grid. @param {Float32Array} values @param {Site} site */
export function onGrid(values, { grid, prefix_tokens: prefix }) {
  return values.slice(prefix, grid ? prefix + grid.rows * grid.columns * (grid.depth ?? 1) : undefined);
}

/** The place of a token; null for one before or after the patches. @param {number} token @param {Site} site */
export function placeOf(token, site) {
  const index = token - site.prefix_tokens;
  if (!site.grid || index < 0 || index >= site.grid.rows * site.grid.columns) return null;
  return { row: Math.floor(index / site.grid.columns), column: index % site.grid.columns };
}

/** @param {number} token @param {Site} site */
export function tokenName(token, site) {
  const place = placeOf(token, site);
  if (place) return say("the patch at row {row}, column {column}", { row: place.row, column: place.column });
  return token < site.prefix_tokens ? say("the {token}", { token: prefixName(token) }) : say("token {token}", { token });
}

/** The words that were written; none of a network that writes none. @param {Output} output @returns {Word[]} */
export const wordsOf = (output) => (output && "words" in output ? output.words : []);

/** The classes of a mask; none of a network without one. @param {Output} output @returns {MaskClass[]} */
export const classesOf = (output) => (output && "classes" in output ? output.classes : []);

/** @param {Site} site @returns {site is WarpSite} */
const isWarp = (site) => "input_grid" in site && site.input_grid != null;
