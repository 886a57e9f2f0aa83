// Each mechanism in a few lines, with this photo's own numbers.

import { h } from "./dom.js";
import { mathOf, steps } from "./explanation_parts.js";
import { channelGate, spatialGate } from "./explanations_gates.js";
import { spatialTransformer } from "./explanations_sampling.js";
import { number } from "./format.js";
import { formula, over, root as squareRoot, row, sub, sup, text } from "./mathml.js";
import { headOf, shownToken } from "./picture.js";
import { askedGrid, isSquare, placeOf, tokenName, tokenOf } from "./sites.js";
import { walkthrough } from "./walkthrough.js";

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
    formula(sub("p", row("i", "j")), "=", sub(text("softmax"), "j"), "(", scoreOf(source.scores), ")"),
    h("p", { class: "quiet" }, origin(source.scores)),
  ];
  if (!source.pair || !source.scores || !site.grid || !isSquare(site)) {
    return [
      ...paragraphs,
      h(
        "p",
        {},
        site.windows
          ? "At this site tokens look only at those in their own window, and the page asks for the finished shares of one place at a time."
          : "At this site the network adds a mask or builds the matrix itself, so only the finished shares are known here.",
      ),
      walkthrough(state, site, session, { asked: { ...askedPlace(state, site), head: shownHead(state, source) } }),
    ];
  }
  const { query, key } = askedPair(state, site, source);
  const shown = shownHead(state, source);
  const pair = source.pair(shown, query, key);
  const { dim, scale } = source.scores;
  const scaling = scalingOf(source.scores);
  return [
    ...paragraphs,
    h("h3", {}, "This pair, in head ", String(shown)),
    h("p", {}, `${capital(tokenName(query, site))} asks; ${tokenName(key, site)} answers.`),
    steps([
      ["agreement of query and key", formula(sub("q", "i"), "·", sub("k", "j"), "=", number(pair.dot))],
      ...(scaling === "none"
        ? []
        : [
            /** @type {[string, Element]} */ ([
              scaling === "root" ? `times the scale, 1 / √${dim}` : "times the scale",
              formula(number(pair.dot), "×", number(scale), "=", number(pair.scaled)),
            ]),
          ]),
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
    walkthrough(state, site, session, {
      asked: { query: named(query, site), head: shown },
      keys: { grid: site.grid, prefix: site.prefix_tokens },
      hidden: TOLD_OF_THE_PAIR,
    }),
  ];
}

/** Steps that the pair shows already. */
const TOLD_OF_THE_PAIR = ["key", "scaled"];

/** A token as the API calls it. @param {number} token @param {any} site */
function named(token, site) {
  const place = placeOf(token, site);
  if (place) return `${place.row},${place.column}`;
  return token === 0 && site.prefix_tokens ? "cls" : token;
}

/** The head whose numbers are told: the chosen one, or the first. @param {any} state @param {import("./attention.js").AttentionSource} source */
function shownHead(state, source) {
  const head = headOf(state, source.heads);
  return typeof head === "number" ? head : 0;
}

/** The place that is asked about where tokens are in windows; the server's own choice without a pointer. @param {any} state @param {any} site */
function askedPlace(state, site) {
  const place = state.query === "cls" ? state.hover : state.query;
  return place && typeof place === "object" && askedGrid(site, "from") ? { query: `${place.row},${place.column}` } : {};
}

/** @typedef {import("./attention.js").AttentionSource["scores"]} Scores */

/** Whether scores are divided by √d, left as they are, or scaled otherwise. @param {NonNullable<Scores>} scores */
export function scalingOf({ dim, scale }) {
  if (Math.abs(scale * Math.sqrt(dim) - 1) < 1e-3) return "root";
  return Math.abs(scale - 1) < 1e-6 ? "none" : "other";
}

/** What softmax is taken of. @param {Scores} scores */
function scoreOf(scores) {
  const dot = row(sub("q", "i"), "·", sub("k", "j"));
  const scaling = scores ? scalingOf(scores) : "root";
  if (scaling === "none") return dot;
  return scaling === "root" ? over(dot, squareRoot("d")) : row("s", dot);
}

/** Where the formula is from. @param {Scores} scores */
function origin(scores) {
  const scaling = scores ? scalingOf(scores) : "root";
  if (scaling === "root") return "Scaled dot-product attention, Vaswani et al. 2017, equation 1.";
  if (scaling === "none")
    return "Dot-product attention without a scale: scores are not divided by √d, as in Zhang et al. 2019, equation 1.";
  return `Dot-product attention, Vaswani et al. 2017, with a scale s of its own: ${number(scores?.scale ?? 0)}.`;
}

/** The pinned or hovered query, and as key what is under the pointer, else what it looks at most. @param {any} state @param {any} site @param {any} source */
function askedPair(state, site, source) {
  const asked = shownToken(state, site);
  const pinned = state.query !== "cls";
  const pointed = pinned && state.hover ? tokenOf(state.hover, site) : null;
  const shown = shownHead(state, source);
  const tokens = state.direction === "from" ? source.keys : source.queries;
  const all = state.direction === "from" ? source.row(asked) : source.column(asked);
  const other = pointed ?? strongest(all.subarray(shown * tokens, (shown + 1) * tokens));
  return state.direction === "from" ? { query: asked, key: other } : { query: other, key: asked };
}

/** @param {Float32Array} values */
function strongest(values) {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (values[i] > values[best]) best = i;
  return best;
}

/** @param {string} sentence */
const capital = (sentence) => sentence[0].toUpperCase() + sentence.slice(1);
