// Maps of the whole network in a few lines: rollout, and those for a class.

import { h } from "./dom.js";
import { percent } from "./format.js";
import { formula, over, row, sub, sup, text } from "./mathml.js";
import { className } from "./picture.js";
import { METHODS, targetOf } from "./sites.js";

/** @param {any} state @param {any} site */
export const networkMap = (state, site) => (METHODS[state.method].forClass ? forClass(state) : rollout(site));

/** By method. @type {Record<string, {rule: () => Element, words: string, paper: string}>} */
const CLASS_MAPS = {
  relevance: {
    rule: () => formula("R", "←", "R", "+", sub(text("mean"), "h"), sup(row("(", row("∇", "A"), "⊙", "A", ")"), "+"), "R"),
    words:
      "Each layer's attention is multiplied, entry by entry, by its gradient; what would lower the class's score is dropped, heads are averaged, and the layers are added up along the residual path.",
    paper: "Chefer, Gur and Wolf 2021, equations 5 and 6.",
  },
  "gradient-rollout": {
    rule: () => formula("E", "=", sup(row("(", sub(text("mean"), "h"), "A", "⊙", row("∇", "A"), ")"), "+")),
    words:
      "Rollout, with each layer's attention replaced by attention times its gradient, averaged over heads and then cut off at zero.",
    paper: "After Abnar and Zuidema 2020.",
  },
  "attention-grad-cam": {
    rule: () => formula(
      sup(row("(", sub(text("mean"), "h"), sub("w", "h"), sub("A", "h"), ")"), "+"),
      ",",
      sub("w", "h"),
      "=",
      text("mean"),
      sub(row("∇", "A"), "h"),
    ),
    words:
      "Only the last layer: what the class token looks at, each head weighed by the mean of its gradient over the patches.",
    paper: "Selvaraju et al. 2017, with heads for channels.",
  },
};

/** @param {any} state */
function forClass(state) {
  const { rule, words, paper } = CLASS_MAPS[state.method];
  const target = targetOf(state);
  const entry = state.analysisData.predictions.find((/** @type {any} */ one) => one.index === target);
  return [
    h("h3", {}, METHODS[state.method].name),
    h(
      "p",
      {},
      "Attention says who looks where, for whatever purpose. The gradient ",
      h("i", {}, "∇A"),
      ` says how much the score of “${className(state)}” would change with each entry of it.`,
      entry ? ` The network gives that class ${percent(entry.score)} on this photo.` : "",
    ),
    rule(),
    h("p", {}, words),
    h("p", { class: "quiet" }, paper),
  ];
}

/** @param {any} site */
function rollout(site) {
  return [
    h("h3", {}, "Attention rollout"),
    h(
      "p",
      {},
      "One layer's attention says where its tokens come from one step back. To reach the photo, the layers are multiplied; the residual path, by which a token keeps itself, is an identity matrix of equal weight.",
    ),
    formula(
      row(
        text("R"),
        "=",
        sub("Ã", "L"),
        "…",
        sub("Ã", "2"),
        sub("Ã", "1"),
        ",",
        "Ã",
        "=",
        over("1", "2"),
        "(",
        "A",
        "+",
        "I",
        ")",
      ),
    ),
    h(
      "p",
      {},
      `Shown is the class token's row of R on the ${site.grid.rows} × ${site.grid.columns} patches, heads averaged. It is about where information can flow, not about any one class.`,
    ),
    h("p", { class: "quiet" }, "Abnar & Zuidema 2020."),
  ];
}
