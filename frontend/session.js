// What has been loaded, and the loading of more: photos, analyses and, for the shown analysis, whatever a panel
// needs of its sites. Values that are at hand are given at once, so that a hover never waits.

import * as api from "./api.js";
import { fromMatrix, fromProjections } from "./attention.js";
import { Cache } from "./cache.js";
import { sampleName } from "./samples.js";
import { isPlaced, isScattered } from "./sites.js";

/**
 * @typedef {object} Busy
 * @property {string} text
 * @property {number | null} progress  0…1
 * @typedef {{sample: string | null, linked: boolean}} Opening  linked: the view in the address is kept
 */

/** @param {import("./store.js").Store} store */
export function createSession(store) {
  let cache = new Cache(); // of the shown analysis; a late answer for an older one lands in the older one's
  let controller = new AbortController();

  /** Runs one loading at a time; a newer one aborts the older. @param {string} text @param {(signal: AbortSignal) => Promise<void>} work */
  async function exclusively(text, work) {
    controller.abort();
    const mine = (controller = new AbortController());
    store.set({ busy: { text, progress: null }, error: null });
    try {
      await work(mine.signal);
    } catch (error) {
      if (!mine.signal.aborted) store.set({ error: asProblem(error) });
    } finally {
      if (controller === mine) store.set({ busy: null });
    }
  }

  /**
   * The only place where another analysis comes on screen: until then the last good picture stays.
   * @param {any} analysis @param {Blob} blob @param {ImageBitmap} bitmap @param {Opening} opening
   */
  function show(analysis, blob, bitmap, { sample, linked }) {
    cache = new Cache();
    const { site, model } = store.get();
    const sameModel = linked || analysis.model === model;
    const kept = sameModel && analysis.sites.some((/** @type {any} */ candidate) => candidate.id === site);
    store.set({
      analysisData: analysis,
      photo: { blob, bitmap },
      sample,
      analysis: sample ? null : analysis.id,
      model: analysis.model,
      site: kept ? site : firstSite(analysis),
      ...(linked ? {} : { query: "cls", hover: null }),
      ...(linked ? {} : { target: null }),
      ...(sameModel ? {} : { method: "site", head: "mean", channel: null }),
      summaries: {},
      picture: null,
      error: null,
    });
  }

  /** @param {Blob} blob @param {string | null} model @param {AbortSignal} signal @param {Opening} opening */
  async function analyse(blob, model, signal, opening) {
    const stopWatching = watchDownload(model, signal);
    try {
      const analysis = await api.analyse(blob, model, signal);
      const bitmap = await createImageBitmap(await api.photo(analysis.id));
      if (!signal.aborted) show(analysis, blob, bitmap, opening);
    } finally {
      stopWatching();
    }
  }

  /** Shows how far a download has come, while an analysis waits for its weights. @param {string | null} id @param {AbortSignal} signal */
  function watchDownload(id, signal) {
    const timer = setInterval(async () => {
      if (!id || signal.aborted) return;
      const card = await api.model(id).catch(() => null);
      if (signal.aborted || !store.get().busy || card?.status !== "loading" || !card.progress) return;
      const { received_bytes: received, total_bytes: total } = card.progress;
      store.set({
        busy: { text: `Loading the weights of ${card.title}`, progress: total ? received / total : null },
      });
    }, 1000);
    return () => clearInterval(timer);
  }

  const current = () => store.get().analysisData.id;

  return {
    /** @param {any} sample a row of samples.json @param {{linked?: boolean}} [options] linked: keep the view the address asks for */
    openSample(sample, { linked = false } = {}) {
      return exclusively(`Looking at ${sample.title}`, async (signal) => {
        const { model } = store.get();
        const blob = await api.samplePhoto(sample.file, signal);
        const suitable = linked && model ? model : suitableModel(sample, store.get());
        await analyse(blob, suitable, signal, { sample: sampleName(sample), linked });
      });
    },
    /** @param {Blob} blob */
    openPhoto(blob) {
      return exclusively("Looking at your photo", (signal) =>
        analyse(blob, store.get().model, signal, { sample: null, linked: false }),
      );
    },
    /** @param {string} id */
    openAnalysis(id) {
      return exclusively("Opening the analysis", async (signal) => {
        const analysis = await api.analysis(id, signal);
        const blob = await api.photo(id);
        const bitmap = await createImageBitmap(blob);
        if (!signal.aborted) show(analysis, blob, bitmap, { sample: null, linked: true });
      });
    },
    /** @param {string} model */
    chooseModel(model) {
      const { photo, sample } = store.get();
      return exclusively("Looking with another model", async (signal) => {
        if (photo) await analyse(photo.blob, model, signal, { sample, linked: false });
      });
    },
    cancel: () => controller.abort(),

    /** @param {any} site @returns {Promise<import("./attention.js").AttentionSource>} */
    attention(site) {
      const { rows } = store.get();
      return cache.get(`attention ${site.id}`, async () => {
        if (!site.projections || rows === "matrix")
          return fromMatrix(await api.attentionMatrix(current(), site.id));
        const { tensors, metadata } = await api.projections(current(), site.id);
        return fromProjections(/** @type {any} */ (tensors), Number(metadata.scale));
      });
    },
    /** @param {any} site */
    gate: (site) => cache.get(`gate ${site.id}`, () => api.gate(current(), site.id)),
    /** @param {any} site @param {number} channel */
    feature: (site, channel) =>
      cache.get(`feature ${site.id} ${channel}`, () => api.features(current(), site.id, channel)),
    /** @param {any} site */
    grid: (site) => cache.get(`grid ${site.id}`, () => api.grid(current(), site.id)),
    /** @param {any} site */
    warped: (site) =>
      cache.get(`warped ${site.id}`, async () => createImageBitmap(await api.warped(current(), site.id))),
    /** @param {any} site @param {import("./geometry.js").Cell} cell @param {string} direction */
    place: (site, cell, direction) =>
      cache.get(`place ${site.id} ${direction} ${cell.row},${cell.column}`, () =>
        api.attentionOfPlace(current(), site.id, cell, direction),
      ),
    /** @param {string} method @param {number | null} target the class, for a saliency map */
    map: (method, target) =>
      cache.get(`map ${method} ${target}`, () =>
        api.map(current(), method, target == null ? {} : { target }),
      ),
    /** @param {string} name @param {Record<string, string | number>} parameters */
    figure: (name, parameters) =>
      cache.get(`figure ${name} ${JSON.stringify(parameters)}`, () =>
        api.figure(current(), name, parameters),
      ),
    /** What is at hand, or undefined. @param {string} key */
    peek: (key) => cache.peek(key),
    searchModels: api.searchModels,
    modelCard: api.model,
  };
}

