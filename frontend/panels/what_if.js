// What if: what can be changed of the shown site, what has been changed, and what the network then says.

import { say } from "../language/language.js";
import { h, segmented } from "../ui/dom.js";
import { focusOn, keepingFocus } from "../ui/focus.js";
import { said } from "../kinds/edits.js";
import { patches, positions } from "../kinds/network/what_if.js";
import { changed } from "./parts/change.js";

/** @param {HTMLElement} root @param {Context} context */
export function mountWhatIf(root, { store, session }) {
  const outcome = h("div", { class: "group what-if-outcome" });
  const controls = h("div", { class: "group what-if-controls" });
  root.append(outcome, controls);
  /** @type {import("../kinds/edits.js").WhatIf} */
  const what = { edits: session.edits, change: session.changeEdits, set: store.set, session, problem };

  const DRAWN_FROM = ["analysisData", "site", "tab", "edits", "edited", "editProblem"];
  store.on([...DRAWN_FROM, "unedited", "past"], () => draw(drawOutcome));
  store.on([...DRAWN_FROM, "brush", "query", "tables", "colormap", "word"], () => draw(drawControls));
  store.on(["editing"], ({ editing }) => {
    for (const part of [outcome, controls]) part.setAttribute("aria-busy", String(editing != null));
  });

  // A button that is being pressed stays until it is let go, or its click would be lost.
  let pressed = false;
  /** @type {Set<(state: State) => void>} */
  const waiting = new Set();
  root.addEventListener("pointerdown", () => (pressed = true));
  for (const end of ["pointerup", "pointercancel"])
    addEventListener(end, () => {
      pressed = false;
      setTimeout(() => {
        const parts = [...waiting];
        waiting.clear();
        parts.forEach(draw);
      });
    });

  /** @param {(state: State) => void} part */
  function draw(part) {
    const state = store.get();
    if (state.tab !== "what-if" || !state.analysisData) return;
    if (pressed) waiting.add(part);
    else part(state);
  }

  // Leaving the tab ends brushing: the pointer asks again.
  store.on(["tab"], (state) => {
    if (state.tab !== "what-if" && state.tab !== "truth" && state.brush) store.set({ brush: null });
  });
  // Bars come a moment after the rest.
  let wanted = "";
  controls.addEventListener("filled", () => wanted && focusOn(controls, wanted));

  /** Why the last edit of this group was refused, in the server's words. @param {string} group */
  function problem(group) {
    const { editProblem } = store.get();
    if (editProblem?.group !== group) return null;
    const { title, detail, hint } = editProblem.problem;
    return h("p", { class: "note", role: "alert" }, h("b", {}, `${title}. `), `${detail} ${hint ?? ""}`);
  }

  /** @param {State} state */
  function drawOutcome(state) {
    const { edits, edited, unedited, past } = state;
    keepingFocus(
      outcome,
      h("h3", {}, edited ? say("What has been changed") : say("What if?")),
      !edits.length && h("p", { class: "quiet" }, say("Change something below: the same network looks at the same photo again, and its answers stand side by side.")),
      edits.length > 0 && h("ul", { class: "edits" }, edits.map((edit, at) => made(edit, at, state))),
      (edits.length > 0 || past.length > 0) &&
        h(
          "div",
          { class: "row" },
          h("button", { type: "button", class: "button", disabled: !past.length, onclick: session.undoEdit }, say("Undo")),
          h("button", { type: "button", class: "button", disabled: !edits.length, onclick: () => session.changeEdits([], "list") }, say("Reset")),
          edited &&
            segmented(
              say("The stage shows"),
              [
                { value: true, text: say("Before"), title: say("The stage shows the network as it is") },
                { value: false, text: say("After"), title: say("The stage shows the edited network") },
              ],
              unedited,
              session.showUnedited,
            ),
        ),
      problem("list"),
      ...(edited?.analysis.change ? changed(edited.analysis.change) : []),
      ...(edited ? fresh(state) : []),
    );
  }

  /** What the edited pass had to say that the plain one had not. @param {State} state */
  function fresh({ base, edited }) {
    const known = (base?.warnings ?? []).map(String);
    return (edited?.analysis.warnings ?? [])
      .filter((warning) => !known.includes(String(warning)))
      .map((warning) => h("p", { class: "quiet" }, String(warning)));
  }

  /** @param {Edit} edit @param {number} at @param {State} state */
  function made(edit, at, { analysisData: analysis }) {
    const text = said(edit, analysis.sites);
    return h(
      "li",
      {},
      h("span", {}, text),
      h(
        "button",
        {
          type: "button",
          class: "button plain",
          "aria-label": say("Remove: {text}", { text }),
          onclick: () => session.changeEdits(session.edits().toSpliced(at, 1), "list"),
        },
        say("Remove"),
      ),
    );
  }

  /** @type {Map<SiteKind, WhatIfControls>} */
  const loaded = new Map();

  /** What can be changed of a kind; its module comes when it is first wanted, and the controls are drawn again then. @param {SiteKind} kind */
  function controlsOf(kind) {
    if (!loaded.has(kind)) kind.whatIf?.().then((found) => (loaded.set(kind, found), draw(drawControls)));
    return loaded.get(kind);
  }

  /** @param {State} state */
  function drawControls(state) {
    const { shown } = state;
    const { site, kind } = shown ?? {};
    wanted = keepingFocus(
      controls,
      ...((shown && site && kind && controlsOf(kind)?.whatIf({ ...state, shown }, site, what)) ?? []),
      kind && !kind.whatIf && h("p", { class: "note" }, say("Nothing can be changed at this kind of gate yet; the photo and the positions can.")),
      ...patches(state, what),
      ...positions(state, what),
    );
  }
}
