// A token through the layers, from the answer of the API.

import assert from "node:assert/strict";
import { test } from "node:test";

import { medianLength, streamFrom, sumsOf } from "../../frontend/kinds/stream/explanation.js";

const table = (...rows) => ({ shape: [3, 3], data: Float32Array.from(rows.flat()) });
const ADDITIONS = [
  { kind: "positions", module: "", site: null },
  { kind: "attention", module: "blocks.0", site: "s00" },
  { kind: "feed-forward", module: "blocks.0", site: null },
];
const stream = streamFrom({
  tensors: {
    before: table([NaN, 2, 4], [1, 4, 5], [2, 8, 6]),
    added: table([NaN, 1, 1], [3, 2, 0], [1, 4, 3]),
    after: table([NaN, 4, 5], [2, 8, 6], [7, 9, 5]),
  },
  metadata: { additions: JSON.stringify(ADDITIONS) },
});

test("what is added stands beside what was there; a token has only the sums that change it", () => {
  assert.deepEqual(
    sumsOf(stream, 1).map(({ kind, site, share, length }) => [kind, site, share, length]),
    [
      ["positions", null, 0.5, 4],
      ["attention", "s00", 0.5, 8],
      ["feed-forward", null, 0.5, 9],
    ],
  );
  assert.deepEqual(sumsOf(stream, 0).map(({ kind, share }) => [kind, share]), [["attention", 3], ["feed-forward", 0.5]]);
  assert.deepEqual(sumsOf(stream, 2).map(({ kind }) => kind), ["positions", "feed-forward"]);
});

test("the middle of all tokens' lengths at the end", () => {
  assert.equal(medianLength(stream), 7);
});
