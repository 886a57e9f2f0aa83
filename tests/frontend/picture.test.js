// Sentences, numbers and lines: what a person reads.

import assert from "node:assert/strict";
import { test } from "node:test";

import { fromMatrix } from "../../frontend/sites/attention_rows.js";
import { Cache } from "../../frontend/state/cache.js";
import { number, percent, size } from "../../frontend/ui/format.js";
import { samplingLines, samplePoint } from "../../frontend/paint/marks.js";
import { attentionPicture, shownToken, summary } from "../../frontend/sites/picture.js";
import { tabsOf } from "../../frontend/kinds/registry.js";
import { hasRollout, tokenOf } from "../../frontend/sites/sites.js";
import { correction, corners, decompose } from "../../frontend/kinds/warp/theta.js";

const SITE = {
  id: "s00",
  kind: "attention",
  layer: 7,
  heads: 2,
  queries: 5,
  keys: 5,
  prefix_tokens: 1,
  grid: { rows: 2, columns: 2 },
};
const VIEW = { query: "cls", hover: null, direction: "from", head: "mean" };
const uneven = fromMatrix({ shape: [2, 5, 5], data: Float32Array.from({ length: 50 }, (_, i) => i) });

test("the sentence says site, head, query and direction", () => {
  const say = (view) => attentionPicture({ ...VIEW, ...view }, SITE, uneven).sentence;
  assert.equal(say({}), "Attention 7, mean over heads: what the class token looks at.");
  assert.equal(
    say({ head: 1, query: { row: 1, column: 0 } }),
    "Attention 7, head 1: what the patch at row 1, column 0 looks at.",
  );
  assert.match(say({ direction: "to" }), /what looks at the class token/);
});

test("a window's focus is counted over what the window reaches", () => {
  const grid = { rows: 2, columns: 4 };
  const windowed = { ...SITE, grid: null, windows: 2, query_grid: grid, key_grid: grid };
  const row = (a, b, rest) => [a, b, NaN, NaN, rest, rest, NaN, NaN];
  const focused = (rest) => {
    const data = Float32Array.from([...row(0.5, 0.5, rest), ...row(1, rest, rest)]);
    return summary(windowed, { shape: [2, 2, 4], data });
  };
  // ln 2 of ln 4, and 0; of what a mask rules out nothing is counted: ln 2 of ln 2.
  assert.ok(Math.abs(focused(1e-30) - 0.75) < 1e-6);
  assert.ok(Math.abs(focused(0) - 0.5) < 1e-6);
});

test("a picture holds the places only, and the prefix apart", () => {
  const picture = attentionPicture({ ...VIEW, head: 1, query: { row: 0, column: 1 } }, SITE, uneven);
  assert.deepEqual([...picture.values], [36, 37, 38, 39]);
  assert.deepEqual([...picture.prefix], [35]);
  assert.deepEqual([picture.low, picture.high], [36, 39]);
  assert.deepEqual(picture.marked, { row: 0, column: 1 });
});

test("the pointer asks unless a patch is pinned; a patch of another grid does not", () => {
  const hover = { row: 1, column: 1 };
  assert.equal(shownToken({ query: "cls", hover }, SITE), 4);
  assert.equal(shownToken({ query: { row: 0, column: 0 }, hover }, SITE), 1);
  assert.equal(shownToken({ query: { row: 9, column: 0 }, hover: null }, SITE), 0);
  assert.equal(tokenOf("cls", { ...SITE, prefix_tokens: 0 }), 3);
});

test("an unknown place is shown as a matrix with its note", () => {
  const picture = attentionPicture(VIEW, { ...SITE, grid: null, note: "Windows of unknown order." }, uneven);
  assert.equal(picture.form, "matrix");
  assert.deepEqual(picture.grid, { rows: 5, columns: 5 });
  assert.match(picture.sentence, /Windows of unknown order/);
});

