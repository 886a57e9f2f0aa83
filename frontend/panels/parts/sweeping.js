// What each part is worth: parts are taken away one at a time, as a job. A matrix of cells, each a link to its edit; over
// patches also what the shown map says of them, against what hiding them does.

import { say } from "../../language/language.js";
import { h, put, segmented } from "../../ui/dom.js";
import { keepingFocus } from "../../ui/focus.js";
import { kindOf } from "../../kinds/registry.js";
import { attends } from "../../sites/sites.js";
import { numbersOf } from "../../view/numbers_of.js";
import { effectMatrix } from "./effects.js";
import { problemNote, working } from "./job.js";
import { scatter } from "./scatter.js";

/** @typedef {"heads" | "layers" | "channels" | "patches"} Over */

/** @type {{value: Over, text: string, title: string}[]} */
const OVERS = [
  { value: "heads", text: say("Heads"), title: say("Each head off, one at a time") },
  { value: "layers", text: say("Layers"), title: say("What each attention adds left out, one layer at a time") },
  { value: "channels", text: say("Channels"), title: say("Each channel of a gate shut, one at a time") },
  { value: "patches", text: say("Patches"), title: say("Each patch of the photo hidden, one at a time") },
];

/** @param {HTMLElement} root @param {Context} context */
export function sweeping(root, context) {
  const { store, session } = context;
  /** @type {Over | null} */
  let chosen = null;
  const jobs = working(context, "sweeps", () => draw(store.get()));
  let turn = 0;

  /** @param {State} state @param {Over} over */
  async function asked(state, over) {
    const target = state.target == null ? {} : { target: state.target };
    if (over !== "patches") return { over, ...target };
    const { shown, picture } = state;
    const numbers = shown && picture?.form === "map" ? await numbersOf({ ...state, shown }, session).catch(() => null) : null;
    if (!numbers?.map || numbers.map === "positions") return { over, ...target };
    const options = Object.fromEntries(Object.entries(numbers.options).filter(([, value]) => value != null));
    return { over, ...target, map: numbers.map, options };
  }

  /** @param {State} state */
  async function draw(state) {
    const fitting = OVERS.filter(({ value }) => has(state, value));
    const over = fitting.find(({ value }) => value === chosen)?.value ?? fitting[0]?.value;
    if (!over) return put(root);
    const mine = ++turn;
    const body = await asked(state, over);
    if (mine !== turn || state.tab !== "truth") return;
    const result = jobs.result(body);
    const found = result?.found;
    const failed = found instanceof Error && /** @type {Problem} */ (found);
    keepingFocus(
      root,
      h("h3", {}, say("What is each part worth?")),
      segmented(say("Parts"), fitting, over, (/** @type {Over} */ value) => {
        chosen = value;
        draw(store.get());
      }),
      h("p", { class: "quiet" }, say("How far the logit of the class falls without each of them: positive where it speaks for the class.")),
      h(
        "div",
        { class: "row" },
        h("button", { type: "button", class: "button", id: "sweep", onclick: () => jobs.start(body) }, found ? say("Sweep again") : say("Take them away one by one")),
      ),
      jobs.bar() ?? (failed && problemNote(failed)),
      result && result.of !== state.analysisData.id && h("p", { class: "note" }, say("This is of the network before the last edit. Sweep again for the one that is shown.")),
      ...(found && !failed ? told(found, state) : []),
    );
  }

  /** @param {any} found @param {State} state */
  function told(found, state) {
    return [
      h("p", { class: "quiet", role: "status" }, found.sentence),
      effectMatrix(found, state, session),
      ...(found.agreement ? scatter(found) : []),
      found.missing?.length > 0 && h("p", { class: "quiet" }, say("Not tried: {why}", { why: found.missing[0].why })),
    ].filter(Boolean);
  }

  return { draw, forget: jobs.forget };
}

/** Whether the shown analysis has parts of this kind. @param {State} state @param {Over} over */
function has({ analysisData: { sites } }, over) {
  if (over === "patches") return sites.some(({ grid }) => grid && (grid.depth ?? 1) === 1 && grid.rows * grid.columns > 1);
  if (over === "channels") return sites.some((site) => kindOf(site).shuts && (site.channels ?? 0) > 0);
  return sites.some((site) => attends(site) && (over !== "heads" || site.heads > 0));
}
