// For a model that reads: its sentence, to be changed, and its attention as matrices of words.

import { say } from "../language/language.js";
import { tableOf } from "../sites/drawn.js";
import { h, put } from "../ui/dom.js";
import { createMatrix } from "../kinds/words/matrix.js";
import { wordMatrixPicture, wordPositionsPicture } from "../kinds/words/picture.js";
import { positionsAt } from "../sites/positions.js";
import { examplesOf } from "../kinds/words/sentences.js";
import { isMasked, isWordMatrix, ownWords, siteTitle, wordOf } from "../sites/sites.js";

const GAP_PX = 24;
const NARROW_PX = 640;
const LARGEST_PX = 420;
const LEAST_PX = 260; // below, words and titles do not fit: fewer stand side by side

/** @param {HTMLElement} root @param {Context} context */
export function mountSentence(root, { store, session }) {
  const input = h("input", {
    type: "text",
    id: "text",
    autocomplete: "off",
    spellcheck: "false",
    maxlength: 400,
    "aria-describedby": "text-problem",
  });
  const problem = h("div", { id: "text-problem", class: "text-problem", role: "alert", hidden: true });
  const examples = h("div", { class: "examples", role: "group", "aria-label": say("Examples") });
  const wrote = h("p", { class: "wrote", "aria-hidden": "true" }); // on a phone, where the words stand far below
  const form = h(
    "form",
    {
      class: "sentence-form",
      onsubmit: (/** @type {Event} */ event) => {
        event.preventDefault();
        session.openText(input.value);
      },
    },
    h(
      "div",
      { class: "row text-row" },
      h("label", { for: "text", class: "quiet" }, say("Sentence")),
      input,
      h("button", { type: "submit", class: "button" }, say("Read")),
    ),
    problem,
    examples,
    wrote,
  );
  const matrices = h("div", { class: "matrices" });
  const view = h("div", { class: "reading", hidden: true }, form, matrices);
  root.append(view);

  /** @type {{sites: WordSite[], heading: HTMLElement, figure: HTMLElement, caption: HTMLElement, matrix: ReturnType<typeof createMatrix>}[]} */
  let columns = [];

  const ofPositions = () => store.get().method === "positions";

  store.on(["analysisData"], async ({ analysisData: analysis }) => {
    const reading = analysis.text != null;
    root.classList.toggle("reads", reading);
    view.hidden = !reading;
    if (!reading) return;
    input.value = analysis.text;
    wrote.textContent = analysis.output && "text" in analysis.output ? `→ ${analysis.output.text}` : "";
    columns = kinds(analysis.sites).map(column);
    put(
      matrices,
      columns.map(({ figure }) => figure),
    );
    const card = await session.modelCard(analysis.model).catch(() => null);
    if (!card || store.get().analysisData !== analysis) return;
    put(
      examples,
      examplesOf(card, card.labels).map((text) =>
        h(
          "button",
          {
            type: "button",
            class: "example",
            "aria-current": text === analysis.text ? "true" : null,
            onclick: () => session.openText(text),
          },
          text,
        ),
      ),
    );
  });

  store.on(["textProblem"], ({ textProblem }) => {
    problem.hidden = !textProblem;
    input.setAttribute("aria-invalid", String(Boolean(textProblem)));
    if (!textProblem) return;
    put(problem, h("strong", {}, textProblem.title), ` ${textProblem.detail}`);
  });

  /** One kind of attention: a matrix, and the layers it may be of. @param {WordSite[]} sites */
  function column(sites) {
    const heading = h("button", { type: "button", class: "matrix-title", onclick: () => choose() });
    const matrix = createMatrix({
      choose: (word) => store.set({ site: shownOf(sites).id, word, method: ofPositions() ? "positions" : "site" }),
      hover: (hover) => {
        if (shownOf(sites).id === store.get().site) store.set({ hover });
        else if (hover) store.set({ site: shownOf(sites).id, hover });
      },
    });
    const caption = h("figcaption", { class: "quiet" });
    const figure = h("figure", { class: "word-matrix" }, heading, matrix.element, caption);
    const choose = () => store.set({ site: shownOf(sites).id, word: null, hover: null });
    return { sites, heading, figure, matrix, caption };
  }

  /** The layer of this kind that belongs to the shown site: it itself, or the one as deep as it. @param {WordSite[]} sites */
  function shownOf(sites) {
    const { analysisData: analysis, site } = store.get();
    const own = sites.find((one) => one.id === site);
    if (own) return own;
    const depths = kinds(analysis.sites).map((kind) => kind.findIndex((one) => one.id === site));
    return sites[Math.min(Math.max(0, ...depths), sites.length - 1)];
  }

  const later = () => requestAnimationFrame(() => draw());
  store.on(["analysisData", "site", "head", "word", "picture", "tables", "colormap", "method"], later);
  new ResizeObserver(later).observe(root);

  async function draw() {
    const state = store.get();
    const { analysisData: analysis, tables, colormap } = state;
    if (analysis?.text == null || !tables || view.hidden) return;
    const narrow = root.clientWidth < NARROW_PX;
    const free = root.clientWidth - 2 * GAP_PX;
    const fitting = Math.max(1, Math.floor((free + GAP_PX) / (LEAST_PX + GAP_PX)));
    // Words that look elsewhere stand where they do when they look at each other.
    const shown = columns.filter(({ sites: [site] }) => !ofPositions() || isMasked(site) || ownWords(site));
    for (const one of columns) one.figure.hidden = !shown.includes(one);
    const count = narrow ? 1 : Math.min(shown.length, fitting);
    const width = Math.min(narrow ? free : LARGEST_PX, (free - (count - 1) * GAP_PX) / count);
    const height = count < shown.length ? 1000 : Math.max(160, root.clientHeight - form.offsetHeight - 116);
    matrices.style.setProperty("--columns", String(count));
    for (const { sites, heading, figure, matrix, caption } of shown) {
      const site = shownOf(sites);
      const words = ofPositions() ? positionsAt(site, analysis) : null;
      const chosen = words ? words === state.shown?.positions?.of : site.id === state.site;
      heading.textContent = words ? POSITIONS[words].title : `${part(site)} · ${siteTitle(site).toLowerCase()}`;
      caption.textContent = words ? POSITIONS[words].meaning : meaning(site);
      heading.setAttribute("aria-pressed", String(chosen));
      figure.classList.toggle("chosen", chosen);
      const source = await (words ? session.positions({ words }) : session.attention(site)).catch(() => null);
      const now = store.get();
      if (!source || now.analysisData !== analysis || now.method !== state.method) return;
      const sameWords = same(site.query_labels, state.shown?.site?.query_labels);
      const word = sameWords ? wordOf(state, site) : null;
      const picture = words ? wordPositionsPicture(state, site, source) : wordMatrixPicture(state, site, source);
      matrix.draw({ picture, table: tableOf({ tables, colormap }, picture), width, height, word });
    }
  }
}

/** Sites of words by what they are between, each in order of depth. @param {Site[]} sites @returns {WordSite[][]} */
function kinds(sites) {
  /** @type {Map<string, WordSite[]>} */
  const found = new Map();
  for (const site of sites.filter(isWordMatrix)) {
    const kind = meaning(site);
    found.set(kind, [...(found.get(kind) ?? []), site]);
  }
  return [...found.values()];
}

/** @type {Record<string, {title: string, meaning: string}>} */
const POSITIONS = {
  source: { title: say("Encoder · positions"), meaning: say("How alike the places of any two of the sentence's words are.") },
  read: { title: say("Decoder · positions"), meaning: say("How alike the places of any two of the words it reads are.") },
};

/** @param {Site} site */
function part(site) {
  if (isMasked(site)) return say("Decoder, masked");
  return ownWords(site) ? say("Encoder") : say("Decoder, cross");
}

/** @param {Site} site */
function meaning(site) {
  if (isMasked(site)) return say("The words written look at those before them.");
  if (ownWords(site)) return say("The words read look at each other.");
  return say("The words written look at those read.");
}

/** @param {string[] | null | undefined} one @param {string[] | null | undefined} other */
const same = (one, other) => one != null && other != null && one.join(" ") === other.join(" ");
