// Chapter 2: from scores to shares to one output, with √d left out and at another temperature.

import { busiest, farthestLook, headChoices, placed, softmax, tokenAt } from "../../attending.js";
import { asQuery, live, liveStep, valuesOf } from "../../lesson.js";
import { onGrid } from "../../../sites/sites.js";

/** What the scores are multiplied by: 1/√d over the temperature. @param {any} looked @param {any} state */
const factor = (looked, { root, temperature }) => 1 / (temperature * (root ? Math.sqrt(looked.steps.json.steps[0].shape[0]) : 1));

/** @type {import("../../types.js").Chapter} */
export default {
  network: "vit",
  state: { head: 0, root: true, temperature: 1 },

  async load(lesson) {
    const analysis = /** @type {Analysis} */ (lesson.analysis);
    const site = /** @type {PlacedSite} */ (placed(analysis).at(-1));
    const { source } = await lesson.attention(analysis, site);
    const query = busiest(source, site);
    const key = farthestLook(source.row(tokenAt(query, site)).subarray(0, source.keys), site, query);
    return { analysis, site, source, state: { query, key } };
  },

  async look(lesson, { analysis, site }, { query, key, head, root, temperature }) {
    const { tensors } = await lesson.attention(analysis, site);
    const dim = tensors?.query.shape[2] ?? 1;
    const effective = root ? temperature : temperature / Math.sqrt(dim);
    const edits = Math.abs(effective - 1) < 1e-6 ? [] : [{ edit: "temperature", site: site.id, temperature: effective }];
    const [steps, edited] = await Promise.all([
      lesson.steps(analysis, site, { query: asQuery(query), key: asQuery(key), head }),
      lesson.edited(analysis, edits),
    ]);
    return { steps, edited };
  },

  numbers({ site, source }, { query, key, head }, looked) {
    const computed = {
      row: { value: query.row, cell: query },
      column: { value: query.column, cell: query },
      keyRow: { value: key.row, cell: key },
      keyColumn: { value: key.column, cell: key },
      head: { value: head },
      keys: { value: source.keys },
      even: { value: 1 / source.keys },
    };
    if (!looked) return computed;
    const { steps } = looked;
    const token = tokenAt(key, site);
    const scaled = valuesOf(steps, "scaled");
    const shares = valuesOf(steps, "softmax");
    const bare = softmax(valuesOf(steps, "scores"));
    const five = [...shares].sort((a, b) => b - a).slice(0, 5);
    return {
      ...computed,
      d: live(steps, "steps", 0, "shape", 0),
      dot: { ...liveStep(steps, "scores", token), cell: key },
      scaled: { ...liveStep(steps, "scaled", token), cell: key },
      share: { ...liveStep(steps, "softmax", token), cell: key },
      logSum: { value: Math.log(scaled.reduce((/** @type {number} */ sum, /** @type {number} */ one) => sum + Math.exp(one), 0)) },
      sum: { value: shares.reduce((/** @type {number} */ a, /** @type {number} */ b) => a + b, 0) },
      most: { value: Math.max(...shares) },
      mostBare: { value: Math.max(...bare) },
      five: { value: five.reduce((a, b) => a + b, 0) },
      v0: liveStep(steps, "value", 0),
      part0: { value: shares[token] * valuesOf(steps, "value")[0] },
      brings: { ...liveStep(steps, "weighted values", token), cell: key },
      o0: liveStep(steps, "output", 0),
    };
  },

  controls: ({ source }, { head, root, temperature }) => [
    { type: "choice", name: "head", value: head, options: headChoices(source.heads), label: "head" },
    { type: "toggle", name: "root", value: root, label: "root" },
    { type: "range", name: "temperature", value: temperature, min: 0.2, max: 5, step: 0.1, label: "temperature" },
  ],

  figures({ site, analysis }, state, looked) {
    const { query, key } = state;
    const shares = looked ? softmax(valuesOf(looked.steps, "scores"), factor(looked, state)) : null;
    const brings = looked && valuesOf(looked.steps, "weighted values");
    return [
      {
        type: "photo",
        map: shares && onGrid(shares, site),
        grid: site.grid,
        click: "query",
        move: "key",
        cells: { query, key },
        marks: [
          { cell: query, kind: "query" },
          { cell: key, kind: "key" },
        ],
        label: "photo-label",
        caption: "photo-caption",
      },
      {
        type: "bars",
        rows: [
          { label: "scores", of: "scores", first: site.prefix_tokens, values: looked && onGrid(Float32Array.from(valuesOf(looked.steps, "scores")), site), marked: [key.row * site.grid.columns + key.column] },
          { label: "shares", of: "softmax", first: site.prefix_tokens, values: shares && onGrid(shares, site), marked: [key.row * site.grid.columns + key.column] },
          { label: "brings", of: "weighted values", first: site.prefix_tokens, values: brings && onGrid(Float32Array.from(brings), site), marked: [key.row * site.grid.columns + key.column] },
        ],
        caption: "bars-caption",
      },
      { type: "answer", analysis, change: looked?.edited.json.change, caption: "answer-caption" },
    ];
  },

  steps: [
    { id: "scale", formula: "s′_j = s_j / √d", worked: "{dot} / √{d} = {scaled}" },
    { id: "softmax", formula: "p_j = exp(s′_j) / Σ exp(s′_j)", worked: "exp({scaled} − {logSum}) = {share}" },
    { id: "sum", worked: "Σ p_j = {sum}" },
    { id: "mix", formula: "o = Σ p_j v_j", worked: "o_0 = … + {share} × {v0} + … = {o0}", of: "output", bars: (_, __, looked) => looked && valuesOf(looked.steps, "output") },
  ],

  questions: [
    ({ mostBare, most }) => (Number(mostBare?.value) > Number(most?.value) ? 0 : 1),
    ({ five }) => (Number(five?.value) > 0.5 ? 0 : 1),
    ({ share, even }) => (Number(share?.value) > 2 * Number(even.value) ? 0 : 1),
  ],

  papers: [
    { cite: "Vaswani et al. 2017", title: "Attention Is All You Need", equation: 1, place: "3.2.1", formula: "softmax(Q Kᵀ / √d_k) V", href: "https://arxiv.org/abs/1706.03762" },
    { cite: "Kobayashi et al. 2020", title: "Attention is Not Only a Weight", formula: "‖p_j v_j‖", href: "https://arxiv.org/abs/2004.10102" },
  ],
};

