// Numbers in a table: a matrix whose cells are coloured, a list of facts, and what the network answers before and after.

import { colour, endsOf, isSigned, normalise, paintCells } from "../../paint/colormap.js";
import { h, put } from "../../ui/dom.js";
import { number, percent } from "../../ui/format.js";
import { rich } from "../rich.js";
import { caption, named } from "./parts.js";

/** @typedef {import("./parts.js").Figures} Figures */

const TABLE_CELLS = 160; // more than that are drawn as points of colour

/**
 * A matrix. Its spec: values, columns, rowLabels, columnLabels, row and column (names of the state that the pointed one
 * goes to), at ({row, column}), caption. @param {Figures} figures
 */
export function matrix(figures) {
  const holder = h("div", { class: "matrix-holder" });
  const legend = h("figcaption", {});
  const element = h("figure", { class: "matrix" }, holder, legend);
  return {
    element,
    /** @param {any} spec */
    update(spec) {
      const values = Float32Array.from(spec.values, (/** @type {number | null} */ value) => value ?? NaN);
      if (values.length > TABLE_CELLS) points(holder, spec, values, figures);
      else put(holder, table(spec, values, figures));
      put(legend, ...caption(spec, figures, endsOf(values)));
    },
    /** @param {import("../types.js").Place[]} places */
    light(places) {
      for (const one of holder.querySelectorAll(".lit")) one.classList.remove("lit");
      const cells = places.flatMap(({ at }) => at ?? []);
      for (const { row, column } of cells) {
        holder.querySelector(`tbody tr:nth-child(${row + 1})`)?.querySelectorAll("td")[column]?.classList.add("lit");
        holder.querySelector(".cross")?.classList.add("lit");
      }
    },
  };
}

/** @param {any} spec @param {Float32Array} values @param {Figures} figures */
function table(spec, values, figures) {
  const { low, high } = spec.range ? { low: spec.range[0], high: spec.range[1] } : endsOf(values);
  const signed = isSigned({ low, high });
  const shades = normalise(values, low, high);
  const table = figures.lesson.tables[signed ? "coolwarm" : "inferno"];
  const rows = Array.from({ length: values.length / spec.columns }, (_, row) =>
    h(
      "tr",
      { class: row === spec.at?.row ? "chosen" : null, onclick: spec.row && (() => figures.set({ [spec.row]: row })) },
      spec.rowLabels && h("th", { scope: "row" }, spec.rowLabels[row]),
      Array.from({ length: spec.columns }, (__, column) => {
        const t = shades[row * spec.columns + column];
        const [r, g, b] = Number.isNaN(t) ? [127, 127, 127] : colour(table, t);
        const dark = luminance([r, g, b]) < 0.179; // where white and black stand out equally (WCAG 2)
        const style = Number.isNaN(t) ? "" : `background: rgb(${r} ${g} ${b}); color: ${dark ? "#fff" : "#000"}`;
        const over = { onpointerenter: () => figures.over({ at: { row, column } }), onpointerleave: () => figures.over(null) };
        return h("td", { style, ...over }, Number.isNaN(t) ? "−∞" : number(values[row * spec.columns + column]));
      }),
    ),
  );
  const head = spec.columnLabels && h("thead", {}, h("tr", {}, spec.rowLabels && h("td", {}), spec.columnLabels.map((/** @type {string} */ text) => h("th", { scope: "col" }, text))));
  return h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": named(spec.caption, figures) }, h("table", { class: "cells-table" }, head, h("tbody", {}, rows)));
}

