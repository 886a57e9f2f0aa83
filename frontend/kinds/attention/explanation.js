// Attention in a few lines, with this photo's own numbers.

import { around, say } from "../../language/language.js";
import { h } from "../../ui/dom.js";
import { mathOf, steps } from "../../explain/parts.js";
import { origin, otherScores, scalingOf, scoreOf, strongest } from "./scores.js";
import { number } from "../../ui/format.js";
import { formula, row, sub, sup, text } from "../../explain/mathml.js";
import { headOf, shownToken } from "../../sites/picture.js";
import { askedGrid, hasRollout, isSquare, placeOf, tokenName, tokenOf } from "../../sites/sites.js";
import { throughTheNetwork } from "../stream/explanation.js";
import { walkthrough } from "../../explain/walkthrough.js";

/** @type {Explanation} */
export async function explanation(state, site, session) {
  const source = await session.attention(site);
  const paragraphs = [
    h("h3", {}, say("Attention")),
    h(
      "p",
      {},
      around(
        "Every token asks a question, its query {q}, and offers an answer to others', its key {k}. Where they agree, the score is high. Softmax turns one query's scores into shares that sum to 1; the token then takes that mixture of the others' values.",
        { q: mathOf("q"), k: mathOf("k") },
      ),
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
          ? say("At this site tokens look only at those in their own window.")
          : say("At this site the network adds something to the scores, asks on another grid than it looks at, or makes the matrix itself."),
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
    h("h3", {}, say("This pair, in head {head}", { head: shown })),
    h("p", {}, say("Query: {query}. Key: {key}.", { query: tokenName(query, site), key: tokenName(key, site) })),
    steps([
      [say("agreement of query and key"), formula(sub("q", "i"), "·", sub("k", "j"), "=", number(pair.dot))],
      ...(scaling === "none"
        ? []
        : [
            /** @type {[string, Element]} */ ([
              scaling === "root" ? say("times the scale, 1 / √{dim}", { dim }) : say("times the scale"),
              formula(number(pair.dot), "×", number(scale), "=", number(pair.scaled)),
            ]),
          ]),
      [
        say("softmax over {keys} keys", { keys: source.keys }),
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
      say("{logNormaliser} = log Σ exp(score) over all keys of this query. An even share would be {even}. Pin a patch, then move to choose the key.", { logNormaliser: number(pair.logNormaliser), even: number(1 / source.keys) }),
    ),
    ...otherScores(source, site, shown, query, key),
    walkthrough(state, site, session, {
      asked: { query: named(query, site), head: shown },
      keys: { grid: site.grid, prefix: site.prefix_tokens },
    }),
    ...(isTransformer(state.analysisData) ? [throughTheNetwork(state, site, shownToken(state, site), session)] : []),
  ];
}

/** Whether its tokens go through layers that add to them; a CNN with an attention or two has none. @param {Analysis} analysis */
const isTransformer = ({ sites, output }) => hasRollout(sites) || output?.kind === "caption";

/** A token as the API calls it. @param {number} token @param {Site} site */
function named(token, site) {
  const place = placeOf(token, site);
  if (place) return `${place.row},${place.column}`;
  return token === 0 && site.prefix_tokens ? "cls" : token;
}

/** The head whose numbers are told: the chosen one, or the first. @param {State} state @param {import("../../sites/attention_rows.js").AttentionSource} source */
function shownHead(state, source) {
  const head = headOf(state, source.heads);
  return typeof head === "number" ? head : 0;
}

/** @returns {Record<string, string>} the place that is asked about where tokens are in windows; the server's own choice without a pointer. @param {State} state @param {Site} site */
function askedPlace(state, site) {
  const place = state.query === "cls" ? state.hover : state.query;
  return place && typeof place === "object" && "row" in place && askedGrid(site, "from") ? { query: `${place.row},${place.column}` } : {};
}

/** The pinned or hovered query, and as key what is under the pointer, else what it looks at most. @param {State} state @param {Site} site @param {import("../../sites/attention_rows.js").AttentionSource} source */
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

/** @param {string} sentence */