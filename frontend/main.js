// Puts the page together: the state, what is drawn from it, and the panels that show it.

import * as api from "./api/api.js";
import { parseTables } from "./paint/colormap.js";
import { say, sayDocument } from "./language/language.js";
import { mountKeyboard } from "./panels/parts/keyboard.js";
import { mountActions } from "./panels/actions.js";
import { mountCaption } from "./panels/caption.js";
import { mountDepth } from "./panels/depth.js";
import { mountInspector } from "./panels/inspector.js";
import { mountLanguage } from "./panels/language.js";
import { mountLook } from "./panels/look.js";
import { mountModels } from "./panels/models.js";
import { mountNotice } from "./panels/notice.js";
import { mountPhoto } from "./panels/photo.js";
import { mountSentence } from "./panels/sentence.js";
import { mountStage } from "./panels/stage.js";
import { mountWords } from "./panels/words.js";
import { resolve, SHOWN_FROM } from "./kinds/shown.js";
import { lessonAddress } from "./learn/links.js";
import { keepPicture } from "./view/keep_picture.js";
import { sampleFor, sampleName } from "./api/samples.js";
import { createSession } from "./state/session.js";
import { createStore, readView, VIEW, writeView } from "./state/store.js";

/** What this browser keeps the chosen theme as. */
const THEME = "fovea-theme";

/** @type {Store} */
const store = createStore(
  /** @type {State} */ (/** @type {unknown} */ ({
    ...readView(location.search),
    models: [],
    samples: [],
    tables: null,
    analysisData: null,
    photo: null,
    base: null,
    basePhoto: null,
    edited: null,
    past: [],
    editing: null,
    editProblem: null,
    brush: null,
    hover: null,
    shown: null,
    bare: false,
    labels: null,
    picture: null,
    summaries: {},
    attempt: 0,
    chapters: [],
    own: [],
    pending: false,
    busy: null,
    error: null,
    textProblem: null,
    downloads: {},
  })),
  { from: SHOWN_FROM, derive: (state) => ({ shown: resolve(state) }) },
);
const session = createSession(store);
const context = { store, session };
const place = (/** @type {string} */ id) => /** @type {HTMLElement} */ (document.getElementById(id));

sayDocument(document);
place("stage").dataset.drop = say("Drop the photo anywhere");
keepTheme();
keepPicture(context);
mountModels(place("model-controls"), context);
mountLanguage(place("language"), context);
mountDepth(place("depth"), context);
mountStage(place("stage"), context);
mountSentence(place("stage"), context);
mountWords(place("words"), context);
mountNotice(place("stage"), context);
mountCaption(place("caption"), context);
mountPhoto(place("photo-controls"), place("caption"), context);
mountInspector(place("inspector"), context, {
  look: mountLook,
  heads: later(async () => (await import("./panels/heads.js")).mountHeads),
  channels: later(async () => (await import("./panels/channels.js")).mountChannels),
  numbers: later(async () => (await import("./panels/numbers.js")).mountNumbers),
  how: later(async () => (await import("./panels/how.js")).mountHow),
  "what-if": later(async () => (await import("./panels/what_if.js")).mountWhatIf),
  truth: later(async () => (await import("./panels/truth.js")).mountTruth),
});
const layers = place("layers");
const contactSheet = later(async () => (await import("./panels/contact_sheet.js")).mountContactSheet);
whenFirst("sheet", () => contactSheet(place("stage"), context));
const help = opened(async () => (await import("./panels/help.js")).mountHelp(layers));
const compare = opened(async () => (await import("./panels/compare.js")).mountCompare(layers, context));
const actions = mountActions(place("actions"), context, help, compare, layers);
mountKeyboard(context, help, actions);
keepAddress();
keepTitle();
keepLesson();
start();

/** @typedef {(root: HTMLElement, context: Context) => void} Mount */

/**
 * A panel whose modules come when it is first shown. It then hears of the state as it is.
 * @param {() => Promise<Mount>} load @returns {Mount}
 */
