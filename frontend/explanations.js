// Each mechanism in a few lines, with this photo's own numbers.

import { h } from "./dom.js";
import { number } from "./format.js";
import { formula, matrix, operand, over, root as squareRoot, row, sub, sup, text } from "./mathml.js";
import { channelOf, headOf, shownToken } from "./picture.js";
import { isSquare, tokenName, tokenOf } from "./sites.js";

/** @typedef {(state: any, site: any, session: import("./session.js").Session) => Promise<Element[]>} Explanation */

/** By kind of site. @type {Record<string, Explanation>} */
export const EXPLANATIONS = {
  attention: attention,
  "channel-gate": channelGate,
  "spatial-gate": spatialGate,
  "spatial-transformer": spatialTransformer,
};

/** @type {Explanation} */
async function attention(state, site, session) {
  const source = await session.attention(site);
  const paragraphs = [
    h("h3", {}, "Attention"),
    h(
      "p",
      {},
      "Every token asks a question, its query ",
      mathOf("q"),
      ", and offers an answer to others', its key ",
      mathOf("k"),
      ". Where they agree, the score is high. Softmax turns one query's scores into shares that sum to 1; the token then takes that mixture of the others' values.",
    ),
    formula(
      sub("p", row("i", "j")),
      "=",
      sub(text("softmax"), "j"),
      "(",
      over(row(sub("q", "i"), "·", sub("k", "j")), squareRoot("d")),
      ")",
    ),
    h("p", { class: "quiet" }, "Scaled dot-product attention, Vaswani et al. 2017, equation 1."),
  ];
  if (!source.pair || !source.scores || !site.grid || !isSquare(site)) {
    return [
      ...paragraphs,
      h(
        "p",
        {},
        "At this site the network adds a mask or builds the matrix itself, so only the finished shares are known here.",
      ),
    ];
  }
  const { query, key } = askedPair(state, site, source);
  const head = headOf(state, source.heads);
  const shown = typeof head === "number" ? head : 0;
  const pair = source.pair(shown, query, key);
  const { dim, scale } = source.scores;
  return [
    ...paragraphs,
    h("h3", {}, "This pair, in head ", String(shown)),
    h("p", {}, `${capital(tokenName(query, site))} asks; ${tokenName(key, site)} answers.`),
    steps([
      ["agreement of query and key", formula(sub("q", "i"), "·", sub("k", "j"), "=", number(pair.dot))],
      [
        `times the scale, 1 / √${dim}`,
        formula(number(pair.dot), "×", number(scale), "=", number(pair.scaled)),
      ],
      [
        `softmax over ${source.keys} keys`,
        formula(
          sup("e", row(number(pair.scaled), "−", number(pair.logNormaliser))),
          "=",
          number(pair.probability),
        ),
      ],
    ]),
    h(
      "p",
      { class: "quiet" },
      `${number(pair.logNormaliser)} is the logarithm of the sum of e to every score of this query. An even share would be ${number(1 / source.keys)}. Pin a patch, then move to choose the key.`,
    ),
  ];
}

/** The pinned or hovered query, and as key what is under the pointer, else what it looks at most. @param {any} state @param {any} site @param {any} source */
function askedPair(state, site, source) {
  const asked = shownToken(state, site);
  const pinned = state.query !== "cls";
  const pointed = pinned && state.hover ? tokenOf(state.hover, site) : null;
  const head = headOf(state, source.heads);
  const shown = typeof head === "number" ? head : 0;
  const tokens = state.direction === "from" ? source.keys : source.queries;
  const all = state.direction === "from" ? source.row(asked) : source.column(asked);
  const other = pointed ?? strongest(all.subarray(shown * tokens, (shown + 1) * tokens));
  return state.direction === "from" ? { query: asked, key: other } : { query: other, key: asked };
}

/** @type {Explanation} */
async function channelGate(state, site, session) {
  const gate = (await session.gate(site)).data;
  const channel = channelOf(state, gate);
  const feature = await session.feature(site, channel).catch(() => null);
  const squeezed = formula(
    sub("z", "c"),
    "=",
    over("1", row("H", "W")),
    "∑",
    sub("x", "c"),
    "(",
    "i",
    ",",
    "j",
    ")",
  );
  const own = (/** @type {Element} */ general, /** @type {number} */ value) => {
    general.firstElementChild?.append(operand("="), operand(number(value)));
    return general;
  };
  return [
    h("h3", {}, "A gate on channels"),
    h(
      "p",
      {},
      "Each channel of the feature map looks for one kind of thing. The gate squeezes every channel to one number, works out from all of them a factor between 0 and 1 for each, and multiplies.",
    ),
    h("h3", {}, `Channel ${channel}, step by step`),
    steps([
      ["squeeze: its mean over all places", feature ? own(squeezed, mean(feature.data)) : squeezed],
      [
        `excite: a factor, from all ${gate.length} channels`,
        own(formula(sub("s", "c"), "=", "σ", "(", sub("f", "c"), "(", "z", ")", ")"), gate[channel]),
      ],
      ["scale: every place of it", formula(sub("y", "c"), "=", number(gate[channel]), sub("x", "c"))],
    ]),
    h("p", {}, `Over all channels the mean factor is ${number(mean(gate))}.`),
    h(
      "p",
      { class: "quiet" },
      "f is two small layers in squeeze-and-excitation (Hu et al. 2018), a convolution over neighbouring channels in ECA (Wang et al. 2020), and in CBAM a shared layer pair over the mean and the maximum (Woo et al. 2018).",
    ),
  ];
}

/** @type {Explanation} */
async function spatialGate(state, site, session) {
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

/** @type {Explanation} */
async function spatialTransformer(state, site, session) {
  const { theta, grid, input, output } = await session.grid(site);
  const numbers = theta.map((/** @type {number[]} */ line) => line.map(number));
  const pixel = state.hover ?? { row: Math.floor(output.rows / 2), column: Math.floor(output.columns / 2) };
  const [x, y] = grid[pixel.row][pixel.column];
  return [
    h("h3", {}, "A network that moves its window"),
    h(
      "p",
      {},
      "A small network looks at the picture and answers with six numbers θ. They place a grid on the picture; at each point of it the picture is read, between pixels by bilinear interpolation. The rest of the network sees only what was read.",
    ),
    formula(matrix([["x"], ["y"]]), "=", matrix(numbers), matrix([["x′"], ["y′"], ["1"]])),
    h(
      "p",
      {},
      `(x′, y′) is a pixel of the picture that is read, ${output.rows} × ${output.columns}; (x, y) is where it comes from on the ${input.rows} × ${input.columns} input. Both run from −1 to 1.`,
    ),
    h(
      "p",
      {},
      `The pixel at row ${pixel.row}, column ${pixel.column} is read at x = ${number(x)}, y = ${number(y)}.`,
    ),
    h("p", { class: "quiet" }, "Jaderberg et al. 2015, equation 1."),
  ];
}

/** @param {[string, Element][]} list */
const steps = (list) =>
  h(
    "ol",
    { class: "steps" },
    list.map(([words, math]) => {
      math.removeAttribute("display");
      math.setAttribute("displaystyle", "true");
      return h("li", {}, h("span", {}, words), h("div", {}, math));
    }),
  );

/** @param {string} name */
function mathOf(name) {
  const math = formula(name);
  math.removeAttribute("display");
  return math;
}

/** @param {Float32Array} values */
const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

/** @param {Float32Array} values */
function strongest(values) {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (values[i] > values[best]) best = i;
  return best;
}

/** @param {string} sentence */
const capital = (sentence) => sentence[0].toUpperCase() + sentence.slice(1);
