// The lesson: its frame, and the chapter that the address names. Chapters are data (chapters/) and a few figures (figures/).

import * as api from "../api/api.js";
import { carried, language } from "../language/language.js";
import { parseTables } from "../paint/colormap.js";
import { h, put } from "../ui/dom.js";
import { bar, contents, toChapter } from "./frame.js";
import { Lesson } from "./lesson.js";
import { openChapter } from "./chapter.js";
import { openOverview } from "./overview.js";
import { keepTheme } from "./theme.js";

const [, folder, slugAtFirst] = /^(.*\/learn)\/?([^/]*)$/.exec(location.pathname) ?? ["", "", ""];
const place = (/** @type {string} */ id) => /** @type {HTMLElement} */ (document.getElementById(id));
const parameters = new URLSearchParams(location.search);
keepTheme();

const words = import(`./words/${language}.js`);
const first = slugAtFirst && import(`./chapters/${slugAtFirst}/chapter.js`).catch(() => null); // on its way while the rest is
start();

async function start() {
  try {
    const [samples, models, tables, chapters, measured, said] = await Promise.all([
      api.samples(),
      api.models(),
      api.colormaps(),
      api.chapters(),
      api.measured("claims"),
      words.then((module) => module.default),
      first,
    ]);
    const lesson = new Lesson({ samples, models, tables: parseTables(tables), measured });
    await lesson.read(parameters.get("photo"));
    run(lesson, chapters, said);
  } catch (error) {
    fail(error);
  }
}

/** @param {Lesson} lesson @param {import("./types.js").About[]} chapters @param {Record<string, string>} said */
function run(lesson, chapters, said) {
  let slug = slugAtFirst;
  let model = parameters.get("model");
  let running = 0;
  const say = (/** @type {string} */ key) => said[key] ?? key;
  /** The address of a chapter with the same photo and language. @param {string} to */
  const address = (to) => {
    const asked = new URLSearchParams();
    const photo = lesson.own?.name || lesson.sample;
    if (photo) asked.set("photo", photo);
    if (!to && model) asked.set("model", model);
    if (parameters.has("lang")) asked.set("lang", language);
    return `${folder}/${to}${asked.size ? `?${asked}` : ""}`;
  };
  const context = { lesson, chapters, say, address, changePhoto, go, chooseModel, ...carriedOver() };
  addEventListener("popstate", () => {
    slug = /([^/]*)$/.exec(location.pathname)?.[1] ?? "";
    model = new URLSearchParams(location.search).get("model");
    open(false);
  });
  document.addEventListener("click", (event) => {
    const to = toChapter(event);
    if (to == null) return;
    event.preventDefault();
    go(to);
  });
  open(false);

  /** What the reader had set in the chapter before the language was switched. */
  function carriedOver() {
    const open = carried();
    return { open: () => ({}), back: open?.slug === slug ? open.state : null };
  }

  /** @param {string} to */
  function go(to) {
    slug = to;
    history.pushState(null, "", address(slug));
    open(true);
  }

  /** @param {string} id */
  function chooseModel(id) {
    model = id;
    history.replaceState(null, "", address(slug));
    open(false);
  }

  /** @param {Blob | string} photo a file, or the name of a sample */
  function changePhoto(photo) {
    if (typeof photo === "string") {
      lesson.own = null;
      lesson.sample = photo;
    } else lesson.bring(photo);
    open(false);
  }

  /** @param {boolean} moved whether the reader came from another chapter */
  async function open(moved) {
    const mine = ++running;
    const still = () => mine === running;
    put(place("bar"), bar(context, slug));
    put(place("contents"), contents(context, slug));
    const root = place("chapter");
    if (moved) {
      scrollTo(0, 0);
      root.focus({ preventScroll: true });
    }
    try {
      if (slug) await openChapter(root, context, slug, still);
      else await openOverview(root, context, model, still);
    } catch (error) {
      if (still()) fail(error, () => open(false));
    }
    if (!still()) return;
    history.replaceState(null, "", address(slug));
    put(place("bar"), bar(context, slug));
  }
}

/** @param {unknown} error @param {() => void} [again] */
async function fail(error, again = () => location.reload()) {
  const problem = api.asProblem(error);
  const said = await words.then((module) => module.default).catch(() => ({}));
  put(
    place("chapter"),
    h(
      "div",
      { class: "problem", role: "alert" },
      h("h1", {}, said.problem ?? problem.title),
      h("p", {}, problem.detail || problem.title),
      problem.hint && h("p", {}, problem.hint),
      h("button", { type: "button", class: "button", onclick: again }, said.again ?? "Try again"),
    ),
  );
}
