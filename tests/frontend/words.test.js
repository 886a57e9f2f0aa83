// Words, masks and downloads: what a person reads, and where lines lie.

import assert from "node:assert/strict";
import { test } from "node:test";

import { fromMatrix } from "../../frontend/sites/attention_rows.js";
import { duration } from "../../frontend/ui/format.js";
import { smallWindow } from "../../frontend/paint/lens.js";
import { throughEarlier } from "../../frontend/paint/marks.js";
import { maskPaths } from "../../frontend/paint/mask_marks.js";
import { fitting, shownMethod } from "../../frontend/sites/methods.js";
import { className, networkSentence } from "../../frontend/sites/network_sentences.js";
import { cellWords, maskPicture, wordMatrixPicture, wordPicture } from "../../frontend/kinds/words/picture.js";
import { resolve } from "../../frontend/kinds/shown.js";
import { positionsAt } from "../../frontend/sites/positions.js";
import { examplesOf, knownWords } from "../../frontend/kinds/words/sentences.js";
import {
  channelMean,
  isCross,
  isMasked,
  isWordMatrix,
  roleOf,
  samplersBefore,
  wordOf,
} from "../../frontend/sites/sites.js";
import { readView, writeView } from "../../frontend/state/store.js";

const CROSS = {
  kind: "attention",
  layer: 5,
  heads: 2,
  queries: 3,
  keys: 4,
  prefix_tokens: 0,
  grid: null,
  query_grid: null,
  key_grid: { rows: 2, columns: 2 },
  query_labels: ["a", "dog", "<end>"],
  key_labels: null,
  projections: true,
};
const MASKED = {
  ...CROSS,
  layer: 4,
  keys: 3,
  key_grid: null,
  key_labels: ["<start>", "a", "dog"],
  projections: false,
};
const READING = { ...MASKED, query_labels: ["un", "chien", "<end>"], key_labels: ["un", "chien", "<end>"], projections: true };
const VIEW = { head: "mean", word: null, hover: null, direction: "from" };

test("words that look at each other show their own positions, decoders those of what they read", () => {
  const analysis = { sites: [READING, MASKED, CROSS], output: { kind: "sequence" } };
  assert.deepEqual([CROSS, MASKED, READING].map((site) => positionsAt(site, analysis)), ["read", "read", "source"]);
  const encoder = { id: "e", kind: "attention", heads: 1, grid: { rows: 2, columns: 2 }, queries: 4, keys: 4, prefix_tokens: 0 };
  assert.equal(positionsAt(encoder, { sites: [encoder], output: { kind: "caption" } }), "photo");
  assert.equal(positionsAt(encoder, { sites: [encoder], output: null }), null);
});

test("what an attention is between follows from what its tokens are", () => {
  assert.deepEqual([CROSS, MASKED, READING].map(isCross), [true, false, false]);
  assert.deepEqual([CROSS, MASKED, READING].map(isMasked), [false, true, false]);
  assert.deepEqual([CROSS, MASKED, READING].map(isWordMatrix), [false, true, true]);
  assert.equal(isMasked({ ...MASKED, projections: true }), false);
  assert.match(roleOf(MASKED), /masked/);
  assert.match(roleOf(READING), /self-attention/);
});

test("the first word shown is one that is about something, and no word is beyond the last", () => {
  assert.equal(wordOf(VIEW, CROSS), 1);
  assert.equal(wordOf({ word: 0 }, CROSS), 0);
  assert.equal(wordOf({ word: 9 }, CROSS), 2);
  assert.equal(wordOf(VIEW, { ...CROSS, query_labels: ["a", "the", "<end>"] }), 0);
});

test("a word's look at the photo is fused over heads and says the word", () => {
  const data = Float32Array.from([0.1, 0.2, 0.3, 0.4, 0.3, 0.2, 0.1, 0.4]);
  const picture = wordPicture(VIEW, CROSS, { shape: [2, 2, 2], data });
  assert.deepEqual([...picture.values].map((v) => Math.round(v * 100)), [20, 20, 20, 40]);
  assert.deepEqual(picture.grid, { rows: 2, columns: 2 });
  assert.match(picture.sentence, /Attention 5, mean over heads: where the network looked to write “dog”/);
  assert.match(wordPicture({ ...VIEW, word: 2 }, CROSS, { shape: [2, 2, 2], data }).sentence, /to write the end/);
});

