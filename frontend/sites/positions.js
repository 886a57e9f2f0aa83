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

/** The site itself where its tokens have positions of their own: the words inside the patches of a TNT. @param {Site} site @param {Site[]} sites */
const inner = (site, sites) => (isInner(site, sites) && isScattered(site) ? site : null);

/** The grid of the patches whose positions are shown; null where they are of words. @param {Site} site @param {Analysis} analysis @returns {PatchGrid | null} */
export function positionGrid(site, analysis) {
  if (positionsAt(site, analysis) !== "photo") return null;
  const { sites } = analysis;
  const inside = inner(site, sites);
  if (inside) return inside.query_grid;
  const squares = sites.filter(isOfPatches);
  return (squares.find((one) => one.prefix_tokens > 0) ?? squares.find(({ id }) => id === site.id))?.grid ?? null;
}

/**
 * Which positions are shown, and of which place: the asked one, else the middle one.
 * @param {Site} site @param {Analysis} analysis @param {Query} asked @returns {ShownPositions}
 */
export function positionsShown(site, analysis, asked) {
  const of = positionsAt(site, analysis);
  const grid = positionGrid(site, analysis);
  if (!grid) return { of, cell: { row: 0, column: 0 }, inside: false, parameters: of ? { words: of } : {} };
  const { rows, columns } = grid;
  const there = asked !== "cls" && "row" in asked && asked.row < rows && asked.column < columns;
  const cell = there ? asked : { row: Math.floor(rows / 2), column: Math.floor(columns / 2) };
  const inside = inner(site, analysis.sites);
  const query = `${cell.row},${cell.column}`;
  return { of, cell, inside: inside !== null, parameters: inside ? { query, site: inside.id } : { query } };
}
