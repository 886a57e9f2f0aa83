// What is on screen: made once for each change of the state, before anybody hears of it.

import assert from "node:assert/strict";
import { test } from "node:test";

import { resolve, SHOWN_FROM } from "../../frontend/kinds/shown.js";
import { createStore } from "../../frontend/state/store.js";

const grid = { rows: 2, columns: 3 };
const attention = { id: "s00", kind: "attention", layer: 0, heads: 2, queries: 7, keys: 7, prefix_tokens: 1, grid, views: [] };
const deeper = { ...attention, id: "s01", layer: 1 };
const gate = { id: "s02", kind: "channel-gate", layer: 0, heads: null, queries: null, channels: 8, grid: null, views: [] };
const map = (name, more) => ({ name, kinds: [], claim: "attention map", on_photo: true, for_class: false, reason: null, ...more });
const analysisData = {
  sites: [attention, deeper, gate],
  maps: [map("positions"), map("rollout", { reason: "no class token" }), map("relevance", { for_class: true, claim: "saliency" })],
  predictions: [{ index: 4, label: "cat", score: 1 }],
  output: null,
};
const VIEW = { analysisData, site: "s00", method: "site", query: "cls", hover: null, direction: "from", head: 1, word: null, target: null, against: null };
const at = (patch) => resolve({ ...VIEW, ...patch });

test("a map that cannot be had gives way to the site itself", () => {
  assert.deepEqual([at({}).method, at({}).offer, at({}).asks], ["site", null, grid]);
  assert.equal(at({ method: "rollout" }).method, "site");
  const relevance = at({ method: "relevance", against: 2 });
  assert.deepEqual([relevance.method, relevance.asks, relevance.parameters], ["relevance", null, { target: 4, against: 2 }]);
});

test("a query that the site does not have is the default one, and only then the pointer asks", () => {
  const hover = { row: 1, column: 2 };
  assert.deepEqual([at({ hover }).pointer, at({ hover }).asked], [grid, hover]);
  const pinned = at({ hover, query: { row: 0, column: 1 } });
  assert.deepEqual([pinned.pointer, pinned.asks, pinned.asked], [null, grid, { row: 0, column: 1 }]);
  assert.equal(at({ query: { row: 9, column: 9 } }).query, "cls");
  assert.deepEqual([at({ query: { token: 6 } }).query, at({ query: { token: 7 } }).query], [{ token: 6 }, "cls"]);
});

test("a head that the site lacks is the mean; a gate asks nothing", () => {
  assert.deepEqual([at({}).head, at({ head: 5 }).head], [1, "mean"]);
  assert.deepEqual([at({ site: "s02" }).asks, at({ site: "s02" }).kind.tab], [null, "channels"]);
  assert.equal(at({ site: "s99" }), null);
});

test("positions are asked of the pinned patch, else of the middle one", () => {
  assert.deepEqual(at({ method: "positions" }).positions, { of: "photo", cell: { row: 1, column: 1 }, inside: false, parameters: { query: "1,1" } });
  assert.equal(at({ method: "positions", query: { row: 0, column: 2 } }).positions.parameters.query, "0,2");
});

test("listeners find the record made, once for each change that matters", () => {
  let made = 0;
  const store = createStore({ ...VIEW, opacity: 1, shown: null }, { from: SHOWN_FROM, derive: (state) => (made++, { shown: resolve(state) }) });
  const heard = [];
  store.on(["site", "opacity"], ({ shown }) => heard.push(shown?.site.id));
  store.set({ site: "s01" });
  store.set({ opacity: 0.5 });
  assert.deepEqual([heard, made], [["s01", "s01"], 1]);
});
