// What can be chosen of the shown site: what is shown, who asks, which way, which heads.

import { say } from "../../language/language.js";
import { h, segmented } from "../../ui/dom.js";
import { fitting, forWords } from "../../sites/methods.js";
import { headOf } from "../../sites/picture.js";
import { askedGrid, attends, wordsOf } from "../../sites/sites.js";

/** @typedef {(patch: Partial<State>) => void} Set  changes the state */

/** @param {Resolved} state @param {Set} set @param {(beams: number) => void} chooseBeams */
export function controls(state, set, chooseBeams) {
  const { site, method } = state.shown;
  const own = attends(site) && method === "site";
  return [
    showControl(state, set),
    classMethod(state, set),
    own && askedGrid(site, state.direction) && whoAsks(state, site, set),
    own && askedGrid(site, state.direction) && whichWay(state, set),
    own && site.heads > 1 && heads(state, site, set),
    wordsOf(state.analysisData.output).length > 0 && search(state, chooseBeams),
    state.analysisData.output?.kind === "mask" && method === "site" && outline(state, set),
  ];
}

/** A map as a button. @param {import("../../sites/methods.js").Offer} map */
const choice = ({ name, title, summary }) => ({ value: name, text: title, title: summary });

/** The layer, the mask, or a map of the whole network. @param {Resolved} state @param {Set} set */
function showControl(state, set) {
  const { analysis, site, kind, method } = state.shown;
  const maps = fitting(analysis, site);
  const forClass = maps.filter((map) => map.for_class);
  const choices = [
    analysis.output?.kind === "mask" && { value: "mask", text: say("Mask"), title: say("The class of every place") },
    {
      value: "site",
      text: analysis.output?.kind === "mask" && attends(site) ? say("Attention") : kind.here,
    },
    ...maps.filter((map) => !map.for_class).map(choice),
    forClass.length > 0 && {
      value: forClass[0].name,
      text: forWords(analysis) ? say("For the word") : forClass.length > 1 ? say("For a class") : forClass[0].title,
      title: forClass[0].summary,
    },
  ].filter((one) => one !== false);
  if (choices.length < 2) return false;
  const chosen = forClass.some(({ name }) => name === method) ? forClass[0].name : method;
  return row(
    say("Show"),
    segmented(say("Show"), choices, chosen, (value) => set({ method: value })),
  );
}

/** Which map for a class, and what it is in a sentence. @param {Resolved} state @param {Set} set */
function classMethod({ shown: { analysis, site, method, offer: shown } }, set) {
  if (!shown) return false;
  const choices = fitting(analysis, site).filter((map) => map.for_class).map(choice);
  return h(
    "div",
    { class: "group" },
    shown.for_class &&
      choices.length > 1 &&
      row(
        say("Method"),
        segmented(say("Method"), choices, method, (value) => set({ method: value })),
      ),
    h("p", { class: "quiet" }, `${shown.summary} (${shown.paper}).`),
    shown.measured && h("p", { class: "quiet", id: "standing" }, shown.measured.sentence),
  );
}

/** @param {State} state @param {Site} site @param {Set} set */
function whoAsks({ query }, site, set) {
  return row(
    say("Query"),
    h(
      "div",
      { class: "row" },
      h(
        "button",
        {
          type: "button",
          class: "button",
          id: "class-token",
          "aria-pressed": String(query === "cls"),
          title: site.prefix_tokens
            ? say("A token without a place: the network's answer is made from it")
            : say("The patch in the middle of the photo"),
          onclick: () => set({ query: "cls", hover: null }),
        },
        site.prefix_tokens ? say("Class token") : say("Centre patch"),
      ),
      h("span", { class: "quiet" }, query === "cls" ? say("or a patch of the photo") : say("a pinned patch")),
    ),
  );
}

/** @param {State} state @param {Set} set */
function whichWay({ direction }, set) {
  return row(
    say("Direction"),
    segmented(
      say("Direction"),
      /** @type {{value: State["direction"], text: string, title: string}[]} */ ([
        { value: "from", text: say("looks at"), title: say("A row of the attention matrix") },
        { value: "to", text: say("is looked at by"), title: say("A column of the attention matrix") },
      ]),
      direction,
      (value) => set({ direction: value }),
    ),
  );
}

/** @param {State} state @param {AttentionSite} site @param {Set} set */
function heads(state, site, set) {
  /** @type {{value: import("../../sites/attention_rows.js").Head, text: string, title: string}[]} */
  const each = Array.from({ length: site.heads }, (_, i) => ({ value: i, text: String(i), title: say("Head {i} alone", { i }) }));
  /** @type {typeof each} */
  const fused = [
    { value: "mean", text: say("mean"), title: say("The mean over all heads") },
    { value: "max", text: say("max"), title: say("The largest of all heads, place by place") },
    { value: "min", text: say("min"), title: say("The smallest of all heads, place by place") },
  ];
  return row(
    say("Heads"),
    segmented(say("Heads"), [...fused, ...each], headOf(state, site.heads), (value) => set({ head: value })),
  );
}

/** How the words are searched for. @param {State} state @param {(beams: number) => void} choose */
function search({ analysisData: analysis }, choose) {
  const choices = [
    { value: 1, text: say("greedy"), title: say("Each word is the likeliest one") },
    ...[3, 5].map((beams) => ({
      value: beams,
      text: say("{beams} beams", { beams }),
      title: say("{beams} beginnings are followed at once, and the likeliest sentence is kept", { beams }),
    })),
  ];
  return row(say("Search"), segmented(say("Search"), choices, analysis.output && "beams" in analysis.output ? analysis.output.beams : 1, choose));
}

/** @param {State} state @param {Set} set */
function outline(state, set) {
  const box = h("input", { type: "checkbox", id: "outline", onchange: () => set({ outline: box.checked }) });
  box.checked = state.outline;
  return h("label", { class: "check" }, box, say("border of the mask"));
}

/** @param {string} label @param {Element} control */
const row = (label, control) => h("div", { class: "control" }, h("span", { class: "quiet" }, label), control);