function later(load) {
  return async (root, { store: whole, session: own }) => {
    const mount = await load();
    /** @type {(() => void)[]} */
    const first = [];
    const hearing = {
      ...whole,
      /** @type {Store["on"]} */
      on(keys, listener) {
        whole.on(keys, listener);
        first.push(() => listener(whole.get(), new Set(keys ?? Object.keys(whole.get()))));
      },
    };
    mount(root, { store: hearing, session: own });
    if (whole.get().analysisData) for (const hear of first) hear();
  };
}

/** @param {keyof State} key @param {() => void} act  when the state first has it */
function whenFirst(key, act) {
  let done = false;
  store.on([key, "analysisData"], (state) => {
    if (done || !state[key] || !state.analysisData) return;
    done = true;
    act();
  });
}

/** What opens over the page, whose modules come when it is first wanted. @param {() => Promise<{open: () => void}>} load */
function opened(load) {
  /** @type {Promise<{open: () => void}> | null} */
  let mounted = null;
  return { open: async () => (await (mounted ??= load())).open() };
}

async function start() {
  try {
    const [tables, samples, models] = await Promise.all([api.colormaps(), api.samples(), api.models()]);
    store.set({ tables: parseTables(tables), samples, models });
    api.chapters().then((chapters) => store.set({ chapters }), () => {}); // without them there is no link to the lesson
  } catch (error) {
    store.set({ error: api.asProblem(error) });
    return;
  }
  openView();
}

/** Opens what the address asks for; without a wish, the server's default model with a sample that suits it. */
function openView() {
  const { analysis, sample, samples, models, model, text } = store.get();
  if (analysis) return session.openAnalysis(analysis);
  if (text) return session.openText(text, { model, linked: true });
  const first = model ?? models.find((one) => one.default)?.id;
  if (first && !sample && models.some((one) => one.id === first && one.reads === "text")) return session.chooseModel(first);
  const wished = samples.find((one) => sampleName(one) === sample);
  const suited = first ? sampleFor(first, { samples, models }) : undefined;
  return session.openSample(wished ?? suited ?? samples[0], { linked: true });
}

/** The theme is the address's, else the one that was chosen last here. */
function keepTheme() {
  try {
    const chosen = readView(`?theme=${localStorage.getItem(THEME)}`).theme;
    if (store.get().theme === "system") store.set({ theme: chosen });
    store.on(["theme"], ({ theme }) => localStorage.setItem(THEME, theme));
  } catch {
    // A browser that keeps nothing for this page forgets the theme too.
  }
  const apply = () => {
    document.documentElement.dataset.theme = store.get().theme;
  };
  apply();
  store.on(["theme"], apply);
}

/** The title says what is open, so that tabs and bookmarks can be told apart. */
function keepTitle() {
  store.on(["analysisData", "samples", "models"], ({ analysisData, samples, sample, models, text }) => {
    if (!analysisData) return;
    const photo = samples.find((one) => sampleName(one) === sample)?.title ?? say("Your photo");
    const model = models.find(({ id }) => id === analysisData.model)?.title ?? analysisData.model;
    document.title = `${text != null ? `“${text}”` : photo} · ${model} · Fovea`;
  });
}

/** The lesson opens with the photo and the network that are open here. */
function keepLesson() {
  store.on(["analysisData", "sample"], ({ analysisData, sample }) => {
    if (analysisData) place("start").setAttribute("href", lessonAddress("", analysisData, sample));
  });
}

/** The address follows the view; another photo or model is a step that Back returns from. */
function keepAddress() {
  let timer = 0;
  let shown = stepOf(store.get());
  store.on(VIEW, () => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      const url = location.pathname + writeView(store.get());
      if (url === location.pathname + location.search) return;
      const step = stepOf(store.get());
      history[step === shown || shown === "" ? "replaceState" : "pushState"](null, "", url);
      shown = step;
    }, 200);
  });
  addEventListener("popstate", () => {
    const view = readView(location.search);
    const same = stepOf(view) === stepOf(store.get());
    shown = stepOf(view);
    store.set(view);
    if (!same) openView();
    else session.restoreEdits();
  });
}

/** @param {import("./state/store.js").View} view */
function stepOf({ sample, analysis, text, model }) {
  const shown = sample ?? analysis ?? text;
  return shown ? `${shown} ${model}` : "";
}
