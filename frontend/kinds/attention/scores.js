// How a query and a key are scored: as this network does it, and the other ways there are.

import { say } from "../../language/language.js";
import { h } from "../../ui/dom.js";
import { alternatives } from "../../explain/parts.js";
import { number } from "../../ui/format.js";
import { formula, over, root as squareRoot, row, sub, sup, text } from "../../explain/mathml.js";
import { tokenName } from "../../sites/sites.js";

/** @typedef {import("../../sites/attention_rows.js").AttentionSource["scores"]} Scores */

/** Whether scores are divided by √d, left as they are, or scaled otherwise. @param {NonNullable<Scores>} scores */
export function scalingOf({ dim, scale }) {
  if (Math.abs(scale * Math.sqrt(dim) - 1) < 1e-3) return "root";
  return Math.abs(scale - 1) < 1e-6 ? "none" : "other";
}

/** What softmax is taken of. @param {Scores} scores */
export function scoreOf(scores) {
  const dot = row(sub("q", "i"), "·", sub("k", "j"));
  const scaling = scores ? scalingOf(scores) : "root";
  if (scaling === "none") return dot;
  return scaling === "root" ? over(dot, squareRoot("d")) : row("s", dot);
}

/** Where the formula is from. @param {Scores} scores */
export function origin(scores) {
  const scaling = scores ? scalingOf(scores) : "root";
  if (scaling === "root") return say("Scaled dot-product attention, Vaswani et al. 2017, equation 1.");
  if (scaling === "none")
    return say("Dot-product attention without a scale: scores are not divided by √d, as in Zhang et al. 2019, equation 1.");
  return say("Dot-product attention, Vaswani et al. 2017, with a scale s of its own: {scale}.", { scale: number(scores?.scale ?? 0) });
}

/**
 * The same pair by the other two score functions of the field. The cosine follows from the same two vectors; an
 * additive score needs weights that a network with another score has not learned.
 * @param {import("../../sites/attention_rows.js").AttentionSource} source @param {Site} site @param {number} head @param {number} query @param {number} key
 */
export function otherScores(source, site, head, query, key) {
  const cosines = source.cosines?.(head, query);
  if (!cosines) return [];
  const norm = (/** @type {string} */ name, /** @type {string} */ index) => row("‖", sub(name, index), "‖");
  const most = strongest(cosines);
  const choice =
    most === key
      ? say("Of all keys its cosine is the largest too.")
      : say("By it this query would look most at {key}, {cosine}.", { key: tokenName(most, site), cosine: number(cosines[most]) });
  return [
    h("h3", {}, say("Other ways to score")),
    alternatives([
      [
        say("the cosine, which leaves out how long the two vectors are. {choice}", { choice }),
        formula(over(row(sub("q", "i"), "·", sub("k", "j")), row(norm("q", "i"), norm("k", "j"))), "=", number(cosines[key])),
      ],
      [
        say("the additive score, by a small learned network; this model has no such network, so no value can be given"),
        formula(sup("v", text("T")), text("tanh"), "(", row("W", sub("q", "i")), "+", row("U", sub("k", "j")), ")"),
      ],
    ]),
    h(
      "p",
      { class: "quiet" },
      say("Graves et al. 2014, equations 5 and 6; Bahdanau et al. 2015, appendix A.1.2. A translator of this project's had an error rate of 12 % with the dot product after one pass over its sentences, 16 % with the cosine, 43 % with the additive score (docs/claims.md, claim 9)."),
    ),
  ];
}

/** @param {Float32Array} values */
export function strongest(values) {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (values[i] > values[best]) best = i;
  return best;
}

