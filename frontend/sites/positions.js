// Whose positions a site shows, and the place that is asked about.

import { hasRollout, isInner, isOfPatches, isScattered, isWordMatrix, ownWords } from "./sites.js";

export const POSITION_CLAIM = "position similarity";

/**
 * Whose positions are shown at a site: those of patches, of the words of the sentence that was read, or of those that
 * the decoder read. Null where it is not known that the network adds any.
 * @param {Site | null} site @param {Analysis} analysis @returns {"photo" | "source" | "read" | null}
 */
export function positionsAt(site, { sites, output }) {
  if (site?.query_labels) return isWordMatrix(site) && ownWords(site) ? "source" : "read";
  const writes = output?.kind === "caption" && site && isOfPatches(site);
  return writes || hasRollout(sites) ? "photo" : null;
}

/** Whether a site's tokens have positions of their own: the words inside the patches of a TNT. @param {State} state */
export function positionsInside({ site: id, analysisData: { sites } }) {
  const site = sites.find((/** @type {Site} */ one) => one.id === id);
  return site && isInner(site, sites) && isScattered(site) ? site : null;
}

/** The grid of the patches whose positions are shown. @param {State} state */
export function positionGrid(state) {
  const inside = positionsInside(state);
  if (inside) return inside.query_grid;
  const { site, analysisData: { sites } } = state;
  const squares = sites.filter(isOfPatches);
  const chain = squares.find((/** @type {Site} */ one) => one.prefix_tokens > 0);
  return (chain ?? squares.find((/** @type {Site} */ one) => one.id === site))?.grid ?? null;
}

/** What the API is asked for the positions of a place. @param {State} state @param {Cell} cell */
export function positionsAsked(state, { row, column }) {
  const inside = positionsInside(state);
  return { query: `${row},${column}`, ...(inside ? { site: inside.id } : {}) };
}

/** The place whose position is shown: the patch under the pointer unless one is pinned, else the middle one. @param {State} state */
export function positionCell(state) {
  const { query, hover } = state;
  const { rows, columns } = positionGrid(state) ?? { rows: 1, columns: 1 };
  const asked = query === "cls" ? hover : query;
  const inside = asked && "row" in asked && asked.row < rows && asked.column < columns;
  return inside ? asked : { row: Math.floor(rows / 2), column: Math.floor(columns / 2) };
}
