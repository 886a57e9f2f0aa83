// Which chapter shows what.

import { isCross, isInner, isMasked, isWordMatrix, ownWords } from "../sites/sites.js";

/** @typedef {import("./types.js").About} About */

/** What is shown by the chapter of something more general, where nobody shows it itself. @type {Record<string, string>} */
const ELSE = { "spatial-gate": "cbam", patches: "vit", input: "what", answer: "what", cross: "masked", inner: "attention", "feed-forward": "attention", "feature-map-attention": "attention" };

/** @param {About[]} chapters @param {string} shows @returns {About | undefined} */
export function chapterFor(chapters, shows) {
  const found = chapters.find((one) => one.shows?.includes(shows));
  const more = ELSE[shows];
  return found ?? (more ? chapterFor(chapters, more) : undefined);
}

/** @param {Model | undefined} model */
function gatesOf(model) {
  if (model?.mechanisms?.includes("cbam")) return "cbam";
  return model?.mechanisms?.includes("efficient-channel-attention") ? "eca" : "se";
}

/**
 * Which chapter's matter a site is.
 * @param {any} site @param {Analysis} analysis @param {Model | undefined} model @param {string} [gates] what its channel gates are
 */
export function showsOf(site, analysis, model, gates = gatesOf(model)) {
  if (site.kind === "spatial-transformer") return "spatial-transformer";
  if (site.kind === "channel-gate") return gates;
  if (site.kind !== "attention") return "spatial-gate";
  if (isMasked(site)) return "masked";
  if (isCross(site) || (isWordMatrix(site) && !ownWords(site))) return "cross";
  if (isInner(site, analysis.sites)) return "inner";
  return model?.mechanisms?.includes("feature-map-attention") ? "feature-map-attention" : "attention";
}

/** The address of a chapter, from the page, with what is open there. @param {string} slug @param {Analysis} analysis @param {string | null} sample */
export function lessonAddress(slug, { id, of, model, text }, sample) {
  const asked = new URLSearchParams();
  if (text == null) asked.set("photo", sample ?? of ?? id);
  if (!slug) asked.set("model", model);
  return `learn/${slug}${asked.size ? `?${asked}` : ""}`;
}
