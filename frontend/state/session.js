// What has been loaded, and the loading of more: photos, analyses and, for the shown analysis, whatever a panel
// needs of its sites. Values that are at hand are given at once, so that a hover never waits.

import { language, say } from "../language/language.js";
import * as api from "../api/api.js";
import { Cache } from "./cache.js";
import { comparing } from "./comparing.js";
import { editing, lookEdited } from "./editing.js";
import { kindOf } from "../kinds/registry.js";
import { fetching } from "./fetching.js";
import { kindOfModel, modelFor, sampleFor, sampleName } from "../api/samples.js";
import { examplesOf } from "../kinds/words/sentences.js";
import { pixelsOf } from "./pixels.js";
import { working } from "./working.js";
import { isCross, isOfPatches, isScattered } from "../sites/sites.js";

/** Problems with what was typed: they are told where it was typed. */
const OF_THE_TEXT = ["missing-text", "unknown-words", "text-too-long"];

/** What the server says of an analysis that it has no longer. */
const FORGOTTEN = ["unknown-analysis", "analysis-gone"];

/**
 * @typedef {object} Busy
 * @property {string} text
 * @property {number | null} progress  0…1
 * @typedef {{sample: string | null, linked: boolean}} Opening  linked: the view in the address is kept
 */

/** @param {import("./store.js").Store} store */
export function createSession(store) {
  let cache = new Cache(); // of the shown analysis; a late answer for an older one lands in the older one's
  /** @type {Map<string, Cache>} */
  const caches = new Map(); // of the analysis before edits and of those after, so that going back and forth is at once
  let controller = new AbortController();
  /** @type {{blob: Blob, sample: string | null} | null} */
  let lastPhoto = null; // what a model that looks at photos is shown after one that reads

  /** Runs one loading at a time; a newer one aborts the older. @param {string} text @param {(signal: AbortSignal) => Promise<void>} work */
  async function exclusively(text, work) {
    controller.abort();
    const mine = (controller = new AbortController());
    store.set({ busy: { text, progress: null }, error: null, textProblem: null });
    try {
      await work(mine.signal);
    } catch (error) {
      const problem = api.asProblem(error);
      const shown = store.get().analysisData?.text != null && OF_THE_TEXT.includes(problem.slug);
      if (!mine.signal.aborted) store.set(shown ? { textProblem: problem } : { error: problem });
    } finally {
      if (controller === mine) store.set({ busy: null });
    }
  }

  /**
   * The only place where another analysis comes on screen: until then the last good picture stays.
   * @param {Analysis} analysis @param {{blob: Blob, bitmap: ImageBitmap} | null} photo null for a sentence @param {Opening} opening
   */
  async function show(analysis, photo, { sample, linked }) {
    const edits = linked ? store.get().edits : [];
    const { signal } = controller;
    const asked = edits.length
      ? await lookEdited(analysis, photo, edits, signal).catch((error) => api.asProblem(error))
      : null;
    if (signal.aborted) return;
    const refused = asked instanceof api.Problem;
    const edited = refused ? null : asked;
    const { unedited } = store.get();
    const shown = edited && !unedited ? edited : { analysis, photo };
    what.forgetEditing();
    caches.clear();
    cache = cacheOf(shown.analysis);
    keepZoom(linked || photo?.blob === lastPhoto?.blob);
    if (photo) lastPhoto = { blob: photo.blob, sample };
    const { site, model } = store.get();
    const sameModel = linked || analysis.model === model;
    const kept = sameModel && analysis.sites.some((/** @type {Site} */ candidate) => candidate.id === site);
    store.set({
      analysisData: shown.analysis,
      photo: shown.photo,
      base: analysis,
      basePhoto: photo,
      edits: edited ? edits : [],
      edited,
      unedited: edited ? unedited : false,
      past: pastOf(linked),
      brush: null,
      editing: null,
      editProblem: refused ? { group: "list", problem: asked } : null,
      ...(refused ? { tab: "what-if" } : {}),
      sample,
      text: analysis.text,
      analysis: sample || analysis.text != null ? null : analysis.id,
      model: analysis.model,
      site: kept ? site : firstSite(analysis),
      ...(linked ? {} : { query: "cls", hover: null }),
      ...(linked ? {} : { target: null, against: null, word: null }),
      ...(analysis.model === store.get().analysisData?.model ? {} : { labels: null }),
      ...(sameModel ? {} : { method: firstMethod(analysis), head: "mean", channel: null }),
      summaries: {},
      picture: null,
      error: null,
    });
  }

  /** Another photo is seen whole. @param {boolean} same */
  const keepZoom = (same) => same || store.set({ zoom: null });

  /** What undo returns to: of the first view of the page it may be carried over from another language. @param {boolean} linked */
  const pastOf = (linked) => (linked && !store.get().base ? store.get().past : []);

  /** @param {Analysis} analysis */
  function cacheOf({ id }) {
    const kept = caches.get(id) ?? new Cache();
    caches.set(id, kept);
    return kept;
  }

  /** The other of before and after, where the view stays. @param {Analysis} analysis @param {import("./editing.js").Shown} photo @param {Partial<State>} patch */
  function swap(analysis, photo, patch) {
    cache = cacheOf(analysis);
    store.set({ ...patch, analysisData: analysis, photo, summaries: {}, error: null });
  }
  const what = editing(store, swap, remembering);

  /** @param {Blob} blob @param {string | null} model @param {AbortSignal} signal @param {Opening} opening */
  async function analyse(blob, model, signal, opening) {
    const stopWatching = watchDownload(model, signal);
    try {
      const analysis = await api.analyse(blob, model, store.get().beams, signal);
      const bitmap = await pixelsOf(blob, analysis);
      if (!signal.aborted) await show(analysis, { blob, bitmap }, opening);
    } finally {
      stopWatching();
    }
  }

  /** @param {string} text @param {string} model @param {AbortSignal} signal @param {boolean} linked */
  async function readText(text, model, signal, linked) {
    const analysis = await api.analyseText(text, model, store.get().beams, signal);
    if (!signal.aborted) await show(analysis, null, { sample: null, linked });
  }

  /** Shows how far a download has come, while an analysis waits for its weights. @param {string | null} id @param {AbortSignal} signal */
  function watchDownload(id, signal) {
    const timer = setInterval(async () => {
      if (!id || signal.aborted) return;
      const card = await api.model(id).catch(() => null);
      if (!card) return clearInterval(timer);
      if (signal.aborted || !store.get().busy || card.status !== "loading" || !card.progress) return;
      const { received_bytes: received, total_bytes: total } = card.progress;
      store.set({
        busy: { text: say("Loading the weights of {title}", { title: card.title }), progress: total ? received / total : null },
      });
    }, 1000);
    return () => clearInterval(timer);
  }

  /** The catalogue anew: something in it has changed. */
  async function readModels() {
    const models = await api.models().catch(() => null);
    if (models) store.set({ models });
  }

  /** @type {Promise<void> | null} */
  let again = null; // one posting for all that wait for it

  /**
   * Loads something of the shown analysis. Where the server has forgotten that, as after a restart, what is shown is
   * posted again, quietly: of the same pixels it has the same id.
   * @template T @param {() => Promise<T>} load @returns {Promise<T>}
   */
  async function remembering(load) {
    try {
      return await load();
    } catch (error) {
      if (!FORGOTTEN.includes(api.asProblem(error).slug)) throw error;
      again ??= postAgain().finally(() => (again = null));
      await again;
      return load();
    }
  }

  async function postAgain() {
    const { text, model, beams, sample, basePhoto, base, edits } = store.get();
    const { signal } = controller;
    const analysis =
      text != null
        ? await api.analyseText(text, model ?? "", beams, signal)
        : lastPhoto && (await api.analyse(lastPhoto.blob, model, beams, signal));
    if (!analysis) return;
    if (analysis.id !== base?.id) await show(analysis, basePhoto, { sample, linked: true });
    else if (edits.length) await api.edit(analysis.id, edits, signal);
  }

  const current = () => store.get().analysisData.id;

  return {
    /** @param {Sample} sample a row of samples.json @param {{linked?: boolean}} [options] linked: keep the view the address asks for */
    openSample(sample, { linked = false } = {}) {
      return exclusively(say("Looking at {title}", { title: sample.title }), async (signal) => {
        const { model } = store.get();
        const blob = await api.samplePhoto(sample.file, signal);
        const suitable = linked && model ? model : modelFor(sample, store.get());
        await analyse(blob, suitable, signal, { sample: sampleName(sample), linked });
      });
    },
    /** @param {Blob} blob */
    openPhoto(blob) {
      return exclusively(say("Looking at your photo"), (signal) =>
        analyse(blob, store.get().model, signal, { sample: null, linked: false }),
      );
    },
    /** @param {string} text @param {{model?: string | null, linked?: boolean}} [options] */
    openText(text, { model = store.get().model, linked = false } = {}) {
      return exclusively(say("Reading your sentence"), (signal) => readText(text, model ?? "", signal, linked));
    },
    /** The same photo or sentence, written about with another search. @param {number} beams */
    chooseBeams(beams) {
      const { model, text, sample } = store.get();
      store.set({ beams });
      return exclusively(say("Writing again"), async (signal) => {
        if (text != null) await readText(text, model ?? "", signal, true);
        else if (lastPhoto) await analyse(lastPhoto.blob, model, signal, { sample, linked: true });
        if (!signal.aborted) store.set({ word: null });
      });
    },
    /** @param {string} id */
    openAnalysis(id) {
      return exclusively(say("Opening the analysis"), async (signal) => {
        const found = await api.analysis(id, signal);
        if (found.of) store.set({ edits: found.edits, unedited: false });
        const analysis = found.of ? await api.analysis(found.of, signal) : found;
        if (analysis.text != null) return show(analysis, null, { sample: null, linked: true });
        const blob = await api.photo(analysis.id);
        const bitmap = await createImageBitmap(blob);
        if (!signal.aborted) await show(analysis, { blob, bitmap }, { sample: null, linked: true });
      });
    },
    /** @param {string} model */
    chooseModel(model) {
      return exclusively(say("Looking with another model"), async (signal) => {
        const { models } = store.get();
        const row = models.find((one) => one.id === model) ?? (await api.model(model));
        if (row.reads === "text") {
          const [example] = examplesOf(row, (await api.model(model)).labels);
          return readText(example, model, signal, false);
        }
        // A photo of one's own stays; a sample gives way to one that suits the network.
        const present = lastPhoto?.sample ?? null;
        const sample = lastPhoto && !present ? null : sampleFor(model, store.get(), present);
        const name = sample && sampleName(sample);
        const blob = sample && name !== present ? await api.samplePhoto(sample.file, signal) : lastPhoto?.blob;
        if (blob) await analyse(blob, model, signal, { sample: name, linked: false });
      });
    },
    cancel: () => controller.abort(),
    ...what,
    ...comparing(() => lastPhoto?.blob ?? null),
    /** The kind of picture that a model was trained on. @param {string} id */
    kindOfModel: (id) => kindOfModel(id, store.get().samples),
    /** Whether this analysis is still the shown one. @param {Analysis} analysis */
    shows: (analysis) => store.get().analysisData === analysis,

    /** Fetches a model's weights as a job; its news are in the state. Gives whether they are here. @param {string} model */
    async download(model) {
      const tell = (/** @type {Job} */ job) =>
        store.set({ downloads: { ...store.get().downloads, [model]: job } });
      tell({ state: "queued", received_bytes: 0, total_bytes: null, links: null });
      try {
        const job = await api.startDownload(model);
        tell(job);
        const ended = await api.followJob(job, tell);
        if (ended.state === "done") await readModels();
        return ended.state === "done";
      } catch (error) {
        tell({ state: "failed", received_bytes: 0, total_bytes: null, links: null, problem: api.asProblem(error) });
        return false;
      }
    },
    /** @param {string} model */
    async cancelDownload(model) {
      const job = store.get().downloads[model];
      if (job?.links) await api.cancelJob(job.links.self).catch(() => null);
    },

    /** What could not be shown, once more; of a page that could not begin, all of it. */
    retry() {
      if (!store.get().models.length) return location.reload();
      store.set({ error: null, attempt: store.get().attempt + 1 });
    },
    ...fetching(() => ({ get: (key, load) => cache.get(key, () => remembering(load)), peek: (key) => cache.peek(key) }), current, store),
    /** The names of the classes that the shown network tells apart, fetched when they are first wanted. */
    async labels() {
      const { labels, analysisData } = store.get();
      if (labels) return labels;
      const card = await api.model(analysisData.model);
      if (store.get().analysisData?.model === card.id) store.set({ labels: card.labels ?? [] });
      return card.labels ?? [];
    },
    /** The same names in English, for those who type them so; nothing where the page is in English. */
    async labelsInEnglish() {
      const id = store.get().analysisData.model;
      return language === "en" ? [] : cache.get(`${id} labels in English`, async () => (await api.modelInEnglish(id)).labels ?? []);
    },
    ...working(current, remembering),
    fileAt: api.fileAt,
    searchModels: api.searchModels,
    modelCard: api.model,
  };
}

/** @typedef {ReturnType<typeof createSession>} Session */

/** Attention halfway is about things: early it is about edges, late it gathers in a few patches. A gate halfway still knows places. @param {Analysis} analysis */
function firstSite({ sites, text }) {
  const cross = sites.filter(isCross);
  const last = cross.at(-1);
  if (last) return last.id;
  if (text != null) return sites.at(-1)?.id ?? null;
  const placed = sites.filter(isOfPatches);
  const attention = placed.length ? placed : sites.filter(isScattered);
  if (attention.length) return attention[Math.floor(attention.length / 2)].id;
  const ranks = sites.map((/** @type {Site} */ site) => kindOf(site).rank(site));
  const best = Math.min(...ranks);
  const shown = best < Infinity ? sites.filter((_, i) => ranks[i] === best) : null;
  // Of several looks at the photo, the last is what the network goes by.
  const look = sites.findLast((/** @type {Site} */ site) => site.reads_through?.length === 0);
  return (shown?.[Math.floor(shown.length / 2)] ?? look ?? sites[0])?.id ?? null;
}

/** What is shown first: a network that segments shows its mask. @param {Analysis} analysis */
const firstMethod = ({ output }) => (output?.kind === "mask" ? "mask" : "site");
