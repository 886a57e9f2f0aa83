// The keys. They change the state or press the button a pointer would press.

import { COLORMAPS } from "../../paint/colormap.js";
import { SCALES } from "../../paint/scale.js";
import { possible } from "../../sites/methods.js";
import { askedGrid, cellOf, isScattered, isWriting, placeOf, visit, wordOf } from "../../sites/sites.js";
import { tabsOf } from "../../kinds/registry.js";
import { shownToken } from "../../sites/picture.js";
import { actOf } from "./keys.js";
import { pan, stepZoom } from "./zooming.js";

/** @type {Record<string, [number, number]>} */
const ARROWS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

const PAN = 0.15; // of what is shown

/** The next of some, the first after the last. @template T @param {readonly T[]} all @param {T} one */
const after = (all, one) => all[(all.indexOf(one) + 1) % all.length];

/** @param {Context} context @param {{open: () => void}} help @param {{save: () => void}} actions */
export function mountKeyboard({ store, session }, help, actions) {
  const press = (/** @type {string} */ id) => document.getElementById(id)?.click();

  /** @type {Record<import("./keys.js").Act, (key: string) => void>} */
  const acts = {
    query: (key) => moveQuery(ARROWS[key]),
    pan: (key) => pan(store, [-PAN * ARROWS[key][1], -PAN * ARROWS[key][0]]),
    unpin: () => (store.get().sheet ? store.set({ sheet: false }) : unpin()),
    site: (key) => moveSite(key === "]" ? 1 : -1),
    head: (key) => moveHead(key === "h" ? 1 : -1),
    mean: () => store.set({ head: "mean" }),
    direction: () => store.set({ direction: store.get().direction === "from" ? "to" : "from" }),
    rollout: toggleRollout,
    sheet: () => store.set({ sheet: !store.get().sheet }),
    colormap: () => store.set({ colormap: after(COLORMAPS, store.get().colormap) }),
    scale: () => store.set({ scale: after(SCALES, store.get().scale) }),
    opacity: (key) => changeOpacity(key === "-" ? -0.1 : 0.1),
    bare: () => store.set({ bare: true }),
    zoom: (key) => stepZoom(store, key === "z"),
    whole: () => store.set({ zoom: null }),
    tab: (key) => openTab(Number(key) - 1),
    unedited: () => session.showUnedited(!store.get().unedited),
    open: () => press("open"),
    model: () => press("model"),
    compare: () => press("compare"),
    save: () => actions.save(),
    theme: () => press("theme"),
    help: () => help.open(),
  };
  const unpin = () => store.set({ query: "cls", hover: null, brush: store.get().brush && [] });

  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    if (/** @type {HTMLElement} */ (event.target).closest("input:not([type=checkbox]), select, textarea")) return;
    const { key, shiftKey } = event;
    const act = actOf(key, shiftKey && store.get().zoom !== null);
    if (!act) return;
    acts[act](key);
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
