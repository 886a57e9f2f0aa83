// The contact sheet, over the stage: every head of every layer at once, in an order, at one scale or each its own; a
// photo beside it on which patches are pinned and a region is brushed.

import { cellAt, fromAnalysis } from "../geometry.js";
import { drawable, headMaps } from "../kinds/attention/head_maps.js";
import { ranked } from "../kinds/attention/measures.js";
import { listed, say } from "../language/language.js";
import { extent } from "../paint/colormap.js";
import { isWordMatrix, siteTitle, visit } from "../sites/sites.js";
import { h, put, segmented } from "../ui/dom.js";
import { number, percent } from "../ui/format.js";
import { icon } from "../ui/icons.js";
import { cssColour, PIN_COLOURS, paintPreview, paintTile, regionOf } from "../view/contact_sheet.js";
import { tilesSvg } from "../view/tiles_svg.js";
import { takingButtons } from "./parts/taking.js";

const MOST_PINS = PIN_COLOURS.length;
const PREVIEW_PX = 560;
const TILE_PX = 72; // of the figure
/** By key: rows and columns. @type {Record<string, [number, number]>} */
const ARROWS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

/** @typedef {import("../kinds/attention/measures.js").HeadMap & {pins: Float32Array[]}} SheetMap  pins: this head's map of each pin */