test("tabs that do not apply are absent", () => {
  assert.deepEqual(tabsOf(SITE), ["look", "heads", "numbers", "how", "what-if", "truth"]);
  assert.deepEqual(tabsOf({ ...SITE, heads: 1 }), ["look", "numbers", "how", "what-if", "truth"]);
  assert.deepEqual(tabsOf({ kind: "channel-gate" }), ["look", "channels", "numbers", "how", "what-if", "truth"]);
  assert.equal(hasRollout([SITE, SITE]), true);
  assert.equal(hasRollout([SITE, { kind: "channel-gate" }]), false);
});

test("numbers are short and honest", () => {
  assert.equal(number(0.2137), "0.214");
  assert.equal(number(-12.345), "−12.3");
  assert.equal(number(0.0000123), "1.2e−5");
  assert.equal(number(NaN), "NaN");
  assert.equal(percent(0.8132), "81 %");
  assert.equal(percent(0.0312), "3.1 %");
  assert.equal(size(22_400_000), "22 MB");
});

test("a sampling grid lies where theta put it", () => {
  const geometry = {
    imageWidth: 120,
    imageHeight: 120,
    inputWidth: 60,
    inputHeight: 60,
    imageToInput: [
      [0.5, 0, 0],
      [0, 0.5, 0],
    ],
  };
  const grid = [
    [
      [-1, -1],
      [1, -1],
    ],
    [
      [-1, 1],
      [1, 1],
    ],
  ];
  const edges = { input: { rows: 60, columns: 60 }, align_corners: false, grid };
  assert.deepEqual(samplePoint(geometry, edges, [0, 0]), [60, 60]);
  assert.deepEqual(samplePoint(geometry, edges, [-1, 1]), [0, 120]);
  assert.deepEqual(samplePoint(geometry, { ...edges, align_corners: true }, [-1, 1]), [1, 119]);
  assert.match(samplingLines(geometry, edges).outline, /^M0.00 0.00L120.00 0.00/);
  const { rotation, scale, shift } = decompose([
    [0, -0.5, 0.1],
    [0.5, 0, -0.2],
  ]);
  assert.deepEqual([rotation, ...scale, ...shift], [90, 0.5, 0.5, 0.1, -0.2]);
});

test("many who want the same are served by one request, and a failure is asked again", async () => {
  const cache = new Cache();
  let asked = 0;
  const load = async () => ++asked;
  assert.deepEqual(await Promise.all([cache.get("a", load), cache.get("a", load)]), [1, 1]);
  assert.equal(cache.peek("a"), 1);
  await assert.rejects(
    cache.get("b", async () => {
      throw new Error("no");
    }),
  );
  assert.equal(await cache.get("b", async () => 7), 7);
});

test("the correction of a window is what leads from it to the next", () => {
  const before = [
    [0, -0.5, 0.25],
    [0.5, 0, -0.1],
  ];
  const delta = [
    [0.8, 0.1, 0.3],
    [-0.2, 0.9, 0.05],
  ];
  // before ∘ delta, written out.
  const [[a, b, x], [c, d, y]] = before;
  const theta = [
    [0, 1, 2].map((j) => a * delta[0][j] + b * delta[1][j] + (j === 2 ? x : 0)),
    [0, 1, 2].map((j) => c * delta[0][j] + d * delta[1][j] + (j === 2 ? y : 0)),
  ];
  const found = correction(before, theta).flat();
  delta.flat().forEach((value, i) => assert.ok(Math.abs(found[i] - value) < 1e-12));
  assert.equal(correction([[0, 0, 1], [0, 0, 1]], theta), null);
});

test("the corners of a window go round it, beginning where its upper side does", () => {
  // A quarter turn clockwise, half as large, moved right: its upper side lies on the right.
  const found = corners([
    [0, -0.5, 0.25],
    [0.5, 0, 0],
  ]);
  assert.deepEqual(found, [
    [0.75, -0.5],
    [0.75, 0.5],
    [-0.25, 0.5],
    [-0.25, -0.5],
  ]);
});
