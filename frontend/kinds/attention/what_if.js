// What can be changed of an attention: heads off, every key alike, another temperature, the layer skipped.

import { say } from "../../language/language.js";
import { h } from "../../ui/dom.js";
import { paintCells } from "../../paint/colormap.js";
import { sharesOf } from "../../paint/scale.js";
import { editOf, replaced, toggled } from "../edits.js";
import { attends, siteTitle } from "../../sites/sites.js";
import { drawable, headMaps } from "./head_maps.js";

/** @param {State} state @param {AttentionSite} site @param {import("../edits.js").WhatIf} what @returns {Element[]} */
export function whatIf(state, site, what) {
  return [
    h("section", { class: "group" }, h("h3", {}, say("Heads")), sheet(state, site, what), everyLayer(state, what), what.problem("heads")),
    h(
      "section",
      { class: "group" },
      h("h3", {}, say("The whole layer")),
      h(
        "div",
        { class: "row" },
        whole("uniform", say("Look equally"), say("Every query looks equally at every key"), site, what),
        site.queries === site.keys && whole("self", say("Look at itself"), say("Every token looks at itself alone"), site, what),
        whole("skip", say("Skip the layer"), say("What this attention adds is zero"), site, what),
      ),
      temperature(site, what),
      what.problem("layer"),
    ),
  ];
}

/** A head a button, with its map; pressed while it is off. @param {State} state @param {AttentionSite} site @param {import("../edits.js").WhatIf} what */
function sheet(state, site, what) {
  const off = editOf(what.edits(), "off", site.id)?.heads ?? [];
  const buttons = Array.from({ length: site.heads }, (_, head) =>
    h(
      "button",
      {
        type: "button",
        class: "switch",
        "aria-pressed": String(off.includes(head)),
        "aria-label": say("Switch head {head} off", { head }),
        title: off.includes(head)
              ? say("Head {head}: off; press to switch it on", { head })
              : say("Head {head}: press to switch it off", { head }),
        onclick: () => what.change(toggled(what.edits(), { edit: "off", site: site.id, heads: [head] }, "heads"), "heads"),
      },
      h("canvas", { class: "cells", "aria-hidden": "true" }),
      h("span", { class: "number" }, off.includes(head) ? say("{head} off", { head }) : String(head)),
    ),
  );
  const root = h("div", { class: "switches", role: "group", "aria-label": say("Heads: press to switch off") }, buttons);
  paintMaps(root, state, site, what.session);
  return root;
}

/** The heads of all layers as switches, a row a layer; of a network of one layer nothing. @param {State} state @param {import("../edits.js").WhatIf} what */
function everyLayer({ analysisData: { sites } }, what) {
  const layers = /** @type {AttentionSite[]} */ (sites.filter(attends));
  if (layers.length < 2) return null;
  const rows = layers.map((site) => {
    const off = editOf(what.edits(), "off", site.id)?.heads ?? [];
    const heads = Array.from({ length: site.heads }, (_, head) => {
      const name = say("{layer}, head {head}", { layer: siteTitle(site), head });
      const gone = off.includes(head);
      return h(
        "td",
        {},
        h(
          "button",
          {
            type: "button",
            class: "head-switch",
            "aria-pressed": String(gone),
            "aria-label": name,
            title: gone ? say("{name}: off", { name }) : say("{name}: on", { name }),
            onclick: () => what.change(toggled(what.edits(), { edit: "off", site: site.id, heads: [head] }, "heads"), "heads"),
          },
          gone ? "×" : "",
        ),
      );
    });
    return h("tr", {}, h("th", { scope: "row", class: "number quiet", title: siteTitle(site) }, site.layer), heads);
  });
  const open = layers.some((site) => editOf(what.edits(), "off", site.id));
  return h(
    "details",
    { class: "every-layer", open },
    h("summary", {}, say("Heads of every layer")),
    h("table", { "aria-label": say("Heads of every layer: press to switch off") }, h("tbody", {}, rows)),
  );
}

/** @param {HTMLElement} root @param {State} state @param {AttentionSite} site @param {Session} session */
async function paintMaps(root, state, site, session) {
  const table = state.tables?.[state.colormap];
  if (!table || !drawable(site)) return;
  const maps = await headMaps({ ...state, hover: null }, site, session).catch(() => null);
  if (!maps) return;
  for (const [head, canvas] of root.querySelectorAll("canvas").entries()) {
    const values = maps.of(head);
    paintCells(canvas, sharesOf(values, state), maps.columns, table);
  }
}

/** @param {string} name @param {string} text @param {string} title @param {AttentionSite} site @param {import("../edits.js").WhatIf} what */
function whole(name, text, title, site, what) {
  return h(
    "button",
    {
      type: "button",
      class: "button",
      title,
      "aria-pressed": String(Boolean(editOf(what.edits(), name, site.id))),
      onclick: () => what.change(replaced(what.edits(), { edit: name, site: site.id }), "layer"),
    },
    text,
  );
}

/** @param {AttentionSite} site @param {import("../edits.js").WhatIf} what */
function temperature(site, what) {
  const held = editOf(what.edits(), "temperature", site.id)?.temperature ?? 1;
  const field = h("input", { type: "number", class: "small-number", min: 0.01, step: "any", value: held, "aria-label": say("Temperature") });
  const others = () => what.edits().filter(({ edit, site: at }) => edit !== "temperature" || at !== site.id);
  return h(
    "form",
    {
      class: "row",
      onsubmit: (/** @type {Event} */ event) => {
        event.preventDefault();
        const value = Number(field.value);
        what.change(value === 1 ? others() : [...others(), { edit: "temperature", site: site.id, temperature: value }], "layer");
      },
    },
    h("label", { class: "row" }, say("Divide the scores by"), field),
    h("button", { type: "submit", class: "button" }, say("Apply")),
  );
}

