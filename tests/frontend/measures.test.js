// What one number says of a head's map, against the plain formulas.

import assert from "node:assert/strict";
import { test } from "node:test";

import { distance, mass, mixed, ranked, spread } from "../../frontend/kinds/attention/measures.js";

const grid = { rows: 2, columns: 3 };
const map = (values, from = { row: 0, column: 0 }) => ({ site: { id: "s00" }, head: 0, values: Float32Array.from(values), grid, from });
const close = (actual, wanted) => assert.ok(Math.abs(actual - wanted) < 1e-6, `${actual} is not ${wanted}`);

test("spread is the entropy of the shares of the patches, whatever they sum to", () => {
  close(spread(map([0.1, 0.1, 0.1, 0.1, 0.1, 0.1])), Math.log(6));
  close(spread(map([0.5, 0, 0, 0, 0, 0])), 0);
  close(spread(map([0.2, 0.2, NaN, NaN, NaN, 0])), Math.log(2));
});

test("distance is weighed by attention, and unknown where who asks has no place", () => {
  close(distance(map([0, 0, 0.25, 0.25, 0, 0])), (2 + 1) / 2);
  close(distance(map([0, 0, 0, 0, 0, 1], { row: 0, column: 0 })), Math.hypot(1, 2));
  assert.equal(distance(map([1, 0, 0, 0, 0, 0], null)), null);
});

test("mass on a region is the sum of its shares; what the window does not reach counts nothing", () => {
  const left = ({ column }) => column < 2;
  close(mass(map([0.1, 0.2, 0.3, NaN, 0.15, 0.05]), left), 0.45);
});

test("heads are ranked by their number; without one they stay in the order of layers", () => {
  const maps = [map([1, 0, 0, 0, 0, 0]), map([0, 0, 1, 0, 0, 0]), map([0.5, 0.5, 0, 0, 0, 0])];
  const order = (name, region = null) => ranked(maps, name, region).map(({ map: one }) => maps.indexOf(one));
  assert.deepEqual(order("layer"), [0, 1, 2]);
  assert.deepEqual(order("distance"), [1, 2, 0], "the farthest first");
  assert.deepEqual(order("spread").at(-1), 2, "the most even last");
  assert.deepEqual(order("mass", ({ column }) => column === 1), [2, 0, 1]);
  assert.deepEqual(order("mass"), [0, 1, 2], "no region, no order");
});

test("of several pins each place has the colour of the one that looks at it most", () => {
  const out = mixed([Float32Array.of(0.4, 0.1, NaN), Float32Array.of(0.2, 0.2, NaN)], [[255, 0, 0], [0, 0, 255]], 0.4);
  assert.deepEqual([...out], [255, 0, 0, 255, 0, 0, 255, 128, 0, 0, 0, 0]);
});
