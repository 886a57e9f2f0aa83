// The kinds of sites by the names that the server gives them. One line for each folder: a page without a build step
// cannot list folders, and imports that are written out are the ones that the server sends ahead.

import * as attention from "./attention/kind.js";
import * as gate from "./gate/kind.js";
import * as strip from "./strip/kind.js";
import * as warp from "./warp/kind.js";

/** @type {Record<string, SiteKind>} */
export const KINDS = { ...attention.kinds, ...gate.kinds, ...strip.kinds, ...warp.kinds };

/** @param {Site} site @returns {SiteKind} */
export const kindOf = (site) => KINDS[site.kind];

/** The tabs that apply, in order. @param {Site | null} site */
export function tabsOf(site) {
  if (!site) return ["look"];
  const own = kindOf(site).tab;
  const middle = own === "heads" ? ((site.heads ?? 0) > 1 ? ["heads"] : []) : own ? [own] : [];
  return ["look", ...middle, "numbers", "how", "what-if", "truth"];
}
