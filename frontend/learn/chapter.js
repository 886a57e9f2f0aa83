// A chapter on screen: its text, its figures, and what they share. The state changes; figures follow at once, and what
// takes a pass of the network follows when that is done.

import { asProblem } from "../api/api.js";
import { language } from "../language/language.js";
import { h, put } from "../ui/dom.js";
import { FIGURES } from "./figures/registry.js";
import { lighting } from "./lights.js";
import { questionsOf } from "./questions.js";
import { rich, withNumbers } from "./rich.js";
import { toPage } from "./frame.js";

/** How long a change rests before the server is asked, so that a moving pointer asks once. */
const REST_MS = 60;

/** @typedef {[{default: import("./types.js").Chapter}, {default: import("./types.js").Words}]} Folder */

/**
 * @param {HTMLElement} root @param {import("./frame.js").Frame} frame @param {string} slug
 * @param {() => boolean} still whether this chapter is still the one to show
 */
export async function openChapter(root, frame, slug, still) {
  const { lesson } = frame;
  const [{ default: chapter }, { default: words }] = /** @type {Folder} */ (
    await Promise.all([import(`./chapters/${slug}/chapter.js`), import(`./chapters/${slug}/${language}.js`)])
  );
  const index = frame.chapters.findIndex((one) => one.slug === slug);
  const about = frame.chapters[index];
  if (!still()) return;
  delete root.dataset.ready;
  document.title = `${about.title[language]} · ${frame.say("lesson")} · Fovea`;

  /** What the chapter is about; the text is there before it. @type {any} */
  let data = null;
  let state = { ...chapter.state };
  /** @type {any} */
  let looked = null;
  /** @type {import("./types.js").Numbers | null} */
  let numbers = null;
  let timer = 0;
  let asked = 0;
  const figures = {
    lesson,
    say: (/** @type {string} */ key) => words.labels?.[key] ?? frame.say(key),
    numbers: () => numbers,
    address: frame.address,
    over: (/** @type {import("./types.js").Place | null} */ place) => lights.over(place),
    /** @param {Record<string, any>} patch */
    set(patch) {
      state = chapter.changed ? chapter.changed(state, patch) : { ...state, ...patch };
      draw();
      look();
    },
  };

  const stage = h("div", { class: "stage" });
  const told = h("p", { class: "told", role: "status" });
  const idea = h("section", { class: "text idea" });
  const derived = h("section", { class: "text derived" });
  const rest = h("div", { class: "text rest" });
  /** @type {(import("./figures/parts.js").Figure & {type: string})[]} */
  let shown = [];
  /** The bars beside the steps. @type {import("./figures/parts.js").Figure[]} */
  const beside = [];
  /** What of the text changes with the numbers. @type {(() => void)[]} */
  const following = [];

  const article = h(
    "article",
    { class: "chapter" },
    h("header", {}, h("p", { class: "quiet" }, frame.say("chapter-n").replace("{n}", String(about.order))), h("h1", {}, about.title[language])),
    idea,
    h("section", { class: "touch", "aria-label": frame.say("figure") }, stage, told),
    derived,
    rest,
  );
  put(root, article);
  const lights = lighting(article, frame.say, () => numbers, () => [...shown, ...beside]);
  put(idea, words.idea.map(paragraph), section("to-touch", [paragraph(words.look)]));
  put(derived, section("steps", [h("ol", { class: "lesson-steps" }, chapter.steps.map(step))]));
  put(
    rest,
    section("try", [h("ul", { class: "points-list" }, words.try.map(item))]),
    section("wrong", [h("ul", { class: "points-list" }, words.wrong.map(item))]),
    section("questions", questions()),
    section("paper", [paragraph(words.paper), h("ul", { class: "papers" }, chapter.papers.map(paper))]),
    pages(),
  );
  data = await lesson.look(chapter.network).then(() => chapter.load(lesson));
  if (!still()) return;
  state = { ...chapter.state, ...data.state, ...frame.back };
  frame.back = null;
  frame.open = () => state;
  draw();
  await look();

  /** Puts a piece of text in an element, now and whenever the numbers change. @param {HTMLElement} element @param {() => (Node | string)[]} made */
  function follow(element, made) {
    const fill = () => element.replaceChildren(...made());
    following.push(fill);
    fill();
    return element;
  }
  /** @param {string} written */
  function paragraph(written) {
    return follow(h("p"), () => rich(written, numbers, frame.address));
  }
  /** @param {string} written */
  function item(written) {
    return follow(h("li"), () => rich(written, numbers, frame.address));
  }
  /** @param {string} key @param {Element[]} parts */
  function section(key, parts) {
    return h("section", { class: `part part-${key}` }, h("h2", {}, frame.say(key)), parts);
  }
  /** @param {import("./types.js").ChapterStep} one */
  function step({ id, formula, worked, bars, of }) {
    const drawn = bars && FIGURES.bars({ ...figures, numbers: () => numbers });
    if (drawn && bars) {
      beside.push(drawn);
      following.push(() => drawn.update({ values: bars(data, state, looked) ?? [], of, name: "numbers" }));
    }
    return h(
      "li",
      { "data-step": id, tabindex: 0 },
      follow(h("span"), () => rich(words.steps[id], numbers, frame.address)),
      formula && h("div", { class: "formula" }, withNumbers(formula, null)),
      worked && follow(h("div", { class: "formula worked" }), () => withNumbers(worked, numbers)),
      drawn?.element,
    );
  }
  function questions() {
    const list = questionsOf(words.questions, {
      say: frame.say,
      answer: (/** @type {number} */ at) => (numbers ? chapter.questions[at](numbers, data, looked) : -1),
      told: (/** @type {string} */ written) => rich(written, numbers, frame.address),
      follow: (/** @type {() => void} */ fill) => void following.push(fill),
    });
    return [list];
  }
  /** @param {import("./types.js").Paper} one */
  function paper({ cite, title, place, equation, formula, href }) {
    return h(
      "li",
      {},
      h("a", { href, rel: "noreferrer", target: "_blank" }, cite),
      `: ${title}`,
      place && `, ${place}`,
      equation && ` · ${frame.say("equation").replace("{n}", String(equation))}`,
      formula && h("div", { class: "formula" }, withNumbers(formula, null)),
    );
  }
  function pages() {
    const [before, after] = [frame.chapters[index - 1], frame.chapters[index + 1]];
    const inPage = h("a", {}, frame.say("in-page"));
    const lead = () => inPage.setAttribute("href", toPage(lesson, data?.site ? { site: data.site.id, tab: "how" } : {}));
    lead();
    following.push(lead);
    return h(
      "nav",
      { class: "pages", "aria-label": frame.say("pages") },
      h("a", { href: frame.address(before?.slug ?? ""), "data-chapter": before?.slug ?? "", rel: "prev" }, `← ${before?.title[language] ?? frame.say("overview")}`),
      inPage,
      after ? h("a", { href: frame.address(after.slug), "data-chapter": after.slug, rel: "next" }, `${after.title[language]} →`) : h("a", { href: frame.address(""), "data-chapter": "", rel: "next" }, `${frame.say("overview")} →`),
    );
  }

  /** Figures keep their element as long as the chapter asks for the same ones, so that the focus stays where it is. */
  function draw() {
    if (!still()) return;
    numbers = chapter.numbers(data, state, looked);
    const specs = [...(chapter.controls?.(data, state, looked) ?? []), ...chapter.figures(data, state, looked)];
    if (shown.map(({ type }) => type).join() !== specs.map(({ type }) => type).join()) {
      shown = specs.map(({ type }) => ({ ...FIGURES[type](figures), type }));
      put(stage, ...shown.map(({ element }) => element));
    }
    specs.forEach((spec, at) => shown[at].update(spec));
    for (const fill of following) fill();
    // A photo of one's own has its address only once it was looked at.
    for (const link of article.querySelectorAll("a[data-chapter]")) link.setAttribute("href", frame.address(link.getAttribute("data-chapter") ?? ""));
    lights.draw();
  }

  /** Asks the server what this state takes; the last asked holds. */
  function look() {
    if (!chapter.look) {
      root.dataset.ready = slug;
      return Promise.resolve();
    }
    const mine = ++asked;
    delete root.dataset.ready;
    stage.classList.add("waiting");
    clearTimeout(timer);
    return new Promise((resolve) => {
      timer = setTimeout(() => answer().then(resolve), looked ? REST_MS : 0);
    });
    async function answer() {
      try {
        const found = await chapter.look?.(lesson, data, state);
        if (mine !== asked || !still()) return;
        looked = found;
        told.textContent = "";
        draw();
      } catch (error) {
        if (mine !== asked || !still()) return;
        const { detail, title, hint } = asProblem(error);
        told.textContent = [detail || title, hint].filter(Boolean).join(" ");
      }
      stage.classList.remove("waiting");
      root.dataset.ready = slug;
    }
  }
}
