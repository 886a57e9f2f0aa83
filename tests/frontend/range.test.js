import assert from "node:assert/strict";
import { test } from "node:test";

import { range } from "../../frontend/paint/colormap.js";
import { clipPeaks } from "../../frontend/sites/picture.js";

const values = Float32Array.from({ length: 101 }, (_, i) => (i === 100 ? 1000 : i));

test("peaks are clipped only where that is asked for, and the scale says so", () => {
  assert.deepEqual(range(values, false), [0, 1000]);
  assert.deepEqual(range(values, true), [0, 95]);
  assert.deepEqual(range(Float32Array.of(NaN), true), [0, 0]);
  const clipped = clipPeaks({ values, low: 0, high: 1000, scale: "this map", sentence: "A map." });
  assert.equal(clipped.high, 95);
  assert.match(clipped.scale, /top 5 % alike/);
  assert.match(clipped.sentence, /clipped/);
});
