// The maps of an analysis as the server lists them: which it can have, what they are called, and why others are not.

/**
 * @typedef {object} Offer  one of an analysis's `maps`
 * @property {string} name
 * @property {string} title
 * @property {string} summary
 * @property {string} claim  what kind of statement it is; a saliency is about the answer, not about who looks where
 * @property {string} equation
 * @property {string} paper
 * @property {string | null} reason  why this analysis cannot have it
 * @property {string} sentence_english  with {names} of its parameters
 * @property {Record<string, unknown>} sentence_parameters
 * @property {boolean} for_class  for a class, or for a word that was written
 * @property {boolean} on_photo
 * @property {import("../types/wire.js").Standing | null} [measured]  how it held over many photos
 * @property {string[]} kinds  of the sites that it can be of by itself; empty: it is of the whole network
 */

/** Where a site shows itself, an analysis has an address for that; other maps are under maps/. @param {Site["views"][number]} view */
const isMap = (view) => view.href.includes("/maps/");

/** The maps that are shown in place of a site. @param {Analysis} analysis @returns {Offer[]} */
export function offers({ maps = [], sites }) {
  const ofSites = new Set(sites.flatMap((site) => (site.views ?? []).filter(isMap).map((view) => view.name)));
  const whole = (/** @type {Offer} */ offer) => !offer.kinds.length && offer.on_photo && offer.claim !== "mask";
  return maps.filter((/** @type {Offer} */ offer) => whole(offer) || ofSites.has(offer.name));
}

/** What the server says of a map; undefined for what is no map that the page shows. @param {Analysis} analysis @param {string} method @returns {Offer | undefined} */
export const offerOf = (analysis, method) => offers(analysis).find(({ name }) => name === method);

/** Whether a map can be had of a network, and, where it is of one site, of the shown one. @param {string} method @param {Analysis} analysis @param {Site | null} [site] */
export function possible(method, analysis, site) {
  const offer = offerOf(analysis, method);
  if (!offer) return false;
  if (!offer.kinds.length) return offer.reason === null;
  const view = site?.views?.find((one) => one.name === method);
  return view?.reason === null;
}

/** Maps as they held over many photos of the network, the best first; those that were not measured come after. @template {Pick<Offer, "measured">} T @param {T[]} maps @returns {T[]} */
export const byStanding = (maps) => [...maps].sort((one, other) => (one.measured?.rank ?? Infinity) - (other.measured?.rank ?? Infinity) || 0);

/** The maps that can be had at a site, as they held. @param {Analysis} analysis @param {Site | null} site */
export const fitting = (analysis, site) => byStanding(offers(analysis).filter(({ name }) => possible(name, analysis, site)));

/** Whether the shown map is for a class or a word. @param {Pick<State, "shown">} state */
export const isForClass = ({ shown }) => Boolean(shown?.offer?.for_class);

/**
 * What is shown at a site: the chosen map, or the site itself where that map is not to be had, as behind another layer.
 * @param {Pick<State, "method" | "analysisData">} state @param {Site | null} site
 */
export function shownMethod({ method, analysisData }, site) {
  if (method === "mask") return analysisData.output?.kind === "mask" ? method : "site";
  return possible(method, analysisData, site) ? method : "site";
}

/** Whether maps are for words that were written, not for classes. @param {Analysis} analysis */
export const forWords = ({ output }) => output?.kind === "caption";

/** The class a map is for: the chosen one, else the predicted one. @param {Pick<State, "target" | "analysisData">} state */
export const targetOf = ({ target, analysisData }) => target ?? analysisData.predictions[0]?.index ?? null;