test("a matrix of words says what the chosen row looks at most", () => {
  const rows = [1, 0, 0, 0.3, 0.7, 0, 0.2, 0.2, 0.6];
  const source = fromMatrix({ shape: [1, 3, 3], data: Float32Array.from(rows) });
  const picture = wordMatrixPicture(VIEW, { ...MASKED, heads: 1 }, source);
  assert.equal(picture.form, "matrix");
  assert.deepEqual(picture.labels, {
    rows: MASKED.query_labels,
    columns: MASKED.key_labels,
    masked: true,
    word: 1,
  });
  assert.match(picture.sentence, /“dog”: most on “a”, 70 %/);
  assert.equal(cellWords(picture, { row: 1, column: 0 }), "dog ← <start>");
});

const OUTPUT = {
  kind: "mask",
  classes: [
    { index: 0, label: "other", share: 0.5, colour: "#5f6368" },
    { index: 1, label: "wall", share: 0.5, colour: "#e69f00" },
  ],
};

test("a mask says its classes and what is under the pointer", () => {
  const picture = maskPicture({ output: OUTPUT }, { shape: [2, 2], data: [0, 1, 1, 0] });
  assert.match(picture.sentence, /other 50 %, wall 50 %|wall 50 %, other 50 %/);
  assert.equal(cellWords(picture, { row: 0, column: 1 }), "wall");
});

test("the area of a mask and its borders lie on the photo", () => {
  // 8 × 4 photo, of which the middle 4 × 4 is seen at twice the size.
  const geometry = {
    imageWidth: 8,
    imageHeight: 4,
    inputWidth: 8,
    inputHeight: 8,
    imageToInput: [
      [2, 0, -4],
      [0, 2, 0],
    ],
  };
  const mask = { shape: [2, 2], data: [0, 1, 1, 1] };
  const { areas, border } = maskPaths(geometry, mask);
  assert.deepEqual(areas, [{ index: 1, path: "M4 0H6V2H4ZM2 2H6V4H2Z" }]);
  assert.equal(border, "M2 2H4M4 0V2");
  assert.equal(maskPaths(geometry, mask).border, border);
});

/** An entry of an analysis's `maps`, as the API gives it. */
const map = (name, english, { kinds = [], forClass = false, reason = null, onPhoto = true, parameters = {} } = {}) => ({
  name,
  title: name,
  summary: `what ${name} is`,
  paper: "a paper",
  equation: "y = x",
  claim: forClass ? "saliency" : "attention map",
  sentence_english: english,
  sentence_parameters: parameters,
  for_class: forClass,
  on_photo: onPhoto,
  kinds,
  reason,
});

test("the page shows the maps that the server lists, and no others", () => {
  const view = (name, reason = null) => ({ name, href: `/v1/analyses/1/maps/${name}?site=s00`, reason });
  const own = { name: "attention", href: "/v1/analyses/1/sites/s00/attention", reason: null };
  const first = { ...CROSS, id: "s00", layer: 4, views: [own, view("received"), view("token-lengths", "net: no.")] };
  const gate = { id: "s01", kind: "channel-gate", layer: 0, views: [] };
  const maps = [
    map("attention", "Attention", { kinds: ["attention"] }),
    map("rollout", "Rollout through {layers} layers", { parameters: { layers: 12 } }),
    map("received", "Attention {layer}: all {who}", { kinds: ["attention"], parameters: { layer: 9, who: "tokens" } }),
    map("token-lengths", "How long", { kinds: ["attention"] }),
    map("relevance", "Relevance for “{class}”: attention", { forClass: true, parameters: { class: "dog" } }),
    map("grad-cam", "Grad-CAM", { forClass: true, reason: "net: it needs feature maps." }),
    map("head-importance", "Heads", { forClass: true, onPhoto: false }),
  ];
  const classes = [{ index: 3, label: "cat", score: 1 }, { index: 5, label: "dog", score: 0 }];
  const analysisData = { sites: [first, gate], maps, predictions: classes, output: null };
  const names = (site) => fitting(analysisData, site).map(({ name }) => name);
  assert.deepEqual(names(first), ["rollout", "received", "relevance"]);
  assert.deepEqual(names(gate), ["rollout", "relevance"]);
  assert.deepEqual(names(null), ["rollout", "relevance"]);
  const at = (method, site, data = analysisData) => shownMethod({ method, analysisData: data }, site);
  assert.equal(at("received", first), "received");
  assert.equal(at("received", gate), "site", "the layer itself, until one that has the map is chosen again");
  assert.equal(at("grad-cam", first), "site");
  assert.equal(at("no-such-map", first), "site");
  assert.equal(at("mask", first), "site");
  assert.equal(at("mask", first, { ...analysisData, output: { kind: "mask" } }), "mask");
  const state = (method, more) => ({ analysisData, method, site: "s00", target: null, query: "cls", head: "mean", ...more });
  const say = (method, more = {}) => networkSentence({ ...state(method, more), shown: resolve(state(method, more)) });
  assert.equal(say("rollout"), "Rollout through 12 layers.");
  assert.equal(say("relevance"), "Relevance for “cat”: attention.");
  assert.equal(say("relevance", { target: 5 }), "Relevance for “dog”: attention.");
  assert.equal(say("received"), "Attention 4: all words.");
});

