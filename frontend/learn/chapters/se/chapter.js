// Chapter 6: squeeze, excite, scale; a channel before and after, shut and open.

import { largest } from "../../attending.js";
import { allOf, CHANNEL_CHOICES, channelEdits, commonRange, factorAfter, nth, scaledBy } from "../../gating.js";
import { live } from "../../lesson.js";

/** @type {import("../../types.js").Chapter} */
export default {
  network: "se_resnet",
  state: { gate: "trained" },

  async load(lesson) {
    const analysis = /** @type {Analysis} */ (lesson.analysis);
    const site = /** @type {Site} */ (analysis.sites.filter(({ kind }) => kind === "channel-gate")[1]);
    const steps = await lesson.steps(analysis, site);
    return { analysis, site, steps, state: { channel: largest(allOf(steps, "sigmoid")) } };
  },

  async look(lesson, { analysis, site }, { channel, gate }) {
    const [map, edited] = await Promise.all([lesson.channel(analysis, site, channel), lesson.edited(analysis, channelEdits(gate, site, channel))]);
    return { map, edited, answer: lesson.answered(analysis) };
  },

  numbers({ steps }, { channel }, looked) {
    const factors = allOf(steps, "sigmoid");
    const hidden = allOf(steps, "relu");
    return {
      channel: { value: channel },
      C: live(steps, "steps", 0, "shape", 0),
      hidden: live(steps, "steps", 1, "shape", 0),
      r: { value: factors.length / hidden.length },
      z: nth(steps, "mean", 0, channel),
      h0: nth(steps, "fully connected", 0, 0),
      a0: nth(steps, "relu", 0, 0),
      on: { value: hidden.filter((one) => one > 0).length },
      logit: nth(steps, "fully connected", 1, channel),
      s: nth(steps, "sigmoid", 0, channel),
      y: nth(steps, "scale", 0, channel),
      sum: { value: factors.reduce((a, b) => a + b, 0) },
      mean: { value: factors.reduce((a, b) => a + b, 0) / factors.length },
      least: { value: Math.min(...factors) },
      ...(looked && {
        top: live(looked.answer, "predictions", 0, "label"),
        before: live(looked.answer, "predictions", 0, "score"),
        after: looked.edited.json.change ? live(looked.edited, "change", "classes", 0, "after", "score") : live(looked.answer, "predictions", 0, "score"),
      }),
    };
  },

  controls: (_, { gate }) => [{ type: "choice", name: "gate", value: gate, options: CHANNEL_CHOICES, label: "gate" }],

  figures({ site, steps, analysis }, { channel, gate }, looked) {
    const factors = allOf(steps, "sigmoid");
    const before = looked?.map.data ?? [];
    const after = scaledBy(before, factorAfter(gate, factors[channel]));
    const map = (/** @type {string} */ label, /** @type {ArrayLike<number>} */ values) => ({ label, values: values.length ? values : null, columns: site.grid?.columns, grid: site.grid });
    return [
      { type: "maps", items: [map("map-before", before), map("map-after", after)], range: commonRange([before, after]), caption: "maps-caption" },
      { type: "bars", values: factors, of: "sigmoid", range: [0, 1], choose: "channel", chosen: channel, caption: "bars-caption" },
      { type: "answer", analysis, change: looked?.edited.json.change, caption: "answer-caption" },
    ];
  },

  steps: [
    { id: "squeeze", formula: "z_c = 1 / (H W) Σ x_c(i, j)", worked: "z_c = {z}", of: "mean", bars: ({ steps }) => allOf(steps, "mean") },
    { id: "reduce", formula: "h = max(0, W_1 z + b_1)", worked: "max(0, {h0}) = {a0}", of: "relu", bars: ({ steps }) => allOf(steps, "relu") },
    { id: "excite", formula: "s = σ(W_2 h + b_2)", worked: "σ({logit}) = 1 / (1 + exp(−({logit}))) = {s}" },
    { id: "scale", formula: "y_c = s_c x_c", worked: "{s} × {z} = {y}" },
  ],

  questions: [
    ({ sum }) => (Math.abs(Number(sum.value) - 1) < 0.05 ? 0 : 1),
    ({ s, mean }) => (Number(s.value) > Number(mean.value) ? 0 : 1),
    ({ on, hidden }) => (Number(on.value) > Number(hidden.value) / 2 ? 0 : 1),
  ],

  papers: [{ cite: "Hu, Shen, Sun 2018", title: "Squeeze-and-Excitation Networks", equation: "2–4", formula: "s = σ(W_2 δ(W_1 z)),  x̃_c = s_c x_c", href: "https://arxiv.org/abs/1709.01507" }],
};
