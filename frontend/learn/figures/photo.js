// The photo with a map on it. A patch is chosen by pointer, by finger or by the arrow keys.

import { cellAt, cellBox, fromAnalysis } from "../../geometry.js";
import { cellOutline } from "../../paint/marks.js";
import { endsOf, isSigned, normalise, opacities, paintCells } from "../../paint/colormap.js";
import { h, put, svg } from "../../ui/dom.js";
import { caption, named } from "./parts.js";

const OPACITY = 0.85;
/** @type {Record<string, [number, number]>} row and column by which an arrow moves */
const ARROWS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

/**
 * @param {import("./parts.js").Figures} figures
 * Its spec: map (values of the grid's cells), grid, click and move (names of the state that the chosen and the pointed
 * cell go to), paint (the one that every cell under a pressed pointer goes to), marks ({cell, kind}), label, caption.
 */
export function photo(figures) {
  const image = h("img", { alt: "" });
  const overlay = h("canvas", { class: "overlay", "aria-hidden": "true" });
  const marks = svg("svg", { class: "marks", preserveAspectRatio: "none", "aria-hidden": "true" });
  const picker = h("button", { type: "button", class: "picker" });
  const frame = h("div", { class: "photo-frame" }, image, overlay, marks, picker);
  const legend = h("figcaption", {});
  const element = h("figure", { class: "photo" }, frame, legend);
  /** @type {any} */
  let spec = {};
  /** @type {import("../../geometry.js").Geometry} */
  let geometry;
  let drawn = "";
  const lit = svg("g", {});

  const cellOf = (/** @type {PointerEvent} */ event) => {
    const box = picker.getBoundingClientRect();
    const x = ((event.clientX - box.left) / box.width) * geometry.imageWidth;
    const y = ((event.clientY - box.top) / box.height) * geometry.imageHeight;
    return cellAt(geometry, x, y, spec.grid);
  };
  const tell = (/** @type {string | undefined} */ name, /** @type {Cell | null} */ cell) => {
    if (!name || !cell) return;
    const now = spec.cells?.[name];
    if (now && now.row === cell.row && now.column === cell.column) return;
    figures.set({ [name]: cell });
  };
  picker.addEventListener("pointermove", (/** @type {PointerEvent} */ event) => tell(spec.move, cellOf(event)));
  picker.addEventListener("pointermove", (/** @type {PointerEvent} */ event) => {
    if (!spec.analysis) figures.over({ cell: cellOf(event) ?? undefined });
  });
  picker.addEventListener("pointerleave", () => figures.over(null));
  const brush = (/** @type {PointerEvent} */ event) => {
    const cell = spec.paint && event.buttons === 1 ? cellOf(event) : null;
    if (cell) figures.set({ [spec.paint]: cell });
  };
  picker.addEventListener("pointerdown", brush);
  picker.addEventListener("pointermove", brush);
  picker.addEventListener("click", (/** @type {PointerEvent} */ event) => {
    if (event.detail > 0) tell(spec.click ?? spec.move, cellOf(event)); // a key's click has no place
    else if (spec.paint && spec.cells?.[spec.move]) figures.set({ [spec.paint]: spec.cells[spec.move] });
    else tell(spec.click, spec.cells?.[spec.move ?? spec.click]);
  });
  picker.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
    const by = ARROWS[event.key];
    const name = spec.move ?? spec.click;
    if (!by || !name) return;
    event.preventDefault();
    const { row, column } = spec.cells?.[name] ?? { row: 0, column: 0 };
    const within = (/** @type {number} */ value, /** @type {number} */ count) => Math.min(count - 1, Math.max(0, value));
    tell(name, { row: within(row + by[0], spec.grid.rows), column: within(column + by[1], spec.grid.columns) });
  });

  return {
    element,
    /** @param {any} next */
    update(next) {
      spec = next;
      const { lesson } = figures;
      const shown = spec.photo ?? lesson.photo;
      const analysis = spec.analysis ?? lesson.analysis;
      if (!shown || !analysis) return;
      geometry = fromAnalysis(analysis);
      if (drawn !== shown.url) {
        image.src = shown.url;
        drawn = shown.url;
        frame.style.aspectRatio = `${geometry.imageWidth} / ${geometry.imageHeight}`;
        frame.style.setProperty("--ratio", String(geometry.imageWidth / geometry.imageHeight));
        marks.setAttribute("viewBox", `0 0 ${geometry.imageWidth} ${geometry.imageHeight}`);
      }
      image.alt = figures.say("photo");
      place(overlay, geometry, spec.grid);
      picker.hidden = !spec.click && !spec.move;
      picker.setAttribute("aria-label", named(spec.label ?? spec.caption, figures, spec.cells?.[spec.move ?? spec.click]));
      overlay.hidden = !spec.map;
      if (spec.map) paint(overlay, spec, lesson.tables);
      put(
        marks,
        ...(spec.marks ?? [])
          .filter((/** @type {any} */ mark) => mark.cell)
          .flatMap((/** @type {any} */ { cell, kind }) => {
            const d = cellOutline(geometry, cell, spec.grid);
            return [svg("path", { d, class: "under" }), svg("path", { d, class: kind })];
          }),
        lit,
      );
      put(legend, ...caption(spec, figures, spec.map && ends(spec)));
    },
    /** @param {import("../types.js").Place[]} places */
    light(places) {
      const cells = spec.analysis || !geometry ? [] : places.flatMap(({ cell }) => cell ?? []);
      put(lit, ...cells.map((cell) => svg("path", { d: cellOutline(geometry, cell, spec.grid), class: "lit" })));
    },
  };
}

/** @param {any} spec */
const ends = (spec) => (spec.range ? { low: spec.range[0], high: spec.range[1] } : endsOf(spec.map));

/** @param {HTMLCanvasElement} canvas @param {any} spec @param {any} tables */
function paint(canvas, spec, tables) {
  const { low, high } = ends(spec);
  const signed = isSigned({ low, high });
  const table = tables[signed ? "coolwarm" : "inferno"];
  paintCells(canvas, normalise(Float32Array.from(spec.map), low, high), spec.grid.columns, table, opacities(OPACITY, "value", signed));
}

/** Lays a canvas of one pixel a cell over the cells' place on the photo. @param {HTMLElement} canvas @param {import("../../geometry.js").Geometry} geometry @param {any} grid */
function place(canvas, geometry, grid) {
  if (!grid) return;
  const [left, top] = cellBox(geometry, 0, 0, grid);
  const [, , right, bottom] = cellBox(geometry, grid.rows - 1, grid.columns - 1, grid);
  const share = (/** @type {number} */ value, /** @type {number} */ whole) => `${(100 * value) / whole}%`;
  Object.assign(canvas.style, {
    left: share(left, geometry.imageWidth),
    top: share(top, geometry.imageHeight),
    width: share(right - left, geometry.imageWidth),
    height: share(bottom - top, geometry.imageHeight),
  });
}

