// The numbers of the explanations, against what torch and the paper's code give.

import assert from "node:assert/strict";
import { test } from "node:test";

import { neighboursOf } from "../../frontend/kinds/warp/explanation.js";
import { scalingOf } from "../../frontend/kinds/attention/scores.js";

const INPUT = { rows: 4, columns: 6 };

/** Shares by place, as torch's grid_sample gives them for a picture of one bright pixel at a time. */
const SAMPLED = [
  { point: [-0.19, 0.3], centres: false, shares: { "2,1": 0.063, "2,2": 0.837, "3,1": 0.007, "3,2": 0.093 } },
  { point: [-0.19, 0.3], centres: true, shares: { "1,2": 0.0488, "1,3": 0.0013, "2,2": 0.9262, "2,3": 0.0238 } },
  { point: [0.95, -0.97], centres: false, shares: { "0,5": 0.364 } },
];

for (const { point, centres, shares } of SAMPLED)
  test(`a point is read from its four neighbours: ${point}, ${centres}`, () => {
    const found = neighboursOf(point, INPUT, centres);
    assert.equal(found.length, 4);
    assert.ok(Math.abs(found.reduce((sum, { weight }) => sum + weight, 0) - 1) < 1e-9);
    const inside = found.filter((one) => one.inside);
    assert.deepEqual(inside.map(({ row, column }) => `${row},${column}`).sort(), Object.keys(shares).sort());
    for (const { row, column, weight } of inside) assert.ok(Math.abs(weight - shares[`${row},${column}`]) < 1e-4);
  });

test("whether scores are divided by √d is read from the scale, not assumed", () => {
  assert.equal(scalingOf({ dim: 64, scale: 0.125 }), "root");
  assert.equal(scalingOf({ dim: 20, scale: 1 }), "none");
  assert.equal(scalingOf({ dim: 20, scale: 10 }), "other");
  assert.equal(scalingOf({ dim: 1, scale: 1 }), "root");
});