test("a map for a word names the word", () => {
  const words = [{ text: "a" }, { text: "dog" }];
  const maps = [map("relevance", "Relevance for “{word}”", { forClass: true, parameters: { word: "a" } })];
  const analysisData = { sites: [CROSS], maps, predictions: [], output: { kind: "caption", words } };
  const state = { analysisData, method: "relevance", site: CROSS.id, word: null, target: null, query: "cls", head: "mean" };
  assert.equal(className(state), "dog");
  assert.equal(networkSentence({ ...state, shown: resolve(state) }), "Relevance for “dog”.");
  assert.deepEqual(resolve(state).parameters, { word: 1 });
});

test("a sentence and a word are in the address", () => {
  const view = readView("?model=text_transformer&text=a%20red%20hen&word=2&outline=0");
  assert.deepEqual([view.text, view.word, view.outline], ["a red hen", 2, false]);
  assert.equal(writeView(view), "?model=text_transformer&text=a%20red%20hen&word=2&outline=0");
  assert.equal(readView("").outline, true);
});

test("a model that has no examples of its own is shown words it knows", () => {
  const labels = ["<pad>", "<start>", "<end>", "<unknown>", "b", "a", "c"];
  assert.deepEqual(examplesOf({ id: "mine" }, labels), ["b a c"]);
  assert.deepEqual(knownWords(labels), ["b", "a", "c"]);
});

test("time left is said in the unit that fits", () => {
  assert.deepEqual([0.2, 59, 90, 3600, 5400].map(duration), ["1 s", "59 s", "2 min", "1 h 0 min", "1 h 30 min"]);
});

test("a small window is enlarged, a large one is seen well enough", () => {
  const grid = { rows: 8, columns: 8 };
  const values = new Float32Array(64).fill(NaN);
  const window = (from, size) => {
    const copy = values.slice();
    for (let row = from; row < from + size; row++)
      for (let column = from; column < from + size; column++) copy[row * 8 + column] = 1;
    return { form: "map", values: copy, grid };
  };
  assert.deepEqual(smallWindow(window(4, 2)), { top: 4, left: 4, rows: 2, columns: 2 });
  assert.equal(smallWindow(window(0, 4)), null);
  assert.equal(smallWindow({ form: "map", values, grid }), null);
  assert.equal(smallWindow({ form: "map", values: new Float32Array(64), grid }), null);
});

test("a grid behind another transformer is followed back through it to the photo", () => {
  const first = {
    id: "s00",
    kind: "spatial-transformer",
    theta: [
      [0, -0.5, 0.25],
      [0.5, 0, 0],
    ],
    input_grid: { rows: 60, columns: 60 },
    align_corners: true,
  };
  const inner = { id: "s02", kind: "spatial-transformer", reads_through: ["s00"] };
  const again = { id: "s03", kind: "spatial-transformer", reads_through: [] };
  const sites = [first, { id: "s01", kind: "channel-gate", reads_through: null }, inner, again];
  assert.deepEqual(samplersBefore(sites, "s02"), [first]);
  assert.deepEqual(samplersBefore(sites, "s01"), []);
  assert.deepEqual(samplersBefore(sites, "s00"), []);
  assert.deepEqual(samplersBefore(sites, "s03"), [], "another look at the photo itself");
  const sampling = {
    grid: [[[1, 0.5]]],
    input: { rows: 16, columns: 16 },
    output: { rows: 1, columns: 1 },
    align_corners: false,
  };
  // Turned by a quarter, halved and moved right: x = −0.5·y + 0.25, y = 0.5·x.
  const back = throughEarlier(sampling, [first]);
  assert.deepEqual([back.grid, back.input, back.align_corners], [[[[0, 0.5]]], first.input_grid, true]);
  // Through two of them, the nearer one first.
  const twice = throughEarlier(sampling, [first, first]);
  assert.deepEqual(twice.grid, [[[0, 0]]]);
  assert.equal(throughEarlier(sampling, []), sampling);
});

test("a feature map of many channels is shown by their mean", () => {
  const map = { shape: [2, 1, 3], data: Float32Array.from([1, 2, 3, 3, 2, 5]) };
  assert.deepEqual([...channelMean(map).data], [2, 2, 4]);
});
