// The stage: the photo at its true shape with the overlay on it, and the pointer that asks.

import { say } from "../language/language.js";
import { colour, paintCells, paintValues } from "../paint/colormap.js";
import { h, put, svg } from "../ui/dom.js";
import { cellAt, crop, fromAnalysis } from "../geometry.js";
import { opacitiesOf, said, tableOf } from "../sites/drawn.js";
import { shares } from "../paint/scale.js";
import { hintFor } from "../view/hints.js";
import { createLens } from "../paint/lens.js";
import { stripMarks } from "../kinds/strip/marks.js";
import { cellOutline, samplePoint, samplingLines, throughEarlier } from "../paint/marks.js";
import { maskPaths } from "../paint/mask_marks.js";
import { brushSite } from "../kinds/network/what_if.js";
import { createMatrix } from "../kinds/words/matrix.js";
import { POSITION_CLAIM } from "../sites/positions.js";
import { mountZoom } from "./parts/zooming.js";
import { partOf } from "../paint/zoom.js";
import { createOverlay } from "../paint/overlay/overlay.js";
import { watchPointer } from "../ui/pointer.js";
import { channelMean, classesOf, isOnFeatures, samplersBefore } from "../sites/sites.js";

const STACKED = matchMedia("(max-width: 860px) and (orientation: portrait), (max-width: 860px) and (min-height: 501px)"); // as in style/screens.css: the stage is as high as what is in it
const GAP_PX = 24;
const LABEL_PX = 28;
const NOTHING = new Float32Array(256);

