// Compare: up to four panes side by side, networks, photos, layers, maps or edits, all read and asked at one place.

import { say } from "../language/language.js";
import { endsOf } from "../paint/colormap.js";
import { MOST, moved, outline, paint } from "../view/comparison.js";
import { offersOf, shownAtFirst } from "../view/panes.js";
import { h, put, segmented } from "../ui/dom.js";
import { fromAnalysis } from "../geometry.js";
import { number, percent } from "../ui/format.js";
import { icon } from "../ui/icons.js";
import { attends, siteTitle } from "../sites/sites.js";
import { tilesSvg } from "../view/tiles_svg.js";
import { takingButtons } from "./parts/taking.js";

/** By key: columns and rows. @type {Record<string, [number, number]>} */
const ARROWS = { ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] };

const ACROSS = 2; // panes in a row of the figure
const WIDTH_PX = 480; // of a picture; CSS makes it as wide as there is room

/** @type {[import("../view/panes.js").Mode, string][]} */
const MODES = [
  ["networks", say("networks")],
  ["photos", say("photos")],
  ["layers", say("layers")],
  ["maps", say("maps")],
  ["edits", say("before and after")],
];

/** @typedef {[number, number]} Share  of the photo's width and height: the same place of photos of any size */
/**
 * A pane beside others.
 * @typedef {import("../view/panes.js").Seen & {
 *   key: string, title: string, root: HTMLElement, canvas: HTMLCanvasElement,
 *   drawn: import("../state/comparing.js").PaneMap | null,
 * }} Pane
 */

