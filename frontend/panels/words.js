// What the network wrote, word by word: each word can be chosen, and its row of attention is shown.

import { say } from "../language/language.js";
import { fuse } from "../sites/attention_rows.js";
import { extent } from "../paint/colormap.js";
import { h, moveFocus, put } from "../ui/dom.js";
import { percent } from "../ui/format.js";
import { forWords } from "../sites/methods.js";
import { writtenWord } from "../sites/network_sentences.js";
import { headOf } from "../sites/picture.js";
import { isMark, shownWord } from "../sites/words.js";
import { isCross, isWriting, wordOf, wordsOf } from "../sites/sites.js";

/** @param {HTMLElement} root @param {Context} context */
export function mountWords(root, { store, session }) {
  const title = h("h2", { class: "quiet", id: "words-title" });
  const list = h("div", {
    class: "words",
    role: "radiogroup",
    "aria-labelledby": "words-title",
    onkeydown: moveFocus,
  });
  root.append(title, list);

  store.on(["analysisData"], ({ analysisData: analysis }) => {
    const { output } = analysis;
    root.hidden = !output || !("words" in output);
    if (!output || root.hidden) return put(list);
    const written = wordsOf(output);
    root.dataset.kind = output.kind;
    title.textContent = output.kind === "caption" ? say("The network says") : say("The network writes");
    const rows = writing(analysis)?.query_labels ?? written.map((word) => word.text);
    put(
      list,
      rows.length === 1 && isMark(rows[0]) && h("span", { class: "quiet" }, say("nothing")),
      rows.map((/** @type {string} */ text, /** @type {number} */ i) => button(text, i, written[i])),
    );
    mark(store.get());
  });

  /** @param {string} text @param {number} row @param {Word | undefined} word */
  function button(text, row, word) {
    const sure = word ? say(", {share} sure", { share: percent(word.score) }) : "";
    return h(
      "button",
      {
        type: "button",
        role: "radio",
        class: `word ${isMark(text) ? "mark" : ""}`,
        "aria-checked": "false",
        tabindex: -1,
        title: isMark(text) ? say("Where the network ended its sentence") : `“${text}”${sure}`,
        onclick: () => choose(row),
      },
      shownWord(text),
      h("i"),
    );
  }

  /** The word, at a site that has its row. @param {number} word */
  function choose(word) {
    const state = store.get();
    const site = state.shown?.site;
    const fits = site && writes(site, state.analysisData);
    const saliency = forWords(state.analysisData) && state.method === "relevance";
    const other = fits || saliency ? null : writing(state.analysisData);
    store.set({ word, method: saliency ? "relevance" : "site", ...(other ? { site: other.id } : {}) });
  }

  store.on(["word", "site", "method"], (state) => mark(state));

  /** @param {State} state */
  function mark(state) {
    const site = state.shown?.site;
    const saliency = forWords(state.analysisData) && state.method === "relevance";
    const shown = site && state.shown?.method === "site" && writes(site, state.analysisData);
    const chosen = saliency ? writtenWord(state) : shown && isWriting(site) ? wordOf(state, site) : -1;
    [...list.querySelectorAll(".word")].forEach((one, i) => {
      one.setAttribute("aria-checked", String(i === chosen));
      one.tabIndex = i === Math.max(0, chosen) ? 0 : -1;
    });
  }

  // Over the photo: how much the writing of each word looked at the place under the pointer.
  store.on(["hover", "site", "head", "method"], async (state) => {
    const site = state.shown?.site;
    const cell = site && isCross(site) && state.shown?.method === "site" ? state.hover : null;
    const map = site && cell && (await session.wordsAt(site, cell).catch(() => null));
    if (store.get().hover !== state.hover) return;
    const values = map && fuse(map.data, map.shape[0], headOf(state, map.shape[0]));
    const high = values ? extent(values)[1] : 1;
    list.querySelectorAll("i").forEach((/** @type {HTMLElement} */ bar, /** @type {number} */ i) => {
      bar.style.width = values ? `${(100 * values[i]) / high}%` : "0";
    });
    list.classList.toggle("weighed", Boolean(values));
  });
}

/** Whether a site's rows are the words that were written. @param {Site} site @param {Analysis} analysis */
function writes(site, { output }) {
  const labels = site.query_labels;
  return labels && wordsOf(output).every((/** @type {Word} */ word, /** @type {number} */ i) => labels[i] === word.text);
}

/** The site where a word is best seen: the last cross-attention, else the last whose rows are words. @param {Analysis} analysis */
function writing(analysis) {
  const fitting = analysis.sites.filter((/** @type {Site} */ site) => writes(site, analysis));
  return fitting.filter(isCross).at(-1) ?? fitting.at(-1) ?? null;
}
