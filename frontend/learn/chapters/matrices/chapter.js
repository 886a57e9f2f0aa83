// Chapter 3: all queries at once. A row is what a token looks at, a column is who looks at it.

import { busiest, farthestLook, headChoices, placed, tokenAt } from "../../attending.js";
import { live, liveStep, valuesOf } from "../../lesson.js";
import { matrix } from "../../../sites/attention_rows.js";
import { onGrid } from "../../../sites/sites.js";

/** One head of (head, token, head_dim). @param {{shape: number[], data: Float32Array}} tensor @param {number} head */
const ofHead = ({ shape: [, tokens, dim], data }, head) => ({ values: data.subarray(head * tokens * dim, (head + 1) * tokens * dim), columns: dim });

/** @type {import("../../types.js").Chapter} */
export default {
  network: "vit",
  state: { head: 0 },

  async load(lesson) {
    const analysis = /** @type {Analysis} */ (lesson.analysis);
    const site = /** @type {PlacedSite} */ (placed(analysis).at(-1));
    const [{ source }, tensors] = await Promise.all([lesson.attention(analysis, site), lesson.matrices(analysis, site)]);
    const whole = Array.from({ length: source.heads }, (_, head) => matrix(source, head));
    const query = busiest(source, site);
    const row = tokenAt(query, site);
    const column = tokenAt(farthestLook(source.row(row).subarray(0, source.keys), site, query), site);
    return { analysis, site, source, tensors, whole, state: { row, column } };
  },

  async look(lesson, { analysis, site }, { row, head }) {
    const [steps, block] = await Promise.all([lesson.steps(analysis, site, { query: row, key: row, head }), lesson.ask(analysis, `/sites/${site.id}/block`, { query: row })]);
    return { steps, block };
  },

  numbers({ source, whole }, { row, column, head }, looked) {
    const n = source.keys;
    let rowSum = 0;
    let columnSum = 0;
    for (let i = 0; i < n; i++) {
      rowSum += whole[head][row * n + i];
      columnSum += whole[head][i * n + column];
    }
    const computed = { row: { value: row }, column: { value: column }, head: { value: head }, n: { value: n }, rowSum: { value: rowSum }, columnSum: { value: columnSum }, cells: { value: n * n } };
    if (!looked) return computed;
    return {
      ...computed,
      x0: liveStep(looked.block, "norm", 0),
      x1: liveStep(looked.block, "norm", 1),
      width: live(looked.block, "steps", 0, "shape", 0),
      q0: liveStep(looked.steps, "query", 0),
      d: live(looked.steps, "steps", 0, "shape", 0),
      share: { ...liveStep(looked.steps, "softmax", column), at: { row, column } },
      back: { value: whole[head][column * n + row], at: { row: column, column: row } },
      score: { ...liveStep(looked.steps, "scores", column), at: { row, column } },
      scaled: { ...liveStep(looked.steps, "scaled", column), at: { row, column } },
      o0: liveStep(looked.steps, "output", 0),
    };
  },

  controls: ({ source }, { head }) => [{ type: "choice", name: "head", value: head, options: headChoices(source.heads), label: "head" }],

  figures({ site, source, tensors, whole }, { row, column, head }, looked) {
    const n = source.keys;
    const shown = whole[head];
    const seen = Float32Array.from({ length: n }, (_, i) => shown[i * n + column]);
    return [
      { type: "matrix", values: shown, columns: n, row: "row", column: "column", at: { row, column }, range: [0, quantile(shown)], caption: "matrix-caption" },
      {
        type: "maps",
        items: [
          { label: "row-map", values: onGrid(shown.subarray(row * n, (row + 1) * n), site), columns: site.grid.columns, grid: site.grid },
          { label: "column-map", values: onGrid(seen, site), columns: site.grid.columns, grid: site.grid },
        ],
      },
      {
        type: "maps",
        items: ["query", "key", "value", "output"].map((name) => ({ label: name, ...ofHead(tensors[name], head) })),
        caption: "factors-caption",
      },
      {
        type: "bars",
        rows: [
          { label: "x", values: looked && valuesOf(looked.block, "norm"), of: "norm" },
          { label: "q", values: looked && valuesOf(looked.steps, "query"), of: "query" },
        ],
        caption: "row-caption",
      },
    ];
  },

  steps: [
    { id: "project", formula: "Q = X W_Q,  K = X W_K,  V = X W_V", worked: "X[{row}, :] = ({x0}, {x1}, …)  →  Q[{row}, 0] = {q0}" },
    { id: "scores", formula: "A = Q Kᵀ", worked: "A[{row}, {column}] = {score}" },
    { id: "softmax", formula: "A′ = softmax(A / √d)", worked: "A′[{row}, {column}] = {share}" },
    { id: "output", formula: "O = A′ V", worked: "O[{row}, 0] = {o0}", of: "output", bars: (_, __, looked) => looked && valuesOf(looked.steps, "output") },
  ],

  questions: [
    ({ columnSum }) => (Number(columnSum.value) > 1 ? 0 : 1),
    ({ share, back }) => (Number(share?.value) > Number(back?.value) ? 0 : 1),
    ({ rowSum }) => (Math.abs(Number(rowSum.value) - 1) < 0.01 ? 1 : 0),
  ],

  papers: [{ cite: "Vaswani et al. 2017", title: "Attention Is All You Need", equation: 1, formula: "Attention(Q, K, V) = softmax(Q Kᵀ / √d_k) V", href: "https://arxiv.org/abs/1706.03762" }],
};

/** Near the largest, so that one bright cell does not hide the rest. @param {Float32Array} values */
const quantile = (values) => values.toSorted()[Math.floor(0.995 * values.length)] || 1;

