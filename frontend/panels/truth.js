// Is it true? What hiding, or showing, what the shown map marks does to the answer, beside maps that know nothing; what
// each part of the network, or of the photo, is worth; and which maps held over many photos.

import { say } from "../language/language.js";
import { h, put } from "../ui/dom.js";
import { believed } from "./parts/believed.js";
import { measuring } from "./parts/measuring.js";
import { sweeping } from "./parts/sweeping.js";

const DRAWN_FROM = ["analysisData", "tab", "picture", "edits", "brush", "site", "target", "tables"];

/** @param {HTMLElement} root @param {Context} context */
export function mountTruth(root, context) {
  const { store } = context;
  const measured = h("div", { class: "group truth-measure" });
  const order = h("div", { class: "group truth-order" });
  const swept = h("div", { class: "group truth-sweep" });
  root.append(measured, order, swept);
  const parts = [measuring(measured, context), sweeping(swept, context)];

  // An edit made from a cell of the sweep leaves the sweep where it is.
  store.on(["base"], () => parts.forEach(({ forget }) => forget()));
  store.on(DRAWN_FROM, (state) => {
    if (state.tab !== "truth" || !state.analysisData) return;
    if (!state.analysisData.predictions.length || !state.photo) {
      put(measured, h("p", { class: "note" }, say("A map is weighed by the probability of a class: a network that classifies photos has one.")));
      return put(order), put(swept);
    }
    parts.forEach(({ draw }) => draw(state));
    put(order, ...believed(state, store.set));
  });
}
