// Gates in a few lines, with this photo's own numbers: which channels pass, which places do.

import { say } from "../../language/language.js";
import { h } from "../../ui/dom.js";
import { number } from "../../ui/format.js";
import { formula, row, sub, sup, text } from "../../explain/mathml.js";
import { channelOf } from "../../sites/picture.js";
import { walkthrough } from "../../explain/walkthrough.js";


/** Whose gate it is, by what the catalogue says the network is made of. @type {Record<string, string>} */
const PAPERS = {
  "squeeze-excitation": say("Squeeze-and-excitation, Hu et al. 2018, equations 2 to 4."),
  "efficient-channel-attention":
    say("Efficient channel attention, Wang et al. 2020, equations 9 and 12: nothing is made narrower."),
  cbam: say("CBAM, Woo et al. 2018, equation 2: the same two layers serve the means and the maxima."),
};

/** The paper of the shown model's gates; null where the catalogue does not say. @param {State} state @returns {string | null} */
function paperOf({ models, analysisData: analysis }) {
  const model = models.find((one) => one.id === analysis.model);
  const name = model?.mechanisms?.find((/** @type {string} */ mechanism) => mechanism in PAPERS);
  return name ? PAPERS[name] : null;
}

/** @type {Explanation} */
export async function channelGate(state, site, session) {
  const gate = (await session.gate(site)).data;
  const channel = channelOf(state, gate);
  return [
    h("h3", {}, say("A gate on channels")),
    h(
      "p",
      {},
      say("Each channel of the feature map looks for one kind of thing. The gate squeezes every channel to a number, works out from all of them a factor between 0 and 1 for each, and multiplies."),
    ),
    walkthrough(state, site, session, { asked: {}, channel, count: gate.length }),
    h("p", {}, say("Over all channels the mean factor is {gate}.", { gate: number(mean(gate)) })),
    h("p", { class: "quiet" }, paperOf(state) ?? say("The steps are the calls that this network made.")),
  ];
}

/** @type {Explanation} */
export async function spatialGate(state, site, session) {
  const { data, shape } = await session.gate(site);
  const [rows, columns] = shape.slice(-2);
  const { hover } = state;
  const here = hover ? number(data[hover.row * columns + hover.column]) : null;
  return [
    h("h3", {}, say("A gate on places")),
    h(
      "p",
      {},
      say("At every place the channels are reduced to their mean and their maximum. A 7 × 7 convolution over these two maps says how much of each place passes on, in all channels alike."),
    ),
    formula(
      ...["M", "=", "σ", "(", sup("f", row("7", "×", "7")), "("],
      ...["[", sub(text("mean"), "c"), ";", sub(text("max"), "c"), "]", ")", ")"],
    ),
    h("p", {}, say("Here the mask has {rows} × {columns} places with a mean of {data}.", { rows, columns, data: number(mean(data)) })),
    h(
      "p",
      {},
      here && hover
        ? say("At row {row}, column {column} every channel is multiplied by {here}.", { row: hover.row, column: hover.column, here })
        : say("Move over the photo for the factor of a place."),
    ),
    walkthrough(state, site, session, { asked: {}, place: hover }),
    h("p", { class: "quiet" }, say("CBAM, Woo et al. 2018, equation 3.")),
  ];
}

/** @param {Float32Array} values */
const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
