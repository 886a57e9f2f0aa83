// What can stand side by side in Compare: networks, photos, layers, maps, and the network before and after edits.

import { sampleName, suits, thumbnailUrl } from "../api/samples.js";
import { said } from "../kinds/edits.js";
import { say } from "../language/language.js";
import { fitting } from "../sites/methods.js";
import { attends, siteTitle } from "../sites/sites.js";
import { comparableSites, firstOf, suggested } from "./comparison.js";

/**
 * What is needed to draw a pane.
 * @typedef {object} Seen
 * @property {Analysis} analysis
 * @property {ImageBitmap} bitmap
 * @property {Site[]} sites  that it may show
 * @property {number} at  which of them is shown
 * @property {{name: string, parameters: Record<string, string | number | null>} | null} map  of the whole network, in place of a site
 *
 * @typedef {object} Offer  one that can be chosen
 * @property {string} key
 * @property {string} title
 * @property {string} [picture]
 * @property {(signal: AbortSignal) => Promise<Seen>} see
 *
 * @typedef {"networks" | "photos" | "layers" | "maps" | "edits"} Mode
 */

const FIRST = 3;

/** @param {Mode} mode @param {State} state @param {Session} session @returns {Offer[]} the shown one first; fewer than two: nothing to compare */
export function offersOf(mode, state, session) {
  const { shown, photo } = state;
  if (!shown || !photo) return [];
  return { networks, photos, layers, maps, edits }[mode]({ ...state, shown }, session, photo.bitmap);
}

/** How many of the offers are shown at first. @param {Mode} mode @param {Offer[]} offers */
export const shownAtFirst = (mode, offers) => offers.slice(0, mode === "layers" ? 4 : FIRST);

/** @param {Analysis} analysis @param {ImageBitmap} bitmap @returns {Seen} */
function seen(analysis, bitmap) {
  const sites = comparableSites(analysis);
  if (!sites.length) throw new Error(say("This network has nothing that lies on the photo."));
  return { analysis, bitmap, sites, at: firstOf(sites), map: null };
}

/** @typedef {(state: Resolved, session: Session, bitmap: ImageBitmap) => Offer[]} Offering */

/** @type {Offering} */
const networks = ({ models, analysisData }, session, bitmap) =>
  suggested(models, analysisData.model, session.kindOfModel).map(({ id, title }) => ({
    key: id,
    title,
    see: async (signal) => seen(await session.analyseWith(id, signal), bitmap),
  }));

/** The shown photo, one's own, and samples that the network knows. @type {Offering} */
function photos({ samples, own, sample, photo, shown, model }, session, bitmap) {
  const { analysis, site } = shown;
  const at = (/** @type {Seen} */ one) => ({ ...one, at: Math.max(0, one.sites.findIndex(({ id }) => id === site.id)) });
  /** @type {(load: (signal: AbortSignal) => Promise<Blob>) => Offer["see"]} */
  const other = (load) => async (signal) => {
    const { analysis: found, bitmap: pixels } = await session.analysePhoto(await load(signal), analysis.model, signal);
    return at(seen(found, pixels));
  };
  const present = samples.find((one) => sampleName(one) === sample);
  return [
    { key: "shown", title: present?.title ?? say("Your photo"), see: async () => at(seen(analysis, bitmap)) },
    ...own
      .filter((blob) => blob !== photo?.blob)
      .map((blob, at) => ({ key: `own-${at}`, title: (blob instanceof File && blob.name) || say("Your photo {n}", { n: at + 1 }), see: other(async () => blob) })),
    ...[...samples]
      .filter((one) => one !== present && one.kind === session.kindOfModel(model ?? ""))
      .sort((a, b) => Number(suits(b, model ?? "", samples)) - Number(suits(a, model ?? "", samples)))
      .map((one) => ({ key: one.file, title: one.title, picture: thumbnailUrl(one.file), see: other((signal) => session.samplePhoto(one.file, signal)) })),
  ];
}

/** The shown layer, and others of the network spread over its depth. @type {Offering} */
function layers({ shown: { analysis, site } }, _, bitmap) {
  const sites = comparableSites(analysis);
  const kind = sites.filter((one) => one.kind === site.kind);
  const spread = [...kind].sort((a, b) => rankOf(kind, a) - rankOf(kind, b));
  return [...new Set([...spread, ...sites])].map((one) => ({
    key: one.id,
    title: siteTitle(one),
    see: async () => ({ analysis, bitmap, sites: [one], at: 0, map: null }),
  }));
}

/** The first, the last, then those between by halves. @param {Site[]} all @param {Site} one */
function rankOf(all, one) {
  const order = [0, all.length - 1, Math.floor(all.length / 3), Math.floor((2 * all.length) / 3)];
  const at = order.indexOf(all.indexOf(one));
  return at < 0 ? order.length + all.indexOf(one) : at;
}

/** The site itself and the maps that can be had at it. @type {Offering} */
function maps(state, _, bitmap) {
  const { analysis, site, kind, parameters } = state.shown;
  const own = comparableSites(analysis).some(({ id }) => id === site.id);
  const target = analysis.predictions[0]?.index ?? null;
  /** @type {(map: import("../sites/methods.js").Offer) => Record<string, string | number | null>} */
  const asked = (map) =>
    map.kinds.length ? { site: site.id } : map.for_class ? { target: parameters.target ?? target } : {};
  return [
    ...(own ? [{ key: "site", title: attends(site) ? siteTitle(site) : kind.here, see: async () => ({ analysis, bitmap, sites: [site], at: 0, map: null }) }] : []),
    ...fitting(analysis, site)
      .filter(({ name }) => name !== "positions" && !(analysis.output?.kind === "caption"))
      .map((map) => ({
        key: map.name,
        title: map.title,
        see: async () => ({ analysis, bitmap, sites: [site], at: 0, map: { name: map.name, parameters: asked(map) } }),
      })),
  ];
}

/** The network as it is, and as it was edited. @type {Offering} */
function edits({ base, basePhoto, edited, photo, shown: { site }, edits: list }) {
  if (!base || !edited || !photo) return [];
  /** @type {(analysis: Analysis, bitmap: ImageBitmap) => Offer["see"]} */
  const of = (analysis, bitmap) => async () => {
    const one = seen(analysis, bitmap);
    return { ...one, at: Math.max(0, one.sites.findIndex(({ id }) => id === site.id)) };
  };
  const what = list.map((edit) => said(edit, base.sites)).join("; ");
  return [
    { key: "before", title: say("Before"), see: of(base, (basePhoto ?? photo).bitmap) },
    { key: "after", title: say("After: {what}", { what }), see: of(edited.analysis, (edited.photo ?? photo).bitmap) },
  ];
}
