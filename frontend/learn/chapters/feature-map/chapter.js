// Chapter 10: f, g, h and γ on a feature map; a U-Net whose walls look along walls; Dice with and without.

import * as api from "../../../api/api.js";
import { farthestLook, largest, placed, tokenAt } from "../../attending.js";
import { asQuery, live, liveStep, valuesOf } from "../../lesson.js";
import { onGrid } from "../../../sites/sites.js";

const UNET = "sa_unet";
const CLAIMS = "learn/measured/claims.json";

/** @type {import("../../types.js").Chapter} */
export default {
  network: "sa_resnet",
  state: { off: false },

  async load(lesson) {
    const analysis = /** @type {Analysis} */ (lesson.analysis);
    const site = placed(analysis)[0];
    const { source } = await lesson.attention(analysis, site);
    const { analysis: unet, photo } = await lesson.beside(UNET);
    const walls = /** @type {PlacedSite} */ (placed(unet).at(-1));
    const [{ source: ofWalls }, mask] = await Promise.all([lesson.attention(unet, walls), lesson.remember(`${unet.id} mask`, () => api.mask(unet.id))]);
    const query = { row: Math.floor(site.grid.rows / 2), column: Math.floor(site.grid.columns / 2) };
    const busy = largest(ofWalls.row(Math.floor(ofWalls.keys / 2)));
    return {
      analysis,
      site,
      source,
      unet,
      room: photo,
      walls,
      ofWalls,
      mask,
      measured: lesson.measured,
      state: { query, key: farthestLook(source.row(tokenAt(query, site)), site, query), wall: { row: Math.floor(busy / walls.grid.columns), column: busy % walls.grid.columns } },
    };
  },

  async look(lesson, { analysis, site }, { query, key, off }) {
    const [steps, edited] = await Promise.all([lesson.steps(analysis, site, { query: asQuery(query), key: asQuery(key) }), lesson.edited(analysis, off ? [{ edit: "off", site: site.id }] : [])]);
    return { steps, edited, answer: lesson.answered(analysis) };
  },

  numbers({ site, source, unet, measured }, { query, key }, looked) {
    const of = (/** @type {string} */ kind) => ({ value: measured.rooms[kind].val_dice, from: `${CLAIMS}#/rooms/${kind}/val_dice` });
    const ofUnet = { path: `v1/analyses/${unet.id}`, json: unet };
    const wall = unet.output.classes.findIndex((/** @type {any} */ one) => one.index === 1);
    const computed = {
      row: { value: query.row, cell: query },
      column: { value: query.column, cell: query },
      keyRow: { value: key.row, cell: key },
      keyColumn: { value: key.column, cell: key },
      places: { value: source.keys },
      even: { value: 1 / source.keys },
      dice1: of("with"),
      dice0: of("without"),
      wallShare: wall < 0 ? { value: 0 } : live(ofUnet, "output", "classes", wall, "share"),
    };
    if (!looked) return computed;
    const { steps, edited, answer } = looked;
    const token = tokenAt(key, site);
    const at = steps.json.steps.findIndex((/** @type {any} */ one) => one.name === "value");
    return {
      ...computed,
      d: live(steps, "steps", 0, "shape", 0),
      C: live(steps, "steps", at, "shape", 0),
      eighth: { value: steps.json.steps[at].shape[0] / steps.json.steps[0].shape[0] },
      score: { ...liveStep(steps, "scores", token), cell: key },
      share: { ...liveStep(steps, "softmax", token), cell: key },
      o0: liveStep(steps, "output", 0),
      gamma: live(steps, "steps", steps.json.steps.findIndex((/** @type {any} */ one) => one.name === "γ"), "values"),
      y0: liveStep(steps, "added", 0),
      x0: { value: valuesOf(steps, "added")[0] - valuesOf(steps, "γ") * valuesOf(steps, "output")[0] },
      top: live(answer, "predictions", 0, "label"),
      before: live(answer, "predictions", 0, "score"),
      after: edited.json.change ? live(edited, "change", "classes", 0, "after", "score") : live(answer, "predictions", 0, "score"),
    };
  },

  controls: (_, { off }) => [{ type: "toggle", name: "off", value: off, label: "off" }],

  figures({ analysis, site, source, unet, room, walls, ofWalls, mask }, { query, key, wall }, looked) {
    return [
      {
        type: "photo",
        map: onGrid(source.row(tokenAt(query, site)), site),
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
        type: "photo",
        map: onGrid(ofWalls.row(tokenAt(wall, walls)), walls),
        grid: walls.grid,
        analysis: unet,
        photo: room,
        click: "wall",
        cells: { wall },
        marks: [{ cell: wall, kind: "query" }],
        label: "wall-label",
        caption: "wall-caption",
      },
      { type: "maps", items: [{ label: "mask", values: mask.data, columns: mask.shape[1] }] },
      {
        type: "facts",
        head: ["", "Dice"],
        rows: [
          ["with", "{dice1|fixed}"],
          ["without", "{dice0|fixed}"],
        ],
        caption: "dice-caption",
      },
      { type: "answer", analysis, change: looked?.edited.json.change, caption: "answer-caption" },
    ];
  },

  steps: [
    { id: "flatten", formula: "x: C × H × W → C × N", worked: "N = {places}" },
    { id: "project", formula: "f = W_f x,  g = W_g x,  h = W_h x" },
    { id: "beta", formula: "β_(j,i) = exp(s_ij) / Σ exp(s_ij),  s_ij = f(x_i)ᵀ g(x_j)", worked: "{score} → {share}" },
    { id: "mix", formula: "o_j = Σ β_(j,i) h(x_i)", of: "output", bars: (_, __, looked) => looked && valuesOf(looked.steps, "output") },
    { id: "gamma", formula: "y = γ o + x", worked: "{gamma} × {o0} + {x0} = {y0}" },
    { id: "unet" },
  ],

  questions: [
    ({ gamma }) => (Math.abs(Number(gamma?.value)) > 0.05 ? 0 : 1),
    ({ share, even }) => (Number(share?.value) > 3 * Number(even.value) ? 0 : 1),
    ({ dice1, dice0 }) => (Number(dice1.value) - Number(dice0.value) > 0.005 ? 0 : 1),
  ],

  papers: [
    { cite: "Zhang et al. 2019", title: "Self-Attention Generative Adversarial Networks", equation: "1–3", formula: "y_i = γ o_i + x_i", href: "https://arxiv.org/abs/1805.08318" },
    { cite: "Wang et al. 2018", title: "Non-local Neural Networks", href: "https://arxiv.org/abs/1711.07971" },
    { cite: "Ronneberger et al. 2015", title: "U-Net: Convolutional Networks for Biomedical Image Segmentation", href: "https://arxiv.org/abs/1505.04597" },
  ],
};
