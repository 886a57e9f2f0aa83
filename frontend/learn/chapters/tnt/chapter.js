// Chapter 12: one patch opened into its words; what the words add to their sentence; features beside ViT's.

import * as api from "../../../api/api.js";
import { placed } from "../../attending.js";
import { live, liveStep } from "../../lesson.js";
import { isInner } from "../../../sites/sites.js";

const FEATURES = "learn/measured/features.json";
const CLAIMS = "learn/measured/claims.json";

/** @type {import("../../types.js").Chapter} */
export default {
  network: "tnt",
  state: { block: 0 },

  async load(lesson) {
    const analysis = /** @type {Analysis} */ (lesson.analysis);
    const inner = /** @type {any[]} */ (analysis.sites.filter((site) => isInner(site, analysis.sites)));
    const outer = placed(analysis);
    const [stream, features] = await Promise.all([lesson.ask(analysis, `/sites/${/** @type {Site} */ (outer.at(-1)).id}/stream`), lesson.remember("features", () => api.measured("features"))]);
    const { rows, columns } = outer[0].grid;
    const side = inner[0].query_grid.rows / rows;
    return { analysis, inner, outer, stream, features, side, measured: lesson.measured, site: inner[0], state: { patch: { row: Math.floor(rows / 2), column: Math.floor(columns / 2) }, word: 5 } };
  },

  async look(lesson, { analysis, inner, outer, side }, { block, patch, word }) {
    const place = `${patch.row * side + Math.floor(word / side)},${patch.column * side + (word % side)}`;
    const [steps, within, between] = await Promise.all([
      lesson.steps(analysis, inner[block], { query: place }),
      lesson.ask(analysis, `/sites/${inner[block].id}/attention`, { query: place }),
      lesson.ask(analysis, `/sites/${outer[block].id}/attention`, { query: `${patch.row},${patch.column}` }),
    ]);
    return { steps, within, between };
  },

  numbers({ analysis, inner, outer, stream, features, side, measured }, { block, patch, word }, looked) {
    const answer = { path: `v1/analyses/${analysis.id}`, json: analysis };
    const token = outer[block].prefix_tokens + patch.row * outer[block].grid.columns + patch.column;
    const at = stream.json.additions.findIndex((/** @type {any} */ one) => one.site === outer[block].id);
    const words = stream.json.additions.slice(0, at).findLastIndex((/** @type {any} */ one) => one.kind === "other");
    const purity = (/** @type {string} */ network) => ({ value: features.networks[network].neighbour_purity, from: `${FEATURES}#/networks/${network}/neighbour_purity` });
    const claim = (/** @type {string} */ network) => ({ value: measured.tnt[network].val_top1, from: `${CLAIMS}#/tnt/${network}/val_top1` });
    const computed = {
      block: { value: block },
      row: { value: patch.row, cell: patch },
      column: { value: patch.column, cell: patch },
      word: { value: word },
      sentences: live(answer, "sites", analysis.sites.indexOf(inner[block]), "windows"),
      words: live(answer, "sites", analysis.sites.indexOf(inner[block]), "queries"),
      innerHeads: live(answer, "sites", analysis.sites.indexOf(inner[block]), "heads"),
      outerTokens: live(answer, "sites", analysis.sites.indexOf(outer[block]), "queries"),
      outerHeads: live(answer, "sites", analysis.sites.indexOf(outer[block]), "heads"),
      outerDim: live(stream, "additions", at, "dim"),
      scores: { value: inner[block].windows * side ** 4 },
      scoresFlat: { value: (inner[block].windows * side * side) ** 2 },
      purityVit: purity("vit"),
      purityTnt: purity("tnt"),
      claimVit: claim("vit"),
      claimTnt: claim("tnt"),
      attended: { ...live(stream, "additions", at, "added", token), cell: patch },
      ...(words >= 0 && {
        added: { ...live(stream, "additions", words, "added", token), cell: patch },
        after: { ...live(stream, "additions", words, "after", token), cell: patch },
      }),
    };
    if (!looked) return computed;
    const shares = looked.steps.json.steps.find((/** @type {any} */ one) => one.name === "softmax");
    const most = shares.values.indexOf(Math.max(...shares.values));
    return {
      ...computed,
      d: live(looked.steps, "steps", 0, "shape", 0),
      innerDim: live(looked.steps, "steps", looked.steps.json.steps.findIndex((/** @type {any} */ one) => one.name === "projected"), "shape", 0),
      share: liveStep(looked.steps, "softmax", most),
      most: { value: most },
      even: { value: 1 / shares.values.length },
    };
  },

  controls: ({ inner }, { block }) => [{ type: "range", name: "block", value: block, min: 0, max: inner.length - 1, step: 1, label: "block", shown: String(block) }],

  figures({ outer, features, side }, { block, patch, word }, looked) {
    const { rows, columns } = outer[block].grid;
    const whole = looked?.within.json.values;
    const inside = whole && Array.from({ length: side * side }, (_, at) => whole[patch.row * side + Math.floor(at / side)]?.[patch.column * side + (at % side)] ?? NaN);
    return [
      {
        type: "photo",
        map: looked?.between.json.values.flat(),
        grid: { ...outer[block].grid, rows, columns },
        click: "patch",
        cells: { patch },
        marks: [{ cell: patch, kind: "query" }],
        label: "photo-label",
        caption: "photo-caption",
      },
      ...(inside ? [{ type: "matrix", values: inside, columns: side, caption: "words-caption" }, { type: "bars", values: inside, choose: "word", chosen: word, caption: "bars-caption" }] : []),
      {
        type: "scatter",
        items: ["vit", "tnt"].map((network) => ({ label: `features-${network}`, note: network === "vit" ? "{purityVit|percent}" : "{purityTnt|percent}", points: features.networks[network].points, labels: features.labels })),
        caption: "features-caption",
      },
    ];
  },

  steps: [
    { id: "sentences", worked: "{sentences} × {words}" },
    { id: "inner", formula: "Y ← Y + MSA(LN(Y)),  Y ← Y + MLP(LN(Y))", worked: "{share} : {even}" },
    { id: "join", formula: "z ← z + FC(vec(Y))", worked: "{words} × {innerDim} → {outerDim},  ‖FC(vec(Y))‖ = {added}" },
    { id: "outer", formula: "Z ← Z + MSA(LN(Z)),  Z ← Z + MLP(LN(Z))", worked: "‖MSA‖ = {attended}" },
    { id: "positions" },
    { id: "cost", worked: "{scores} : {scoresFlat}" },
  ],

  questions: [
    ({ share, even }) => (Number(share?.value) > 2 * Number(even?.value) ? 0 : 1),
    ({ added, attended }) => (Number(added?.value) > Number(attended.value) ? 0 : 1),
    ({ purityVit, purityTnt }) => (Number(purityTnt.value) > Number(purityVit.value) ? 0 : 1),
  ],

  papers: [{ cite: "Han et al. 2021", title: "Transformer in Transformer", equation: "3–6", formula: "Z = Z + FC(Vec(Y))", href: "https://arxiv.org/abs/2103.00112" }],
};
