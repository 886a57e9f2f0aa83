// What is on screen, decided once for each change of the state and handed on.

import { forWords, offerOf, shownMethod, targetOf } from "../sites/methods.js";
import { writtenWord } from "../sites/network_sentences.js";
import { headOf } from "../sites/picture.js";
import { positionGrid, positionsShown } from "../sites/positions.js";
import { askedGrid, isWriting, wordOf } from "../sites/sites.js";
import { kindOf } from "./registry.js";

/** What of the state the record is made from. */
export const SHOWN_FROM = ["analysisData", "site", "method", "target", "against", "query", "direction", "head", "word", "hover"];

/** @param {Omit<State, "shown">} state @returns {Shown | null} null where nothing is shown yet */
export function resolve(state) {
  const { analysisData: analysis, hover, direction } = state;
  const site = analysis?.sites.find(({ id }) => id === state.site);
  if (!site) return null;
  const method = shownMethod(state, site);
  const offer = offerOf(analysis, method) ?? null;
  const asks = method === "positions" ? positionGrid(site, analysis) : method === "site" ? askedGrid(site, direction) : null;
  const query = knownQuery(state.query, site, asks ?? askedGrid(site, direction));
  const asked = query === "cls" && hover ? hover : query;
  return {
    analysis,
    site,
    kind: kindOf(site),
    method,
    offer,
    parameters: parametersOf(state, site, offer),
    positions: method === "positions" ? positionsShown(site, analysis, asked) : null,
    asks,
    pointer: query === "cls" ? asks : null,
    query,
    asked,
    head: headOf(state, site.heads ?? 1),
    word: isWriting(site) ? wordOf(state, site) : null,
  };
}

/** The query, or the default one where the site has no such place or token. @param {Query} query @param {Site} site @param {PatchGrid | null} grid */
function knownQuery(query, site, grid) {
  if (query === "cls" || site.queries == null) return query;
  if ("token" in query) return query.token < site.queries ? query : "cls";
  return !grid || (query.row < grid.rows && query.column < grid.columns) ? query : "cls";
}

/** What a map is asked for. @param {Omit<State, "shown">} state @param {Site} site @param {Shown["offer"]} offer @returns {Shown["parameters"]} */
function parametersOf(state, site, offer) {
  if (offer?.kinds.length) return { site: site.id };
  if (!offer?.for_class) return {};
  return forWords(state.analysisData) ? { word: writtenWord(state) } : { target: targetOf(state), against: state.against };
}