/** @typedef {ReturnType<typeof createSession>} Session */

/**
 * The user's model stays, unless it was trained for another kind of picture than the sample.
 * @param {any} sample @param {any} state
 */
function suitableModel(sample, { model, models, samples }) {
  const kindOf = (/** @type {string} */ id) =>
    samples.find((/** @type {any} */ s) => s.model === id)?.kind ?? "photo";
  if (model && kindOf(model) === sample.kind) return model;
  const ready = models.filter((/** @type {any} */ m) => m.status === "ready" && kindOf(m.id) === sample.kind);
  const wanted = ready.find((/** @type {any} */ m) => m.id === sample.model);
  return (wanted ?? ready[0])?.id ?? sample.model;
}

/** Attention halfway is about things: early it is about edges, late it gathers in a few patches. A gate halfway still knows places. @param {any} analysis */
function firstSite({ sites }) {
  const attention = sites.filter((/** @type {any} */ site) => isPlaced(site) || isScattered(site));
  if (attention.length) return attention[Math.floor(attention.length / 2)].id;
  const gates = ["spatial-gate", "channel-gate"].map((kind) =>
    sites.filter((/** @type {any} */ site) => site.kind === kind),
  );
  const shown = gates.find((some) => some.length > 0);
  return (shown?.[Math.floor(shown.length / 2)] ?? sites[0])?.id ?? null;
}

/** @param {unknown} error */
function asProblem(error) {
  if (error instanceof api.Problem) return error;
  return new api.Problem({
    title: "The page could not show this",
    detail: String(error),
    hint: "Reload the page.",
  });
}
