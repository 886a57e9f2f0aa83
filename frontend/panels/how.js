// How it works: the shown mechanism in a few lines, with this photo's own numbers.

import { h, put } from "../ui/dom.js";
import { siteOf } from "../view/keep_picture.js";
import { kindOf } from "../kinds/registry.js";
import { networkMap } from "../kinds/network/explanation.js";
import { positions } from "../kinds/positions/explanation.js";
import { mask, words } from "../kinds/words/explanation.js";
import { possible } from "../sites/methods.js";

/** @param {HTMLElement} root @param {Context} context */
export function mountHow(root, { store, session }) {
  let frame = 0;
  store.on(["analysisData", "site", "picture", "tab", "hover", "query", "head", "word"], (state) => {
    if (state.tab !== "how") return;
    cancelAnimationFrame(frame);
    frame = requestAnimationFrame(() => explain());
  });

  /** @param {State} state @param {Site} site @returns {Promise<Element[]>} */
  async function explained(state, site) {
    if (state.picture?.form === "mask") return mask();
    if (state.method === "positions" && possible(state.method, state.analysisData, site)) return positions(state, site, session);
    if (possible(state.method, state.analysisData, site)) return networkMap(state, site);
    if (site.query_labels) return words(state, site, session);
    return kindOf(site).explanation(state, site, session);
  }

  async function explain() {
    const state = store.get();
    const site = siteOf(state);
    if (!site) return;
    const lines = await explained(state, site).catch((/** @type {any} */ error) => [
      h("p", { class: "note" }, error.message),
    ]);
    if (siteOf(store.get()) === site) put(root, lines);
  }
}
