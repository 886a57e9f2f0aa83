// Chapter 4: heads side by side, joined and mixed by W_O; one may be switched off.

import { busiest, placed, tokenAt } from "../../attending.js";
import { asQuery, live, liveStep, valuesOf } from "../../lesson.js";
import { entropy, fuse } from "../../../sites/attention_rows.js";
import { onGrid } from "../../../sites/sites.js";

/** How many keys a row is spread over: e to its entropy. @param {Float32Array} row */
const spread = (row) => Math.exp(entropy(row));

/** @type {import("../../types.js").Chapter} */
export default {
  network: "vit",
  state: { head: 0, off: -1 },

  async load(lesson) {
    const analysis = /** @type {Analysis} */ (lesson.analysis);
    const site = /** @type {PlacedSite} */ (placed(analysis).at(-1));
    const { source } = await lesson.attention(analysis, site);
    return { analysis, site, source, state: { query: busiest(source, site) } };
  },

  async look(lesson, { analysis, site }, { query, head, off }) {
    const [steps, edited] = await Promise.all([
      lesson.steps(analysis, site, { query: asQuery(query), head }),
      lesson.edited(analysis, off < 0 ? [] : [{ edit: "off", site: site.id, heads: [off] }]),
    ]);
    return { steps, edited, answer: lesson.answered(analysis) };
  },

  numbers({ site, source }, { query, head, off }, looked) {
    const rows = source.row(tokenAt(query, site));
    const of = (/** @type {number} */ one) => rows.subarray(one * source.keys, (one + 1) * source.keys);
    const spreads = Array.from({ length: source.heads }, (_, one) => spread(of(one)));
    const mean = spread(fuse(rows, source.heads, "mean"));
    const computed = {
      head: { value: head },
      heads: { value: source.heads },
      row: { value: query.row, cell: query },
      column: { value: query.column, cell: query },
      keys: { value: source.keys },
      spread: { value: spreads[head] },
      narrowest: { value: Math.min(...spreads) },
      meanSpread: { value: mean },
      widest: { value: Math.max(...spreads) },
      narrow: { value: spreads.indexOf(Math.min(...spreads)) },
    };
    if (!looked) return computed;
    const { steps, edited, answer } = looked;
    const change = edited.json.change?.classes[0];
    return {
      ...computed,
      d: live(steps, "steps", 0, "shape", 0),
      o0: liveStep(steps, "heads", head, 0),
      y0: liveStep(steps, "projected", 0),
      width: live(steps, "steps", steps.json.steps.findIndex((/** @type {any} */ one) => one.name === "projected"), "shape", 0),
      top: live(answer, "predictions", 0, "label"),
      before: live(answer, "predictions", 0, "score"),
      after: change ? live(edited, "change", "classes", 0, "after", "score") : live(answer, "predictions", 0, "score"),
      off: { value: off },
    };
  },

  controls: ({ source }, { off }) => [
    {
      type: "choice",
      name: "off",
      value: off,
      options: [{ value: -1, label: "none" }, ...Array.from({ length: source.heads }, (_, value) => ({ value, text: String(value) }))],
      label: "off",
    },
  ],

  figures({ site, source, analysis }, { query, head, off }, looked) {
    const rows = source.row(tokenAt(query, site));
    const patches = (/** @type {Float32Array} */ row) => onGrid(row, site);
    const each = Array.from({ length: source.heads }, (_, one) => ({
      label: `head-${one}`,
      values: patches(rows.subarray(one * source.keys, (one + 1) * source.keys)),
      columns: site.grid.columns,
      grid: site.grid,
    }));
    const outputs = looked && valuesOf(looked.steps, "heads");
    return [
      {
        type: "photo",
        map: patches(fuse(rows, source.heads, head)),
        grid: site.grid,
        click: "query",
        cells: { query },
        marks: [{ cell: query, kind: "query" }],
        label: "photo-label",
        caption: "photo-caption",
      },
      { type: "maps", items: [...each, { ...each[0], label: "mean", values: patches(fuse(rows, source.heads, "mean")), plain: true }], choose: "head", chosen: head, caption: "maps-caption" },
      {
        type: "bars",
        rows: outputs && [
          ...outputs.map((/** @type {number[]} */ values, /** @type {number} */ one) => ({ label: `head-${one}`, values: one === off ? values.map(() => 0) : values })),
          { label: "projected", values: valuesOf(looked.steps, "projected") },
        ],
        values: [],
        caption: "bars-caption",
      },
      { type: "answer", analysis, change: looked?.edited.json.change, caption: "answer-caption" },
    ];
  },

  steps: [
    { id: "split", formula: "head_i = Attention(X W_(Q,i), X W_(K,i), X W_(V,i))" },
    { id: "each", worked: "{spread}" },
    { id: "join", formula: "o = [head_1, …, head_h]", worked: "{heads} × {d}" },
    { id: "mix", formula: "y = W_O o + b", worked: "y_0 = {y0}" },
  ],

  questions: [
    ({ meanSpread, widest }) => (Number(meanSpread.value) > Number(widest.value) ? 0 : 1),
    ({ narrow }) => Number(narrow.value),
    ({ before, after }) => (Number(after?.value) < Number(before?.value) ? 0 : Number(after?.value) > Number(before?.value) ? 1 : 2),
  ],

  papers: [{ cite: "Vaswani et al. 2017", title: "Attention Is All You Need", place: "3.2.2", formula: "MultiHead(Q, K, V) = Concat(head_1, …, head_h) W_O", href: "https://arxiv.org/abs/1706.03762" }],
};
