// Rows and columns from projections against the plain formula in float64.

import assert from "node:assert/strict";
import { test } from "node:test";

import { entropy, focus, fromMatrix, fromProjections, fromRow, fuse, matrix } from "../../frontend/sites/attention_rows.js";

const [HEADS, QUERIES, KEYS, DIM, SCALE] = [3, 7, 5, 4, 0.5];

/** A small generator, so that cases are the same every time. */
function numbers(count, seed) {
  let state = seed;
  return Float32Array.from({ length: count }, () => {
    state = (1103515245 * state + 12345) % 2 ** 31;
    return (4 * state) / 2 ** 31 - 2;
  });
}

const q = numbers(HEADS * QUERIES * DIM, 1);
const k = numbers(HEADS * KEYS * DIM, 2);

/** softmax(scale · q kᵀ), entry by entry. */
const expected = Array.from({ length: HEADS }, (_, h) =>
  Array.from({ length: QUERIES }, (_, i) => {
    const scores = Array.from({ length: KEYS }, (_, j) => {
      let sum = 0;
      for (let d = 0; d < DIM; d++) sum += q[(h * QUERIES + i) * DIM + d] * k[(h * KEYS + j) * DIM + d];
      return SCALE * sum;
    });
    const total = scores.reduce((sum, score) => sum + Math.exp(score), 0);
    return { log: Math.log(total), row: scores.map((score) => Math.exp(score) / total) };
  }),
);

const source = fromProjections(
  {
    query: { shape: [HEADS, QUERIES, DIM], data: q },
    key: { shape: [HEADS, KEYS, DIM], data: k },
    log_normaliser: {
      shape: [HEADS, QUERIES],
      data: Float32Array.from(expected.flat().map(({ log }) => log)),
    },
  },
  SCALE,
);

const close = (actual, wanted) => assert.ok(Math.abs(actual - wanted) < 1e-5, `${actual} is not ${wanted}`);

test("a row is what one query looks at, in every head, and sums to 1", () => {
  for (let i = 0; i < QUERIES; i++) {
    const row = source.row(i);
    for (let h = 0; h < HEADS; h++) {
      expected[h][i].row.forEach((value, j) => close(row[h * KEYS + j], value));
      close(
        row.slice(h * KEYS, (h + 1) * KEYS).reduce((sum, p) => sum + p),
        1,
      );
    }
  }
});

test("a column is what looks at one key", () => {
  for (let j = 0; j < KEYS; j++) {
    const column = source.column(j);
    for (let h = 0; h < HEADS; h++)
      for (let i = 0; i < QUERIES; i++) close(column[h * QUERIES + i], expected[h][i].row[j]);
  }
});

test("cosines are dot products of unit vectors", () => {
  const length = (vector) => Math.hypot(...vector);
  for (const [h, i] of [[0, 6], [2, 3]]) {
    const asks = q.subarray((h * QUERIES + i) * DIM, (h * QUERIES + i + 1) * DIM);
    source.cosines(h, i).forEach((cosine, j) => {
      const offers = k.subarray((h * KEYS + j) * DIM, (h * KEYS + j + 1) * DIM);
      const dot = asks.reduce((sum, value, d) => sum + value * offers[d], 0);
      close(cosine, dot / length(asks) / length(offers));
    });
  }
});

test("a pair's steps lead to its share", () => {
  const pair = source.pair(2, 3, 1);
  close(pair.scaled, SCALE * pair.dot);
  close(pair.probability, Math.exp(pair.scaled) / Math.exp(pair.logNormaliser));
  close(pair.probability, expected[2][3].row[1]);
});

test("a whole matrix gives the same rows and columns", () => {
  const data = Float32Array.from(expected.flat().flatMap(({ row }) => row));
  const whole = fromMatrix({ shape: [HEADS, QUERIES, KEYS], data });
  source.row(4).forEach((value, at) => close(whole.row(4)[at], value));
  source.column(2).forEach((value, at) => close(whole.column(2)[at], value));
  matrix(source, 1).forEach((value, at) => close(value, matrix(whole, 1)[at]));
});

test("one row as the API tells it is the same row, prefix first", () => {
  const found = fromRow({ values: [[[0.1, 0.2], [0.3, 0.15]], [[0.4, 0.1], [0.1, 0.2]]], prefix_values: [[0.25], [0.2]] });
  assert.equal(found.heads, 2);
  assert.deepEqual([...found.row(0)], [...Float32Array.of(0.25, 0.1, 0.2, 0.3, 0.15, 0.2, 0.4, 0.1, 0.1, 0.2)]);
});

test("heads fuse by mean, maximum and minimum, or one is chosen", () => {
  const values = Float32Array.of(1, 2, 3, 6, 5, 4);
  assert.deepEqual([...fuse(values, 2, "mean")], [3.5, 3.5, 3.5]);
  assert.deepEqual([...fuse(values, 2, "max")], [6, 5, 4]);
  assert.deepEqual([...fuse(values, 2, "min")], [1, 2, 3]);
  assert.deepEqual([...fuse(values, 2, 1)], [6, 5, 4]);
});

test("entropy is 0 on one token and ln N when even; focus is the reverse", () => {
  close(entropy(Float32Array.of(0, 1, 0, 0)), 0);
  close(entropy(Float32Array.of(0.25, 0.25, 0.25, 0.25)), Math.log(4));
  close(focus(Float32Array.of(0, 1, 0, 0, 0.25, 0.25, 0.25, 0.25), 2), 0.5);
  assert.equal(focus(Float32Array.of(1, 1), 2), 1, "one token is all there is");
  close(focus(Float32Array.of(0.5, 0.5, 0, 3e-44), 1), 0);
});
