// How it works: the shown mechanism in a few lines, with this photo's own numbers.

import { h, put } from "../dom.js";
import { siteOf } from "../drawing.js";
import { EXPLANATIONS } from "../explanations.js";

/** @param {HTMLElement} root @param {import("../drawing.js").Context} context */
export function mountHow(root, { store, session }) {
  let frame = 0;
  store.on(["analysisData", "site", "picture", "tab", "hover", "head"], (state) => {
    if (state.tab !== "how") return;
    cancelAnimationFrame(frame);
    frame = requestAnimationFrame(() => explain());
  });

  async function explain() {
    const state = store.get();
    const site = siteOf(state);
    if (!site) return;
    const lines = await EXPLANATIONS[site.kind](state, site, session).catch((/** @type {any} */ error) => [
      h("p", { class: "note" }, error.message),
    ]);
    if (siteOf(store.get()) === site) put(root, lines);
  }
}
