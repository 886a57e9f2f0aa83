// The effects of a sweep as a matrix of cells: each says its effect, and pressed makes the edit it stands for.

import { say } from "../../language/language.js";
import { colour, DIVERGING } from "../../paint/colormap.js";
import { h, put } from "../../ui/dom.js";
import { number } from "../../ui/format.js";
import { replaced, toggled } from "../../kinds/edits.js";

/** Channels of one gate stand in rows of so many. */
const MOST_COLUMNS = 16;

/** What a row and a column are. @type {Record<string, string>} */
const CAPTIONS = {
  heads: say("A row a layer, a column a head"),
  layers: say("A row a layer"),
  channels: say("A gate after the other, its channels in order"),
  patches: say("A cell a patch, as they lie on the photo"),
};

/**
 * @typedef {object} Part
 * @property {string} name
 * @property {number} effect  NaN: there is no such part, or it could not be tried
 * @property {number} probability
 * @property {Edit} edit
 * @property {import("../../kinds/edits.js").Listed | null} field  of the edit, which lists what is switched
 */

/** @param {any} found @returns {{rows: Part[][], heads: string[]}} */
function partsOf(found) {
  const { over, values, probability, sites } = found;
  const value = (/** @type {any} */ given) => (given == null ? NaN : given);
  /** @type {(name: string, effect: any, chance: any, edit: Edit, field: Part["field"]) => Part} */
  const part = (name, effect, chance, edit, field) => ({ name, effect: value(effect), probability: value(chance), edit, field });
  if (over === "layers")
    return {
      heads: sites.map((/** @type {any} */ site) => String(site.layer)),
      rows: values.map((/** @type {any} */ effect, /** @type {number} */ at) => [
        part(say("Layer {layer} skipped", sites[at]), effect, probability[at], { edit: "skip", site: sites[at].id }, null),
      ]),
    };
  if (over === "patches")
    return {
      heads: values.map((/** @type {any} */ _, /** @type {number} */ row) => String(row)),
      rows: values.map((/** @type {any[]} */ line, /** @type {number} */ row) =>
        line.map((effect, column) =>
          part(
            say("The patch at row {row}, column {column} hidden", { row, column }),
            effect,
            probability[row][column],
            { edit: "hide", site: found.site, cells: [[row, column]], fill: found.fill },
            "cells",
          ),
        ),
      ),
    };
  const heads = over === "heads";
  return {
    heads: sites.map((/** @type {any} */ site) => String(site.layer)),
    rows: values.map((/** @type {any[]} */ line, /** @type {number} */ at) =>
      line.map((effect, index) =>
        heads
          ? part(say("Layer {layer}, head {head} off", { ...sites[at], head: index }), effect, probability[at][index], { edit: "off", site: sites[at].id, heads: [index] }, "heads")
          : part(say("Gate {layer}, channel {channel} shut", { ...sites[at], channel: index }), effect, probability[at][index], { edit: "shut", site: sites[at].id, channels: [index] }, "channels"),
      ),
    ),
  };
}

