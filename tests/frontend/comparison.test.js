// Which networks are offered to compare with, and what of them is shown first.

import assert from "node:assert/strict";
import { test } from "node:test";

import { comparableSites, firstOf, moved, suggested } from "../../frontend/view/comparison.js";

const model = (id, mechanisms, { task = "classification", reads = "photo", status = "ready" } = {}) => ({
  id,
  mechanisms,
  task,
  reads,
  status,
});
const MODELS = [
  model("se", ["squeeze-excitation"]),
  model("captioner", ["cbam", "attention"], { task: "captioning" }),
  model("cbam_parallel", ["cbam"]),
  model("digits", ["spatial-transformer"]),
  model("away", ["cbam"], { status: "hub" }),
  model("words", ["attention"], { reads: "text" }),
  model("cbam", ["cbam"]),
];
const kindOf = (id) => (id === "digits" ? "digit" : "photo");

test("the shown network comes first, then those of its mechanism and task", () => {
  const ids = suggested(MODELS, "cbam", kindOf).map(({ id }) => id);
  assert.deepEqual(ids.slice(0, 2), ["cbam", "cbam_parallel"]);
  assert.deepEqual(ids.slice(2).sort(), ["captioner", "se"]);
});

test("neither what is not here, nor what reads, nor what sees other pictures", () => {
  const ids = suggested(MODELS, "cbam", kindOf).map(({ id }) => id);
  for (const id of ["away", "words", "digits"]) assert.ok(!ids.includes(id));
});

const GRID = { rows: 2, columns: 2 };
const attention = (id) => ({ id, kind: "attention", heads: 1, grid: GRID, queries: 5, keys: 5 });

test("first is attention halfway, else a mask, else a channel gate", () => {
  const gates = [{ kind: "channel-gate" }, { kind: "spatial-gate" }, { kind: "channel-gate" }];
  assert.equal(firstOf([...gates, attention("a"), attention("b"), attention("c")]), 4);
  assert.equal(firstOf(gates), 1);
  assert.equal(firstOf([gates[0], gates[2]]), 1);
});

test("what has no place on the photo is left out", () => {
  const words = { kind: "attention", heads: 1, grid: null, queries: 3, keys: 3 };
  const sampler = { kind: "spatial-transformer", grid: null };
  const sites = [attention("a"), words, sampler, { kind: "spatial-gate" }];
  assert.deepEqual(comparableSites({ sites }), [sites[0], sites[3]]);
});

test("windows can be asked, and come after attention over the whole photo", () => {
  const windowed = () => ({ kind: "attention", heads: 1, grid: null, query_grid: GRID, key_grid: GRID, queries: 4, keys: 4 });
  const sites = [windowed(), windowed(), attention("a"), windowed()];
  assert.deepEqual(comparableSites({ sites }), sites);
  assert.equal(firstOf(sites), 2);
  assert.equal(firstOf([windowed(), windowed(), { kind: "channel-gate" }]), 1);
});

test("a key moves by a cell and stops at the edge", () => {
  const geometry = { imageWidth: 80, imageHeight: 40, inputWidth: 20, inputHeight: 20, imageToInput: [[0.5, 0, -10], [0, 0.5, 0]] };
  const grid = { rows: 4, columns: 4 }; // cells of 10 px on the photo, from x = 20 on
  assert.deepEqual(moved(geometry, grid, null, [1, 0]), [45, 25]);
  assert.deepEqual(moved(geometry, grid, [45, 25], [1, 0]), [55, 25]);
  assert.deepEqual(moved(geometry, grid, [55, 25], [1, 0]), [55, 25]);
  assert.deepEqual(moved(geometry, grid, [55, 25], [0, -1]), [55, 15]);
});
