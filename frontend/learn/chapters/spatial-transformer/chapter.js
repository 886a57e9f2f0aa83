// Chapter 9: θ, the grid, the four neighbours; the window is dragged and the network answers for it.

import { live, liveStep, valuesOf } from "../../lesson.js";

const IDENTITY = [
  [1, 0, 0],
  [0, 1, 0],
];
const SIGNS = "stn_signs";
const round = (/** @type {number} */ value) => Math.round(value * 1e4) / 1e4;

/** Between the identity and the network's own θ. @param {number[][]} theta @param {number} share */
const morphed = (theta, share) => theta.map((row, i) => row.map((value, j) => round(IDENTITY[i][j] + share * (value - IDENTITY[i][j]))));

/** What a sampler on a feature map lies over: the picture that the sampler before it passed on. @param {{analysis: Analysis, site: WarpSite}} one */
const warpedPicture = ({ analysis: { id }, site }) => `../v1/analyses/${id}/sites/${site.reads_through[0]}/grid/warped?values=picture&format=png`;

/** @type {import("../../types.js").Chapter} */
export default {
  network: "stn_digits",
  state: { morph: 1, dragged: null, which: 0 },

  /** Four samplers: both looks of the digits' network, and of the signs' network that on its photo and that on its feature map. */
  async load(lesson) {
    const digits = { analysis: /** @type {Analysis} */ (lesson.analysis), photo: lesson.photo };
    const signs = await lesson.beside(SIGNS);
    const each = [digits, signs].flatMap(({ analysis, photo }) =>
      /** @type {WarpSite[]} */ (analysis.sites.filter((one) => one.kind === "spatial-transformer")).map((site) => ({ analysis, site, photo: site.reads_through.length ? null : photo, own: site.theta ?? IDENTITY })),
    );
    const middles = each.map(({ site: { output_grid: grid } }) => ({ outRow: Math.floor(grid.rows / 2), outColumn: Math.floor(grid.columns / 2) }));
    return { each, site: each[0].site, state: { middles, ...middles[0] } };
  },

  /** Another sampler begins with its own θ and in its middle. */
  changed: (state, patch) => ({ ...state, ...(patch.which != null && { morph: 1, dragged: null, ...state.middles[patch.which] }), ...patch }),

  async look(lesson, { each }, { which, morph, dragged, outRow, outColumn }) {
    const { analysis, site, own } = each[which];
    const theta = dragged ?? (morph < 1 ? morphed(own, morph) : null);
    const edited = await lesson.edited(analysis, theta ? [{ edit: "theta", site: site.id, theta: theta.map((/** @type {number[]} */ row) => row.map(round)) }] : []);
    const [steps, read] = await Promise.all([lesson.steps(edited.json, site, { query: `${outRow},${outColumn}` }), lesson.ask(edited.json, `/sites/${site.id}/grid/warped`, { values: "tensor" })]);
    return { which, edited, steps, read, answer: lesson.answered(analysis) };
  },

  numbers({ each }, { which, outRow, outColumn }, looked) {
    const { analysis, site } = each[which];
    const answer = { path: `v1/analyses/${analysis.id}`, json: analysis };
    const computed = {
      outRow: { value: outRow },
      outColumn: { value: outColumn },
      top: live(answer, "predictions", 0, "label"),
      before: live(answer, "predictions", 0, "score"),
      size: live(answer, "sites", analysis.sites.indexOf(site), "output_grid", "rows"),
    };
    if (looked?.which !== which) return computed;
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

  controls: (_, { which, morph, dragged }) => [
    { type: "choice", name: "which", value: which, options: ["digits", "digits-second", "signs", "signs-features"].map((label, value) => ({ value, label })), label: "which" },
    { type: "range", name: "morph", value: morph, min: 0, max: 1, step: 0.05, label: "morph" },
    { type: "press", patch: { dragged: null, morph: 1 }, label: "own", pressed: dragged === null && morph === 1 },
  ],

  figures({ each }, { which, morph, dragged, outRow, outColumn }, found) {
    const looked = found?.which === which ? found : null;
    const { analysis, site, photo, own } = each[which];
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
        analysis: photo && analysis,
        picture: photo ?? { url: warpedPicture(each[which]) },
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
