// Does the shown map mark what counts? A measure is chosen, measured as a job, and told as a sentence over its curve.

import { say } from "../../language/language.js";
import { brushedBoxes } from "./truth_boxes.js";
import { curves, table } from "./curves.js";
import { h, segmented } from "../../ui/dom.js";
import { keepingFocus } from "../../ui/focus.js";
import { problemNote, working } from "./job.js";
import { numbersOf } from "../../view/numbers_of.js";

/** @typedef {"deletion" | "insertion" | "road" | "random-weights" | "truth"} Measure */

const MEASURES = [
  { value: "deletion", text: say("Hide"), title: say("Deletion: the cells that the map marks most are hidden first") },
  { value: "insertion", text: say("Show"), title: say("Insertion: on a blurred photo the cells that the map marks most are shown first") },
  { value: "road", text: say("Fill"), title: say("ROAD: hidden pixels are filled from those beside them, so that holes have no shape") },
  { value: "random-weights", text: say("Unlearn"), title: say("Random weights: a map that stays as it is without them says nothing about what was learnt") },
  { value: "truth", text: say("Point"), title: say("Known truth: how much of the map lies on the places that you mark") },
];

/** @type {Record<Measure, () => string>} */
const ASKS = {
  deletion: () => say("How fast does the answer fall as the cells that this map marks most are hidden?"),
  insertion: () => say("How fast does the answer come as the cells that this map marks most are shown on a blurred photo?"),
  road: () => say("The same as hiding, with each hole filled from beside it, so that the network cannot see its shape."),
  "random-weights": () => say("Does the map change as the network loses what it has learnt, layer by layer?"),
  truth: () => say("How much of the map lies where the thing is? Brush that on the photo."),
};

/** @param {HTMLElement} root @param {Context} context */
export function measuring(root, context) {
  const { store, session } = context;
  /** @type {Measure} */
  let measure = "deletion";
  const jobs = working(context, "evidence", () => draw(store.get()));
  let turn = 0;

  /** What is measured, as the API takes it; null where what is shown is no map of places. @param {State} state */
  async function asked(state) {
    const { shown, picture } = state;
    const numbers = shown && picture?.form === "map" ? await numbersOf({ ...state, shown }, session).catch(() => null) : null;
    if (!numbers?.map || numbers.map === "positions") return null;
    const options = Object.fromEntries(Object.entries(numbers.options).filter(([, value]) => value != null));
    const body = { map: numbers.map, options, measure, ...(options.target == null ? {} : { target: options.target }) };
    if (measure !== "truth") return body;
    return { ...body, mask: state.brush?.length ? { boxes: brushedBoxes(state) } : null };
  }

  /** @param {State} state */
  async function draw(state) {
    const mine = ++turn;
    const body = await asked(state);
    if (mine !== turn || state.tab !== "truth") return;
    const result = body && jobs.result(body);
    const found = result?.of === state.analysisData.id ? result.found : null;
    const failed = found instanceof Error && /** @type {Problem} */ (found);
    keepingFocus(
      root,
      h("h3", {}, say("Does this map mark what counts?")),
      segmented(say("Measure"), /** @type {any} */ (MEASURES), measure, (/** @type {Measure} */ value) => {
        measure = value;
        if (value !== "truth" && store.get().brush) store.set({ brush: null });
        draw(store.get());
      }),
      h("p", { class: "quiet" }, ASKS[measure]()),
      body ? controls(state, body, Boolean(found)) : h("p", { class: "note" }, say("What is shown is no map over the photo; show one to measure it.")),
      jobs.bar() ?? (failed && problemNote(failed)),
      ...(found && !failed ? told(found) : []),
    );
  }

  /** @param {State} state @param {Record<string, any>} body @param {boolean} again */
  function controls(state, body, again) {
    const brushes = measure === "truth";
    const start = h(
      "button",
      { type: "button", class: "button", id: "measure", disabled: brushes && !body.mask, onclick: () => jobs.start(body) },
      again ? say("Measure again") : say("Measure this map"),
    );
    if (!brushes) return h("div", { class: "row" }, start);
    const brush = h(
      "button",
      {
        type: "button",
        class: "button",
        "aria-pressed": String(state.brush != null),
        onclick: () => store.set({ brush: state.brush ? null : [] }),
      },
      say("Brush on the photo"),
    );
    return h("div", { class: "row" }, brush, start);
  }

  return { draw, forget: jobs.forget };
}

/** @param {any} found */
function told(found) {
  return [
    h("p", { class: "verdict", role: "status" }, found.sentence),
    h("p", { class: "quiet" }, say("For “{label}”. {map}.", { label: found.target.label, map: found.map_sentence.replace(/\.$/, "") })),
    ...curves(found),
    table(found),
  ];
}
