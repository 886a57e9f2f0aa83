// Compare: the photo seen by up to four networks side by side, all asked about the same place.

import { say } from "../language/language.js";
import { endsOf } from "../paint/colormap.js";
import { comparableSites, firstOf, MOST, moved, outline, paint, suggested } from "../view/comparison.js";
import { h, put } from "../ui/dom.js";
import { fromAnalysis } from "../geometry.js";
import { number, percent } from "../ui/format.js";
import { icon } from "../ui/icons.js";
import { attends, siteTitle } from "../sites/sites.js";

/** By key: columns and rows. @type {Record<string, [number, number]>} */
const ARROWS = { ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] };

const WIDTH_PX = 480; // of a picture; CSS makes it as wide as there is room

/**
 * @typedef {object} Card  a network beside others
 * @property {string} model
 * @property {Analysis} analysis
 * @property {Site[]} sites
 * @property {number} at  which of them is shown
 * @property {{values: Float32Array, rows: number, columns: number, sentence: string, asked: import("../geometry.js").PatchGrid | null} | null} map  asked: whose places can be asked about
 * @property {HTMLElement} root
 * @property {HTMLCanvasElement} canvas
 */

/** @param {HTMLElement} root @param {Context} context */
export function mountCompare(root, { store, session }) {
  /** @type {Map<string, Card>} */
  const cards = new Map();
  /** The place of each network, from when it is chosen. @type {Map<string, HTMLElement>} */
  const places = new Map();
  let controller = new AbortController();
  /** @type {[number, number] | null} */
  let asked = null; // a place of the photo, in its pixels
  const chips = h("div", { class: "chips", role: "group", "aria-label": say("Networks to compare") });
  const grid = h("div", { class: "compare-grid" });
  const dialog = h(
    "dialog",
    { class: "compare", "aria-label": say("Compare networks"), onclose: () => controller.abort() },
    h(
      "div",
      { class: "compare-head" },
      h("h2", {}, say("Compare")),
      chips,
      h(
        "button",
        { type: "button", class: "button plain", "aria-label": say("Close"), onclick: () => dialog.close() },
        icon("close"),
      ),
    ),
    grid,
    h(
      "p",
      { class: "quiet compare-hint" },
      say("Move over a picture to read the same place in all of them; click, or use the arrow keys on one, to ask what that place looks at."),
    ),
  );
  root.append(dialog);

  function open() {
    const { analysisData: analysis, photo, models } = store.get();
    if (!analysis || !photo || dialog.open) return;
    controller = new AbortController();
    asked = null;
    cards.clear();
    places.clear();
    put(grid);
    const offered = suggested(models, analysis.model, session.kindOfModel);
    put(chips, offered.map(chip));
    dialog.showModal();
    for (const { id } of offered.slice(0, 3)) add(id);
  }

  /** @param {Model} model */
  const chip = ({ id, title }) =>
    h(
      "button",
      { type: "button", class: "chip", "data-model": id, "aria-pressed": "false", onclick: () => (places.has(id) ? remove(id) : add(id)) },
      title,
    );

  /** A chip is pressed while its network is shown; with four of them the others wait. */
  function markChips() {
    for (const one of chips.querySelectorAll(".chip")) {
      const shown = places.has(one.dataset.model);
      one.setAttribute("aria-pressed", String(shown));
      one.disabled = !shown && places.size >= MOST;
    }
  }

  /** @param {string} model */
  function remove(model) {
    places.get(model)?.remove();
    places.delete(model);
    cards.delete(model);
    markChips();
  }

  /** @param {string} model */
  async function add(model) {
    const { signal } = controller;
    const title = store.get().models.find((one) => one.id === model)?.title ?? model;
    const root = h("section", { class: "compare-card", "aria-label": title });
    places.set(model, root);
    grid.append(root);
    put(root, h("h3", {}, title), h("p", { class: "quiet", role: "status" }, say("Looking …")));
    markChips();
    try {
      const analysis = await session.analyseWith(model, signal);
      const sites = comparableSites(analysis);
      if (!sites.length) throw new Error(say("This network has nothing that lies on the photo."));
      if (places.get(model) !== root) return; // taken away meanwhile
      const canvas = h("canvas", { tabindex: 0, role: "img", "aria-label": say("{title}: arrow keys ask the next place", { title }) });
      /** @type {Card} */
      const card = { model, analysis, sites, at: firstOf(sites), map: null, canvas, root };
      cards.set(model, card);
      build(card, title);
      await show(card);
    } catch (error) {
      if (!signal.aborted) put(root, h("h3", {}, title), h("p", { class: "note" }, String(error instanceof Error ? error.message : error)));
    }
  }

  /** @param {Card} card @param {string} title */
  function build(card, title) {
    const { canvas, analysis } = card;
    const { imageWidth: width, imageHeight: height } = fromAnalysis(analysis);
    Object.assign(canvas, { width: WIDTH_PX, height: Math.round((WIDTH_PX * height) / width) });
    canvas.addEventListener("pointermove", (event) => hover(pointOf(card, event)));
    canvas.addEventListener("pointerleave", () => hover(null));
    canvas.addEventListener("click", (event) => ask(pointOf(card, event)));
    canvas.addEventListener("keydown", (event) => {
      const by = ARROWS[event.key];
      if (!by || !card.map) return;
      event.preventDefault();
      ask(moved(fromAnalysis(analysis), card.map.asked ?? card.map, asked, by));
    });
    const step = (/** @type {number} */ by, /** @type {string} */ name) =>
      h(
        "button",
        {
          type: "button",
          class: "button plain",
          "aria-label": name,
          onclick: () => {
            card.at = (card.at + by + card.sites.length) % card.sites.length;
            show(card);
          },
        },
        by < 0 ? "‹" : "›",
      );
    const [first] = analysis.predictions;
    put(
      card.root,
      h("h3", {}, title),
      h("p", { class: "quiet" }, first ? `${first.label}, ${percent(first.score)}` : (analysis.output && "text" in analysis.output ? analysis.output.text : "")),
      canvas,
      h("div", { class: "row" }, step(-1, say("Site before")), h("span", { class: "site-name" }), step(1, say("Site after")), h("span", { class: "number value" })),
      h("p", { class: "sentence quiet" }),
    );
  }

  /** Fetches what is asked of a card's site and draws it. @param {Card} card */
  async function show(card) {
    const { signal } = controller;
    const site = card.sites[card.at];
    const { model } = card;
    try {
      const map = await session.mapOf(card.analysis, site, asked, signal);
      if (cards.get(model) !== card || card.sites[card.at] !== site) return; // another one was chosen meanwhile
      card.map = map;
      const name = card.root.querySelector(".site-name");
      const place = say("{at} of {count}", { at: card.at + 1, count: card.sites.length });
      if (name) name.textContent = `${siteTitle(site)} · ${place}`;
      const sentence = card.root.querySelector(".sentence");
      const { low, high } = endsOf(map.values);
      if (sentence) sentence.textContent = say("{sentence}. Colours from {low} to {high}.", { sentence: map.sentence, low: number(low), high: number(high) });
      draw(card, null);
    } catch (error) {
      if (!signal.aborted) card.root.append(h("p", { class: "note" }, String(error instanceof Error ? error.message : error)));
    }
  }

  /** @param {Card} card @param {[number, number] | null} pointed */
  function draw(card, pointed) {
    const { tables, colormap, opacity, fade, photo } = store.get();
    if (!card.map || !tables || !photo) return;
    const geometry = fromAnalysis(card.analysis);
    paint(card.canvas, photo.bitmap, geometry, card.map, { tables, colormap, opacity, fade });
    const value = card.root.querySelector(".value");
    if (value) value.textContent = "";
    if (asked && card.map.asked) outline(card.canvas, geometry, card.map.asked, asked, true);
    const cell = pointed && outline(card.canvas, geometry, card.map, pointed, false);
    if (cell && value) value.textContent = number(card.map.values[cell.row * card.map.columns + cell.column]);
  }

  /** @param {Card} card @param {MouseEvent} event @returns {[number, number]} on the photo */
  function pointOf({ canvas, analysis }, event) {
    const box = canvas.getBoundingClientRect();
    const scale = fromAnalysis(analysis).imageWidth / box.width;
    return [(event.clientX - box.left) * scale, (event.clientY - box.top) * scale];
  }

  /** @param {[number, number] | null} point */
  function hover(point) {
    for (const card of cards.values()) draw(card, point);
  }

  /** @param {[number, number]} point */
  function ask(point) {
    asked = point;
    for (const card of cards.values()) if (attends(card.sites[card.at])) show(card);
  }

  return { open };
}