/** @param {HTMLElement} root @param {Context} context */
export function mountContactSheet(root, { store, session }) {
  /** @type {import("../kinds/attention/measures.js").Order} */
  let order = "layer";
  let oneScale = false;
  /** @type {Cell[]} */
  let pins = [];
  /** @type {Cell[]} */
  let brushed = [];
  /** @type {SheetMap[]} */
  let maps = [];
  /** @type {SheetMap | null} */
  let previewed = null;
  /** @type {Cell | null} */
  let cursor = null; // of the keyboard
  let turn = 0;

  const controls = h("div", { class: "sheet-controls" });
  const photo = h("canvas", { class: "sheet-photo", tabindex: 0, role: "application" });
  const said = h("p", { class: "quiet", role: "status" });
  const told = h("div", { class: "sheet-pins" });
  const tiles = h("div", { class: "sheet-tiles" });
  const close = h("button", { type: "button", class: "button plain", "aria-label": say("Close"), onclick: () => store.set({ sheet: false }) }, icon("close"));
  const section = h(
    "section",
    { class: "contact-sheet", "aria-label": say("All heads at once"), hidden: true },
    h("header", { class: "sheet-head" }, h("h2", {}, say("All heads at once")), controls, takingButtons("save-sheet", "fovea-heads", figure, heading), close),
    h("div", { class: "sheet-body" }, h("div", { class: "sheet-side" }, photo, said, told), tiles),
  );
  root.append(section);

  store.on(["sheet", "analysisData", "photo"], (state, changed) => {
    section.hidden = !state.sheet || !sitesOf(state).length;
    if (section.hidden) return;
    if (changed.has("analysisData") || !maps.length) {
      const { shown } = state;
      pins = shown && shown.query !== "cls" && "row" in shown.query ? [shown.query] : [];
      brushed = [];
    }
    gather();
  });
  store.on(["direction", "word"], () => !section.hidden && gather());
  store.on(["tables", "colormap", "scale"], () => !section.hidden && draw());

  /** @param {State} state */
  const sitesOf = ({ analysisData: analysis }) => analysis?.sites.filter((site) => drawable(site) && !isWordMatrix(site)) ?? [];

  /** The grid on which pins are counted: the shown site's, else the first's. @param {State} state @returns {PatchGrid | null} */
  const gridOf = ({ shown }) => shown?.asks ?? maps[0]?.grid ?? null;

  /** Every head's map of every pin, as they come; one that is asked for later ends this. */
  async function gather() {
    const mine = ++turn;
    const state = store.get();
    const sites = sitesOf(state);
    const asked = pins.length ? pins : [null];
    maps = [];
    for (const site of sites) {
      const each = await Promise.all(
        asked.map((pin) => {
          const from = { ...state, hover: null, query: pin ?? /** @type {const} */ ("cls") };
          return headMaps({ ...from, query: visit(from, site).query }, site, session).catch(() => null);
        }),
      );
      if (mine !== turn) return;
      const [first] = each;
      if (!first) continue;
      for (let head = 0; head < first.heads; head++)
        maps.push({ site, head, grid: first.grid, from: first.from, values: first.whole(head), pins: each.flatMap((one) => (one ? [one.whole(head)] : [])) });
      draw();
    }
    draw();
  }

  /** The heads in their order, and where the colours of all of them end, if at one value. */
  function arranged() {
    const state = store.get();
    const region = brushed.length ? regionOf(fromAnalysis(state.analysisData), brushed, gridOf(state)) : null;
    const highest = oneScale ? Math.max(0, ...maps.flatMap((map) => map.pins.map((values) => extent(values)[1]))) : null;
    return { rows: ranked(maps, order, region), highest };
  }

  function draw() {
    drawControls();
    drawPhoto();
    const { rows, highest } = arranged();
    const byLayer = order === "layer";
    tiles.classList.toggle("by-layer", byLayer);
    tiles.style.setProperty("--heads", String(Math.max(1, ...maps.map(({ head }) => head + 1))));
    put(tiles, byLayer ? layers(rows, highest) : rows.map((row) => tile(row, highest)));
  }

  /** The sheet as it is: a grid of layers × heads, or the heads in their order. */
  function figure() {
    const { tables, colormap } = store.get();
    if (!maps.length || !tables) return null;
    const { rows, highest } = arranged();
    const drawn = [...tiles.querySelectorAll("canvas.cells")];
    const canvasOf = new Map(rows.map(({ map }, at) => [map, /** @type {HTMLCanvasElement} */ (drawn[at])]));
    const legend = highest !== null && pins.length < 2 ? { low: "0", high: number(highest), table: tables[colormap] } : null;
    if (order === "layer") {
      const sites = [...new Set(rows.map(({ map }) => map.site))];
      const most = Math.max(...rows.map(({ map }) => map.head + 1));
      return tilesSvg({
        caption: heading(),
        width: TILE_PX,
        gap: 6,
        rows: sites.map((site) => rows.filter(({ map }) => map.site === site).map(({ map }) => ({ canvas: /** @type {HTMLCanvasElement} */ (canvasOf.get(map)) }))),
        rowNames: sites.map((site) => say("layer {n}", { n: site.layer })),
        columnNames: Array.from({ length: most }, (_, head) => say("head {n}", { n: head })),
        legend,
      });
    }
    const ordered = rows.map(({ map, value }) => ({
      canvas: /** @type {HTMLCanvasElement} */ (canvasOf.get(map)),
      said: `${map.site.layer}·${map.head} ${value === null ? "" : order === "mass" ? percent(value) : number(value)}`.trim(),
    }));
    const across = Math.ceil(Math.sqrt(2 * ordered.length));
    return tilesSvg({ caption: heading(), width: TILE_PX, gap: 6, rows: Array.from({ length: Math.ceil(ordered.length / across) }, (_, row) => ordered.slice(row * across, (row + 1) * across)), legend });
  }

  /** What the sheet shows, in a sentence. */
  function heading() {
    const { analysisData: analysis, models } = store.get();
    const asked = pins.length ? say("asked by {places}", { places: listed(pins.map((pin) => say("row {row}, column {column}", pin))) }) : say("asked by the class token or the middle patch");
    return say("Every head of every layer, {asked}; {scale}. {model}.", {
      asked,
      scale: oneScale ? say("one scale for all") : say("each head in its own scale"),
      model: models.find(({ id }) => id === analysis.model)?.title ?? analysis.model,
    });
  }

  /** A row a layer. @param {{map: SheetMap, value: number | null}[]} rows @param {number | null} highest */
  function layers(rows, highest) {
    const most = Math.max(0, ...rows.map(({ map }) => map.head + 1));
    const sites = [...new Set(rows.map(({ map }) => map.site))];
    return h(
      "table",
      {},
      h("thead", {}, h("tr", {}, h("th", { scope: "col" }, say("layer")), Array.from({ length: most }, (_, head) => h("th", { scope: "col", class: "number" }, String(head))))),
      h(
        "tbody",
        {},
        sites.map((site) =>
          h(
            "tr",
            {},
            h("th", { scope: "row", class: "number", title: siteTitle(site) }, String(site.layer)),
            rows.filter(({ map }) => map.site === site).map((row) => h("td", {}, tile(row, highest))),
          ),
        ),
      ),
    );
  }

  /** @param {{map: SheetMap, value: number | null}} row @param {number | null} highest */
  function tile({ map, value }, highest) {
    const { site, head } = map;
    const canvas = h("canvas", { class: "cells" });
    paintTile(canvas, store.get(), map, highest);
    const told = value === null ? "" : order === "mass" ? percent(value) : number(value);
    const name = say("{site}, head {head}", { site: siteTitle(site), head });
    const button = h(
      "button",
      {
        type: "button",
        class: "sheet-tile",
        "aria-label": [name, told].filter(Boolean).join(": "),
        title: name,
        "data-site": site.id,
        "data-head": head,
        "aria-pressed": String(store.get().site === site.id && store.get().head === head),
        onclick: () => open(map),
        onfocus: () => preview(map),
        onpointerenter: () => preview(map),
      },
      canvas,
      told && h("span", { class: "number" }, h("span", { class: "quiet" }, `${site.layer}·${head}`), ` ${told}`),
    );
    return button;
  }

  /** This head on the stage, asked about the first pin. @param {SheetMap} map */
  function open({ site, head }) {
    const state = store.get();
    const query = pins[0] ?? /** @type {const} */ ("cls");
    store.set({ ...visit({ ...state, query }, site), head, method: "site", hover: null, sheet: false });
  }

  /** @param {SheetMap} map */
  function preview(map) {
    previewed = map;
    drawPhoto();
  }

  function drawPhoto() {
    const state = store.get();
    if (!state.photo) return void (photo.hidden = true);
    photo.hidden = false;
    const geometry = fromAnalysis(state.analysisData);
    const grid = gridOf(state);
    const { width, height } = state.photo.bitmap;
    Object.assign(photo, { width: PREVIEW_PX, height: Math.round((PREVIEW_PX * height) / width) });
    const marked = { pins, brushed, cursor, grid };
    paintPreview(photo, state, geometry, previewed, marked);
    const name = previewed ? say("{site}, head {head}", { site: siteTitle(previewed.site), head: previewed.head }) : "";
    photo.setAttribute("aria-label", say("The photo: click pins a patch, drag brushes a region; arrows, Enter and Space do the same"));
    said.textContent = [name, pins.length ? "" : say("Asked by the class token or the middle patch.")].filter(Boolean).join(" · ");
    put(
      told,
      pins.map((pin, at) =>
        h(
          "button",
          { type: "button", class: "button small", title: say("Let go of row {row}, column {column}", pin), onclick: () => togglePin(pin) },
          h("i", { class: "pin-colour", style: `background: ${cssColour(at)}` }),
          `${pin.row}, ${pin.column}`,
        ),
      ),
      brushed.length > 0 && h("button", { type: "button", class: "button small", onclick: () => brush([]) }, say("Clear the region")),
    );
  }

  function drawControls() {
    const noPlace = maps.some(({ from }) => from === null);
    const active = document.activeElement instanceof HTMLElement && controls.contains(document.activeElement) ? document.activeElement.textContent : null;
    put(
      controls,
      segmented(
        say("Order"),
        /** @type {{value: typeof order, text: string, title: string}[]} */ ([
          { value: "layer", text: say("by layer"), title: say("Layers from above, heads from the left") },
          { value: "spread", text: say("entropy"), title: say("The most focused first: entropy over the patches, in nats") },
          { value: "distance", text: say("distance"), title: noPlace ? say("Pin a patch: the class token has no place to measure from") : say("The farthest first: mean distance in patches") },
          { value: "mass", text: say("mass on the region"), title: brushed.length ? say("The most on the brushed region first") : say("Brush a region on the photo first") },
        ]),
        order,
        (value) => ((order = value), draw()),
      ),
      segmented(
        say("Scale of the tiles"),
        [
          { value: false, text: say("each its own"), title: say("Colours end at each head's largest value") },
          { value: true, text: say("one for all"), title: say("Colours end at the largest value of all heads") },
        ],
        oneScale,
        (value) => ((oneScale = value), draw()),
      ),
    );
    if (active) [...controls.querySelectorAll("button")].find((one) => one.textContent === active)?.focus();
  }

  /** @param {Cell} cell */
  function togglePin(cell) {
    const others = pins.filter((one) => !same(one, cell));
    pins = others.length < pins.length ? others : [...pins, cell].slice(-MOST_PINS);
    gather();
  }

  /** @param {Cell[]} cells */
  function brush(cells) {
    brushed = cells;
    if (cells.length && order === "layer") order = "mass";
    if (!cells.length && order === "mass") order = "layer";
    draw();
  }

  /** @param {PointerEvent} event */
  function cellUnder(event) {
    const state = store.get();
    const grid = gridOf(state);
    const geometry = fromAnalysis(state.analysisData);
    const box = photo.getBoundingClientRect();
    const scale = geometry.imageWidth / box.width;
    return grid && cellAt(geometry, (event.clientX - box.left) * scale, (event.clientY - box.top) * scale, grid);
  }

  /** @type {Cell | null} */
  let pressed = null;
  photo.addEventListener("pointerdown", (/** @type {PointerEvent} */ event) => {
    pressed = cellUnder(event);
    photo.setPointerCapture(event.pointerId);
  });
  photo.addEventListener("pointermove", (/** @type {PointerEvent} */ event) => {
    const cell = pressed && cellUnder(event);
    if (!cell || !pressed || same(cell, pressed)) return;
    const next = brushed.length ? brushed : [pressed];
    if (next.some((one) => same(one, cell))) return;
    brushed = [...next, cell];
    drawPhoto();
  });
  photo.addEventListener("pointerup", (/** @type {PointerEvent} */ event) => {
    const cell = cellUnder(event);
    if (pressed && cell && same(cell, pressed)) togglePin(cell);
    else if (pressed) brush(brushed);
    pressed = null;
  });
  photo.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
    const grid = gridOf(store.get());
    const by = ARROWS[event.key];
    if (!grid || !(by || event.key === "Enter" || event.key === " ")) return;
    event.preventDefault();
    event.stopPropagation();
    const here = cursor ?? { row: Math.floor(grid.rows / 2), column: Math.floor(grid.columns / 2) };
    const inside = (/** @type {number} */ value, /** @type {number} */ count) => Math.min(count - 1, Math.max(0, value));
    cursor = by ? { row: inside(here.row + by[0], grid.rows), column: inside(here.column + by[1], grid.columns) } : here;
    if (event.key === "Enter") togglePin(cursor);
    else if (event.key === " ") brush(brushed.some((one) => same(one, here)) ? brushed.filter((one) => !same(one, here)) : [...brushed, here]);
    else drawPhoto();
  });
}

/** @param {Cell} one @param {Cell} other */
const same = (one, other) => one.row === other.row && one.column === other.column;
