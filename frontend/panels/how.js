// How it works: the shown mechanism in a few lines, with this photo's own numbers.

import { say } from "../language/language.js";
import { chapterFor, lessonAddress, showsOf } from "../learn/links.js";
import { h, put } from "../ui/dom.js";
import { networkMap } from "../kinds/network/explanation.js";
import { positions } from "../kinds/positions/explanation.js";
import { isWriting } from "../sites/sites.js";
import { mask, words } from "../kinds/words/explanation.js";

/** @param {HTMLElement} root @param {Context} context */
export function mountHow(root, { store, session }) {
  let frame = 0;
  store.on(["analysisData", "site", "picture", "tab", "hover", "query", "head", "word"], (state) => {
    if (state.tab !== "how") return;
    cancelAnimationFrame(frame);
    frame = requestAnimationFrame(() => explain());
  });

  /** @param {Resolved} state @returns {Promise<Element[]>} */
  async function explained(state) {
    const { site, kind, offer, method, positions: places } = state.shown;
    if (method === "mask") return mask();
    if (places) return positions(state, session);
    if (offer) return networkMap(state, site);
    if (isWriting(site)) return words(state, site, session);
    return kind.explanation(state, site, session);
  }

  async function explain() {
    const state = store.get();
    const { shown } = state;
    if (!shown) return;
    const lines = await explained({ ...state, shown }).catch((error) => [
      h("p", { class: "note" }, error.message),
    ]);
    if (store.get().shown?.site !== shown.site) return;
    put(root, lesson({ ...state, shown }), lines);
    reachable();
  }

  /** A formula that is wider than the panel scrolls, by keys too. */
  function reachable() {
    for (const math of root.querySelectorAll("math[display=block]")) {
      if (math.scrollWidth > math.clientWidth) math.setAttribute("tabindex", "0");
      else math.removeAttribute("tabindex");
    }
  }
  new ResizeObserver(reachable).observe(root);

  /** Where the lesson teaches what is shown. @param {Resolved} state */
  function lesson({ chapters, models, analysisData, sample, shown }) {
    const model = models.find(({ id }) => id === analysisData.model);
    const found = chapterFor(chapters, shown.positions ? "positions" : showsOf(shown.site, analysisData, model));
    return found && h("p", {}, h("a", { href: lessonAddress(found.slug, analysisData, sample) }, say("The chapter of the lesson about this")));
  }
}
