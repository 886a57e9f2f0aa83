// Keeps the picture in step with the view: whenever what is asked for changes, the picture is made anew, and what
// is likely asked for next is fetched while the page is idle.

import { say } from "../language/language.js";
import { asProblem } from "../api/api.js";
import { forWords, isForClass } from "../sites/methods.js";
import { lacksLabel } from "../sites/network_sentences.js";
import * as pictures from "../sites/picture.js";
import { maskPicture, wordPositionsPicture } from "../kinds/words/picture.js";
import { said } from "../kinds/edits.js";
import { kindOf } from "../kinds/registry.js";
import { ENDS, scaled } from "../sites/drawn.js";
import { sharedEnds } from "../kinds/attention/head_maps.js";
import { isWriting } from "../sites/sites.js";

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
  "scale",
  "ends",
  "hover",
  "rows",
  "word",
];
const SHIMMER_AFTER_MS = 100;
const PREFETCH_BYTES = 48e6;

/** @typedef {{store: Store, session: Session}} Context */

/** @param {Context} context */
export function keepPicture({ store, session }) {
  let turn = 0;
  store.on(MADE_FROM, async (/** @type {State} */ state, /** @type {Set<string>} */ changed) => {
    const { shown } = state;
    if (!state.analysisData) return;
    if (changed.size === 1 && changed.has("hover") && !shown?.pointer) return;
    if (shown && shown.query !== state.query) return store.set({ query: shown.query });
    const mine = ++turn;
    const slow = setTimeout(() => store.set({ pending: true }), SHIMMER_AFTER_MS);
    try {
      const made = shown && (await make({ ...state, shown }, session));
      const shared = shown && state.ends !== ENDS[0] ? await sharedEnds({ ...state, shown }, session) : null;
      if (mine !== turn) return;
      const picture = made && afterEdits(scaled(made, state, shared), state);
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

/** @param {Resolved} state @param {Session} session */
async function make(state, session) {
  const { site, kind, method, offer } = state.shown;
  if (method === "mask") return maskPicture(state.analysisData, await session.mask());
  if (method === "positions") return positions(state, session);
  return offer ? whole(state, session) : kind.picture(state, site, session);
}

/** How alike positions are: one place's to all, or those of all words. @param {Resolved} state @param {Session} session */
async function positions(state, session) {
  const { site, positions: shown } = state.shown;
  if (!shown) return null;
  const found = await session.positions(shown.parameters);
  return shown.of !== "photo" && isWriting(site) ? wordPositionsPicture(state, site, found) : pictures.positionPicture(shown.cell, found);
}

/** A map of the network, with the label of the class that it is for. @param {Resolved} state @param {Session} session */
async function whole(state, session) {
  const { method, parameters } = state.shown;
  const named = isForClass(state) && !forWords(state.analysisData) && lacksLabel(state);
  const [map, labels] = await Promise.all([
    session.map(method, parameters),
    named ? session.labels().catch(() => null) : state.labels,
  ]);
  return pictures.networkPicture({ ...state, labels }, map);
}

/** Fetches the neighbours of the shown site first, then all, and notes each site's number for the depth strip. @param {Context} context */
async function prefetch({ store, session }) {
  const { analysisData: analysis, site: shown } = store.get();
  if (!analysis) return;
  const at = analysis.sites.findIndex((site) => site.id === shown);
  const distance = (/** @type {Site} */ site) => Math.abs(analysis.sites.indexOf(site) - at);
  const nearest = [...analysis.sites].sort((a, b) => distance(a) - distance(b));
  const over = () => store.get().analysisData !== analysis || store.get().site !== shown;
  let bytes = 0;
  for (const site of nearest) {
    if (over()) return;
    const kind = kindOf(site);
    if (!kind.ahead || (bytes += kind.bytes(site)) > PREFETCH_BYTES) continue;
    const data = await kind.ahead(site, session).catch(() => null);
    if (over()) return;
    const { summaries } = store.get();
    if (!data || site.id in summaries) continue;
    store.set({ summaries: { ...summaries, [site.id]: pictures.summary(site, data) } });
    await new Promise(whenIdle);
  }
}

/** @param {(value?: unknown) => void} work */
function whenIdle(work) {
  if ("requestIdleCallback" in window) requestIdleCallback(() => work(), { timeout: 500 });
  else setTimeout(work, 50);
}
