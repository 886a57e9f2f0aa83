import assert from "node:assert/strict";
import { test } from "node:test";

import { createStore, readView, writeView } from "../../frontend/state/store.js";

test("the initial view is an empty address", () => {
  assert.equal(writeView(readView("")), "");
});

test("every view is a link that reads back as itself", () => {
  const views = [
    {
      sample: "chelsea",
      model: "vit_tiny_patch16_224.augreg_in21k_ft_in1k",
      site: "s07",
      head: 3,
      query: { row: 5, column: 9 },
    },
    { analysis: "a1b2", direction: "to", head: "max", method: "rollout", colormap: "viridis", opacity: 0.35 },
    { sample: "digit_turned", tab: "numbers", theme: "dark", smooth: true, channel: 0, query: { token: 0 } },
    { renderer: "canvas", rows: "matrix", opacity: 0, scale: "log", ends: "0..0.2", zoom: { times: 2.5, x: 0.25, y: 0.1 } },
  ];
  for (const part of views) {
    const view = { ...readView(""), ...part };
    assert.deepEqual(readView(writeView(view)), view);
  }
});

test("what makes no sense is left out", () => {
  const view = readView("?head=best&query=5,x&opacity=7&direction=up&colormap=jet&channel=-1&tab=all");
  assert.deepEqual(view, readView(""));
});

test("the store tells its listeners what changed, and nothing when nothing did", () => {
  const store = createStore({ head: "mean", site: "s00" });
  const told = [];
  store.on(["head"], (state, changed) => told.push([state.head, [...changed]]));
  store.set({ head: "mean" });
  store.set({ site: "s01" });
  store.set({ head: 2, site: "s02" });
  assert.deepEqual(told, [[2, ["head", "site"]]]);
});