/** @param {HTMLElement} root @param {Context} context */
export function mountCompare(root, { store, session }) {
  /** @type {Map<string, Pane>} */
  const panes = new Map();
  /** The place of each, from when it is chosen. @type {Map<string, HTMLElement>} */
  const places = new Map();
  /** @type {import("../view/panes.js").Mode} */
  let mode = "networks";
  let oneScale = false;
  let controller = new AbortController();
  /** @type {Share | null} */
  let asked = null;
  const modes = h("div", { class: "compare-modes" });
  const chips = h("div", { class: "chips", role: "group", "aria-label": say("What to compare") });
  const grid = h("div", { class: "compare-grid" });
  const dialog = h(
    "dialog",
    { class: "compare", "aria-label": say("Compare"), onclose: () => controller.abort() },
    h(
      "div",
      { class: "compare-head" },
      h("h2", {}, say("Compare")),
      modes,
      h(
        "button",
        { type: "button", class: "button plain", "aria-label": say("Close"), onclick: () => dialog.close() },
        icon("close"),
      ),
    ),
    chips,
    grid,
    h(
      "p",
      { class: "quiet compare-hint" },
      say("Move over a picture to read the same place in all of them; click, or use the arrow keys on one, to ask what that place looks at."),
    ),
  );
  root.append(dialog);

  function open() {
    const { analysisData: analysis, photo } = store.get();
    if (!analysis || !photo || dialog.open) return;
    if (offersOf(mode, store.get(), session).length < 2) mode = "networks";
    dialog.showModal();
    begin();
  }

  /** The panes of a mode, the first of them filled. */
  function begin() {
    controller.abort();
    controller = new AbortController();
    asked = null;
    panes.clear();
    places.clear();
    put(grid);
    drawModes();
    const offered = offersOf(mode, store.get(), session);
    put(chips, offered.map(chip));
    for (const one of shownAtFirst(mode, offered)) add(one);
  }

  function drawModes() {
    const possible = MODES.filter(([name]) => offersOf(name, store.get(), session).length > 1);
    put(
      modes,
      segmented(say("Compare"), possible.map(([value, text]) => ({ value, text })), mode, (value) => {
        mode = value;
        begin();
      }),
      segmented(
        say("Scale"),
        [
          { value: false, text: say("each its own"), title: say("Colours end at each map's own values") },
          { value: true, text: say("one for all"), title: say("Colours end at the smallest and largest value of all") },
        ],
        oneScale,
        (value) => {
          oneScale = value;
          drawModes();
          drawAll(null);
        },
      ),
      takingButtons("save-compared", `fovea-compare-${mode}`, figure, heading),
    );
  }

  /** @param {import("../view/panes.js").Offer} offer */
  const chip = (offer) =>
    h(
      "button",
      { type: "button", class: "chip", "data-model": offer.key, "aria-pressed": "false", onclick: () => (places.has(offer.key) ? remove(offer.key) : add(offer)) },
      offer.picture && h("img", { src: offer.picture, alt: "", width: 24, height: 18 }),
      offer.title,
    );

  /** A chip is pressed while it is shown; with four of them the others wait. */
  function markChips() {
    for (const one of chips.querySelectorAll(".chip")) {
      const shown = places.has(one.dataset.model);
      one.setAttribute("aria-pressed", String(shown));
      one.disabled = !shown && places.size >= MOST;
    }
  }

  /** @param {string} key */
  function remove(key) {
    places.get(key)?.remove();
    places.delete(key);
    panes.delete(key);
    markChips();
    drawAll(null);
  }

  /** @param {import("../view/panes.js").Offer} offer */
  async function add({ key, title, see }) {
    const { signal } = controller;
    const place = h("section", { class: "compare-card", "aria-label": title });
    places.set(key, place);
    grid.append(place);
    put(place, h("h3", {}, title), h("p", { class: "quiet", role: "status" }, say("Looking …")));
    markChips();
    try {
      const seen = await see(signal);
      if (places.get(key) !== place) return; // taken away meanwhile
      const canvas = h("canvas", { tabindex: 0, role: "img", "aria-label": say("{title}: arrow keys ask the next place", { title }) });
      /** @type {Pane} */
      const pane = { ...seen, key, title, root: place, canvas, drawn: null };
      panes.set(key, pane);
      build(pane);
      await show(pane);
    } catch (error) {
      if (!signal.aborted) put(place, h("h3", {}, title), h("p", { class: "note" }, messageOf(error)));
    }
  }

  /** @param {Pane} pane */
  function build(pane) {
    const { canvas, analysis, title, sites } = pane;
    const { imageWidth: width, imageHeight: height } = fromAnalysis(analysis);
    Object.assign(canvas, { width: WIDTH_PX, height: Math.round((WIDTH_PX * height) / width) });
    canvas.addEventListener("pointermove", (event) => drawAll(shareOf(pane, event)));
    canvas.addEventListener("pointerleave", () => drawAll(null));
    canvas.addEventListener("click", (event) => ask(shareOf(pane, event)));
    canvas.addEventListener("keydown", (event) => {
      const by = ARROWS[event.key];
      if (!by || !pane.drawn) return;
      event.preventDefault();
      const point = moved(fromAnalysis(analysis), pane.drawn.asked ?? pane.drawn, asked && pointOf(pane, asked), by);
      ask([point[0] / width, point[1] / height]);
    });
    const step = (/** @type {number} */ by, /** @type {string} */ name) =>
      h(
        "button",
        {
          type: "button",
          class: "button plain",
          "aria-label": name,
          onclick: () => {
            pane.at = (pane.at + by + sites.length) % sites.length;
            show(pane);
          },
        },
        by < 0 ? "‹" : "›",
      );
    const several = sites.length > 1 && !pane.map;
    put(
      pane.root,
      h("h3", {}, title),
      h("p", { class: "quiet" }, answerOf(analysis)),
      canvas,
      h("div", { class: "row" }, several && step(-1, say("Site before")), h("span", { class: "site-name" }), several && step(1, say("Site after")), h("span", { class: "number value" })),
      h("p", { class: "sentence quiet" }),
    );
  }

  /** Fetches what is asked of a pane's site and draws it. @param {Pane} pane */
  async function show(pane) {
    const { signal } = controller;
    const { analysis, map, key } = pane;
    const site = pane.sites[pane.at];
    try {
      const drawn = map
        ? await session.wholeMapOf(analysis, map.name, map.parameters)
        : await session.mapOf(analysis, site, asked && pointOf(pane, asked), signal);
      if (panes.get(key) !== pane || pane.sites[pane.at] !== site) return; // another one was chosen meanwhile
      pane.drawn = drawn;
      const name = pane.root.querySelector(".site-name");
      const place = pane.sites.length > 1 ? ` · ${say("{at} of {count}", { at: pane.at + 1, count: pane.sites.length })}` : "";
      if (name) name.textContent = map ? "" : `${siteTitle(site)}${place}`;
      drawAll(null);
    } catch (error) {
      if (!signal.aborted) pane.root.append(h("p", { class: "note" }, messageOf(error)));
    }
  }

  /** Where the colours of every pane end, if at the same values. */
  function commonEnds() {
    const all = [...panes.values()].flatMap(({ drawn }) => (drawn ? [endsOf(drawn.values)] : []));
    return oneScale && all.length ? { low: Math.min(...all.map(({ low }) => low)), high: Math.max(...all.map(({ high }) => high)) } : null;
  }

  /** @param {Share | null} pointed */
  function drawAll(pointed) {
    const ends = commonEnds();
    for (const pane of panes.values()) draw(pane, pointed, ends);
  }

  /** @param {Pane} pane @param {Share | null} pointed @param {{low: number, high: number} | null} common */
  function draw(pane, pointed, common) {
    const { tables, colormap, opacity, fade } = store.get();
    const { drawn, canvas, bitmap } = pane;
    if (!drawn || !tables) return;
    const geometry = fromAnalysis(pane.analysis);
    const ends = common ?? endsOf(drawn.values);
    paint(canvas, bitmap, geometry, { ...drawn, ends }, { tables, colormap, opacity, fade });
    const value = pane.root.querySelector(".value");
    if (value) value.textContent = "";
    const sentence = pane.root.querySelector(".sentence");
    if (sentence) sentence.textContent = saidOf(drawn, ends);
    if (asked && drawn.asked) outline(canvas, geometry, drawn.asked, pointOf(pane, asked), true);
    const cell = pointed && outline(canvas, geometry, drawn, pointOf(pane, pointed), false);
    if (cell && value) value.textContent = number(drawn.values[cell.row * drawn.columns + cell.column]);
  }

  /** @param {Pane} pane @param {MouseEvent} event @returns {Share} */
  function shareOf({ canvas }, event) {
    const box = canvas.getBoundingClientRect();
    return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
  }

  /** @param {Pane} pane @param {Share} share @returns {[number, number]} in the photo's pixels */
  function pointOf({ analysis }, [across, down]) {
    const { imageWidth, imageHeight } = fromAnalysis(analysis);
    return [across * imageWidth, down * imageHeight];
  }

  /** @param {Share} share */
  function ask(share) {
    asked = share;
    for (const pane of panes.values()) if (!pane.map && attends(pane.sites[pane.at])) show(pane);
  }

  /** All panes, two in a row. */
  function figure() {
    drawAll(null);
    const tiles = [...panes.values()].flatMap(({ canvas, title, drawn, sites, at, map }) =>
      drawn ? [{ canvas, title: map ? title : [...new Set([title, siteTitle(sites[at])])].join(" · "), said: saidOf(drawn, commonEnds() ?? endsOf(drawn.values)) }] : [],
    );
    if (!tiles.length) return null;
    const rows = Array.from({ length: Math.ceil(tiles.length / ACROSS) }, (_, row) => tiles.slice(row * ACROSS, (row + 1) * ACROSS));
    return tilesSvg({ caption: heading(), width: WIDTH_PX, gap: 20, rows });
  }

  /** What is compared. */
  function heading() {
    const { analysisData: analysis, models } = store.get();
    const model = models.find(({ id }) => id === analysis.model)?.title ?? analysis.model;
    return say("Compared: {what}. {model}.", { what: MODES.find(([name]) => name === mode)?.[1] ?? "", model });
  }

  return { open };
}

/** @param {import("../state/comparing.js").PaneMap} drawn @param {{low: number, high: number}} ends */
const saidOf = ({ sentence }, { low, high }) =>
  say("{sentence}. Colours from {low} to {high}.", { sentence: sentence.replace(/[.。]$/, ""), low: number(low), high: number(high) });

/** What the network says, in short. @param {Analysis} analysis */
function answerOf({ predictions: [first], output }) {
  if (first) return `${first.label}, ${percent(first.score)}`;
  return output && "text" in output ? output.text : "";
}

/** @param {unknown} error */
const messageOf = (error) => (error instanceof Error ? error.message : String(error));
