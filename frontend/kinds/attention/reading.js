// What Look says of an attention: whose look it is, and what of a row lies off the photo.

import { say } from "../../language/language.js";
import { h } from "../../ui/dom.js";
import { percent } from "../../ui/format.js";
import { sinksSaid } from "./sinks.js";
import { isCross, isInner, isMasked, isOfPatches, isWordMatrix, prefixName } from "../../sites/sites.js";

/** @param {Drawn} state @param {AttentionSite} site @param {Session} session @param {(patch: Partial<State>) => void} set */
export async function reading(state, site, session, set) {
  const own = state.picture.form === "map" && state.shown.method === "site";
  return [whose(state, site), own && isOfPatches(site) && (await sinksSaid(state, site, session, set))];
}

/** @param {Drawn} state @param {AttentionSite} site */
function whose(state, site) {
  const { picture, direction, analysisData: analysis } = state;
  const own = state.shown.method === "site";
  if (isCross(site)) return words(say("Each word is written with a look at the photo. Choose a word below the photo."));
  if (isMasked(site))
    return words(say("A word may look only at the words before it, so the matrix is a triangle: what is above its diagonal did not exist yet."));
  if (isWordMatrix(site)) return words(say("Each row is a word that looks, each column a word that is looked at; a row adds up to 1."));
  if (picture.form === "map" && own && isInner(site, analysis.sites))
    return h(
      "p",
      { class: "note" },
      say("Inside each of the {windows} patches: its {keys} smaller pieces look at each other only. What is hatched lies in other patches, which look at each other at the sites between.", { windows: site.windows, keys: site.keys }),
    );
  if (picture.form === "map" && own && site.note)
    return h("p", { class: "note" }, site.note, site.windows ? ` ${say("What is hatched lies outside this one.")}` : "");
  if (picture.form === "matrix")
    return h(
      "p",
      { class: "note" },
      site.note ?? say("Where these tokens lie on the photo is not known, so the whole matrix is shown."),
    );
  if (!picture.prefix || direction !== "from") return null;
  const onPlaces = picture.values.reduce(
    (/** @type {number} */ sum, /** @type {number} */ value) => sum + value,
    0,
  );
  return h(
    "p",
    { class: "quiet" },
    say("{share} of this attention goes to patches, {others}.", {
      share: percent(onPlaces),
      others: [...picture.prefix].map((value, i) => say("{share} to the {token}", { share: percent(value), token: prefixName(i) })).join(say(", ")),
    }),
  );
}

/** @param {string} text */
const words = (text) => h("p", { class: "quiet" }, text);
