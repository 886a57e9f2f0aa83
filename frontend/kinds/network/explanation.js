// Maps of the whole network in a few lines: rollout, and those for a class.

import { around, say } from "../../language/language.js";
import { h } from "../../ui/dom.js";
import { number, percent } from "../../ui/format.js";
import { formula, over, row, sub, sup, text } from "../../explain/mathml.js";
import { forWords, targetOf } from "../../sites/methods.js";
import { className } from "../../sites/network_sentences.js";

/** @param {Resolved} state @param {Site} site @returns {Element[]} */
export function networkMap(state, site) {
  const { offer } = state.shown;
  if (!offer) return [];
  if (offer.name in CLASS_MAPS) return forWords(state.analysisData) ? forWord(state) : forClass(state, offer);
  const of = { dino, received: () => received(site), rollout: () => rollout(site), "token-lengths": tokenLengths };
  return of[/** @type {"dino"} */ (offer.name)]?.() ?? described(offer);
}

/** What the server says of a map that has no text of its own here. @param {import("../../sites/methods.js").Offer} offer */
const described = ({ title, summary, equation, paper }) => [
  h("h3", {}, title),
  h("p", {}, `${summary}.`),
  h("p", {}, equation),
  h("p", { class: "quiet" }, `${paper}.`),
];

/** By method. @type {Record<string, {rule: () => Element, words: string, paper: string}>} */
const CLASS_MAPS = {
  relevance: {
    rule: () => formula("R", "←", "R", "+", sub(text("mean"), "h"), sup(row("(", row("∇", "A"), "⊙", "A", ")"), "+"), "R"),
    words:
      say("Each layer's attention is multiplied, entry by entry, by its gradient; what would lower the class's score is dropped, heads are averaged, and the layers are added up along the residual path."),
    paper: say("Chefer, Gur and Wolf 2021, equations 5 and 6."),
  },
  "gradient-rollout": {
    rule: () => formula("E", "=", sup(row("(", sub(text("mean"), "h"), "A", "⊙", row("∇", "A"), ")"), "+")),
    words:
      say("Rollout, with each layer's attention replaced by attention times its gradient, averaged over heads and then cut off at zero."),
    paper: say("After Abnar and Zuidema 2020."),
  },
  legrad: {
    rule: () => formula("E", "=", over("1", "L"), "∑", sup(row("(", row("∇", sub("A", "l")), ")"), "+")),
    words:
      say("Each layer is asked what the class would gain from more attention at each place: the gradient of its attention, cut off at zero, averaged over heads and queries, and then over the layers. The attention itself is left out."),
    paper: say("Bousselham et al. 2024."),
  },
  "grad-cam": {
    rule: () =>
      formula("L", "=", sup(row("(", "∑", sub("α", "k"), sub("F", "k"), ")"), "+"), ",", sub("α", "k"), "=", text("mean"), row("∇", sub("F", "k"))),
    words:
      say("Each channel of the last feature maps is weighed by the mean of its gradient; where the sum is negative it is dropped. A convolutional network has no attention to start from."),
    paper: say("Selvaraju et al. 2017, equations 1 and 2."),
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
      say("Only the last layer: what the class token looks at, each head weighed by the mean of its gradient over the patches."),
    paper: say("Selvaraju et al. 2017, with heads for channels."),
  },
};

/** @param {State} state @param {import("../../sites/methods.js").Offer} offer */
function forClass(state, offer) {
  const { rule, words, paper } = CLASS_MAPS[offer.name];
  const target = targetOf(state);
  const entry = state.analysisData.predictions.find((one) => one.index === target);
  return [
    h("h3", {}, offer.title),
    h(
      "p",
      {},
      ...around("Attention says who looks where, for whatever purpose. The gradient {gradient} says how much the score of “{class}” would change with each entry of it.", {
        gradient: h("i", {}, "∇A"),
        class: className(state),
      }),
      entry ? ` ${say("The network gives that class {score} on this photo.", { score: percent(entry.score) })}` : "",
    ),
    rule(),
    h("p", {}, words),
    h("p", { class: "quiet" }, paper),
  ];
}

/** For a word that was written: through the encoder and the decoder. @param {State} state */
function forWord(state) {
  return [
    h("h3", {}, say("Relevance for a word")),
    h(
      "p",
      {},
      say("Cross-attention shows where the network looked to write “{state}”, in one layer. Relevance follows the word further: through the words before it, through each look at the photo, and through the photo's own layers, every attention multiplied by the gradient of the word's score.", { state: className(state) }),
    ),
    formula(sub("R", "wp"), "←", sub("R", "wp"), "+", sup(sub("R̄", "ww"), "⊤"), row("(", "Ē", sub("R̄", "pp"), ")")),
    h("p", {}, say("w are words, p are patches; Ē is the mean over heads of attention times its gradient, where that is positive.")),
    h("p", { class: "quiet" }, say("Chefer, Gur and Wolf, ICCV 2021, equations 5 to 11.")),
  ];
}

function dino() {
  return [
    h("h3", {}, say("Most of the attention")),
    h(
      "p",
      {},
      say("The patches are taken in the order of how much the class token of the last layer looks at them, until 60 % of its attention is together; the rest is set to zero. In networks trained without labels this often outlines the object."),
    ),
    h("p", { class: "quiet" }, say("Caron et al. 2021, figure 1 and appendix.")),
  ];
}

/** @param {Site} site */
function received(site) {
  return [
    h("h3", {}, say("Attention received")),
    h(
      "p",
      {},
      say("A row of attention says what one token looks at and sums to 1. The mean over all rows says what all of them look at: it sums to 1 again, and a patch above its even share draws more attention than the others."),
    ),
    formula(sub("r", "j"), "=", over("1", "N"), sub("∑", "i"), sub("p", row("i", "j"))),
    h("p", {}, say("An even share is {even} here.", { even: number(1 / (site.keys ?? 1)) })),
  ];
}

function tokenLengths() {
  return [
    h("h3", {}, say("Token length")),
    h(
      "p",
      {},
      say("Every layer adds its attention and its feed-forward layer to the tokens that come in. Shown is how long the vector of each patch is after both."),
    ),
    formula(row("‖", sub("x", "i"), "‖"), ",", sub("x", "i"), "←", sub("x", "i"), "+", text("attention"), "+", text("feed-forward")),
    h(
      "p",
      {},
      say("In many vision transformers a few patches, of plain background or in the corners, become many times longer than the others: they hold something of the whole photo, and other tokens look at them for that. Where attention gathers in odd places, look here."),
    ),
    h("p", { class: "quiet" }, say("Darcet, Oquab, Mairal and Bojanowski 2024, Vision Transformers Need Registers, figures 1 to 4.")),
  ];
}

/** @param {Site} site */
function rollout(site) {
  return [
    h("h3", {}, say("Attention rollout")),
    h(
      "p",
      {},
      say("One layer's attention says where its tokens come from one step back. To reach the photo, the layers are multiplied; the residual path, by which a token keeps itself, is an identity matrix of equal weight."),
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
      say("Shown is the class token's row of R on the {rows} × {columns} patches, heads averaged. It is about where information can flow, not about any one class.", { rows: site.grid?.rows, columns: site.grid?.columns }),
    ),
    h("p", { class: "quiet" }, say("Abnar & Zuidema 2020.")),
  ];
}
