// Which maps held, measured over many photos of this network: in that order, and which are no better than a blob.

import { say } from "../../language/language.js";
import { h } from "../../ui/dom.js";
import { byStanding, isForClass, offerOf, targetOf } from "../../sites/methods.js";

/** @type {Record<string, string>} */
const VERDICTS = {
  better: say("better than a blob in the middle"),
  "no better": say("no better than a blob in the middle"),
  worse: say("worse than a blob in the middle"),
};

/** @param {State} state @param {(patch: Partial<State>) => void} set @returns {Element[]} */
export function believed(state, set) {
  const { analysisData: analysis, shown } = state;
  const sorted = byStanding(analysis.maps.filter(({ measured, reason }) => measured && reason === null));
  if (!sorted.length) return [];
  // What a site shows of itself has no name of its own among what can be shown.
  const shownAs = (/** @type {string} */ name) => (offerOf(analysis, name) ? name : "site");
  return [
    h("h3", {}, say("Which map to believe")),
    h(
      "p",
      { class: "quiet" },
      say("With this network over {n} photos, the best first: the area of insertion less that of deletion, mean ± standard error.", {
        n: sorted[0].measured?.photos ?? 0,
      }),
    ),
    h(
      "ol",
      { class: "believed" },
      sorted.map(({ name, title, measured, for_class: forClass }) =>
        h(
          "li",
          {},
          h(
            "button",
            {
              type: "button",
              class: "why",
              "aria-pressed": String(shownAs(name) === shown?.method),
              onclick: () => set({ method: shownAs(name), ...(forClass && !isForClass(state) ? { target: targetOf(state) } : {}) }),
            },
            h("span", { class: "prediction" }, h("span", {}, title), h("span", { class: "number" }, score(measured))),
            measured && h("span", { class: "quiet", title: measured.sentence }, VERDICTS[measured.verdict]),
          ),
        ),
      ),
    ),
  ];
}

/** @param {{score: number, error: number} | null | undefined} measured */
function score(measured) {
  if (!measured) return "";
  const told = measured.score.toFixed(2).replace("-", "−");
  return `${told} ± ${measured.error.toFixed(2)}`;
}
