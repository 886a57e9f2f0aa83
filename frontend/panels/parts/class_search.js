// Any class that the network tells apart, by search among its own labels: the class that a map is for, and the one
// whose map is taken away from it.

import { language, say } from "../../language/language.js";
import { h, put } from "../../ui/dom.js";
import { fitting, forWords, isForClass, targetOf } from "../../sites/methods.js";
import { labelOf } from "../../sites/network_sentences.js";

const MOST_SHOWN = 8;

/** @typedef {{index: number, label: string}} Found */

/**
 * The classes whose label, or number, fits what was typed: those that begin with it first, then those with a word that
 * does, then those that have it anywhere. A class may be found by its name in another language too.
 * @param {string[]} labels @param {string} typed @param {string[]} [others] the same classes' names in another language @returns {Found[]}
 */
export function findClasses(labels, typed, others = []) {
  const text = typed.trim().toLowerCase();
  if (!text) return [];
  const rank = (/** @type {string} */ label, /** @type {number} */ index) => {
    if (String(index) === text) return 0;
    const at = label.toLowerCase().indexOf(text);
    if (at <= 0) return at === 0 ? 1 : Infinity;
    return label.toLowerCase().search(new RegExp(`(^|[^\\p{L}\\p{N}])${escaped(text)}`, "u")) >= 0 ? 2 : 3;
  };
  return labels
    .map((label, index) => ({ index, label, rank: Math.min(rank(label, index), others[index] ? rank(others[index], index) : Infinity) }))
    .filter((one) => one.rank < Infinity)
    .sort((a, b) => a.rank - b.rank || a.label.length - b.label.length || a.index - b.index)
    .map(({ index, label }) => ({ index, label }));
}

const escaped = (/** @type {string} */ text) => text.replace(/[.*+?^${}()|[\]\\/-]/g, "\\$&");

/** @param {HTMLElement} root @param {Context} context */
export function mountClassSearch(root, { store, session }) {
  const target = field("class-search", say("Why not another class?"), (index) => ask({ target: index }));
  const against = field("against-search", say("Minus the map of"), (index) => ask({ against: index }));
  const minus = h("p", { class: "minus" });
  root.append(target.element, against.element, minus);

  store.on(["analysisData", "method", "target", "against", "labels"], (state) => {
    const { analysisData: analysis } = state;
    const askable = !forWords(analysis) && firstForClass(analysis) && targetOf(state) !== null;
    root.hidden = !askable;
    if (!askable) return;
    const shown = isForClass(state);
    const held = shown && state.against !== null;
    target.chosen(shown && !listed(state) ? labelOf(state, targetOf(state)) : null);
    against.element.hidden = !shown || held;
    minus.hidden = !held;
    if (!held) return;
    put(
      minus,
      h("span", {}, say("minus “{class}”", { class: labelOf(state, state.against) })),
      h("button", { type: "button", class: "button plain", id: "swap-classes", onclick: swap }, say("Swap")),
      h("button", { type: "button", class: "button plain", id: "no-against", onclick: () => store.set({ against: null }) }, say("Without")),
    );
  });

  /** Whether the class is one of the answers above, which mark it themselves. @param {State} state */
  const listed = (state) => state.analysisData.predictions.some(({ index }) => index === targetOf(state));

  function swap() {
    const state = store.get();
    store.set({ target: state.against, against: targetOf(state) });
  }

  const both = () => Promise.all([session.labels(), session.labelsInEnglish()]);

  /** @param {{target?: number, against?: number}} asked */
  function ask(asked) {
    const state = store.get();
    const next = { target: targetOf(state), against: state.against, ...asked };
    if (next.target === next.against) next.against = null;
    store.set({ ...next, method: isForClass(state) ? state.method : firstForClass(state.analysisData) });
  }

  /** A field with what fits below it. @param {string} id @param {string} name @param {(index: number) => void} choose */
  function field(id, name, choose) {
    const list = h("ul", { class: "found", id: `${id}-found`, "aria-label": say("{name}: what fits", { name }) });
    const said = h("span", { class: "quiet", role: "status" });
    const input = h("input", {
      type: "search",
      id,
      autocomplete: "off",
      spellcheck: "false",
      onfocus: () => both().catch(() => null),
      oninput: show,
      onkeydown: keys,
    });
    const element = h("div", { class: "class-search" }, h("label", { for: id }, name), input, list, said);

    async function show() {
      const [labels, others] = (await both().catch(() => null)) ?? [];
      if (!labels) return void (said.textContent = say("The labels could not be loaded."));
      const found = findClasses(labels, input.value, others);
      put(
        list,
        found.slice(0, MOST_SHOWN).map((one) =>
          h("li", {}, h("button", { type: "button", onclick: () => take(one) }, one.label, h("span", { class: "number quiet" }, String(one.index)))),
        ),
      );
      const more = found.length - MOST_SHOWN;
      const told = found.length ? more > 0 && say("and {more} more", { more }) : say("None of its {n} classes is called that.", { n: labels.length.toLocaleString(language) });
      said.textContent = (input.value.trim() && told) || "";
    }

    /** @param {Found} one */
    function take({ index }) {
      input.value = "";
      put(list);
      said.textContent = "";
      choose(index);
    }

    /** Enter takes the first, arrow down goes to it. @param {KeyboardEvent} event */
    function keys(event) {
      const first = /** @type {HTMLElement | null} */ (list.querySelector("button"));
      if (event.key === "Enter") first?.click();
      if (event.key === "ArrowDown" && first) {
        event.preventDefault();
        first.focus();
      }
    }

    /** @param {string | null} label */
    const chosen = (label) => {
      input.placeholder = label ? say("shown: {label}", { label }) : say("search its labels");
    };
    chosen(null);
    return { element, chosen };
  }
}

/** The map for a class that is shown where none is. @param {Analysis} analysis */
const firstForClass = (analysis) => fitting(analysis, null).find((map) => map.for_class)?.name;
