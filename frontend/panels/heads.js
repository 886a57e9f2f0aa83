// Heads as small multiples: this site's heads on the photo, and below every head of every layer.

import { fuse, matrix } from "../attention.js";
import { normalise, paintCells, range } from "../colormap.js";
import { h, put } from "../dom.js";
import { siteOf } from "../drawing.js";
import { crop, fromAnalysis } from "../geometry.js";
import { number } from "../format.js";
import { shownToken } from "../picture.js";
import { clearAbove } from "../matrix.js";
import { isCross, isMasked, isPlaced, isSquare, isWordMatrix, siteTitle, wordOf } from "../sites.js";

const MOST_COLUMNS = 8;

/** @param {HTMLElement} root @param {import("../drawing.js").Context} context */
export function mountHeads(root, { store, session }) {
  const title = h("h3");
  const here = h("div", { class: "heads" });
  const all = h("div", { class: "all-heads" });
  root.append(title, here, h("h3", { class: "all-title" }, "Every layer"), all);
  let frame = 0;

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
      "clip",
      "head",
      "photo",
      "word",
    ],
    () => {
      if (visible()) later();
    },
  );
  store.on(["analysisData", "tab", "query", "direction", "colormap", "clip", "site", "word"], () => {
    if (visible()) drawAll();
  });

  function visible() {
    const state = store.get();
    return (
      state.tab === "heads" && state.tables && siteOf(state)?.kind === "attention" && siteOf(state).heads > 1
    );
  }

  async function drawSite() {
    const state = store.get();
    const site = siteOf(state);
    const table = state.tables?.[state.colormap];
    if (!table) return;
    if (!site || !drawable(site)) return put(here, h("p", { class: "note" }, site?.note));
    const source = await session.attention(site).catch(() => null);
    if (!source || siteOf(store.get()) !== site) return;
    title.textContent = `${siteTitle(site)}: ${site.heads} heads`;
    const of = `${state.analysisData.id} ${site.id}`;
    if (here.children.length !== source.heads || here.dataset.of !== of) {
      here.dataset.of = of;
      put(
        here,
        Array.from({ length: source.heads }, (_, head) => tile(head)),
      );
    }
    here.style.cssText = `--backdrop-opacity: ${1 - state.opacity}`;
    for (let head = 0; head < source.heads; head++) {
      const button = here.children[head];
      const high = paintHead(button.querySelector(".cells"), state, site, source, head, table);
      button.querySelector(".number").textContent = `to ${number(high)}`;
      button.setAttribute("aria-pressed", String(state.head === head));
    }
  }

  /** @param {number} head */
  function tile(head) {
    const { photo, analysisData } = store.get();
    const words = isWordMatrix(siteOf(store.get()));
    if (words || !photo) return button(head, null);
    const [left, top, right, bottom] = crop(fromAnalysis(analysisData));
    const backdrop = h("canvas", { class: "backdrop" });
    Object.assign(backdrop, { width: 160, height: Math.round((160 * (bottom - top)) / (right - left)) });
    const { width, height } = backdrop;
    backdrop.getContext("2d").drawImage(photo.bitmap, left, top, right - left, bottom - top, 0, 0, width, height);
    return button(head, backdrop);
  }

  /** @param {number} head @param {HTMLCanvasElement | null} backdrop */
  function button(head, backdrop) {
    return h(
      "button",
      {
        type: "button",
        class: "head",
        onclick: () => store.set({ head: store.get().head === head ? "mean" : head }),
      },
      h("span", { class: `tile ${backdrop ? "" : "bare"}` }, backdrop, h("canvas", { class: "cells" })),
      h("span", { class: "head-name" }, h("span", {}, `head ${head}`), h("span", { class: "number quiet" })),
    );
  }

  /** The whole network at a glance, for the pinned patch or the class token. */
  async function drawAll() {
    const state = store.get();
    const { analysisData: analysis } = state;
    const table = state.tables?.[state.colormap];
    if (!table) return;
    const sites = analysis.sites.filter(drawable);
    all.style.setProperty(
      "--heads",
      String(Math.min(MOST_COLUMNS, Math.max(...sites.map((/** @type {any} */ site) => site.heads)))),
    );
    put(
      all,
      headNumbers(sites),
      sites.map((/** @type {any} */ site) =>
        h(
          "div",
          { class: "layer-row", "data-site": site.id },
          h("span", { class: "number quiet" }, site.layer),
        ),
      ),
    );
    for (const site of sites) {
      const source = await session.attention(site).catch(() => null);
      const now = store.get();
      if (!source || now.analysisData !== analysis || now.query !== state.query || now.word !== state.word || now.tab !== "heads")
        return;
      const row = all.querySelector(`[data-site="${site.id}"]`);
      if (!row || row.children.length > 1) continue;
      for (let head = 0; head < source.heads; head++) {
        const canvas = h("canvas", { class: "cells" });
        paintHead(canvas, { ...state, hover: null }, site, source, head, table);
        row.append(
          h(
            "button",
            {
              type: "button",
              class: "mini",
              "aria-label": `${siteTitle(site)}, head ${head}`,
              "aria-pressed": String(site.id === state.site && head === state.head),
              title: `${siteTitle(site)}, head ${head}`,
              onclick: () => store.set({ site: site.id, head }),
            },
            canvas,
          ),
        );
      }
    }
  }
}

/** What stands above the columns, which may be fewer than a layer has heads. @param {any[]} sites */
function headNumbers(sites) {
  const most = Math.max(0, ...sites.map((site) => site.heads));
  if (most > MOST_COLUMNS) return null;
  const numbers = Array.from({ length: most }, (_, head) => h("span", {}, String(head)));
  return h("div", { class: "layer-row head-numbers number quiet" }, h("span", {}, "layer"), numbers);
}

/** Whether its heads can be drawn small: on the photo, or as matrices of words. @param {any} site */
const drawable = (site) => (isPlaced(site) && isSquare(site)) || isCross(site) || isWordMatrix(site);

/**
 * One head of a site, for what is asked: a patch, a word, or all words. Gives the largest value.
 * @param {HTMLCanvasElement} canvas @param {any} state @param {any} site
 * @param {import("../attention.js").AttentionSource} source @param {number} head @param {import("../colormap.js").Table} table
 */
function paintHead(canvas, state, site, source, head, table) {
  const values = isWordMatrix(site) ? matrix(source, head) : lineOf(state, site, source, head);
  const columns = isWordMatrix(site) ? source.keys : (site.grid ?? site.key_grid).columns;
  const [low, high] = range(values, state.clip);
  paintCells(canvas, normalise(values, low, high), columns, table);
  if (isMasked(site)) clearAbove(canvas, source.queries, source.keys);
  return high;
}

/** @param {any} state @param {any} site @param {import("../attention.js").AttentionSource} source @param {number} head */
function lineOf(state, site, source, head) {
  const token = isCross(site) ? wordOf(state, site) : shownToken(state, site);
  const column = !isCross(site) && state.direction === "to";
  return fuse(column ? source.column(token) : source.row(token), source.heads, head).slice(site.prefix_tokens);
}
