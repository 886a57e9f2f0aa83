// Networks that write, and masks, in a few lines, with this analysis's own numbers.

import { say } from "../../language/language.js";
import { fuse } from "../../sites/attention_rows.js";
import { h } from "../../ui/dom.js";
import { number, percent } from "../../ui/format.js";
import { formula, over, root, row, sub, text } from "../../explain/mathml.js";
import { headName, headOf } from "../../sites/picture.js";
import { quoted } from "../../sites/words.js";
import { isCross, isMasked, isWordMatrix, ownWords, wordOf } from "../../sites/sites.js";
import { throughTheNetwork } from "../stream/explanation.js";
import { walkthrough } from "../../explain/walkthrough.js";

const SHOWN = 4;

/** @param {State} state @param {WritingSite} site @param {Session} session @returns {Promise<Element[]>} */
export async function words(state, site, session) {
  const word = wordOf(state, site);
  const shares = isWordMatrix(site) ? await strongest(state, site, session, word) : [];
  return [
    h("h3", {}, title(site)),
    h("p", {}, ...meaning(state, site)),
    isMasked(site)
      ? formula(sub("p", row("i", "j")), "=", sub(text("softmax"), "j"), "(", over(row(sub("q", "i"), "·", sub("k", "j")), root("d")), "+", sub("m", row("i", "j")), ")")
      : formula(sub("p", row("i", "j")), "=", sub(text("softmax"), "j"), "(", over(row(sub("q", "i"), "·", sub("k", "j")), root("d")), ")"),
    isMasked(site) &&
      h("p", {}, say("m is 0 for the words before and −∞ for those after, so that their share is 0.")),
    ...shares,
    walkthrough(state, site, session, {
      asked: { query: word, head: typeof state.head === "number" && state.head < site.heads ? state.head : 0 },
      keys: site.key_grid && { grid: site.key_grid, prefix: 0 },
    }),
    throughTheNetwork(state, site, word, session),
    h("p", { class: "quiet" }, say("Vaswani et al. 2017, section 3.2.3.")),
  ].filter((one) => one instanceof Element);
}

/** @param {Site} site */
function title(site) {
  if (isCross(site)) return say("Looking at the photo to write a word");
  if (isMasked(site)) return say("Looking back at the words before");
  return ownWords(site) ? say("Reading the sentence") : say("Looking at the sentence to write a word");
}

/** @param {State} state @param {WritingSite} site */
function meaning(state, site) {
  const word = quoted(site.query_labels[wordOf(state, site)]);
  if (isCross(site))
    return [
      say("The query comes from the words so far, the keys from the {keys} patches of the photo. The shares of this row add up to 1; the mixture of patches that they make is what {word} was written from, at this layer.", { keys: site.keys, word }),
    ];
  if (isMasked(site))
    return [
      say("A network that writes may not look ahead: when it writes a word, the later ones do not exist. In training they do, and are masked, so that all words can be learnt at once."),
    ];
  if (ownWords(site)) return [say("Every word of the sentence looks at all of them, forwards and backwards. The row of {word} adds up to 1.", { word })];
  return [say("The query comes from the words written so far, the keys from the words read. The row of {word} says which of them it was written from.", { word })];
}

/** What the chosen row looks at most. @param {State} state @param {WordSite} site @param {Session} session @param {number} word */
async function strongest(state, site, session, word) {
  const source = await session.attention(site);
  const head = headOf(state, source.heads);
  const values = fuse(source.row(word), source.heads, head);
  const there = [...values.keys()].filter((key) => !isMasked(site) || key <= word);
  const order = there.sort((a, b) => values[b] - values[a]).slice(0, SHOWN);
  return [
    h("h3", {}, [quoted(site.query_labels[word]), headName(head, source.heads)].join(say(", "))),
    h(
      "table",
      { class: "facts" },
      h(
        "tbody",
        {},
        order.map((key) =>
          h("tr", {}, h("th", { scope: "row" }, quoted(site.key_labels[key])), h("td", {}, percent(values[key]))),
        ),
      ),
    ),
    h("p", { class: "quiet" }, say("An even share would be {even}.", { even: number(1 / (isMasked(site) ? word + 1 : source.keys)) })),
  ];
}

/** @returns {Element[]} */
export function mask() {
  return [
    h("h3", {}, say("A mask")),
    h(
      "p",
      {},
      say("For every place the network gives one number a class. The mask shows the class with the largest; how far ahead it was is not shown."),
    ),
    formula(sub("m", row("x", "y")), "=", sub(text("argmax"), "c"), sub("z", row("c", ",", "x", "y"))),
    h(
      "p",
      {},
      say("On the way down the U-Net sees more of the picture at less detail, on the way up it puts the detail back. Where its coarse maps attend to themselves, every place can look at every other: choose Attention to see."),
    ),
    h("p", { class: "quiet" }, say("Ronneberger et al. 2015; Wang et al. 2018.")),
  ];
}
