// Chapter 5: the vector that tells a patch its place; four kinds side by side; positions off and shuffled.

import { dot, length } from "../../attending.js";
import { asQuery, live } from "../../lesson.js";
import { commonRange } from "../../gating.js";

const BASE = 10000; // Vaswani et al. 2017, section 3.5
const BESIDE = "captioner"; // whose positions are learned in two dimensions
const CLAIMS = "learn/measured/claims.json";

/** The sinusoidal vector of a place. @param {number} place @param {number} dim */
const sinusoid = (place, dim) =>
  Array.from({ length: dim }, (_, i) => {
    const angle = place / BASE ** ((i - (i % 2)) / dim);
    return i % 2 ? Math.cos(angle) : Math.sin(angle);
  });

/** @param {ArrayLike<number>} a @param {ArrayLike<number>} b */
const cosine = (a, b) => dot(a, b) / (length(a) * length(b));

/** @type {import("../../types.js").Chapter} */
export default {
  network: "vit",
  state: { positions: "kept", seed: 0 },

  async load(lesson) {
    const analysis = /** @type {Analysis} */ (lesson.analysis);
    const site = /** @type {PlacedSite} */ (analysis.sites.find((one) => one.kind === "attention" && one.grid));
    const { analysis: other } = await lesson.beside(BESIDE);
    const { rows, columns } = site.grid;
    return { analysis, site, other, measured: lesson.measured, state: { cell: { row: Math.floor(rows / 2), column: Math.floor(columns / 2) } } };
  },

  async look(lesson, { analysis, other }, { cell, positions, seed }) {
    const edits = positions === "kept" ? [] : positions === "off" ? [{ edit: "positions-off" }] : [{ edit: "positions-shuffle", seed }];
    const [own, second, edited] = await Promise.all([
      lesson.ask(analysis, "/maps/positions", { query: asQuery(cell) }),
      lesson.ask(other, "/maps/positions", { query: asQuery(cell) }),
      lesson.edited(analysis, edits),
    ]);
    return { own, second, edited, answer: lesson.answered(analysis) };
  },

  numbers({ site, measured }, { cell }, looked) {
    const { rows, columns } = site.grid;
    const index = cell.row * columns + cell.column;
    const of = (/** @type {string} */ kind) => ({ value: measured.positions[kind].val_top1, from: `${CLAIMS}#/positions/${kind}/val_top1` });
    const computed = {
      row: { value: cell.row, cell },
      column: { value: cell.column, cell },
      index: { value: index },
      patches: { value: rows * columns },
      none: of("none"),
      learned1: of("learned_1d"),
      learned2: of("learned_2d"),
      gain: { value: measured.positions.learned_1d.val_top1 - measured.positions.none.val_top1 },
    };
    if (!looked) return computed;
    const { own, edited, answer } = looked;
    const dim = own.json.vector.length;
    const beside = cell.column + 1 < columns ? 1 : -1;
    const below = cell.row + 1 < rows ? 1 : -1;
    return {
      ...computed,
      d: { value: dim },
      p0: live(own, "vector", 0),
      self: live(own, "values", cell.row, cell.column),
      right: { ...live(own, "values", cell.row, cell.column + beside), cell: { row: cell.row, column: cell.column + beside } },
      below: { ...live(own, "values", cell.row + below, cell.column), cell: { row: cell.row + below, column: cell.column } },
      corner: { ...live(own, "values", cell.row < rows / 2 ? rows - 1 : 0, cell.column < columns / 2 ? columns - 1 : 0) },
      sin: { value: Math.sin(index) },
      cos: { value: Math.cos(index) },
      sinBelow: { value: cosine(sinusoid(index, dim), sinusoid(index + below * columns, dim)) },
      sinRight: { value: cosine(sinusoid(index, dim), sinusoid(index + beside, dim)) },
      top: live(answer, "predictions", 0, "label"),
      before: live(answer, "predictions", 0, "score"),
      after: edited.json.change ? live(edited, "change", "classes", 0, "after", "score") : live(answer, "predictions", 0, "score"),
    };
  },

  controls: (_, { positions, seed }) => [
    { type: "choice", name: "positions", value: positions, options: ["kept", "off", "shuffled"].map((value) => ({ value, label: value })), label: "positions" },
    { type: "press", patch: { positions: "shuffled", seed: seed + 1 }, label: "again" },
  ],

  figures({ site, analysis, other }, { cell }, looked) {
    const { rows, columns } = site.grid;
    const index = cell.row * columns + cell.column;
    const own = looked?.own.json.values.flat();
    const second = looked?.second.json.values.flat();
    const dim = looked?.own.json.vector.length ?? 2;
    const here = sinusoid(index, dim);
    const waves = Array.from({ length: rows * columns }, (_, at) => cosine(here, sinusoid(at, dim)));
    const none = waves.map(() => NaN);
    const grid = site.grid;
    return [
      { type: "photo", map: own, grid, range: [-1, 1], click: "cell", cells: { cell }, marks: [{ cell, kind: "query" }], label: "photo-label", caption: "photo-caption" },
      {
        type: "maps",
        items: [
          { label: "kind-none", values: none, columns, note: "{none|percent}" },
          { label: "kind-sinusoidal", values: waves, columns, note: "not-measured" },
          { label: "kind-1d", values: own, columns, note: "{learned1|percent}" },
          { label: "kind-2d", values: second, columns: /** @type {any} */ (other.sites.find((/** @type {Site} */ one) => one.grid))?.grid.columns, note: "{learned2|percent}" },
        ],
        range: commonRange([[-1, 1]]),
        caption: "maps-caption",
      },
      { type: "bars", rows: [{ label: "vector", values: looked?.own.json.vector }, { label: "wave", values: here }], caption: "bars-caption" },
      { type: "answer", analysis, change: looked?.edited.json.change, caption: "answer-caption" },
    ];
  },

  steps: [
    { id: "blind" },
    { id: "add", formula: "x_i ← x_i + p_i", worked: "p_i = ({p0}, …)" },
    { id: "sinusoidal", formula: "p_(i,2k) = sin(i / 10000^(2k/d)),  p_(i,2k+1) = cos(i / 10000^(2k/d))", worked: "sin({index}) = {sin},  cos({index}) = {cos}" },
    { id: "learned1" },
    { id: "learned2", formula: "p_(row,column) = [r_(row); c_(column)]" },
    { id: "similar", formula: "cos(p_i, p_j) = p_i · p_j / (‖p_i‖ ‖p_j‖)", worked: "{right},  {below},  {corner}" },
  ],

  questions: [
    ({ right, corner }) => (Number(right?.value) > Number(corner?.value) ? 0 : 1),
    ({ sinRight, sinBelow }) => (Number(sinRight?.value) > Number(sinBelow?.value) ? 0 : 1),
    ({ gain }) => (Number(gain.value) > 0.05 ? 0 : 1),
  ],

  papers: [
    { cite: "Vaswani et al. 2017", title: "Attention Is All You Need", place: "3.5", formula: "PE_(pos,2i) = sin(pos / 10000^(2i/d))", href: "https://arxiv.org/abs/1706.03762" },
    { cite: "Dosovitskiy et al. 2020", title: "An Image is Worth 16x16 Words", place: "D.4", href: "https://arxiv.org/abs/2010.11929" },
  ],
};
