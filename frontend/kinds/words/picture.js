// Pictures of networks that write or segment: a word's look at the photo, words against words, a mask.

import { say } from "../../language/language.js";
import { extent } from "../../paint/colormap.js";
import { number, percent } from "../../ui/format.js";
import { POSITION_CLAIM } from "../../sites/positions.js";
import { headsPicture, matrixPicture } from "../../sites/picture.js";
import { quoted } from "../../sites/words.js";
import { classesOf, isMasked, ownWords, wordOf } from "../../sites/sites.js";

/**
 * What was looked at to write the chosen word.
 * @param {State} state @param {CrossSite} site
 * @param {{shape: number[], data: Float32Array}} map  (head, row, column); NaN where no key lies
 * @returns {Picture}
 */
export function wordPicture(state, site, map) {
  const word = quoted(site.query_labels[wordOf(state, site)]);
  return headsPicture(state, site, map, say("where the network looked to write {word}", { word }));
}

/** Words against words. @param {State} state @param {WordSite} site @param {import("../../sites/attention_rows.js").AttentionSource} source @returns {Picture} */
export function wordMatrixPicture(state, site, source) {
  const masked = isMasked(site);
  const word = wordOf(state, site);
  const picture = matrixPicture(state, site, source, whatRows(site, masked), {
    labels: { rows: site.query_labels, columns: site.key_labels, masked, word },
  });
  return { ...picture, sentence: `${picture.sentence} ${strongest(site, picture.values, word)}` };
}

/** How alike the positions of words are. @param {State} state @param {WritingSite} site @param {any} found as the API tells it @returns {Picture} */
export function wordPositionsPicture(state, site, { values, labels, words }) {
  const named = labels.query;
  const word = Math.min(wordOf(state, site), named.length - 1);
  const others = values[word].map((/** @type {number} */ value, /** @type {number} */ i) => (i === word ? -Infinity : value));
  const nearest = others.indexOf(Math.max(...others));
  const flat = Float32Array.from(values.flat());
  const [low, high] = extent(flat);
  return {
    form: "matrix",
    claim: POSITION_CLAIM,
    values: flat,
    grid: { rows: named.length, columns: named.length },
    low,
    high,
    scale: say("this matrix"),
    sentence: say("How alike the positions of {whose} are: the cosine of the vectors that tell words where they stand. {word} is nearest to {other}, {cosine}.", { whose: POSITIONS_OF[words], word: capital(quoted(named[word])), other: quoted(named[nearest]), cosine: number(values[word][nearest]) }),
    marked: null,
    prefix: null,
    labels: { rows: named, columns: named, masked: false, word },
  };
}

/** @type {Record<string, string>} */
const POSITIONS_OF = { source: say("the sentence's words"), read: say("the words that the decoder reads") };

/** @param {string} text */
const capital = (text) => text[0].toUpperCase() + text.slice(1);

/** @param {WordSite} site @param {boolean} masked */
function whatRows(site, masked) {
  if (masked) return say("each word written (row) looks at the words before it (columns)");
  if (ownWords(site)) return say("each word read (row) looks at all of them (columns)");
  return say("each word written (row) looks at the words read (columns)");
}

/** What the chosen row looks at most. @param {WordSite} site @param {Float32Array} values @param {number} word */
function strongest(site, values, word) {
  const row = values.subarray(word * site.keys, (word + 1) * site.keys);
  const best = row.indexOf(extent(row)[1]);
  return say("{query}: most on {key}, {share}.", {
    query: quoted(site.query_labels[word]),
    key: quoted(site.key_labels[best]),
    share: percent(row[best]),
  });
}

/**
 * The class of every place.
 * @param {Analysis} analysis @param {{shape: number[], data: ArrayLike<number>}} mask  (row, column)
 * @returns {Picture}
 */
export function maskPicture({ output }, { shape, data }) {
  const [rows, columns] = shape;
  const classes = classesOf(output);
  const shares = [...classes]
    .filter((/** @type {MaskClass} */ entry) => entry.share > 0)
    .sort((a, b) => b.share - a.share)
    .slice(0, 4)
    .map((/** @type {MaskClass} */ entry) => `${entry.label} ${percent(entry.share)}`);
  return {
    form: "mask",
    claim: "mask",
    values: Float32Array.from(data),
    grid: { rows, columns },
    low: 0,
    high: classes.length - 1,
    scale: "",
    sentence: say("The mask, the most likely class at every place: {shares}.", { shares: shares.join(say(", ")) }),
    marked: null,
    prefix: null,
    classes,
  };
}

/** What is at a cell, in words, where it is no plain number. @param {Picture} picture @param {Cell} cell */
export function cellWords({ form, values, grid, classes, labels }, { row, column }) {
  if (form === "mask" && classes) return classes[values[row * grid.columns + column]]?.label ?? "";
  if (!labels) return "";
  return `${labels.rows[row]} ← ${labels.columns[column]}`;
}
