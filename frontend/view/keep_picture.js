// Keeps the picture in step with the view: whenever what is asked for changes, the picture is made anew, and what
// is likely asked for next is fetched while the page is idle.

import { say } from "../language/language.js";
import { asProblem } from "../api/api.js";
import { forWords, isForClass, offerOf, shownMethod, targetOf } from "../sites/methods.js";
import { lacksLabel, writtenWord } from "../sites/network_sentences.js";
import * as pictures from "../sites/picture.js";
import { maskPicture, wordPositionsPicture } from "../kinds/words/picture.js";
import { positionCell, positionGrid, positionsAsked, positionsAt } from "../sites/positions.js";
import { said } from "../kinds/edits.js";
import { kindOf } from "../kinds/registry.js";
import { balanced } from "../sites/drawn.js";
import { askedGrid, isWriting } from "../sites/sites.js";

const MADE_FROM = [
  "attempt",
  "analysisData",
  "site",
  "method",
  "target",
  "against",
  "query",
  "direction",
  "head",
  "channel",
  "clip",
  "hover",
  "rows",
  "word",
];
const SHIMMER_AFTER_MS = 100;
const PREFETCH_BYTES = 48e6;

/** @typedef {{store: Store, session: Session}} Context */

/** The shown site. @param {State} state */
export const siteOf = (state) => state.analysisData?.sites.find((site) => site.id === state.site) ?? null;

/** @param {Context} context */
export function keepPicture({ store, session }) {
  let turn = 0;
  store.on(MADE_FROM, async (/** @type {State} */ state, /** @type {Set<string>} */ changed) => {
    if (!state.analysisData) return;
    if (changed.size === 1 && changed.has("hover") && !pointerGrid(state)) return;
    const query = knownQuery(state);
    if (query !== state.query) return store.set({ query });
    const mine = ++turn;
    const slow = setTimeout(() => store.set({ pending: true }), SHIMMER_AFTER_MS);
    try {
      const made = await make(state, session);
      if (mine !== turn) return;
      const drawn = made && balanced(state.clip ? pictures.clipPeaks(made) : made);
      const picture = drawn && afterEdits(drawn, state);
      store.set({ picture, pending: false, error: null });
    } catch (error) {
      if (mine === turn) store.set({ error: asProblem(error), pending: false });
    } finally {
      clearTimeout(slow);
    }
  });
  store.on(["analysisData", "site"], () => whenIdle(() => prefetch({ store, session })));
}

/** The sentence of an edited analysis' picture says what was changed. @param {Picture} picture @param {State} state @returns {Picture} */
function afterEdits(picture, { analysisData: { of, edits, sites } }) {
  if (!of) return picture;
  const what = edits.map((edit) => said(edit, sites)).join("; ");
  return { ...picture, sentence: say("{sentence} Edited: {what}.", { sentence: picture.sentence.replace(/[.。]?$/, say(".")), what }) };
}

/** The query, or the default one where the shown site has no such place or token. @param {State} state */
function knownQuery(state) {
  const { query, direction } = state;
  const site = siteOf(state);
  if (query === "cls" || !site || !("queries" in site) || site.queries == null) return query;
  if ("token" in query) return query.token < site.queries ? query : "cls";
  const grid = askingGrid(state) ?? askedGrid(site, direction);
  return !grid || (query.row < grid.rows && query.column < grid.columns) ? query : "cls";
}

/** The grid whose places can be asked; null for most whole-network maps, and for gates. @param {State} state */
export function askingGrid(state) {
  const site = siteOf(state);
  if (!site) return null;
  const method = shownMethod(state, site);
  if (method === "positions")
    return positionsAt(site, state.analysisData) === "photo" ? positionGrid(state) : null;
  return method === "site" ? askedGrid(site, state.direction) : null;
}

/** The grid on which moving over the photo asks; null where a patch is pinned. @param {State} state */
export const pointerGrid = (state) => (state.query === "cls" ? askingGrid(state) : null);

/** @param {State} state @param {Session} session */
async function make(state, session) {
  const site = siteOf(state);
  if (!site) return null;
  const method = shownMethod(state, site);
  if (method === "mask") return maskPicture(state.analysisData, await session.mask());
  if (method === "positions") return positions(state, site, session);
  if (method !== "site") return whole(state, method, session);
  return kindOf(site).picture(state, site, session);
}

/** How alike positions are: one place's to all, or those of all words. @param {State} state @param {Site} site @param {Session} session */
async function positions(state, site, session) {
  const words = positionsAt(site, state.analysisData);
  if (words !== "photo" && isWriting(site)) return wordPositionsPicture(state, site, await session.positions({ words }));
  const cell = positionCell(state);
  return pictures.positionPicture(cell, await session.positions(positionsAsked(state, cell)));
}

/** A map of the network, with the label of the class that it is for. @param {State} state @param {string} method @param {Session} session */
async function whole(state, method, session) {
  const named = isForClass(state) && !forWords(state.analysisData) && lacksLabel(state);
  const [map, labels] = await Promise.all([
    session.map(method, askedOf(state)),
    named ? session.labels().catch(() => null) : state.labels,
  ]);
  return pictures.networkPicture({ ...state, labels }, map);
}

/** What a map of the whole network is for. @param {State} state @returns {Record<string, number | string | null>} */
export function askedOf(state) {
  const offer = offerOf(state.analysisData, state.method);
  if (offer?.kinds.length) return { site: state.site ?? "" };
  if (!offer?.for_class) return {};
  return forWords(state.analysisData) ? { word: writtenWord(state) } : { target: targetOf(state), against: state.against };
}

/** Fetches the neighbours of the shown site first, then all, and notes each site's number for the depth strip. @param {Context} context */
async function prefetch({ store, session }) {
  const { analysisData: analysis, site: shown } = store.get();
  if (!analysis) return;
  const at = analysis.sites.findIndex((/** @type {Site} */ site) => site.id === shown);
  const distance = (/** @type {Site} */ site) => Math.abs(analysis.sites.indexOf(site) - at);
  const nearest = [...analysis.sites].sort((a, b) => distance(a) - distance(b));
  const over = () => store.get().analysisData !== analysis || store.get().site !== shown;
  let bytes = 0;
  for (const site of nearest) {
    if (over()) return;
    const { ahead, bytes: own } = kindOf(site);
    if (!ahead || (bytes += own(site)) > PREFETCH_BYTES) continue;
    const data = await ahead(site, session).catch(() => null);
    if (over()) return;
    const { summaries } = store.get();
    if (!data || site.id in summaries) continue;
    store.set({ summaries: { ...summaries, [site.id]: pictures.summary(site, data) } });
    await new Promise(whenIdle);
  }
}

/** @param {(value?: any) => void} work */
function whenIdle(work) {
  if ("requestIdleCallback" in window) requestIdleCallback(() => work(), { timeout: 500 });
  else setTimeout(work, 50);
}
