// The kinds of sites by the names that the server gives them: the only list on the page.

import { attention } from "./attention/kind.js";
import { channelGate, spatialGate } from "./gate/kind.js";
import { stripGate } from "./strip/kind.js";
import { spatialTransformer } from "./warp/kind.js";

/** @type {Record<string, SiteKind>} */
export const KINDS = {
  attention,
  "channel-gate": channelGate,
  "spatial-gate": spatialGate,
  "strip-gate": stripGate,
  "spatial-transformer": spatialTransformer,
};

/** @param {Site} site @returns {SiteKind} */
export const kindOf = (site) => KINDS[site.kind];

/** The tabs that apply, in order. @param {Site | null} site */
export function tabsOf(site) {
  if (!site) return ["look"];
  const own = kindOf(site).tab;
  const middle = own === "heads" ? ((site.heads ?? 0) > 1 ? ["heads"] : []) : own ? [own] : [];
  return ["look", ...middle, "numbers", "how", "what-if", "truth"];
}
