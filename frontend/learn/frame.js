// What stands around a chapter: the bar with the photo and the language, and the contents.

import { language, LANGUAGES, speak } from "../language/language.js";
import { sampleName } from "../api/samples.js";
import { h } from "../ui/dom.js";
import { openCamera } from "./camera.js";
import { turnTheme } from "./theme.js";

/**
 * @typedef {object} Frame
 * @property {import("./lesson.js").Lesson} lesson
 * @property {import("./types.js").About[]} chapters
 * @property {(key: string) => string} say
 * @property {(slug: string) => string} address
 * @property {(photo: Blob | string) => void} changePhoto
 * @property {(slug: string) => void} go
 * @property {(id: string) => void} chooseModel
 * @property {() => any} open  what is set in the chapter, to be carried over into another language
 * @property {any} back  what was carried over, for the first chapter alone
 */

/** The page of this server with the same photo. @param {import("./lesson.js").Lesson} lesson @param {Record<string, string>} [more] */
export function toPage({ own, photo, analysis }, more = {}) {
  const asked = new URLSearchParams(more);
  if (analysis && own) asked.set("analysis", analysis.id);
  else if (photo) asked.set("sample", photo.name);
  if (analysis) asked.set("model", analysis.model);
  asked.set("lang", language);
  return `../?${asked}`;
}

/** @param {Frame} frame @param {string} slug */
export function bar(frame, slug) {
  const { lesson, say } = frame;
  return [
    h("a", { class: "skip", href: "#chapter", onclick: (/** @type {Event} */ event) => toMain(event) }, say("skip")),
    h("a", { class: "brand", href: toPage(lesson), title: say("to-page") }, h("img", { src: "../favicon.svg", alt: "", width: 24, height: 24 }), "Fovea"),
    h("a", { class: "course", href: frame.address(""), "data-chapter": "" }, say("lesson")),
    photoChooser(frame),
    h("button", { type: "button", class: "button quiet-button", onclick: turnTheme, title: say("theme"), "aria-label": say("theme") }, "◐"),
    h(
      "div",
      { class: "languages", role: "group", "aria-label": "Language · 语言" },
      Object.entries(LANGUAGES).map(([code, { tag, name }]) =>
        h(
          "button",
          { type: "button", class: "button quiet-button", lang: tag, "aria-pressed": String(code === language), onclick: () => code !== language && speak(code, inLanguage(frame.address(slug), code), { slug, state: frame.open() }) },
          name,
        ),
      ),
    ),
  ];
}

/** @param {Event} event a link would leave the address of the chapter */
function toMain(event) {
  event.preventDefault();
  document.getElementById("chapter")?.focus();
}

/** @param {string} address @param {string} code */
function inLanguage(address, code) {
  const url = new URL(address, location.href);
  url.searchParams.set("lang", code);
  return url.href;
}

/** @param {Frame} frame */
function photoChooser({ lesson, say, changePhoto }) {
  const bring = (/** @type {File | undefined} */ file) => file && changePhoto(file);
  const file = h("input", { type: "file", accept: "image/*", class: "unseen", id: "own-photo", tabindex: -1, "aria-label": say("open"), onchange: () => bring(file.files?.[0]) });
  const shown = lesson.photo?.own ? "" : (lesson.photo?.name ?? "");
  const chosen = h(
    "select",
    { "aria-label": say("photo"), onchange: () => chosen.value && changePhoto(chosen.value) },
    (lesson.own || !shown) && h("option", { value: "", selected: true }, lesson.own ? say("your-photo") : say("no-photo")),
    lesson.samples.map((sample) => h("option", { value: sampleName(sample), selected: sampleName(sample) === shown }, say(`sample-${sampleName(sample)}`))),
  );
  return h(
    "div",
    { class: "photo-chooser" },
    chosen,
    h("button", { type: "button", class: "button", onclick: () => file.click() }, say("open")),
    file,
    navigator.mediaDevices && h("button", { type: "button", class: "button", onclick: () => openCamera(say, changePhoto) }, say("camera")),
  );
}

/** @param {Frame} frame @param {string} slug */
export function contents({ chapters, say, address }, slug) {
  const links = [
    link("", say("overview"), null),
    ...chapters.map(({ slug: to, title, order }) => link(to, title[language], order)),
  ];
  /** @param {string} to @param {string} text @param {number | null} index */
  function link(to, text, index) {
    return h(
      "li",
      {},
      h("a", { href: address(to), "data-chapter": to, "aria-current": to === slug ? "page" : null }, index != null && h("span", { class: "index" }, String(index)), text),
    );
  }
  const open = matchMedia("(min-width: 1100px)").matches;
  return [h("details", { open }, h("summary", {}, say("contents")), h("ol", {}, links))];
}

/** The chapter that a click leads to within this page; null for any other click. @param {MouseEvent} event */
export function toChapter(event) {
  const link = event.target instanceof Element ? event.target.closest("a[data-chapter]") : null;
  const plain = event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey;
  return link && plain ? (link.getAttribute("data-chapter") ?? "") : null;
}
