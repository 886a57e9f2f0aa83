// Positions in a few lines: what tells a patch or a word where it is, and how alike two of them are.

import { language, say } from "../../language/language.js";
import { h } from "../../ui/dom.js";
import { number } from "../../ui/format.js";
import { formula, over, row, sub, sup, text } from "../../explain/mathml.js";
import { quoted } from "../../sites/words.js";
import { isWriting, wordOf } from "../../sites/sites.js";
import { bars } from "../../explain/walkthrough.js";

const BASE = 10000; // of Vaswani et al. 2017, section 3.5
const ROUNDING = 1e-3;

/** @param {Resolved} state @param {Session} session @returns {Promise<Element[]>} */
export async function positions(state, session) {
  const { site, positions: shown } = state.shown;
  if (!shown) return [];
  return shown.of === "photo" || !isWriting(site) ? ofPlaces(shown, session) : ofWords(state, site, session, shown.of);
}

/** @param {ShownPositions} shown @param {Session} session */
async function ofPlaces({ cell, inside, parameters }, session) {
  const { values, vector } = await session.positions(parameters);
  /** @type {[string, number][]} */
  const beside = [
    [say("its left neighbour"), values[cell.row][cell.column - 1]],
    [say("its right neighbour"), values[cell.row][cell.column + 1]],
    [say("the patch above it"), values[cell.row - 1]?.[cell.column]],
    [say("the patch below it"), values[cell.row + 1]?.[cell.column]],
    [say("the first patch of its row"), values[cell.row][0]],
    [say("the first patch of its column"), values[0][cell.column]],
  ];
  return [
    h("h3", {}, say("Where a patch stands")),
    h(
      "p",
      {},
      say("Attention does not know where its tokens are: with the patches shuffled, it would find the same. So the network adds to every patch a vector for its place. The photo plays no part in it."),
    ),
    inside &&
      h("p", {}, say("Here they are of the smaller pieces inside a patch, and the same in every patch: they know where in their patch they are, not where on the photo.")),
    formula(sub("x", "i"), "←", sub("x", "i"), "+", sub("p", "i")),
    h("h3", {}, say("The vector of row {row}, column {column}", { row: cell.row, column: cell.column })),
    bars({ name: say("position") }, vector),
    ...howAlike(beside),
    h(
      "p",
      {},
      say("Without positions a small ViT of this project's has an error rate of 42.1 % on CIFAR-10, with learned ones 35.5 % (docs/claims.md, claim 6)."),
    ),
    h("p", { class: "quiet" }, say("Vaswani et al. 2017, section 3.5; Dosovitskiy et al. 2020, appendix D.4 and figure 7.")),
  ].filter((one) => one instanceof Element);
}

/** @param {State} state @param {WritingSite} site @param {Session} session @param {string | null} words */
async function ofWords(state, site, session, words) {
  const { labels } = await session.positions({ words });
  const word = Math.min(wordOf(state, site), labels.key.length - 1);
  const { values, vector } = await session.positions({ words, query: word });
  /** @type {[string, number][]} */
  const beside = [-1, 1, 2, 3]
    .filter((by) => labels.key[word + by])
    .map((by) => [[quoted(labels.key[word + by]), away(by)].join(say(", ")), values[word + by]]);
  const turns = isSinusoidal(vector, word);
  return [
    h("h3", {}, say("Where a word stands")),
    h(
      "p",
      {},
      say("Attention does not know the order of its words: with the sentence shuffled, each of them would find the same. So the network adds to every word a vector for its place. Which word it is plays no part in it."),
    ),
    formula(sub("x", "i"), "←", sub("x", "i"), "+", sub("p", "i")),
    h("h3", {}, say("The vector of place {word}, where {key} stands", { word, key: quoted(labels.key[word]) })),
    bars({ name: say("position") }, vector),
    ...(turns ? sinusoids(vector, word) : [h("p", {}, say("These numbers were learnt."))]),
    ...howAlike(beside),
    turns && h("p", {}, say("It depends on nothing but how far apart the two stand: of each pair of numbers, cos of the angle between them remains.")),
    h("p", { class: "quiet" }, say("Vaswani et al. 2017, section 3.5.")),
  ].filter((one) => one instanceof Element);
}

/** How they were made, with this place's own numbers. @param {number[]} vector @param {number} place */
function sinusoids(vector, place) {
  const d = vector.length;
  const angle = () => over("i", sup(text(String(BASE)), row("2", "k", "/", "d")));
  const last = (d - 2) / d;
  return [
    h("p", {}, say("Nothing of this was learnt. Every pair of numbers is a hand of a clock, each slower than the one before:")),
    formula(sub("p", row("i", ",", "2", "k")), "=", text("sin"), "(", angle(), ")"),
    formula(sub("p", row("i", ",", "2", "k", "+", "1")), "=", text("cos"), "(", angle(), ")"),
    h(
      "p",
      {},
      say("The first hand stands at {place} radians: sin {place} = {vector}, cos {place} = {vector2}. It goes round once in {x} words, the last of the {d} once in {toLocaleString}.", { place, vector: number(vector[0]), vector2: number(vector[1]), x: number(2 * Math.PI), d: d / 2, toLocaleString: Math.round(2 * Math.PI * BASE ** last).toLocaleString(language) }),
    ),
  ];
}

/** Whether a vector is that of the paper for its place. @param {number[]} vector @param {number} place */
const isSinusoidal = (vector, place) =>
  vector.every((value, i) => {
    const angle = place / BASE ** ((i - (i % 2)) / vector.length);
    return Math.abs(value - (i % 2 ? Math.cos(angle) : Math.sin(angle))) < ROUNDING;
  });

/** @param {number} by */
const away = (by) => (by === -1 ? say("the word before") : by === 1 ? say("the word after") : say("{by} words on", { by }));

/** @param {[string, number][]} beside */
function howAlike(beside) {
  return [
    h("h3", {}, say("How alike two are")),
    formula(
      "cos",
      "(",
      row(sub("p", "i"), ",", sub("p", "j")),
      ")",
      "=",
      over(row(sub("p", "i"), "·", sub("p", "j")), row("‖", sub("p", "i"), "‖", "‖", sub("p", "j"), "‖")),
    ),
    h(
      "table",
      { class: "facts" },
      h(
        "tbody",
        {},
        beside
          .filter(([, value]) => value != null)
          .map(([name, value]) => h("tr", {}, h("th", { scope: "row" }, name), h("td", {}, number(value)))),
      ),
    ),
  ];
}
