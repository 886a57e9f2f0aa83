// Chapter 13: what a block adds to a token, by attention and by the feed-forward layer; a layer may be skipped.

import { busiest, placed, tokenAt } from "../../attending.js";
import { allOf, nth } from "../../gating.js";
import { asQuery, live } from "../../lesson.js";
import { onGrid } from "../../../sites/sites.js";

const FIGURES = ["before", "added", "after", "kept"];

/** @type {import("../../types.js").Chapter} */
export default {
  network: "vit",
  state: { block: 0, skip: false },

  async load(lesson) {
    const analysis = /** @type {Analysis} */ (lesson.analysis);
    const sites = placed(analysis);
    const last = /** @type {PlacedSite} */ (sites.at(-1));
    const [{ source }, stream] = await Promise.all([lesson.attention(analysis, last), lesson.ask(analysis, `/sites/${last.id}/stream`)]);
    const additions = stream.json.additions;
    const blocks = sites.map((site) => {
      const attention = additions.findIndex((/** @type {any} */ one) => one.site === site.id);
      const feed = additions.findIndex((/** @type {any} */ one, /** @type {number} */ at) => at > attention && one.kind === "feed-forward");
      return { site, attention, feed };
    });
    return { analysis, site: last, stream, blocks, state: { query: busiest(source, last), block: blocks.length - 1 } };
  },

  async look(lesson, { analysis, blocks }, { query, block, skip }) {
    const { site } = blocks[block];
    const [steps, edited] = await Promise.all([
      lesson.ask(analysis, `/sites/${site.id}/block`, { query: asQuery(query) }),
      lesson.edited(analysis, skip ? [{ edit: "skip", site: site.id }] : []),
    ]);
    return { steps, edited, answer: lesson.answered(analysis) };
  },

  numbers({ analysis, site, stream, blocks }, { query, block }, looked) {
    const token = tokenAt(query, site);
    const { attention, feed } = blocks[block];
    const of = (/** @type {number} */ at, /** @type {string} */ name) => ({ ...live(stream, "additions", at, name, token), cell: query });
    const cosine = (/** @type {any} */ one) => (one.after[token] ** 2 - one.before[token] ** 2 - one.added[token] ** 2) / (2 * one.before[token] * one.added[token]);
    const [a, f] = [stream.json.additions[attention], stream.json.additions[feed]];
    return {
      row: { value: query.row, cell: query },
      column: { value: query.column, cell: query },
      block: { value: block },
      blocks: { value: blocks.length },
      d: live(stream, "additions", attention, "dim"),
      ...Object.fromEntries(FIGURES.flatMap((name) => [[`a_${name}`, of(attention, name)], [`f_${name}`, of(feed, name)]])),
      aCos: { value: cosine(a) },
      fCos: { value: cosine(f) },
      square: { value: Math.sqrt(a.before[token] ** 2 + a.added[token] ** 2 + 2 * cosine(a) * a.before[token] * a.added[token]) },
      grown: { value: f.after[token] / stream.json.additions[blocks[0].attention].before[token] },
      ...(looked && insideOf(looked.steps)),
      ...(looked && {
        top: live(looked.answer, "predictions", 0, "label"),
        pBefore: live({ path: `v1/analyses/${analysis.id}`, json: analysis }, "predictions", 0, "score"),
        pAfter: looked.edited.json.change ? live(looked.edited, "change", "classes", 0, "after", "score") : live(looked.answer, "predictions", 0, "score"),
      }),
    };
  },

  controls: ({ blocks }, { block, skip }) => [
    { type: "range", name: "block", value: block, min: 0, max: blocks.length - 1, step: 1, label: "block", shown: String(block) },
    { type: "toggle", name: "skip", value: skip, label: "skip" },
  ],

  figures({ analysis, site, stream, blocks }, { query, block }, looked) {
    const { attention, feed } = blocks[block];
    const lengths = (/** @type {number} */ at, /** @type {string} */ name) => onGrid(Float32Array.from(stream.json.additions[at][name], (/** @type {number | null} */ value) => value ?? NaN), site);
    const token = tokenAt(query, site);
    const through = (/** @type {string} */ name) => stream.json.additions.map((/** @type {any} */ one) => one[name][token]);
    const map = (/** @type {string} */ label, /** @type {Float32Array} */ values) => ({ label, values, columns: site.grid.columns, grid: site.grid });
    return [
      { type: "photo", map: lengths(feed, "after"), grid: site.grid, click: "query", cells: { query }, marks: [{ cell: query, kind: "query" }], label: "photo-caption", caption: "photo-caption" },
      { type: "maps", items: [map("by-attention", lengths(attention, "added")), map("by-feed", lengths(feed, "added"))], caption: "maps-caption" },
      {
        type: "bars",
        rows: [
          { label: "length", values: through("after"), marked: [attention, feed] },
          { label: "added", values: through("added"), marked: [attention, feed] },
        ],
        caption: "bars-caption",
      },
      {
        type: "facts",
        head: ["", "col-before", "col-added", "col-after", "col-kept"],
        rows: [
          ["row-attention", "{a_before}", "{a_added}", "{a_after}", "{a_kept}"],
          ["row-feed", "{f_before}", "{f_added}", "{f_after}", "{f_kept}"],
        ],
        caption: "facts-caption",
      },
      { type: "answer", analysis, change: looked?.edited.json.change, caption: "answer-caption" },
    ];
  },

  steps: [
    {
      id: "norm",
      formula: "LayerNorm(x) = γ (x − μ) / √(σ² + ε) + β",
      worked: "x̂_0 = ({x0} − ({mean})) / √{variance} = {n0}\n{g0} × {n0} + {b0} = {ln0}",
      of: "norm",
      bars: (_, __, looked) => looked && allOf(looked.steps, "norm"),
    },
    { id: "attention", formula: "x ← x + MultiHead(LayerNorm(x))", worked: "‖x‖ = {a_before},  ‖added‖ = {a_added}" },
    { id: "sum", formula: "‖x + a‖² = ‖x‖² + ‖a‖² + 2 cos(x, a) ‖x‖ ‖a‖", worked: "√({a_before}² + {a_added}² + 2 × {aCos} × {a_before} × {a_added}) = {square}" },
    { id: "norm2", worked: "μ = {mean2},  σ² = {variance2}" },
    { id: "hidden", formula: "h = W_1 x + b_1,  a = GELU(h)", worked: "GELU({h0}) = {a0}", of: "activation", bars: (_, __, looked) => looked && allOf(looked.steps, "activation") },
    { id: "feed", formula: "FFN(x) = W_2 a + b_2,  x ← x + FFN(LayerNorm(x))", worked: "{s0} + {f0} = {y0}", of: "feed-forward", bars: (_, __, looked) => looked && allOf(looked.steps, "feed-forward") },
    { id: "repeat" },
  ],

  questions: [
    ({ a_added: a, f_added: f }) => (Number(a.value) > Number(f.value) ? 0 : 1),
    ({ aCos }) => (Number(aCos.value) > 0 ? 0 : 1),
    ({ open, hidden }) => (2 * Number(open?.value) > Number(hidden?.value) ? 0 : 1),
  ],

  papers: [
    { cite: "Vaswani et al. 2017", title: "Attention Is All You Need", place: "3.1, 3.3", formula: "LayerNorm(x + Sublayer(x))", href: "https://arxiv.org/abs/1706.03762" },
    { cite: "Dosovitskiy et al. 2020", title: "An Image is Worth 16x16 Words", equation: "2–3", formula: "z′ = MSA(LN(z)) + z,  z = MLP(LN(z′)) + z′", href: "https://arxiv.org/abs/2010.11929" },
  ],
};

/** The first number of every vector on the token's way through the block. @param {import("../../types.js").Answer} steps */
function insideOf(steps) {
  const activation = allOf(steps, "activation");
  const at = steps.json.steps.findIndex((/** @type {any} */ one) => one.name === "hidden");
  return {
    x0: nth(steps, "token", 0, 0),
    mean: nth(steps, "mean", 0),
    variance: nth(steps, "variance", 0),
    n0: nth(steps, "normalised", 0, 0),
    g0: nth(steps, "gain", 0, 0),
    b0: nth(steps, "bias", 0, 0),
    ln0: nth(steps, "norm", 0, 0),
    mean2: nth(steps, "mean", 1),
    variance2: nth(steps, "variance", 1),
    hidden: live(steps, "steps", at, "shape", 0),
    h0: nth(steps, "hidden", 0, 0),
    a0: nth(steps, "activation", 0, 0),
    open: { value: activation.filter((one) => one > 0).length },
    s0: nth(steps, "sum", 0, 0),
    f0: nth(steps, "feed-forward", 0, 0),
    y0: nth(steps, "sum", 1, 0),
  };
}
