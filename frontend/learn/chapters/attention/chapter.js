// Chapter 1: one query, one key, and the three ways to score them.

import { busiest, FACTORS, farthestLook, headChoices, hiddenOf, largest, placed, SCORES, scoresOf, seeded, softmax, tokenAt, vector } from "../../attending.js";
import { asQuery, live, liveStep, valuesOf } from "../../lesson.js";
import { onGrid } from "../../../sites/sites.js";

/** @type {import("../../types.js").Chapter} */
export default {
  network: "vit",
  state: { head: 0, score: "dot" },

  async load(lesson) {
    const analysis = /** @type {Analysis} */ (lesson.analysis);
    const site = /** @type {PlacedSite} */ (placed(analysis).at(-1));
    const { source, tensors } = await lesson.attention(analysis, site);
    const query = busiest(source, site);
    const row = source.row(tokenAt(query, site)).subarray(0, source.keys);
    return { analysis, site, source, tensors, state: { query, key: farthestLook(row, site, query) } };
  },

  look: (lesson, { analysis, site }, { query, key, head }) =>
    lesson.steps(analysis, site, { query: asQuery(query), key: asQuery(key), head }),

  numbers({ site, tensors, source }, { query, key, head }, looked) {
    const q = vector(tensors.query, head, tokenAt(query, site));
    const k = vector(tensors.key, head, tokenAt(key, site));
    const token = tokenAt(key, site);
    const hidden = hiddenOf(q, k);
    const { v } = seeded(q.length);
    const winners = Object.keys(SCORES).map((kind) => largest(onGrid(scoresOf(tensors, kind, head, tokenAt(query, site)), site)));
    const computed = {
      head: { value: head },
      row: { value: query.row, cell: query },
      column: { value: query.column, cell: query },
      keyRow: { value: key.row, cell: key },
      keyColumn: { value: key.column, cell: key },
      keys: { value: source.keys },
      even: { value: 1 / source.keys },
      cosine: { value: SCORES.cosine(q, k), cell: key },
      additive: { value: SCORES.additive(q, k), cell: key },
      ...Object.fromEntries([0, 1].flatMap((at) => [[`h${at}`, { value: hidden[at], bar: ["hidden", at] }], [`w${at}`, { value: v[at], bar: ["v", at] }]])),
      width: { value: hidden.length },
      agree: { value: Number(winners[0] === winners[1]) },
    };
    if (!looked) return computed;
    const shares = valuesOf(looked, "softmax");
    const patch = (/** @type {number} */ token) => shares[token];
    return {
      ...computed,
      d: live(looked, "steps", 0, "shape", 0),
      q0: liveStep(looked, "query", 0),
      k0: liveStep(looked, "key", 0),
      q1: liveStep(looked, "query", 1),
      k1: liveStep(looked, "key", 1),
      product0: { value: valuesOf(looked, "query")[0] * valuesOf(looked, "key")[0] },
      dot: { ...liveStep(looked, "scores", token), cell: key },
      share: { ...liveStep(looked, "softmax", token), cell: key },
      own: { ...liveStep(looked, "softmax", tokenAt(query, site)), cell: query },
      classShare: { value: site.prefix_tokens ? patch(0) : 0 },
    };
  },

  controls: ({ source }, { head, score }) => [
    { type: "choice", name: "head", value: head, options: headChoices(source.heads), label: "head" },
    { type: "choice", name: "score", value: score, options: Object.keys(SCORES).map((value) => ({ value, label: value })), label: "score" },
  ],

  figures({ site, tensors }, { query, key, head, score }, looked) {
    const scores = scoresOf(tensors, score, head, tokenAt(query, site));
    const q = vector(tensors.query, head, tokenAt(query, site));
    const k = vector(tensors.key, head, tokenAt(key, site));
    return [
      {
        type: "photo",
        map: onGrid(softmax(scores, FACTORS[score](q.length)), site),
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
          { label: "q", values: q, of: "query" },
          { label: "k", values: k, of: "key" },
          { label: "product", values: q.map((value, i) => value * k[i]) },
        ],
        caption: "bars-caption",
      },
      {
        type: "bars",
        rows: [
          { label: "hidden", values: hiddenOf(q, k), of: "hidden" },
          { label: "v", values: seeded(q.length).v, of: "v" },
        ],
        range: [-1, 1],
        caption: "hidden-caption",
      },
      {
        type: "facts",
        head: ["", "score", "formula"],
        rows: [
          ["dot", looked ? "{dot}" : "…", "$q · k$"],
          ["cosine", "{cosine}", "$q · k / (‖q‖ ‖k‖)$"],
          ["additive", "{additive}", "$vᵀ tanh(W q + U k)$"],
        ],
        chosen: Object.keys(SCORES).indexOf(score),
        caption: "facts-caption",
      },
    ];
  },

  steps: [
    { id: "project", formula: "q = W_Q x,  k = W_K x,  v = W_V x" },
    { id: "dot", formula: "s = q · k = Σ q_i k_i", worked: "{q0} × {k0} + {q1} × {k1} + … = {dot}" },
    { id: "cosine", formula: "cos(q, k) = q · k / (‖q‖ ‖k‖)", worked: "{cosine}" },
    { id: "additive", formula: "vᵀ tanh(W q + U k)", worked: "{w0} × {h0} + {w1} × {h1} + … = {additive}" },
    { id: "share", worked: "{dot}  →  {share|percent}" },
  ],

  questions: [
    ({ share, even }) => (Number(share?.value) > Number(even.value) ? 0 : 1),
    ({ agree }) => (agree.value ? 0 : 1),
    ({ dot: score }) => (Number(score?.value) > 0 ? 0 : 1),
  ],

  papers: [
    { cite: "Vaswani et al. 2017", title: "Attention Is All You Need", equation: 1, formula: "Attention(Q, K, V) = softmax(Q Kᵀ / √d_k) V", href: "https://arxiv.org/abs/1706.03762" },
    { cite: "Bahdanau et al. 2015", title: "Neural Machine Translation by Jointly Learning to Align and Translate", place: "A.1.2", formula: "a(s, h) = vᵀ tanh(W_a s + U_a h)", href: "https://arxiv.org/abs/1409.0473" },
    { cite: "Graves et al. 2014", title: "Neural Turing Machines", equation: "5–6", formula: "K(u, v) = u · v / (‖u‖ ‖v‖)", href: "https://arxiv.org/abs/1410.5401" },
  ],
};
