// Chapter 7: a one-dimensional convolution over the channels, its kernel and the rule for its width.

import { largest } from "../../attending.js";
import { allOf, CHANNEL_CHOICES, channelEdits, commonRange, factorAfter, nth, scaledBy } from "../../gating.js";
import { live } from "../../lesson.js";

const SE = "se_resnet";

/** @type {import("../../types.js").Chapter} */
export default {
  network: "eca_resnet",
  state: { gate: "trained" },

  async load(lesson) {
    const analysis = /** @type {Analysis} */ (lesson.analysis);
    const site = /** @type {Site} */ (analysis.sites.filter(({ kind }) => kind === "channel-gate")[1]);
    const [steps, { analysis: se }] = await Promise.all([lesson.steps(analysis, site), lesson.beside(SE)]);
    const seSteps = await lesson.steps(se, se.sites.filter(({ kind }) => kind === "channel-gate")[1]);
    const width = Number(/k = (\d+)/.exec(steps.json.steps[1].formula)?.[1]);
    return { analysis, site, steps, seSteps, width, kernel: kernelOf(allOf(steps, "mean"), allOf(steps, "convolution"), width), state: { channel: largest(allOf(steps, "sigmoid")) } };
  },

  async look(lesson, { analysis, site }, { channel, gate }) {
    const [map, edited] = await Promise.all([lesson.channel(analysis, site, channel), lesson.edited(analysis, channelEdits(gate, site, channel))]);
    return { map, edited, answer: lesson.answered(analysis) };
  },

  numbers({ steps, seSteps, width, kernel }, { channel }, looked) {
    const z = allOf(steps, "mean");
    const half = (width - 1) / 2;
    const C = z.length;
    const [se0, se1] = [seSteps.json.steps[0].shape[0], seSteps.json.steps[1].shape[0]];
    const exact = Math.log2(C) / 2 + 1 / 2;
    return {
      channel: { value: channel },
      C: live(steps, "steps", 0, "shape", 0),
      k: { value: width },
      exact: { value: exact },
      z: nth(steps, "mean", 0, channel),
      conv: nth(steps, "convolution", 0, channel),
      s: nth(steps, "sigmoid", 0, channel),
      y: nth(steps, "scale", 0, channel),
      w0: { value: kernel[half], bar: ["kernel", half] },
      ...Object.fromEntries([-1, 1].map((by) => [by < 0 ? "left" : "right", { value: z[channel + by] ?? 0, bar: /** @type {[string, number]} */ (["mean", channel + by]) }])),
      weightsSe: { value: 2 * se0 * se1 },
      times: { value: (2 * se0 * se1) / width },
      neighbours: { value: z.slice(Math.max(0, channel - half), channel + half + 1).length },
      rebuilt: { value: kernel.reduce((/** @type {number} */ sum, /** @type {number} */ w, /** @type {number} */ i) => sum + w * (z[channel + i - half] ?? 0), 0) },
      ...(looked && {
        top: live(looked.answer, "predictions", 0, "label"),
        before: live(looked.answer, "predictions", 0, "score"),
        after: looked.edited.json.change ? live(looked.edited, "change", "classes", 0, "after", "score") : live(looked.answer, "predictions", 0, "score"),
      }),
    };
  },

  controls: (_, { gate }) => [{ type: "choice", name: "gate", value: gate, options: CHANNEL_CHOICES, label: "gate" }],

  figures({ site, steps, analysis, width, kernel }, { channel, gate }, looked) {
    const factors = allOf(steps, "sigmoid");
    const half = (width - 1) / 2;
    const under = Array.from({ length: width }, (_, i) => channel + i - half);
    const before = looked?.map.data ?? [];
    const after = scaledBy(before, factorAfter(gate, factors[channel]));
    const map = (/** @type {string} */ label, /** @type {ArrayLike<number>} */ values) => ({ label, values: values.length ? values : null, columns: site.grid?.columns, grid: site.grid });
    return [
      {
        type: "bars",
        rows: [
          { label: "means", of: "mean", values: allOf(steps, "mean"), marked: under },
          { label: "factors", of: "sigmoid", values: factors, marked: [channel] },
        ],
        choose: "channel",
        chosen: channel,
        caption: "bars-caption",
      },
      { type: "bars", rows: [{ label: "kernel", of: "kernel", values: kernel }, { label: "under", of: "under", values: under.map((at) => allOf(steps, "mean")[at] ?? 0) }], caption: "kernel-caption" },
      { type: "maps", items: [map("map-before", before), map("map-after", after)], range: commonRange([before, after]) },
      { type: "answer", analysis, change: looked?.edited.json.change, caption: "answer-caption" },
    ];
  },

  steps: [
    { id: "pool", formula: "z_c = 1 / (H W) Σ x_c(i, j)", worked: "z_c = {z}" },
    { id: "width", formula: "k = | log_2(C) / γ + b / γ |_(odd),  γ = 2, b = 1", worked: "log_2({C}) / 2 + 1 / 2 = {exact}  →  k = {k}" },
    { id: "convolve", formula: "u_c = Σ w_i z_(c+i)", worked: "u_c = {conv}" },
    { id: "gate", formula: "s_c = σ(u_c),  y_c = s_c x_c", worked: "σ({conv}) = {s}" },
  ],

  questions: [
    ({ times }) => (Number(times.value) > 100 ? 0 : 1),
    ({ w0, s }) => (Number(w0.value) * Number(s.value) > 0 ? 0 : 1),
    ({ conv }) => (Number(conv.value) > 0 ? 0 : 1),
  ],

  papers: [{ cite: "Wang et al. 2020", title: "ECA-Net: Efficient Channel Attention for Deep Convolutional Neural Networks", equation: "9, 12", formula: "ω = σ(C1D_k(z))", href: "https://arxiv.org/abs/1910.03151" }],
};

/**
 * The kernel, from what it made: every channel is an equation u_c = Σ w_i z_(c+i) in the same few unknowns, solved by least
 * squares (normal equations, Gaussian elimination).
 * @param {number[]} z @param {number[]} u @param {number} width
 */
function kernelOf(z, u, width) {
  const half = (width - 1) / 2;
  const rows = u.map((_, c) => Array.from({ length: width }, (__, i) => z[c + i - half] ?? 0));
  const system = Array.from({ length: width }, (_, i) => [
    ...Array.from({ length: width }, (__, j) => rows.reduce((sum, row) => sum + row[i] * row[j], 0)),
    rows.reduce((sum, row, c) => sum + row[i] * u[c], 0),
  ]);
  for (let i = 0; i < width; i++) {
    const pivot = system.slice(i).reduce((best, row, at) => (Math.abs(row[i]) > Math.abs(system[best][i]) ? at + i : best), i);
    [system[i], system[pivot]] = [system[pivot], system[i]];
    for (let j = 0; j < width; j++) {
      if (j === i) continue;
      const share = system[j][i] / system[i][i];
      system[j] = system[j].map((value, at) => value - share * system[i][at]);
    }
  }
  return system.map((row, i) => row[width] / row[i]);
}
