// The keys. They change the state or press the button a pointer would press.

import { COLORMAPS } from "../../paint/colormap.js";
import { possible } from "../../sites/methods.js";
import { askedGrid, cellOf, isScattered, isWriting, placeOf, visit, wordOf } from "../../sites/sites.js";
import { tabsOf } from "../../kinds/registry.js";
import { shownToken } from "../../sites/picture.js";

/** @type {Record<string, [number, number]>} */
const ARROWS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

/** @param {Context} context @param {{open: () => void}} help @param {{save: () => void}} actions */
export function mountKeyboard({ store, session }, help, actions) {
  const press = (/** @type {string} */ id) => document.getElementById(id)?.click();

  /** @type {Record<string, () => void>} */
  const keys = {
    "[": () => moveSite(-1),
    "]": () => moveSite(1),
    h: () => moveHead(1),
    H: () => moveHead(-1),
    m: () => store.set({ head: "mean" }),
    d: () => store.set({ direction: store.get().direction === "from" ? "to" : "from" }),
    r: () => toggleRollout(),
    c: () =>
      store.set({ colormap: COLORMAPS[(COLORMAPS.indexOf(store.get().colormap) + 1) % COLORMAPS.length] }),
    "-": () => changeOpacity(-0.1),
    "+": () => changeOpacity(0.1),
    "=": () => changeOpacity(0.1),
    b: () => store.set({ bare: true }),
    o: () => press("open"),
    "/": () => press("model"),
    v: () => press("compare"),
    e: actions.save,
    t: () => press("theme"),
    "?": help.open,
    a: () => store.set({ sheet: !store.get().sheet }),
    Escape: () => (store.get().sheet ? store.set({ sheet: false }) : unpin()),
    w: () => session.showUnedited(!store.get().unedited),
  };
  const unpin = () => store.set({ query: "cls", hover: null, brush: store.get().brush && [] });

  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    if (/** @type {HTMLElement} */ (event.target).closest("input:not([type=checkbox]), select, textarea")) return;
    const { key } = event;
    if (key in ARROWS) moveQuery(ARROWS[key]);
    else if (/^[1-6]$/.test(key)) openTab(Number(key) - 1);
    else if (key in keys) keys[key]();
    else return;
    event.preventDefault();
  });

  const bare = (/** @type {boolean} */ on) => store.set({ bare: on });
  addEventListener("keyup", ({ key }) => key === "b" && bare(false));
  addEventListener("blur", () => bare(false));

  /** @param {number} by */
  function moveSite(by) {
    const { analysisData: analysis, site } = store.get();
    const at = analysis?.sites.findIndex((one) => one.id === site) ?? -1;
    const next = analysis?.sites[at + by];
    if (next) store.set(visit(store.get(), next));
  }

  /** Through the heads, with the mean between last and first. @param {number} by */
  function moveHead(by) {
    const heads = store.get().shown?.site?.heads;
    if (!heads || heads < 2) return;
    const { head } = store.get();
    const at = typeof head === "number" ? head : by > 0 ? -1 : heads;
    const next = at + by;
    store.set({ head: next >= 0 && next < heads ? next : "mean" });
  }

  /** @param {[number, number]} by (row, column) */
  function moveQuery([down, right]) {
    const { shown, query, direction } = store.get();
    if (!shown) return;
    const { site, positions } = shown;
    if (isWriting(site)) return moveWord(site, down + right);
    const grid = positions ? shown.asks : askedGrid(site, direction);
    if (!grid) return;
    const { rows, columns } = grid;
    const from = positions
      ? positions.cell
      : isScattered(site)
        ? query === "cls"
          ? null
          : cellOf(query, site, direction)
        : placeOf(shownToken(store.get(), site), site);
    const start = from ?? { row: Math.floor(rows / 2), column: Math.floor(columns / 2) };
    const clamp = (/** @type {number} */ value, /** @type {number} */ n) =>
      Math.min(n - 1, Math.max(0, value));
    const moved = { row: clamp(start.row + down, rows), column: clamp(start.column + right, columns) };
    store.set({ query: from ? moved : start, method: positions ? "positions" : "site", hover: null });
  }

  /** @param {WritingSite} site @param {number} by */
  function moveWord(site, by) {
    const word = Math.min(site.queries - 1, Math.max(0, wordOf(store.get(), site) + by));
    store.set({ word, method: store.get().method === "positions" ? "positions" : "site" });
  }

  function toggleRollout() {
    const { analysisData: analysis, method } = store.get();
    if (analysis && possible("rollout", analysis, null))
      store.set({ method: method === "rollout" ? "site" : "rollout" });
  }

  /** @param {number} by */
  function changeOpacity(by) {
    store.set({ opacity: Math.min(1, Math.max(0, Math.round((store.get().opacity + by) * 10) / 10)) });
  }

  /** @param {number} index */
  function openTab(index) {
    const tab = tabsOf(store.get().shown?.site ?? null)[index];
    if (tab) store.set({ tab });
  }
}
