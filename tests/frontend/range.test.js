import assert from "node:assert/strict";
import { test } from "node:test";

import { extent } from "../../frontend/paint/colormap.js";
import { shares } from "../../frontend/paint/scale.js";
import { endsSaid, fixedEnds, scaled } from "../../frontend/sites/drawn.js";

const values = Float32Array.from({ length: 101 }, (_, i) => (i === 100 ? 1000 : i));
const plain = { form: "map", scale: "this map", sentence: "A map.", grid: { rows: 1, columns: 101 } };
const picture = (/** @type {Float32Array} */ of) => {
  const [low, high] = extent(of);
  return /** @type {any} */ ({ ...plain, values: of, low, high });
};
/** @param {Float32Array} of @param {any} state @param {any} [wider] */
const drawn = (of, state, wider) => {
  const made = scaled(picture(of), { scale: "linear", ends: "map", ...state }, wider);
  return { made, t: shares(made) };
};

test("peaks are clipped only where that is asked for, and the scale says so", () => {
  assert.equal(drawn(values, {}).made.high, 1000);
  const { made } = drawn(values, { scale: "percentile" });
  assert.equal(made.high, 95);
  assert.match(made.scale, /top 5 % alike/);
  assert.match(made.sentence, /clipped/);
  assert.equal(endsSaid(made).high, "≥ 95.0");
});

test("a square root and a logarithm say what their middle colour stands for", () => {
  const root = drawn(Float32Array.of(0, 0.25, 1), { scale: "sqrt" });
  assert.deepEqual([...root.t], [0, 0.5, 1]);
  assert.match(root.made.scale, /square root: the middle colour is 0\.25/);
  const log = drawn(Float32Array.of(0, 0.001, 0.01, 0.1, NaN), { scale: "log" });
  assert.deepEqual([...log.t].map((t) => Math.round(t * 1e5) / 1e5), [0, 0, 0.5, 1, NaN]);
  assert.match(log.made.scale, /logarithmic: the middle colour is 0\.01/);
  assert.equal(endsSaid(log.made).low, "≤ 0.00100");
});

test("of both signs a scale is the same to both sides, and zero is its middle", () => {
  for (const scale of ["linear", "sqrt", "log", "percentile"]) {
    const { made, t } = drawn(Float32Array.of(-3, -1, 0, 1, 2), { scale });
    assert.equal(made.low, -made.high);
    assert.ok(Math.abs(t[2] - 0.5) < 1e-6);
    assert.ok(Math.abs(t[1] + t[3] - 1) < 1e-6, scale);
  }
});

test("ends may be of others, or two numbers; what lies beyond is said", () => {
  const { made, t } = drawn(Float32Array.of(0.1, 0.2), { ends: "layer" }, [0, 0.4]);
  assert.deepEqual([...t].map((one) => Math.round(100 * one)), [25, 50]);
  assert.match(made.scale, /all heads of this layer/);
  const fixed = drawn(Float32Array.of(0.1, 0.5), { ends: "0.2..0.4" });
  assert.deepEqual([...fixed.t], [0, 1]);
  assert.deepEqual(endsSaid(fixed.made), { low: "≤ 0.200", high: "≥ 0.400" });
  assert.equal(fixedEnds("0.4..0.2"), null);
  assert.equal(fixedEnds("map"), null);
});
