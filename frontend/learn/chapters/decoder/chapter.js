// Chapter 14: a caption, word by word: the mask, what it hides, and where each word looks on the photo.

import { headChoices, largest, softmax } from "../../attending.js";
import { live, liveStep, valuesOf } from "../../lesson.js";
import { fuse } from "../../../sites/attention_rows.js";
import { isCross, isMasked, wordOf } from "../../../sites/sites.js";

/** @type {import("../../types.js").Chapter} */
export default {
  network: "captioner",
  state: { head: 0, mask: true, text: "a man is riding a bike" },

  async load(lesson) {
    const analysis = /** @type {Analysis} */ (lesson.analysis);
    const own = /** @type {any} */ (analysis.sites.findLast(isMasked));
    const cross = /** @type {any} */ (analysis.sites.findLast(isCross));
    const [{ source: words }, { source: photo }] = await Promise.all([lesson.attention(analysis, own), lesson.attention(analysis, cross)]);
    const written = /** @type {any} */ (analysis.output);
    const first = wordOf({ word: null }, own);
    return { analysis, own, cross, words, photo, written, site: cross, state: { word: Math.min(first, written.words.length - 1) } };
  },

  async look(lesson, { analysis, own, cross }, { word, head, text }) {
    const [ofWords, ofPhoto, forced] = await Promise.all([
      lesson.steps(analysis, own, { query: word, head }),
      lesson.steps(analysis, cross, { query: word, head }),
      lesson.edited(analysis, text ? [{ edit: "words", text }] : []),
    ]);
    return { ofWords, ofPhoto, forced };
  },

  numbers({ analysis, own, cross, photo, written }, { word, head }, looked) {
    const answer = { path: `v1/analyses/${analysis.id}`, json: analysis };
    const row = fuse(photo.row(word), photo.heads, head);
    const most = largest(row);
    const grid = cross.key_grid;
    const cell = { row: Math.floor(most / grid.columns), column: most % grid.columns };
    const computed = {
      word: { ...live(answer, "output", "words", word, "text"), word },
      score: { ...live(answer, "output", "words", word, "score"), word },
      number: { value: word },
      seen: { value: word + 1 },
      later: { value: own.keys - word - 1 },
      count: { value: written.words.length },
      head: { value: head },
      row: { value: cell.row, cell },
      column: { value: cell.column, cell },
      patches: { value: photo.keys },
    };
    if (!looked) return computed;
    const { ofWords, ofPhoto, forced } = looked;
    const given = forced.json.output.words;
    const bare = softmax(valuesOf(ofWords, "scaled"));
    const masked = valuesOf(ofWords, "softmax");
    return {
      ...computed,
      d: live(ofWords, "steps", 0, "shape", 0),
      scaled0: liveStep(ofWords, "scaled", 0),
      share0: { ...liveStep(ofWords, "softmax", 0), at: { row: word, column: 0 } },
      bare0: { value: bare[0] },
      cheat: { value: bare.slice(word + 1).reduce((a, b) => a + b, 0) },
      self: { value: masked[word], at: { row: word, column: word } },
      place: { ...liveStep(ofPhoto, "softmax", most), cell },
      even: { value: 1 / photo.keys },
      o0: liveStep(ofPhoto, "output", 0),
      ...Object.fromEntries(
        given.flatMap((/** @type {Word} */ _, /** @type {number} */ at) => [
          [`given${at}`, live(forced, "output", "words", at, "score")],
          [`instead${at}`, live(forced, "output", "words", at, "likeliest")],
          [`sure${at}`, live(forced, "output", "words", at, "likeliest_score")],
        ]),
      ),
      loss: { value: lossOf(given) },
      ownLoss: { value: lossOf(written.words) },
    };
  },

  controls: ({ words }, { head, mask, text }) => [
    { type: "choice", name: "head", value: head, options: headChoices(words.heads), label: "head" },
    { type: "toggle", name: "mask", value: mask, label: "mask" },
    { type: "sentence", name: "text", value: text, label: "given", send: "give" },
  ],

  figures({ own, cross, words, photo, written }, { word, head, mask }, looked) {
    const n = own.keys;
    const shown = Float32Array.from({ length: n * n }, (_, at) => words.row(Math.floor(at / n))[head * n + (at % n)]);
    for (let at = 0; at < n * n; at++) if (at % n > Math.floor(at / n)) shown[at] = NaN;
    const bare = looked && softmax(valuesOf(looked.ofWords, "scaled"));
    if (!mask && bare) shown.set(bare, word * n);
    return [
      { type: "words", words: written.words.map((/** @type {Word} */ one) => one.text), scores: written.words.map((/** @type {Word} */ one) => one.score), chosen: word, choose: "word", play: true, hidden: word + 1, caption: "words-caption" },
      {
        type: "photo",
        map: fuse(photo.row(word), photo.heads, head),
        grid: cross.key_grid,
        marks: [],
        label: "photo-caption",
        caption: "photo-caption",
      },
      { type: "matrix", values: shown, columns: n, rowLabels: own.query_labels, columnLabels: own.key_labels, row: "word", at: { row: word, column: 0 }, range: [0, 1], caption: "matrix-caption" },
      {
        type: "facts",
        head: ["col-given", "col-given-p", "col-own", "col-own-p"],
        rows: (looked?.forced.json.output.words ?? []).map((/** @type {Word} */ one, /** @type {number} */ at) => [one.text, `{given${at}|percent}`, `{instead${at}}`, `{sure${at}|percent}`]),
        caption: "given-caption",
      },
    ];
  },

  steps: [
    { id: "start" },
    { id: "mask", formula: "s″_j = s′_j + m_j,  m_j = −∞ (j > t)", worked: "{later} × −∞" },
    { id: "self", formula: "p_j = exp(s″_j) / Σ exp(s″_j)", worked: "{scaled0} → {share0}" },
    { id: "cross", formula: "Q = X_D W_Q,  K = Y_E W_K,  V = Y_E W_V", of: "output", bars: (_, __, looked) => looked && valuesOf(looked.ofPhoto, "output") },
    { id: "word", worked: "p = {score|percent}" },
    { id: "train", formula: "L = −(1 / T) Σ ln p(y_t | y_1 … y_(t−1), x)", worked: "L = {loss}" },
    { id: "free", worked: "L = {ownLoss}" },
  ],

  questions: [
    ({ cheat }) => (Number(cheat?.value) > 0.5 ? 0 : 1),
    ({ place, even }) => (Number(place?.value) > 5 * Number(even?.value) ? 0 : 1),
    ({ loss, ownLoss }) => (Number(loss?.value) > Number(ownLoss?.value) ? 0 : 1),
  ],

  papers: [
    { cite: "Vaswani et al. 2017", title: "Attention Is All You Need", place: "3.1, 3.2.3", formula: "softmax(Q Kᵀ / √d_k + M) V", href: "https://arxiv.org/abs/1706.03762" },
    { cite: "Xu et al. 2015", title: "Show, Attend and Tell: Neural Image Caption Generation with Visual Attention", href: "https://arxiv.org/abs/1502.03044" },
  ],
};

/** The cross-entropy a word: what training makes small. @param {Word[]} words */
function lossOf(words) {
  return -words.reduce((sum, { score }) => sum + Math.log(score), 0) / words.length;
}