/** @param {any} found @param {State} state @param {Session} session */
export function effectMatrix(found, state, session) {
  const { rows, heads } = partsOf(found);
  const known = rows.flat().filter(({ effect }) => Number.isFinite(effect));
  const end = Math.max(1e-6, ...known.map(({ effect }) => Math.abs(effect)));
  const reading = h("p", { class: "quiet number effect-reading", "aria-live": "polite" }, say("Move over a cell, or go through them with the arrow keys; press one to make its edit."));
  const table = state.tables?.[DIVERGING];
  let first = true;

  /** @param {Part} one */
  function cell(one) {
    if (!Number.isFinite(one.effect)) return h("td", { class: "none", "aria-hidden": "true" });
    const told = say("{part}: logit {logit}, probability {probability}", {
      part: one.name,
      logit: signed(-one.effect),
      probability: `${signed(-100 * one.probability)} %`,
    });
    const on = session.edits().some((edit) => holds(edit, one));
    const read = () => {
      reading.textContent = told;
    };
    const button = h(
      "button",
      {
        type: "button",
        class: "effect",
        title: told,
        "aria-label": told,
        "aria-pressed": String(on),
        tabindex: first ? 0 : -1,
        onclick: () => session.changeEdits(one.field ? toggled(session.edits(), one.edit, one.field) : replaced(session.edits(), one.edit), "list"),
        onfocus: () => {
          for (const other of body.querySelectorAll('[tabindex="0"]')) other.setAttribute("tabindex", "-1");
          button.tabIndex = 0;
          read();
        },
        onpointerenter: read,
      },
      h("span", { "aria-hidden": "true" }, Math.abs(one.effect) > end / 2 ? (one.effect > 0 ? "+" : "−") : ""),
    );
    if (table) button.style.background = `rgb(${colour(table, 0.5 + one.effect / (2 * end)).join(" ")})`;
    first = false;
    return h("td", {}, button);
  }

  const wide = found.over === "channels" && rows.some((row) => row.length > MOST_COLUMNS);
  const lines = wide ? rows.flatMap((row, at) => chunks(row, MOST_COLUMNS).map((some, i) => ({ head: i ? "" : heads[at], some }))) : rows.map((some, at) => ({ head: heads[at], some }));
  const body = h("tbody", {});
  put(body, lines.map(({ head, some }) => h("tr", {}, h("th", { scope: "row", class: "number quiet" }, head), some.map(cell))));
  return h(
    "div",
    { class: "group" },
    h("div", { class: "effects-scroll" }, h(
      "table",
      { class: `effects of-${found.over}`, "aria-label": say("Effects"), onkeydown: (/** @type {KeyboardEvent} */ event) => move(event, body) },
      h("caption", { class: "quiet" }, CAPTIONS[found.over]),
      body,
    )),
    reading,
    scale(end, table),
  );
}

/** @param {Part[]} list @param {number} size */
const chunks = (list, size) => Array.from({ length: Math.ceil(list.length / size) }, (_, i) => list.slice(i * size, (i + 1) * size));

/** @param {number} value */
const signed = (value) => (value > 0 ? `+${number(value)}` : number(value));

/** Whether an edit that holds is this part's. @param {Edit} edit @param {Part} part */
function holds(edit, { edit: own, field }) {
  if (edit.edit !== own.edit || edit.site !== own.site) return false;
  if (!field) return true;
  const wanted = JSON.stringify(/** @type {any[]} */ (own[field])[0]);
  return ((/** @type {any[] | undefined} */ (edit[field])) ?? []).some((one) => JSON.stringify(one) === wanted);
}

/** Arrow keys go from cell to cell. @param {KeyboardEvent} event @param {HTMLElement} body */
function move(event, body) {
  const steps = /** @type {Record<string, [number, number]>} */ ({ ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0] });
  const step = steps[event.key];
  const from = document.activeElement;
  if (!step || !(from instanceof HTMLButtonElement) || !body.contains(from)) return;
  const rows = [...body.querySelectorAll("tr")].map((row) => [...row.querySelectorAll("button")]);
  const row = rows.findIndex((buttons) => buttons.includes(from));
  const column = rows[row].indexOf(from);
  const line = rows[row + step[0]];
  const next = line?.[Math.min(column + step[1], step[0] ? line.length - 1 : Infinity)];
  event.preventDefault();
  event.stopPropagation();
  next?.focus();
}

/** What the colours mean. @param {number} end @param {import("../../paint/colormap.js").Table | undefined} table */
function scale(end, table) {
  const bar = h("i", { "aria-hidden": "true" });
  if (table) bar.style.background = `linear-gradient(to right, ${[0, 0.25, 0.5, 0.75, 1].map((t) => `rgb(${colour(table, t).join(" ")})`).join(", ")})`;
  return h(
    "p",
    { class: "effect-scale quiet number" },
    h("span", {}, say("{n}, against", { n: signed(-end) })),
    bar,
    h("span", {}, say("{n}, for the class", { n: signed(end) })),
  );
}
