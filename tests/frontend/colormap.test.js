import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { COLORMAPS, DIM, HATCH, colour, extent, normalise, parseTables } from "../../frontend/paint/colormap.js";
import { paint } from "../../frontend/paint/overlay/canvas.js";

const tables = parseTables(
  JSON.parse(readFileSync(new URL("../../server/wire/colormaps.json", import.meta.url), "utf-8")),
);

test("the tables have 256 steps and viridis its known ends", () => {
  for (const name of COLORMAPS) assert.equal(tables[name].length, 3 * 256);
  assert.deepEqual(colour(tables.viridis, 0), [68, 1, 84]);
  assert.deepEqual(colour(tables.viridis, 1), [253, 231, 37]);
});

test("values are placed between low and high; what is not finite stays undefined", () => {
  assert.deepEqual([...normalise(Float32Array.of(0, 1, 2, NaN, Infinity), 0, 2)], [0, 0.5, 1, NaN, NaN]);
  assert.deepEqual([...normalise(Float32Array.of(3, 3), 3, 3)], [0, 0]);
  assert.deepEqual(extent(Float32Array.of(NaN, 4, -1, Infinity)), [-1, 4]);
  assert.deepEqual(extent(Float32Array.of(NaN)), [0, 0]);
});

/** A 6 × 4 canvas on which cells are 2 × 2 pixels and the last column lies outside the crop. */
function painted(values, smooth = false) {
  const image = { width: 6, height: 4, data: new Uint8ClampedArray(6 * 4 * 4) };
  paint(image, {
    values: Float32Array.from(values),
    rows: 2,
    columns: 2,
    toCell: [
      [0.5, 0, 0],
      [0, 0.5, 0],
    ],
    table: tables.viridis,
    opacities: new Float32Array(256).fill(1),
    hatching: 1,
    smooth,
  });
  return (x, y) => [...image.data.slice(4 * (6 * y + x), 4 * (6 * y + x) + 4)];
}

test("cells are exact squares, outside is dimmed, NaN is hatched", () => {
  const at = painted([0, 1, NaN, 0.5]);
  for (const [x, y] of [
    [0, 0],
    [1, 1],
  ])
    assert.deepEqual(at(x, y), [68, 1, 84, 255]);
  assert.deepEqual(at(2, 0), [253, 231, 37, 255]);
  assert.deepEqual(at(4, 0), [...DIM.colour, Math.round(255 * DIM.alpha)]);
  assert.ok([HATCH.dark, HATCH.light].includes(at(0, 2)[0]) && at(0, 2)[0] === at(0, 2)[2]);
  assert.deepEqual(at(3, 3), [...colour(tables.viridis, 0.5), 255]);
});

test("rows that are copied are the rows that are painted", () => {
  const even = painted([0.1, 0.7, 0.9, 0.3]);
  const hatched = painted([0.1, 0.7, 0.9, NaN]); // nothing is copied here
  for (const [x, y] of [
    [0, 0],
    [1, 1],
    [3, 0],
    [3, 1],
    [5, 1],
    [1, 3],
  ])
    assert.deepEqual(even(x, y), hatched(x, y));
});

test("smoothing goes between centres and holds at the edge", () => {
  const at = painted([0, 1, 0, 1], true);
  assert.deepEqual(at(0, 0), [68, 1, 84, 255]);
  assert.deepEqual(at(1, 0), [...colour(tables.viridis, 0.25), 255]);
  assert.deepEqual(at(3, 3), [253, 231, 37, 255]);
});
