// Heads as small multiples: this site's heads on the photo, and below every head of every layer.

import { extent, paintCells } from "../paint/colormap.js";
import { sharesOf } from "../paint/scale.js";
import { say } from "../language/language.js";
import { h, put } from "../ui/dom.js";
import { number } from "../ui/format.js";
import { drawable, extentOf, headMaps } from "../kinds/attention/head_maps.js";
import { clearAbove } from "../kinds/words/matrix.js";
import { isMasked, isWordMatrix, siteTitle, visit } from "../sites/sites.js";

/** @param {HTMLElement} root @param {Context} context */
export function mountHeads(root, { store, session }) {
  const title = h("h3");
  const here = h("div", { class: "heads" });
  const all = h("table", { class: "all-heads" });
  const windows = h("p", { class: "quiet" }, say("Where attention stays in windows, the window is drawn."));
  const sheet = h("button", { type: "button", class: "button", id: "all-heads", onclick: () => store.set({ sheet: true }) }, say("All heads at once"));
  root.append(title, here, h("div", { class: "all-title" }, h("h3", {}, say("Every layer")), sheet), windows, h("div", { class: "all-scroll" }, all));
  let frame = 0;
  let turn = 0;

  // Small multiples may be a frame late; the stage may not.
  const later = () => {
    cancelAnimationFrame(frame);
    frame = requestAnimationFrame(() => drawSite());
  };
  store.on(
    [
      "analysisData",
      "site",
      "tab",
      "query",
      "hover",
      "direction",
      "colormap",
      "tables",
      "opacity",
      "scale",
      "head",
      "photo",
      "word",
    ],
    () => {
      if (visible()) later();
    },
  );
  store.on(["analysisData", "tab", "query", "direction", "colormap", "scale", "site", "word"], () => {
    if (visible()) drawAll();
  });

  function visible() {
    const state = store.get();
    return state.tab === "heads" && state.tables && (state.shown?.site?.heads ?? 0) > 1;
  }

  async function drawSite() {
    const state = store.get();
    const site = state.shown?.site;
    const table = state.tables?.[state.colormap];
    if (!table) return;
    if (!site || !drawable(site)) return put(here, h("p", { class: "note" }, site?.note));
    const mine = ++turn;
    const maps = await headMaps(state, site, session).catch(() => null);
    if (!maps || mine !== turn || store.get().shown?.site !== site) return;
    title.textContent = say("{site}: {heads} heads", { site: siteTitle(site), heads: site.heads });
    const of = `${state.analysisData.id} ${site.id}`;
    if (here.children.length !== maps.heads || here.dataset.of !== of) {
      here.dataset.of = of;
      delete here.dataset.area;
      put(
        here,
        Array.from({ length: maps.heads }, (_, head) => tile(head)),
      );
    }
    here.style.cssText = `--backdrop-opacity: ${1 - state.opacity}`;
    drawBackdrops(maps.area);
    for (let head = 0; head < maps.heads; head++) {
      const button = here.children[head];
      const high = paintHead(button.querySelector(".cells"), state, site, maps, head, table);
      button.querySelector(".number").textContent = say("max {high}", { high: number(high) });
      button.setAttribute("aria-pressed", String(state.head === head));
    }
  }

  /** The part of the photo behind each head's map. @param {number[] | null} area */
  function drawBackdrops(area) {
    const { photo } = store.get();
    if (!area || !photo || here.dataset.area === String(area)) return;
    here.dataset.area = String(area);
    const [left, top, right, bottom] = area;
    for (const backdrop of /** @type {NodeListOf<HTMLCanvasElement>} */ (here.querySelectorAll(".backdrop"))) {
      Object.assign(backdrop, { width: 160, height: Math.round((160 * (bottom - top)) / (right - left)) });
      const { width, height } = backdrop;
      const context = /** @type {CanvasRenderingContext2D} */ (backdrop.getContext("2d"));
      context.drawImage(photo.bitmap, left, top, right - left, bottom - top, 0, 0, width, height);
    }
  }

  /** @param {number} head */
  function tile(head) {
    const site = store.get().shown?.site;
    const onPhoto = store.get().photo && site && !isWordMatrix(site);
    const backdrop = onPhoto ? h("canvas", { class: "backdrop" }) : null;
    return h(
      "button",
      {
        type: "button",
        class: "head",
        onclick: () => store.set({ head: store.get().head === head ? "mean" : head }),
      },
      h("span", { class: `tile ${backdrop ? "" : "bare"}` }, backdrop, h("canvas", { class: "cells" })),
      h("span", { class: "head-name" }, h("span", {}, say("head {head}", { head })), h("span", { class: "number quiet" })),
    );
  }

  /** The whole network at a glance, for the pinned patch or the class token. */
  async function drawAll() {
    const state = store.get();
    const { analysisData: analysis } = state;
    const table = state.tables?.[state.colormap];
    if (!table) return;
    const sites = analysis.sites.filter(drawable);
    windows.hidden = !sites.some((/** @type {Site} */ site) => site.windows);
    const most = Math.max(1, ...sites.map((site) => site.heads));
    all.style.setProperty("--heads", String(most));
    put(
      all,
      headNumbers(most),
      h(
        "tbody",
        {},
        sites.map((/** @type {Site} */ site) =>
          h(
            "tr",
            { class: "layer-row", "data-site": site.id },
            h("th", { scope: "row", class: "number quiet", title: siteTitle(site) }, site.layer),
          ),
        ),
      ),
    );
    for (const site of sites) {
      const asked = { ...state, hover: null, query: visit(state, site).query };
      const maps = await headMaps(asked, site, session).catch(() => null);
      const now = store.get();
      if (!maps || now.analysisData !== analysis || now.query !== state.query || now.word !== state.word || now.tab !== "heads")
        return;
      const row = all.querySelector(`[data-site="${site.id}"]`);
      if (!row || row.children.length > 1) continue;
      for (let head = 0; head < maps.heads; head++) {
        const canvas = h("canvas", { class: "cells" });
        paintHead(canvas, asked, site, maps, head, table);
        const name = say("{site}, head {head}", { site: siteTitle(site), head });
        const button = h(
          "button",
          {
            type: "button",
            class: "mini",
            "aria-label": name,
            "aria-pressed": String(site.id === state.site && head === state.head),
            title: name,
            onclick: () => store.set({ ...visit(store.get(), site), head }),
          },
          canvas,
        );
        row.append(h("td", {}, button));
      }
    }
  }
}

