// Chapter 0: where the reader would look, and where the network does.

import { placed } from "../../attending.js";
import { live } from "../../lesson.js";

const FILL = "hide";

/** @param {Cell} a @param {Cell} b */
const same = (a, b) => a.row === b.row && a.column === b.column;

/** @type {import("../../types.js").Chapter} */
export default {
  network: "vit",
  state: { shown: false, hidden: "nothing" },

  async load(lesson) {
    const analysis = /** @type {Analysis} */ (lesson.analysis);
    const site = /** @type {PlacedSite} */ (placed(analysis).at(-1));
    const looked = await lesson.ask(analysis, `/sites/${site.id}/attention`, { query: "cls" });
    const { rows, columns } = site.grid;
    const middle = (/** @type {number} */ count) => [-1, 0].map((by) => Math.floor(count / 2) + by);
    const mine = middle(rows).flatMap((row) => middle(columns).map((column) => ({ row, column })));
    return { analysis, site, map: looked, state: { mine, cursor: mine[0], erase: false } };
  },

  /** A painted cell joins those of the reader, or leaves them. */
  changed(state, patch) {
    if (!patch.painted) return { ...state, ...patch };
    const without = state.mine.filter((/** @type {Cell} */ cell) => !same(cell, patch.painted));
    return { ...state, mine: state.erase ? without : [...without, patch.painted], cursor: patch.painted };
  },

  async look(lesson, { analysis, site, map }, { mine, hidden }) {
    const all = cellsByValue(map.json.values);
    const cells = hidden === "mine" ? mine : all.slice(0, mine.length);
    const edits = hidden === "nothing" || !cells.length ? [] : [{ edit: FILL, site: site.id, cells: cells.map((/** @type {Cell} */ { row, column }) => [row, column]) }];
    return { edited: await lesson.edited(analysis, edits), answer: lesson.answered(analysis) };
  },

  numbers({ analysis, site, map }, { mine }, looked) {
    const { rows, columns } = site.grid;
    const values = map.json.values;
    const whole = values.flat().reduce((/** @type {number} */ a, /** @type {number} */ b) => a + b, 0);
    const most = cellsByValue(values)[0];
    const chosen = cellsByValue(values).slice(0, mine.length);
    const answer = { path: `v1/analyses/${analysis.id}`, json: analysis };
    return {
      patches: { value: rows * columns },
      count: { value: mine.length },
      mass: { value: mine.reduce((/** @type {number} */ sum, /** @type {Cell} */ cell) => sum + values[cell.row][cell.column], 0) / whole },
      even: { value: mine.length / (rows * columns) },
      agree: { value: chosen.filter((cell) => mine.some((/** @type {Cell} */ one) => same(one, cell))).length },
      most: { ...live(map, "values", most.row, most.column), cell: most },
      row: { value: most.row, cell: most },
      column: { value: most.column, cell: most },
      class: live(map, "prefix_values", 0),
      top: live(answer, "predictions", 0, "label"),
      before: live(answer, "predictions", 0, "score"),
      ...(looked && { after: looked.edited.json.change ? live(looked.edited, "change", "classes", 0, "after", "score") : live(answer, "predictions", 0, "score") }),
    };
  },

  controls: (_, { shown, erase, hidden }) => [
    { type: "toggle", name: "shown", value: shown, label: "shown" },
    { type: "toggle", name: "erase", value: erase, label: "erase" },
    { type: "choice", name: "hidden", value: hidden, options: ["nothing", "mine", "theirs"].map((value) => ({ value, label: value })), label: "hide" },
  ],

  figures({ analysis, site, map }, { mine, shown, cursor }, looked) {
    return [
      {
        type: "photo",
        map: shown ? map.json.values.flat() : null,
        grid: site.grid,
        paint: "painted",
        move: "cursor",
        cells: { cursor },
        marks: [...mine.map((/** @type {Cell} */ cell) => ({ cell, kind: "mine" })), { cell: cursor, kind: "query" }],
        label: "photo-label",
        caption: shown ? "photo-shown" : "photo-caption",
      },
      { type: "answer", analysis, change: looked?.edited.json.change, caption: "answer-caption" },
    ];
  },

  steps: [{ id: "photo" }, { id: "weights", worked: "{most}" }, { id: "yours", worked: "{mass|percent} : {even|percent}" }, { id: "hide", worked: "{before|percent} → {after|percent}" }],

  questions: [
    ({ mass, even }) => (Number(mass.value) > Number(even.value) ? 0 : 1),
    ({ agree, count }) => (2 * Number(agree.value) >= Number(count.value) ? 0 : 1),
    ({ most, patches }) => (Number(most.value) > 5 / Number(patches.value) ? 0 : 1),
  ],

  papers: [
    { cite: "Vaswani et al. 2017", title: "Attention Is All You Need", href: "https://arxiv.org/abs/1706.03762" },
    { cite: "Adebayo et al. 2018", title: "Sanity Checks for Saliency Maps", href: "https://arxiv.org/abs/1810.03292" },
  ],
};

/** The cells of a map, the largest value first. @param {number[][]} values @returns {Cell[]} */
function cellsByValue(values) {
  const cells = values.flatMap((row, r) => row.map((value, column) => ({ row: r, column, value })));
  return cells.sort((a, b) => b.value - a.value).map(({ row, column }) => ({ row, column }));
}
