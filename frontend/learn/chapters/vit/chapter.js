// Chapter 11: from photo to class, layer by layer; how far a layer looks, beside a CNN; rollout.

import { placed } from "../../attending.js";
import { live } from "../../lesson.js";

const CLAIMS = "learn/measured/claims.json";
const BESIDE = 6; // layers that both networks of the measurement have

/** @type {import("../../types.js").Chapter} */
export default {
  network: "vit",
  state: { layer: 0, map: "layer" },

  async load(lesson) {
    const analysis = /** @type {Analysis} */ (lesson.analysis);
    const sites = placed(analysis);
    const [distances, rollout, stream, looks] = await Promise.all([
      lesson.ask(analysis, "/figures/attention-distance"),
      lesson.ask(analysis, "/maps/rollout"),
      lesson.ask(analysis, `/sites/${/** @type {Site} */ (sites.at(-1)).id}/stream`),
      Promise.all(sites.map((site) => lesson.ask(analysis, `/sites/${site.id}/attention`, { query: "cls" }))),
    ]);
    return { analysis, sites, site: sites.at(-1), distances, rollout, stream, looks, measured: lesson.measured, state: { layer: sites.length - 1 } };
  },

  numbers({ analysis, sites, distances, rollout, stream, looks, measured }, { layer }) {
    const site = sites[layer];
    const answer = { path: `v1/analyses/${analysis.id}`, json: analysis };
    const at = analysis.sites.indexOf(site);
    const { x, y } = distances.json.data[0];
    const of = (/** @type {number} */ one) => y.filter((/** @type {number} */ _, /** @type {number} */ i) => x[i] === one);
    const mean = (/** @type {number[]} */ values) => values.reduce((a, b) => a + b, 0) / values.length;
    const last = stream.json.additions.length - 1;
    const reach = (/** @type {string} */ network, /** @type {string} */ name) => ({ value: measured.receptive_field[network][name], from: `${CLAIMS}#/receptive_field/${network}/${name}` });
    const most = rollout.json.values.flat();
    return {
      layer: { value: layer },
      layers: { value: sites.length },
      size: live(answer, "geometry", "input", "width"),
      rows: live(answer, "sites", at, "grid", "rows"),
      columns: live(answer, "sites", at, "grid", "columns"),
      patches: { value: site.grid.rows * site.grid.columns },
      tokens: live(answer, "sites", at, "queries"),
      heads: live(answer, "sites", at, "heads"),
      d: live(stream, "additions", 0, "dim"),
      own: live(looks[layer], "prefix_values", 0),
      distance: { value: mean(of(layer)) },
      nearest: { value: Math.min(...of(layer)) },
      farthest: { value: Math.max(...of(layer)) },
      length: live(stream, "additions", last, "after", 0),
      roll: { value: Math.max(...most) },
      top: live(answer, "predictions", 0, "label"),
      score: live(answer, "predictions", 0, "score"),
      ...Object.fromEntries(
        Array.from({ length: BESIDE }, (_, i) => i + 1).flatMap((n) => [
          [`vit${n}`, reach("vit", `layer_${n}_mean_head_px`)],
          [`cnn${n}`, reach("resnet", `layer_${n}_window_px`)],
          [`seen${n}`, reach("resnet", `layer_${n}_gradient_px`)],
        ]),
      ),
      vitTop: reach("vit", "val_top1"),
      cnnTop: reach("resnet", "val_top1"),
    };
  },

  controls: ({ sites }, { layer, map }) => [
    { type: "choice", name: "map", value: map, options: ["layer", "rollout"].map((value) => ({ value, label: value })), label: "map" },
    { type: "range", name: "layer", value: layer, min: 0, max: sites.length - 1, step: 1, label: "layer", shown: String(layer) },
  ],

  figures({ analysis, sites, rollout, looks, distances }, { layer, map }) {
    const site = sites[layer];
    const { x, y } = distances.json.data[0];
    const heads = Array.from({ length: site.heads }, (_, head) => x.flatMap((/** @type {number} */ _one, /** @type {number} */ i) => (i % site.heads === head ? [y[i]] : [])));
    return [
      { type: "photo", map: (map === "rollout" ? rollout : looks[layer]).json.values.flat(), grid: site.grid, marks: [], label: "photo-caption", caption: map === "rollout" ? "rollout-caption" : "photo-caption" },
      { type: "bars", rows: heads.map((/** @type {number[]} */ values, /** @type {number} */ head) => ({ label: `head-${head}`, values, marked: [layer] })), caption: "bars-caption" },
      {
        type: "facts",
        head: ["layer-n", "vit-reach", "cnn-window", "cnn-seen"],
        rows: Array.from({ length: BESIDE }, (_, i) => [String(i + 1), `{vit${i + 1}}`, `{cnn${i + 1}}`, `{seen${i + 1}}`]),
        caption: "facts-caption",
      },
      { type: "answer", analysis, caption: "answer-caption" },
    ];
  },

  steps: [
    { id: "cut", worked: "{size} × {size} → {rows} × {columns}" },
    { id: "project", formula: "z_i = x_i E", worked: "{patches} × {d}" },
    { id: "class", formula: "z = [x_(class); x_1 E; …; x_N E] + E_(pos)", worked: "{tokens} × {d}" },
    { id: "blocks", worked: "{layers} × ({heads} + FFN)" },
    { id: "distance", worked: "{nearest} … {farthest}" },
    { id: "head", formula: "y = softmax(W LN(z_(class)) + b)", worked: "{score|percent}" },
  ],

  questions: [
    ({ vit1, cnn1 }) => (Number(vit1.value) > Number(cnn1.value) ? 0 : 1),
    ({ farthest, nearest }) => (Number(farthest.value) - Number(nearest.value) > 5 ? 0 : 1),
    ({ vitTop, cnnTop }) => (Number(cnnTop.value) > Number(vitTop.value) ? 0 : 1),
  ],

  papers: [
    { cite: "Dosovitskiy et al. 2020", title: "An Image is Worth 16x16 Words: Transformers for Image Recognition at Scale", equation: "1–4", formula: "z_0 = [x_(class); x_1 E; …; x_N E] + E_(pos)", href: "https://arxiv.org/abs/2010.11929" },
    { cite: "Abnar, Zuidema 2020", title: "Quantifying Attention Flow in Transformers", href: "https://arxiv.org/abs/2005.00928" },
    { cite: "Luo et al. 2016", title: "Understanding the Effective Receptive Field in Deep Convolutional Neural Networks", href: "https://arxiv.org/abs/1701.04128" },
  ],
};
