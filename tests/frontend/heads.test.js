// Heads as small maps, and from one site to another at the same place of the photo.

import assert from "node:assert/strict";
import { test } from "node:test";

import { fromMatrix } from "../../frontend/sites/attention_rows.js";
import { headMaps, inWindow } from "../../frontend/kinds/attention/head_maps.js";
import { visit } from "../../frontend/sites/sites.js";

const PHOTO = {
  image: { width: 200, height: 100 },
  // The middle square of the photo, at half its size.
  geometry: {
    image_to_input: [
      [0.5, 0, -25],
      [0, 0.5, 0],
    ],
    input: { width: 50, height: 50 },
  },
};
const FINE = { rows: 4, columns: 4 };
const windowed = { id: "s00", kind: "attention", heads: 2, grid: null, windows: 4, query_grid: FINE, key_grid: FINE };
const whole = { id: "s01", kind: "attention", heads: 2, grid: { rows: 2, columns: 2 }, queries: 5, keys: 5, prefix_tokens: 1 };
const STATE = { query: "cls", hover: null, direction: "from", site: "s00", analysisData: { ...PHOTO, sites: [windowed, whole] } };

/** Two heads on the window of rows 2 and 3, columns 0 and 1. */
function window() {
  const data = new Float32Array(32).fill(NaN);
  [8, 9, 12, 13].forEach((cell, i) => {
    data[cell] = i;
    data[16 + cell] = 10 + i;
  });
  return { shape: [2, 4, 4], data };
}

test("of a window only the window is drawn, on its part of the photo", () => {
  const maps = inWindow(STATE, window());
  assert.deepEqual([maps.heads, maps.columns], [2, 2]);
  assert.deepEqual([...maps.of(0)], [0, 1, 2, 3]);
  assert.deepEqual([...maps.of(1)], [10, 11, 12, 13]);
  assert.deepEqual(maps.area, [50, 50, 100, 100]);
});

test("the server is asked about the patch under the pointer, or the pinned one", async () => {
  const asked = [];
  const session = {
    place: async (site, cell, direction) => {
      asked.push([site.id, cell, direction]);
      return window();
    },
  };
  await headMaps(STATE, windowed, session);
  await headMaps({ ...STATE, hover: { row: 3, column: 1 } }, windowed, session);
  await headMaps({ ...STATE, query: { row: 2, column: 0 }, direction: "to" }, windowed, session);
  assert.deepEqual(asked, [
    ["s00", { row: 2, column: 2 }, "from"],
    ["s00", { row: 3, column: 1 }, "from"],
    ["s00", { row: 2, column: 0 }, "to"],
  ]);
});

test("heads over all patches are rows of the matrix, without its prefix", async () => {
  const source = fromMatrix({ shape: [2, 5, 5], data: Float32Array.from({ length: 50 }, (_, i) => i) });
  const session = { attention: async () => source };
  const maps = await headMaps({ ...STATE, query: { row: 0, column: 1 } }, whole, session);
  assert.deepEqual([...maps.of(1)], [36, 37, 38, 39]);
  assert.deepEqual(maps.area, [50, 0, 150, 100]);
  const column = await headMaps({ ...STATE, query: { row: 0, column: 1 }, direction: "to" }, whole, session);
  assert.deepEqual([...column.of(0)], [7, 12, 17, 22]);
});

test("a pinned patch stays at its place of the photo from grid to grid", () => {
  const at = (query, from, to) => visit({ ...STATE, query, site: from.id }, to).query;
  assert.deepEqual(at({ row: 3, column: 1 }, windowed, whole), { row: 1, column: 0 });
  assert.deepEqual(at({ row: 1, column: 0 }, whole, windowed), { row: 3, column: 1 });
  assert.equal(at("cls", whole, windowed), "cls");
  assert.deepEqual(at({ token: 0 }, whole, windowed), { token: 0 });
  const gate = { id: "s02", kind: "channel-gate", grid: { rows: 7, columns: 7 } };
  assert.deepEqual(at({ row: 1, column: 1 }, whole, gate), { row: 1, column: 1 });
});
