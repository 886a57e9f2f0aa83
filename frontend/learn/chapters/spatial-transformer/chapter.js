// Chapter 9: θ, the grid, the four neighbours; the window is dragged and the network answers for it.

import { live, liveStep, valuesOf } from "../../lesson.js";

const IDENTITY = [
  [1, 0, 0],
  [0, 1, 0],
];
const round = (/** @type {number} */ value) => Math.round(value * 1e4) / 1e4;

/** Between the identity and the network's own θ. @param {number[][]} theta @param {number} share */
const morphed = (theta, share) => theta.map((row, i) => row.map((value, j) => round(IDENTITY[i][j] + share * (value - IDENTITY[i][j]))));

/** @type {import("../../types.js").Chapter} */
export default {
  network: "stn_digits",
  state: { morph: 1, dragged: null, pixel: null },

  async load(lesson) {
    const analysis = /** @type {Analysis} */ (lesson.analysis);
    const site = /** @type {WarpSite} */ (analysis.sites.find((one) => one.kind === "spatial-transformer"));
    const { rows, columns } = site.output_grid;
    return { analysis, site, own: site.theta ?? IDENTITY, state: { pixel: { row: Math.floor(rows / 2), column: Math.floor(columns / 2) }, outRow: Math.floor(rows / 2), outColumn: Math.floor(columns / 2) } };
  },

  async look(lesson, { analysis, site, own }, { morph, dragged, outRow, outColumn }) {
    const theta = dragged ?? (morph < 1 ? morphed(own, morph) : null);
    const edited = await lesson.edited(analysis, theta ? [{ edit: "theta", site: site.id, theta: theta.map((/** @type {number[]} */ row) => row.map(round)) }] : []);
    const [steps, read] = await Promise.all([lesson.steps(edited.json, site, { query: `${outRow},${outColumn}` }), lesson.ask(edited.json, `/sites/${site.id}/grid/warped`, { values: "tensor" })]);
    return { edited, steps, read, answer: lesson.answered(analysis) };
  },

  numbers({ analysis, site }, { outRow, outColumn }, looked) {
    const answer = { path: `v1/analyses/${analysis.id}`, json: analysis };
    const computed = {
      outRow: { value: outRow },
      outColumn: { value: outColumn },
      top: live(answer, "predictions", 0, "label"),
      before: live(answer, "predictions", 0, "score"),
      size: live(answer, "sites", analysis.sites.indexOf(site), "output_grid", "rows"),
    };
    if (!looked) return computed;
    const { steps, edited } = looked;
    const [a, b, , d, e] = valuesOf(steps, "theta").flat();
    const four = valuesOf(steps, "neighbours");
    const weight = (/** @type {number} */ at) => liveStep(steps, "neighbours", at, 2);
    return {
      ...computed,
      ...Object.fromEntries([0, 1, 2, 3, 4, 5].map((at) => [`t${at}`, liveStep(steps, "theta", Math.floor(at / 3), at % 3)])),
      x: liveStep(steps, "output point", 0),
      y: liveStep(steps, "output point", 1),
      u: liveStep(steps, "source point", 0),
      v: liveStep(steps, "source point", 1),
      w0: weight(0),
      w1: weight(1),
      w2: weight(2),
      w3: weight(3),
      r0: liveStep(steps, "neighbours", 0, 0),
      c0: liveStep(steps, "neighbours", 0, 1),
      weights: { value: four.reduce((/** @type {number} */ sum, /** @type {number[]} */ one) => sum + one[2], 0) },
      value: liveStep(steps, "read", 0),
      features: live(steps, "steps", 0, "shape", 0),
      turn: { value: (Math.atan2(d, a) * 180) / Math.PI },
      area: { value: Math.abs(a * e - b * d) },
      now: live(edited, "predictions", 0, "label"),
      after: live(edited, "predictions", 0, "score"),
    };
  },

  controls: (_, { morph, dragged }) => [
    { type: "range", name: "morph", value: morph, min: 0, max: 1, step: 0.05, label: "morph" },
    { type: "press", patch: { dragged: null, morph: 1 }, label: "own", pressed: dragged === null && morph === 1 },
  ],

  figures({ analysis, site, own }, { morph, dragged, outRow, outColumn }, looked) {
    const theta = dragged ?? morphed(own, morph);
    const { rows, columns } = site.input_grid;
    const four = looked ? valuesOf(looked.steps, "neighbours") : [];
    const [across, down] = [2 / columns, 2 / rows];
    const read = looked?.read.json;
    const channels = read ? read.values : [];
    const size = site.output_grid;
    const mean = Array.from({ length: size.rows * size.columns }, (_, at) => channels.reduce((/** @type {number} */ sum, /** @type {number[][]} */ one) => sum + one[Math.floor(at / size.columns)][at % size.columns] / channels.length, 0));
    return [
      {
        type: "theta",
        theta,
        choose: "dragged",
        analysis,
        point: looked && valuesOf(looked.steps, "source point"),
        neighbours: four.map((/** @type {number[]} */ [row, column, weight]) => ({ x: (column + 0.5) * across - 1, y: (row + 0.5) * down - 1, size: across, weight })),
        caption: "theta-caption",
      },
      { type: "matrix", values: mean, columns: size.columns, row: "outRow", column: "outColumn", at: { row: outRow, column: outColumn }, caption: "read-caption" },
      { type: "answer", analysis: looked?.edited.json ?? analysis, change: looked?.edited.json.change, caption: "answer-caption" },
    ];
  },

  steps: [
    { id: "localise", formula: "θ = f_(loc)(U)", of: "localisation", bars: (_, __, looked) => looked && valuesOf(looked.steps, "localisation") },
    { id: "theta", formula: "θ = [θ_11 θ_12 θ_13; θ_21 θ_22 θ_23]", worked: "[{t0}  {t1}  {t2};  {t3}  {t4}  {t5}]" },
    { id: "grid", formula: "(x, y) = θ (x′, y′, 1)", worked: "{t0} × {x} + {t1} × {y} + {t2} = {u}\n{t3} × {x} + {t4} × {y} + {t5} = {v}" },
    { id: "sample", formula: "V = Σ U_(nm) max(0, 1 − |x − m|) max(0, 1 − |y − n|)", worked: "{w0} + {w1} + {w2} + {w3} = {weights}" },
    { id: "learn" },
  ],

  questions: [
    ({ area }) => (Number(area?.value) < 1 ? 0 : 1),
    ({ turn }) => (Math.abs(Number(turn?.value)) > 10 ? 0 : 1),
    ({ w0, w1, w2, w3 }) => [w0, w1, w2, w3].map((one) => Number(one?.value)).reduce((best, value, at, all) => (value > all[best] ? at : best), 0),
  ],

  papers: [{ cite: "Jaderberg et al. 2015", title: "Spatial Transformer Networks", equation: "1, 5", formula: "(xˢ, yˢ) = T_θ(G)", href: "https://arxiv.org/abs/1506.02025" }],
};
