// Gates in a few lines, with this photo's own numbers: which channels pass, which places do.

import { extent } from "./colormap.js";
import { h } from "./dom.js";
import { own, steps } from "./explanation_parts.js";
import { number } from "./format.js";
import { formula, over, row, sub, sup, text } from "./mathml.js";
import { channelOf } from "./picture.js";

/** @typedef {import("./explanations.js").Explanation} Explanation */

/** How a gate comes from what was squeezed, by what the catalogue says the network is made of. @type {Record<string, (channels: number) => string>} */
const EXCITATIONS = {
  "squeeze-excitation": () =>
    "Here f is two fully connected layers with a ReLU between them, the middle one narrower (Hu et al. 2018, equations 2 to 4).",
  "efficient-channel-attention": (channels) =>
    `Here f is one convolution over ${neighbours(channels)} neighbouring channels at a time, of ${channels}; nothing is made narrower (Wang et al. 2020, equations 9 and 12).`,
  cbam: () =>
    "Here f is one pair of layers, used for the means and again for the maxima, and the two are added (Woo et al. 2018, equation 2).",
};

/** The kernel of ECA: log₂(C)/2 + 1/2 cut to a whole number, and one more if that is even. @param {number} channels */
export const neighbours = (channels) => Math.trunc(Math.abs((Math.log2(channels) + 1) / 2)) | 1;

/** What the shown model is made of; null where the catalogue does not say. @param {any} state @returns {string | null} */
function excitationOf({ models, analysisData: analysis }) {
  const model = models.find((/** @type {any} */ one) => one.id === analysis.model);
  return model?.mechanisms?.find((/** @type {string} */ name) => name in EXCITATIONS) ?? null;
}

/** @type {Explanation} */
export async function channelGate(state, site, session) {
  const gate = (await session.gate(site)).data;
  const channel = channelOf(state, gate);
  const feature = await session.feature(site, channel).catch(() => null);
  const kind = excitationOf(state);
  const both = kind === "cbam";
  const factor = both
    ? formula(sub("s", "c"), "=", "σ", "(", sub("f", "c"), "(", "z", ")", "+", sub("f", "c"), "(", "m", ")", ")")
    : formula(sub("s", "c"), "=", "σ", "(", sub("f", "c"), "(", "z", ")", ")");
  const all = formula(sub("z", "c"), "=", over("1", row("H", "W")), "∑", sub("x", "c"), "(", "i", ",", "j", ")");
  const largest = formula(sub("m", "c"), "=", text("max\u00a0"), sub("x", "c"), "(", "i", ",", "j", ")");
  return [
    h("h3", {}, "A gate on channels"),
    h(
      "p",
      {},
      "Each channel of the feature map looks for one kind of thing. The gate squeezes every channel to a number, works out from all of them a factor between 0 and 1 for each, and multiplies.",
    ),
    h("h3", {}, `Channel ${channel}, step by step`),
    steps(
      /** @type {[string, Element][]} */ ([
        ["squeeze: its mean over all places", feature ? own(all, mean(feature.data)) : all],
        both && ["and its largest value", feature ? own(largest, extent(feature.data)[1]) : largest],
        [`excite: a factor, from all ${gate.length} channels`, own(factor, gate[channel])],
        ["scale: every place of it", formula(sub("y", "c"), "=", number(gate[channel]), sub("x", "c"))],
      ].filter(Boolean)),
    ),
    h("p", {}, `Over all channels the mean factor is ${number(mean(gate))}.`),
    h(
      "p",
      { class: "quiet" },
      kind
        ? EXCITATIONS[kind](gate.length)
        : "What f is depends on the network: two small layers in squeeze-and-excitation (Hu et al. 2018), a convolution over neighbouring channels in ECA (Wang et al. 2020).",
    ),
  ];
}

/** @type {Explanation} */
export async function spatialGate(state, site, session) {
  const { data, shape } = await session.gate(site);
  const [rows, columns] = shape.slice(-2);
  const { hover } = state;
  const here = hover ? number(data[hover.row * columns + hover.column]) : null;
  return [
    h("h3", {}, "A gate on places"),
    h(
      "p",
      {},
      "At every place the channels are reduced to their mean and their maximum. A 7 × 7 convolution over these two maps says how much of each place passes on, in all channels alike.",
    ),
    formula(
      ...["M", "=", "σ", "(", sup("f", row("7", "×", "7")), "("],
      ...["[", sub(text("mean"), "c"), ";", sub(text("max"), "c"), "]", ")", ")"],
    ),
    h("p", {}, `Here the mask has ${rows} × ${columns} places with a mean of ${number(mean(data))}.`),
    h(
      "p",
      {},
      here
        ? `At row ${hover.row}, column ${hover.column} every channel is multiplied by ${here}.`
        : "Move over the photo for the factor of a place.",
    ),
    h("p", { class: "quiet" }, "CBAM, Woo et al. 2018, section 3."),
  ];
}

/** @param {Float32Array} values */
const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