/** @param {HTMLElement} root @param {Context} context */
export function mountStage(root, { store, session }) {
  const photo = h("canvas", { class: "photo", role: "img" });
  const marks = svg("svg", { class: "marks", preserveAspectRatio: "none", "aria-hidden": "true" });
  const frame = h("div", { class: "frame", id: "frame" }, photo);
  const overlay = createOverlay(frame, store.get().renderer);
  frame.append(marks);
  const lens = createLens(frame);
  const cells = h("canvas", { class: "cells", role: "img" });
  const words = createMatrix({ choose: (word) => store.set({ word }), hover });
  const small = h("div", { class: "frame small" }, cells);
  const label = h("figcaption", { class: "quiet" });
  const second = h("figure", { class: "second", hidden: true }, small, label);
  const hint = h("p", { class: "hint" });
  const figures = h("div", { class: "figures" }, h("figure", {}, frame), second);
  root.append(figures, hint, mountZoom(frame, store, () => STACKED.matches));
  /** @type {import("../geometry.js").Geometry | null} */
  let geometry = null;

  function layout() {
    const { photo: shown, picture } = store.get();
    if (!shown || !geometry) return;
    const beside = picture != null && isBeside(picture);
    const narrow = root.clientWidth < 560;
    if (picture?.labels && narrow) return stack(shown.bitmap, picture);
    const gap = narrow ? 8 : GAP_PX;
    const shares = beside ? 2 : 1;
    const margins = narrow && !beside ? 0 : 2 * gap;
    const width = (root.clientWidth - margins - (shares - 1) * gap) / shares;
    const height = STACKED.matches
      ? Math.min(innerHeight * 0.56, 1.4 * width)
      : root.clientHeight - 2 * GAP_PX - LABEL_PX;
    const fitted = fit(shown.bitmap, width, height);
    Object.assign(frame.style, { width: `${fitted.width}px`, height: `${fitted.height}px` });
    if (picture?.labels) drawWords(width, height);
    else if (picture && beside) {
      const other = fit({ width: picture.grid.columns, height: picture.grid.rows }, width, fitted.height);
      Object.assign(small.style, { width: `${other.width}px`, height: `${other.height}px` });
    }
    resizeOverlay(fitted);
  }

  /** On a narrow screen the words stand under the photo. @param {ImageBitmap} bitmap @param {Picture} picture */
  function stack(bitmap, picture) {
    const fitted = fit(bitmap, root.clientWidth - 32, innerHeight * 0.24);
    Object.assign(frame.style, { width: `${fitted.width}px`, height: `${fitted.height}px` });
    resizeOverlay(fitted);
    drawWords(root.clientWidth - 24, 24 * picture.grid.rows + 96);
  }

  /** @param {{width: number, height: number}} fitted */
  function resizeOverlay({ width, height }) {
    const scale = Math.min(devicePixelRatio, 2);
    overlay.resize(Math.round(width * scale), Math.round(height * scale));
  }

  /** @param {number} width @param {number} height */
  function drawWords(width, height) {
    const { picture, tables, colormap } = store.get();
    if (tables && picture?.labels)
      words.draw({ picture, table: tableOf({ tables, colormap }, picture), width, height, word: picture.labels.word });
  }
  new ResizeObserver(layout).observe(root);

  store.on(["photo", "analysisData"], ({ photo: shown, analysisData: analysis }) => {
    if (!shown || !analysis) return;
    geometry = fromAnalysis(analysis);
    const { width, height } = shown.bitmap;
    Object.assign(photo, { width, height });
    photo.getContext("2d").drawImage(shown.bitmap, 0, 0);
    place(store.get());
    root.classList.add("loaded");
    layout();
  });

  /** The part of the photo that is shown; the overlay is drawn anew for it. @param {State} state */
  function place({ zoom, photo: shown }) {
    if (!shown) return;
    const { left, top, width, height } = partOf(zoom, shown.bitmap);
    marks.setAttribute("viewBox", `${left} ${top} ${width} ${height}`);
    photo.style.transform = zoom ? `translate(${-100 * zoom.x * zoom.times}%, ${-100 * zoom.y * zoom.times}%) scale(${zoom.times})` : "";
  }
  store.on(["zoom"], place);

  const DRAWN_FROM = ["picture", "tables", "colormap", "opacity", "fade", "smooth", "zoom"];
  store.on(DRAWN_FROM, (state) => draw(state));
  store.on(["bare"], ({ bare }) => frame.classList.toggle("bare", bare));
  store.on([...DRAWN_FROM, "hover", "query", "outline", "brush"], (state) => mark(state));
  store.on(["analysisData"], async ({ analysisData: analysis }) => {
    if (analysis.output?.kind !== "mask") return;
    await session.mask().catch(() => null); // what needs it says what went wrong
    if (store.get().analysisData === analysis) mark(store.get());
  });
  store.on(["pending", "busy"], ({ pending, busy }) =>
    root.classList.toggle("waiting", pending || busy != null),
  );

  /** @param {State} state */
  function draw({ picture, tables, colormap, opacity, fade, smooth, zoom }) {
    if (!picture || !tables || !geometry) return overlay.draw(null);
    hint.textContent = hintFor(store.get(), picture);
    const { photo: onScreen } = store.get();
    if (!onScreen) return; // a sentence, which has a view of its own
    photo.setAttribute("aria-label", said({ smooth, fade }, picture));
    show(picture);
    const table = tableOf({ tables, colormap }, picture);
    const opacities = opacitiesOf({ opacity, fade }, picture);
    lens.draw({ picture, bitmap: onScreen.bitmap, geometry, table, opacities });
    if (picture.form === "grid") return overlay.draw(null);
    if (picture.labels) return layout();
    const values = shares(picture);
    if (picture.form === "matrix") return paintCells(cells, values, picture.grid.columns, table);
    // A mask is drawn as shapes; what the overlay adds to it is the dimming outside of the crop.
    const mask = picture.form === "mask";
    const drawn = { opacities: mask ? NOTHING : opacities, hatching: mask ? 0 : opacity };
    overlay.draw({ values, grid: picture.grid, geometry, table, ...drawn, smooth, part: partOf(zoom, onScreen.bitmap) });
  }

  store.on(["tables", "colormap"], ({ tables, colormap }) => {
    if (!tables) return;
    root.style.setProperty("--ink", `rgb(${colour(tables[colormap], 0.68).join(" ")})`);
    root.style.setProperty("--ink-top", `rgb(${colour(tables[colormap], 0.97).join(" ")})`);
  });

  /** The second picture: the warped photo of a spatial transformer, or a matrix where places are unknown. @param {Picture} picture */
  function show(picture) {
    const beside = isBeside(picture);
    const changed = second.hidden === beside || second.dataset.form !== picture.form;
    second.hidden = !beside;
    second.dataset.form = picture.form;
    second.replaceChild(picture.labels ? words.element : small, /** @type {Node} */ (second.firstChild));
    root.classList.toggle("with-words", Boolean(picture.labels));
    if (beside)
      label.textContent =
        picture.form === "grid"
          ? isOnFeatures(store.get().shown?.site ?? null)
            ? say("what it reads there: the mean of its channels")
            : say("what it reads there")
          : picture.claim === POSITION_CLAIM
            ? say("how alike the positions of two words are")
            : picture.labels
            ? say("row: the word that is written · column: a word read before it")
            : say("query ↓  key →");
    cells.setAttribute("aria-label", label.textContent);
    if (changed) layout();
    if (picture.form === "grid") warp();
  }

  async function warp() {
    const site = store.get().shown?.site;
    if (!site) return;
    const bitmap = await session.warped(site).catch(() => null);
    const { tables, colormap } = store.get();
    if (!bitmap || store.get().shown?.site !== site || !tables) return;
    if (!(bitmap instanceof ImageBitmap)) {
      const { shape, data } = channelMean(bitmap);
      return paintValues(cells, data, shape[1], tables, colormap);
    }
    Object.assign(cells, { width: bitmap.width, height: bitmap.height });
    cells.getContext("2d").drawImage(bitmap, 0, 0);
  }

  /** @param {State} state */
  function mark({ picture, hover, tables, colormap }) {
    if (!picture || !tables || !geometry || !store.get().photo) return put(marks);
    const paths = [];
    const [left, top, right, bottom] = crop(geometry);
    if (right - left < geometry.imageWidth - 1 || bottom - top < geometry.imageHeight - 1) {
      paths.push(stroke(`M${left} ${top}H${right}V${bottom}H${left}Z`, "crop"));
    }
    paths.push(...maskMarks(picture));
    if (picture.edges) paths.push(...stripMarks(geometry, picture, tables[colormap]));
    if (picture.form === "grid") paths.push(...gridMarks(hover));
    else if (picture.form === "map") {
      const asking = store.get().shown?.pointer;
      if (hover && !same(hover, picture.marked))
        paths.push(stroke(cellOutline(geometry, hover, asking ?? picture.grid), "hovered"));
      if (picture.marked) {
        const outline = cellOutline(geometry, picture.marked, picture.markedGrid ?? picture.grid);
        paths.push(stroke(outline, "halo"), stroke(outline, "query"));
      }
    }
    paths.push(...brushMarks());
    put(marks, paths);
  }

  /** The patches that were brushed. */
  function brushMarks() {
    const { brush } = store.get();
    const grid = brush?.length ? brushSite(store.get())?.grid : null;
    if (!brush || !grid || !geometry) return [];
    const whole = /** @type {import("../geometry.js").Geometry} */ (geometry);
    const path = brush.map((cell) => cellOutline(whole, cell, grid)).join("");
    return [stroke(path, "halo thin"), stroke(path, "brushed")];
  }

  /** The network's mask: its areas where it is what is shown, and its border. @param {Picture} picture */
  function maskMarks(picture) {
    const mask = session.peek("mask");
    const { analysisData: analysis, outline, opacity } = store.get();
    if (!mask || !geometry || (picture.form !== "mask" && !outline)) return [];
    const { areas, border } = maskPaths(geometry, mask);
    const filled = areas.map(({ index, path }) => {
      const area = svg("path", { d: path, class: "area" });
      area.style.fill = classesOf(analysis.output)[index].colour;
      area.style.fillOpacity = opacity;
      return area;
    });
    const edge = [stroke(border, "halo thin"), stroke(border, "border")];
    return picture.form === "mask" ? [...filled, ...edge] : edge;
  }

  /** @param {Cell | null} hover a pixel of the warped picture */
  function gridMarks(hover) {
    const { site: id, analysisData: analysis } = store.get();
    const found = session.peek(`grid ${id}`);
    if (!found || !geometry) return [];
    const sampling = throughEarlier(found, samplersBefore(analysis.sites, id));
    if (!sampling) return [];
    const { inner, outline, top } = samplingLines(geometry, sampling);
    const paths = [
      stroke(inner, "halo thin"),
      stroke(inner, "line ink"),
      stroke(outline, "halo"),
      stroke(outline, "ink"),
      stroke(top, "top"),
    ];
    const point = hover && sampling.grid[hover.row]?.[hover.column];
    if (point) {
      const [x, y] = samplePoint(geometry, sampling, point);
      paths.push(stroke(`M${x} ${y}h0`, "dot halo"), stroke(`M${x} ${y}h0`, "dot"));
    }
    return paths;
  }

  /** @param {PointerEvent} event @param {PatchGrid | null | undefined} grid  of the map if null */
  function cellUnder(event, grid = store.get().shown?.pointer) {
    const { picture, analysisData: analysis } = store.get();
    if (!picture || !geometry || (picture.form !== "map" && picture.form !== "mask") || !analysis) return null;
    const box = frame.getBoundingClientRect();
    const part = partOf(store.get().zoom, { width: geometry.imageWidth, height: geometry.imageHeight });
    const x = part.left + ((event.clientX - box.left) / box.width) * part.width;
    const y = part.top + ((event.clientY - box.top) / box.height) * part.height;
    return cellAt(geometry, x, y, grid ?? picture.grid);
  }

  /** @param {Cell | null} cell */
  function hover(cell) {
    if (!same(cell, store.get().hover)) store.set({ hover: cell });
  }

  let brushed = false; // whether the pointer moved while it was down: the click that follows is no choice

  /** @param {Cell[]} brush @param {Cell | null} cell */
  function brushOne(brush, cell) {
    if (cell && !brushed) {
      const others = brush.filter((one) => !same(one, cell));
      store.set({ brush: others.length < brush.length ? others : [...brush, cell] });
    }
    brushed = false;
  }

  watchPointer(frame, {
    ask(event) {
      const { brush } = store.get();
      if (!brush) return hover(cellUnder(event));
      const cell = cellUnder(event, brushSite(store.get())?.grid);
      hover(cell);
      const down = event.pointerType !== "mouse" || event.buttons & 1;
      if (!cell || !down || brush.some((one) => same(one, cell))) return;
      brushed = true;
      store.set({ brush: [...brush, cell] });
    },
    leave: () => hover(null),
    pin(event) {
      const { brush } = store.get();
      if (brush) return brushOne(brush, cellUnder(event, brushSite(store.get())?.grid));
      const asked = store.get().shown?.asks;
      const cell = asked && cellUnder(event, asked);
      if (cell) store.set({ query: same(cell, store.get().query) ? "cls" : cell });
    },
  });
  cells.addEventListener("pointermove", (/** @type {PointerEvent} */ event) => {
    const { picture } = store.get();
    if (!picture) return;
    const box = cells.getBoundingClientRect();
    const row = Math.floor(((event.clientY - box.top) / box.height) * picture.grid.rows);
    const column = Math.floor(((event.clientX - box.left) / box.width) * picture.grid.columns);
    hover({ row, column });
  });
  cells.addEventListener("pointerleave", () => hover(null));
}

/** Whether something stands beside the photo. @param {Picture} picture */
const isBeside = (picture) => picture?.form === "grid" || picture?.form === "matrix";

/** The largest size of a shape inside a box. @param {{width: number, height: number}} shape @param {number} width @param {number} height */
function fit(shape, width, height) {
  const scale = Math.max(0, Math.min(width / shape.width, height / shape.height));
  return { width: Math.round(shape.width * scale), height: Math.round(shape.height * scale) };
}

/** @param {string} path @param {string} name */
const stroke = (path, name) => svg("path", { d: path, class: name, "vector-effect": "non-scaling-stroke" });

/** @param {unknown} one @param {unknown} other */
const same = (one, other) =>
  one === other || (isCell(one) && isCell(other) && one.row === other.row && one.column === other.column);

/** @param {unknown} value @returns {value is Cell} */
const isCell = (value) => typeof value === "object" && value !== null && "row" in value;