/** What stands above the columns: as many as the layer with most heads has. @param {number} most */
const headNumbers = (most) =>
  h(
    "thead",
    {},
    h(
      "tr",
      { class: "head-numbers number quiet" },
      h("th", { scope: "col" }, say("layer")),
      Array.from({ length: most }, (_, head) => h("th", { scope: "col" }, String(head))),
    ),
  );

/**
 * One head of a site. Gives the largest value.
 * @param {HTMLCanvasElement} canvas @param {State} state @param {Site} site
 * @param {import("../kinds/attention/head_maps.js").HeadMaps} maps @param {number} head @param {import("../paint/colormap.js").Table} table
 */
function paintHead(canvas, state, site, maps, head, table) {
  const values = maps.of(head);
  paintCells(canvas, sharesOf(values, state, commonEnds(state, maps)), maps.columns, table);
  if (isMasked(site)) clearAbove(canvas, values.length / maps.columns, maps.columns);
  return extent(values)[1];
}

/** The ends that a head's colours share with others; null: its own. @param {State} state @param {import("../kinds/attention/head_maps.js").HeadMaps} maps @returns {[number, number] | null} */
function commonEnds({ ends, picture }, maps) {
  if (ends === "map") return null;
  if (ends === "layer") return extentOf(maps);
  return picture && picture.form !== "mask" ? [picture.low, picture.high] : null;
}
