// What can be changed whatever the site's kind: patches of the photo hidden or not looked at, positions left out.

import { say } from "../../language/language.js";
import { h } from "../../ui/dom.js";
import { attends } from "../../sites/sites.js";
import { replaced, toggled } from "../edits.js";

const FILLS = ["mean", "blur", "grey", "noise"];
const SHUFFLE_SEED = 0;

/** The site whose cells are brushed: the shown one, or the first with a grid on the photo. @param {State} state @returns {Site | null} */
export function brushSite({ site: id, analysisData: analysis }) {
  const placed = analysis.sites.filter(({ grid }) => grid && (grid.depth ?? 1) === 1);
  return placed.find((site) => site.id === id) ?? placed[0] ?? null;
}

/** The brushed patches, or the pinned one. @param {State} state @param {Site} site @returns {number[][]} */
function chosen({ brush, query }, site) {
  if (brush?.length) return brush.map(({ row, column }) => [row, column]);
  if (query === "cls" || !("row" in query) || !site.grid) return [];
  return query.row < site.grid.rows && query.column < site.grid.columns ? [[query.row, query.column]] : [];
}

/** @param {State} state @param {import("../edits.js").WhatIf} what @returns {Element[]} */
export function patches(state, what) {
  const site = state.photo && brushSite(state);
  if (!site) return [];
  const cells = chosen(state, site);
  const own = attends(site) && site.id === state.site;
  const count = cells.length === 1 ? "1 patch" : say("{n} patches", { n: cells.length });
  const fill = h("select", { "aria-label": say("What hides a patch") }, FILLS.map((name) => h("option", { value: name }, name)));
  const act = (/** @type {string} */ text, /** @type {string} */ title, /** @type {() => Edit[]} */ next) =>
    h("button", { type: "button", class: "button", title, disabled: cells.length === 0, onclick: () => change(next()) }, text);
  /** @param {Edit[]} next */
  function change(next) {
    what.change(next, "patches");
    if (state.brush) what.set({ brush: [] });
  }
  const edits = what.edits;
  return [
    h(
      "section",
      { class: "group" },
      h("h3", {}, say("Patches")),
      h(
        "div",
        { class: "row" },
        h(
          "button",
          { type: "button", class: "button", id: "brush", "aria-pressed": String(state.brush != null), onclick: () => what.set({ brush: state.brush ? null : [] }) },
          say("Brush on the photo"),
        ),
        state.brush?.length && h("button", { type: "button", class: "button plain", onclick: () => what.set({ brush: [] }) }, say("Clear")),
      ),
      h(
        "p",
        { class: "quiet" },
        cells.length
          ? `${state.brush?.length ? say("Brushed") : say("Pinned")}: ${count}.`
          : state.brush
            ? say("Press on the photo and move, or click patch by patch.")
            : say("Pin a patch by a click on the photo, or brush several."),
      ),
      h(
        "div",
        { class: "row" },
        act(say("Hide with"), say("Their pixels are replaced before the network sees the photo"), () =>
          toggled(edits(), { edit: "hide", site: site.id, cells, fill: fill.value }, "cells"),
        ),
        fill,
      ),
      own &&
        h(
          "div",
          { class: "row" },
          act(say("Block as keys"), say("No query of this layer may look at them (attention knockout)"), () =>
            toggled(edits(), { edit: "block", site: site.id, keys: cells }, "keys"),
          ),
          act(say("Drop from here on"), say("No query may look at them, in this layer and all later ones"), () =>
            toggled(edits(), { edit: "drop", site: site.id, tokens: cells }, "tokens"),
          ),
        ),
      what.problem("patches"),
    ),
  ];
}

/** @param {State} state @param {import("../edits.js").WhatIf} what @returns {Element[]} */
export function positions(state, what) {
  if (!state.analysisData.sites.some(attends)) return [];
  const button = (/** @type {Edit} */ edit, /** @type {string} */ text, /** @type {string} */ title) =>
    h(
      "button",
      {
        type: "button",
        class: "button",
        title,
        "aria-pressed": String(what.edits().some((one) => one.edit === edit.edit)),
        onclick: () => what.change(replaced(what.edits(), edit), "positions"),
      },
      text,
    );
  return [
    h(
      "section",
      { class: "group" },
      h("h3", {}, say("Positions")),
      h(
        "div",
        { class: "row" },
        button({ edit: "positions-off" }, say("Leave out"), say("The vectors that tell tokens their place are zero")),
        button({ edit: "positions-shuffle", seed: SHUFFLE_SEED }, say("Shuffle"), say("They are permuted among the patches")),
      ),
      what.problem("positions"),
    ),
  ];
}
