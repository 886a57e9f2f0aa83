// The scale of the colours: what values are turned into, and where the colours end.

import { say } from "../../language/language.js";
import { hasShared } from "../../kinds/attention/head_maps.js";
import { ENDS, fixedEnds } from "../../sites/drawn.js";
import { h } from "../../ui/dom.js";

/** @type {Record<import("../../paint/scale.js").SCALES[number], string>} */
const SCALE_NAMES = { linear: say("linear"), percentile: say("clip peaks"), sqrt: say("square root"), log: say("logarithmic") };

/** @type {Record<ENDS[number] | "fixed", string>} */
const END_NAMES = { map: say("this map"), layer: say("this layer"), network: say("this network"), fixed: say("fixed …") };

/** @param {Store} store @returns {HTMLElement} */
export function mountScale(store) {
  const scale = h(
    "select",
    {
      id: "scale",
      "aria-label": say("Scale of the colours"),
      title: say("Clip peaks: colours end at the 95th percentile. Square root and logarithm tell small values apart."),
      onchange: () => store.set({ scale: scale.value }),
    },
    Object.entries(SCALE_NAMES).map(([value, name]) => h("option", { value }, name)),
  );
  const ends = h(
    "select",
    {
      id: "ends",
      "aria-label": say("Where the colours end"),
      title: say("At the smallest and largest value of this map, of all heads of its layer or of the network, or at two numbers"),
      onchange: () => store.set({ ends: ends.value === "fixed" ? asShown() : ends.value }),
    },
    Object.entries(END_NAMES).map(([value, name]) => h("option", { value }, name)),
  );
  /** @param {string} id @param {string} name */
  const bound = (id, name) => h("input", { type: "number", step: "any", id, class: "bound number", "aria-label": name, onchange: () => fix() });
  const low = bound("ends-low", say("Lowest colour at"));
  const high = bound("ends-high", say("Highest colour at"));
  const bounds = h("span", { class: "bounds" }, low, "–", high);

  /** The ends that are drawn now, as numbers to begin with. */
  function asShown() {
    const { picture } = store.get();
    const round = (/** @type {number} */ value) => Number(value.toPrecision(3));
    return picture && picture.low < picture.high ? `${round(picture.low)}..${round(picture.high)}` : "0..1";
  }

  function fix() {
    const written = `${Number(low.value)}..${Number(high.value)}`;
    const right = fixedEnds(written) !== null;
    high.setCustomValidity(right ? "" : say("The highest must be above the lowest."));
    high.reportValidity();
    if (right) store.set({ ends: written });
  }

  const show = () => {
    const state = store.get();
    const fixed = fixedEnds(state.ends);
    const shared = state.shown !== null && hasShared(state.shown);
    scale.value = state.scale;
    for (const option of ends.options) option.hidden = !shared && (option.value === "layer" || option.value === "network");
    ends.value = fixed ? "fixed" : shared ? state.ends : ENDS[0];
    bounds.hidden = !fixed;
    if (fixed) [low.value, high.value] = fixed.map(String);
  };
  show();
  store.on(["scale", "ends", "shown", "site", "method", "analysisData"], show);
  return h("span", { class: "scales" }, scale, ends, bounds);
}