/** WCAG's relative luminance. @param {number[]} rgb */
function luminance(rgb) {
  const [r, g, b] = rgb.map((value) => (value / 255 <= 0.04045 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

/** @param {Element} holder @param {any} spec @param {Float32Array} values @param {Figures} figures */
function points(holder, spec, values, figures) {
  let canvas = /** @type {HTMLCanvasElement | null} */ (holder.querySelector("canvas"));
  const rows = values.length / spec.columns;
  if (!canvas) {
    canvas = h("canvas", { class: "cells" });
    const lines = h("i", { class: "cross", "aria-hidden": "true" });
    const picker = h("button", { type: "button", class: "picker" });
    put(holder, h("div", { class: "points" }, canvas, lines, picker));
    const tell = (/** @type {number} */ row, /** @type {number} */ column) => {
      const now = /** @type {any} */ (picker).spec;
      const clamp = (/** @type {number} */ value, /** @type {number} */ count) => Math.min(count - 1, Math.max(0, value));
      const patch = { ...(now.row && { [now.row]: clamp(row, now.rows) }), ...(now.column && { [now.column]: clamp(column, now.columns) }) };
      figures.set(patch);
    };
    picker.addEventListener("pointermove", (/** @type {PointerEvent} */ event) => {
      const box = picker.getBoundingClientRect();
      const now = /** @type {any} */ (picker).spec;
      tell(Math.floor(((event.clientY - box.top) / box.height) * now.rows), Math.floor(((event.clientX - box.left) / box.width) * now.columns));
    });
    picker.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
      const by = /** @type {Record<string, number[]>} */ ({ ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] })[event.key];
      if (!by) return;
      event.preventDefault();
      const { at = { row: 0, column: 0 } } = /** @type {any} */ (picker).spec;
      tell(at.row + by[0], at.column + by[1]);
    });
  }
  const { low, high } = spec.range ? { low: spec.range[0], high: spec.range[1] } : endsOf(values);
  const drawn = /** @type {HTMLCanvasElement} */ (canvas);
  paintCells(drawn, normalise(values, low, high), spec.columns, figures.lesson.tables[isSigned({ low, high }) ? "coolwarm" : "inferno"]);
  const picker = /** @type {any} */ (holder.querySelector(".picker"));
  const cross = /** @type {HTMLElement} */ (holder.querySelector(".cross"));
  picker.spec = { ...spec, rows };
  picker.hidden = !spec.row && !spec.column;
  picker.setAttribute("aria-label", named(spec.caption, figures));
  cross.hidden = !spec.at;
  if (spec.at) {
    cross.style.setProperty("--x", `${(100 * (spec.at.column + 0.5)) / spec.columns}%`);
    cross.style.setProperty("--y", `${(100 * (spec.at.row + 0.5)) / rows}%`);
  }
}

/** Facts in rows. Its spec: head (keys), rows ([key or text, …texts with live numbers]), caption. @param {Figures} figures */
export function facts(figures) {
  const holder = h("div", { class: "scroll" });
  const legend = h("figcaption", {});
  const element = h("figure", {}, holder, legend);
  const told = (/** @type {string} */ text) => rich(figures.say(text), figures.numbers(), figures.address);
  return {
    element,
    /** @param {any} spec */
    update({ head, rows, caption: key, chosen }) {
      put(
        holder,
        h(
          "table",
          { class: "facts" },
          head && h("thead", {}, h("tr", {}, head.map((/** @type {string} */ one) => h("th", { scope: "col" }, one ? told(one) : h("span", { class: "unseen" }, figures.say("row")))))),
          h(
            "tbody",
            {},
            rows.map((/** @type {string[]} */ [name, ...cells], /** @type {number} */ index) =>
              h("tr", { class: index === chosen ? "chosen" : null }, h("th", { scope: "row" }, told(name)), cells.map((cell) => h("td", {}, told(cell)))),
            ),
          ),
        ),
      );
      put(legend, ...caption({ caption: key }, figures));
    },
  };
}

/** What the network says: the classes, and what an edit made of them. Its spec: analysis, change, caption. @param {Figures} figures */
export function answer(figures) {
  const list = h("div", { class: "answer", "aria-live": "polite" });
  const legend = h("figcaption", {});
  const element = h("figure", {}, list, legend);
  return {
    element,
    /** @param {any} spec */
    update({ analysis, change, caption: key }) {
      const rows = change
        ? change.classes.map((/** @type {any} */ one) => [one.label, one.before.score, one.after.score])
        : analysis.predictions.map((/** @type {any} */ one) => [one.label, one.score, null]);
      put(
        list,
        ...rows.slice(0, 5).map((/** @type {any[]} */ [label, before, after], /** @type {number} */ index) =>
          h(
            "div",
            { class: "answer-row", onpointerenter: () => figures.over({ answer: index }), onpointerleave: () => figures.over(null) },
            h("span", {}, label),
            h(
              "span",
              { class: "answer-bars", "aria-hidden": "true" },
              after != null && h("i", { class: "before", style: `width: ${100 * before}%` }),
              h("i", { style: `width: ${100 * (after ?? before)}%` }),
            ),
            h("span", { class: "answer-number" }, after == null ? percent(before) : `${percent(before)} → ${percent(after)}`),
          ),
        ),
      );
      put(legend, ...caption({ caption: key }, figures));
    },
    /** @param {import("../types.js").Place[]} places */
    light(places) {
      const lit = new Set(places.map(({ answer: at }) => at));
      [...list.children].forEach((one, at) => one.classList.toggle("lit", lit.has(at)));
    },
  };
}
