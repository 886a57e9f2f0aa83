// Several small maps side by side, each on the photo or alone; one of them may be chosen.

import { cellBox, fromAnalysis } from "../../geometry.js";
import { endsOf, isSigned, normalise, opacities, paintCells } from "../../paint/colormap.js";
import { h, put } from "../../ui/dom.js";
import { number } from "../../ui/format.js";
import { caption } from "./parts.js";
import { rich } from "../rich.js";

const TALL = 3; // times as many rows as columns: such a map is pressed together, so that all of it is seen at once

/** Its spec: items ({label, values, columns, note, photo}), choose and chosen, range ("own" or [low, high]), caption. @param {import("./parts.js").Figures} figures */
export function maps(figures) {
  const row = h("div", { class: "maps" });
  const legend = h("figcaption", {});
  const element = h("figure", {}, row, legend);
  return {
    element,
    /** @param {any} spec */
    update(spec) {
      const focused = [...row.children].indexOf(/** @type {Element} */ (document.activeElement));
      put(row, ...spec.items.map((/** @type {any} */ item, /** @type {number} */ index) => one(spec, item, index, figures)));
      if (focused >= 0) /** @type {HTMLElement | undefined} */ (row.children[focused])?.focus();
      put(legend, ...caption(spec, figures));
    },
    /** @param {import("../types.js").Place[]} places */
    light(places) {
      const cells = places.flatMap(({ cell }) => cell ?? []);
      for (const marks of row.querySelectorAll(".lit-cells")) {
        const [rows, columns] = (marks.getAttribute("data-grid") ?? "").split(" ").map(Number);
        put(marks, ...cells.map((cell) => h("i", { style: `left: ${(100 * cell.column) / columns}%; top: ${(100 * cell.row) / rows}%; width: ${100 / columns}%; height: ${100 / rows}%` })));
      }
    },
  };
}

/** @param {any} spec @param {any} item @param {number} index @param {import("./parts.js").Figures} figures */
function one(spec, item, index, figures) {
  const { lesson } = figures;
  const tall = item.values?.length > TALL * item.columns ** 2;
  const canvas = h("canvas", { class: tall ? "cells tall" : "cells", "aria-hidden": "true" });
  if (item.values) {
    const values = Float32Array.from(item.values);
    const { low, high } = spec.range ? { low: spec.range[0], high: spec.range[1] } : endsOf(values);
    const signed = isSigned({ low, high });
    const fade = item.grid ? opacities(0.9, "value", signed) : undefined;
    paintCells(canvas, normalise(values, low, high), item.columns, lesson.tables[signed ? "coolwarm" : "inferno"], fade);
  }
  const drawn = item.grid ? onPhoto(canvas, item, figures) : item.blob ? h("img", { src: item.blob, alt: "", class: "cells" }) : canvas;
  const range = item.values && endsOf(Float32Array.from(item.values));
  const told = [
    h("b", {}, ...rich(figures.say(item.label), figures.numbers(), figures.address)),
    item.note && h("span", { class: "quiet" }, ...rich(figures.say(item.note), figures.numbers(), figures.address)),
    range && range.high > range.low && h("span", { class: "quiet range" }, `${number(range.low)} … ${number(range.high)}`),
  ];
  if (!spec.choose || item.plain) return h("div", { class: "map" }, drawn, ...told);
  return h(
    "button",
    { type: "button", class: "map", "aria-pressed": String(index === spec.chosen), onclick: () => figures.set({ [spec.choose]: index }) },
    drawn,
    ...told,
  );
}

/** The map over the part of the photo that its cells are of. @param {HTMLCanvasElement} canvas @param {any} item @param {import("./parts.js").Figures} figures */
function onPhoto(canvas, { grid, analysis, photo }, { lesson }) {
  const shown = photo ?? lesson.photo;
  const geometry = fromAnalysis(analysis ?? lesson.analysis);
  const [left, top] = cellBox(geometry, 0, 0, grid);
  const [, , right, bottom] = cellBox(geometry, grid.rows - 1, grid.columns - 1, grid);
  const [width, height] = [right - left, bottom - top];
  const image = h("img", { src: shown.url, alt: "" });
  Object.assign(image.style, {
    width: `${(100 * geometry.imageWidth) / width}%`,
    height: `${(100 * geometry.imageHeight) / height}%`,
    left: `${(-100 * left) / width}%`,
    top: `${(-100 * top) / height}%`,
  });
  return h("span", { class: "cells on-photo", style: `aspect-ratio: ${width} / ${height}` }, image, canvas, h("span", { class: "lit-cells", "data-grid": `${grid.rows} ${grid.columns}` }));
}
