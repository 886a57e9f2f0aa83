// What the lesson holds: the photo, which stays the same from chapter to chapter, and the server's answers about it.

import * as api from "../api/api.js";
import { kindOfModel, sampleFor, sampleName } from "../api/samples.js";
import { fromMatrix, fromProjections } from "../sites/attention_rows.js";

/** @typedef {import("./types.js").Answer} Answer */
/** @typedef {import("./types.js").Live} Live */
/** @typedef {{name: string, blob: Blob, url: string, own: boolean}} Photo  name: of the sample, or of an analysis of it */

const NAME_OF_ANALYSIS = /^[0-9a-f]{20}$/;

/** What is at a place of an answer, with where that is. @param {Answer} answer @param {...(string | number)} keys @returns {Live} */
export function live(answer, ...keys) {
  const value = keys.reduce((/** @type {any} */ part, key) => part?.[key], answer.json);
  return { value: value ?? NaN, from: `${answer.path}#/${keys.join("/")}` };
}

/** A number of a step of the mechanism: the step's name, then the place in its values. @param {Answer} answer @param {string} name @param {...number} at @returns {Live} */
export function liveStep(answer, name, ...at) {
  const index = answer.json.steps.findIndex((/** @type {any} */ step) => step.name === name);
  return { ...live(answer, "steps", index, "values", ...at), ...(at.length === 1 && { bar: /** @type {[string, number]} */ ([name, at[0]]) }) };
}

/** The values of a step; null where it has no such step. @param {Answer} answer @param {string} name */
export const valuesOf = (answer, name) => answer?.json.steps.find((/** @type {any} */ step) => step.name === name)?.values ?? null;

/** @param {Cell} cell */
export const asQuery = ({ row, column }) => `${row},${column}`;

export class Lesson {
  /** @param {{samples: Sample[], models: Model[], tables: any, measured: any}} loaded */
  constructor({ samples, models, tables, measured }) {
    this.samples = samples;
    this.models = models;
    this.tables = tables;
    /** What the claims' trainings measured. */
    this.measured = measured;
    /** The person's own photo; null while a sample is shown. @type {Photo | null} */
    this.own = null;
    /** The chosen sample; the network's own where it does not suit. @type {string | null} */
    this.sample = null;
    /** The first sample that was shown, while none is chosen: it stays where it suits. @type {string | null} */
    this.shown = null;
    this.sentence = "the black dog follows a white cat";
    /** @type {Map<string, Promise<any>>} */
    this.kept = new Map();
    /** @type {Photo | null} */
    this.photo = null;
    /** @type {Analysis | null} */
    this.analysis = null;
  }

  /** Shows a photo of one's own from now on. @param {Blob} blob */
  bring(blob) {
    this.own = { name: "", blob, url: URL.createObjectURL(blob), own: true };
  }

  /** What the address names: a sample, or an analysis of somebody's photo. @param {string | null} name */
  async read(name) {
    if (!name) return;
    if (!NAME_OF_ANALYSIS.test(name)) {
      this.sample = name;
      return;
    }
    try {
      this.bring(await api.photo(name));
      if (this.own) this.own.name = name;
    } catch (error) {
      if (!(error instanceof api.Problem) || error.status < 400 || error.status >= 500) throw error;
      this.forgotten = true; // the server has it no longer; a sample stands in, and the page says so
    }
  }

  /** The photo that a network is shown: one's own, the chosen sample, or one that suits. @param {string} network @returns {Promise<Photo>} */
  async photoFor(network) {
    if (this.own) return this.own;
    const { samples, models } = this;
    const kind = kindOfModel(network, samples);
    const chosen = samples.find((one) => sampleName(one) === this.sample && one.kind === kind);
    const sample = chosen ?? sampleFor(network, { samples, models }, this.shown);
    if (sample.kind === "photo") this.shown ??= sampleName(sample);
    return this.remember(`sample ${sample.file}`, async () => {
      const blob = await api.samplePhoto(sample.file, new AbortController().signal);
      return { name: sampleName(sample), blob, url: URL.createObjectURL(blob), own: false };
    });
  }

  /** Looks at the photo with a network; the same one again costs nothing. @param {string} network @returns {Promise<Analysis>} */
  async look(network) {
    const reads = this.models.find(({ id }) => id === network)?.reads;
    const { signal } = new AbortController();
    if (reads === "text") {
      this.photo = null;
      const text = this.sentence;
      this.analysis = await this.remember(`${network} ${text}`, () => api.analyseText(text, network, 1, signal));
    } else {
      const photo = await this.photoFor(network);
      this.photo = photo;
      this.analysis = await this.remember(`${network} ${photo.url}`, () => api.analyse(photo.blob, network, 1, signal));
      if (photo.own && !photo.name) photo.name = /** @type {Analysis} */ (this.analysis).id;
    }
    return /** @type {Analysis} */ (this.analysis);
  }

  /** The photo with another network beside the chapter's. @param {string} network */
  async beside(network) {
    const { photo, analysis } = this;
    const found = await this.look(network);
    const shown = this.photo;
    Object.assign(this, { photo, analysis });
    return { analysis: found, photo: shown };
  }

  /** An answer about an analysis. @param {Analysis} analysis @param {string} below @param {Record<string, string | number | null>} [asked] @returns {Promise<Answer>} */
  ask(analysis, below, asked = {}) {
    return this.remember(`${analysis.id} ${below} ${JSON.stringify(asked)}`, () => api.answer(analysis.id, below, asked));
  }

  /** The analysis itself as an answer. @param {Analysis} analysis @returns {Answer} */
  answered(analysis) {
    return { path: `v1/analyses/${analysis.id}`, json: analysis };
  }

  /** @param {Analysis} analysis @param {Site} site @param {Record<string, string | number>} asked */
  steps(analysis, site, asked = {}) {
    return this.ask(analysis, `/sites/${site.id}/steps`, asked);
  }

  /** Looks again with something changed: a real pass. @param {Analysis} analysis @param {Edit[]} edits @returns {Promise<Answer>} */
  async edited(analysis, edits) {
    if (!edits.length) return this.answered(analysis);
    const { signal } = new AbortController();
    const found = await this.remember(`${analysis.id} ${JSON.stringify(edits)}`, () => api.edit(analysis.id, edits, signal));
    return this.answered(found);
  }

  /** Rows and columns of an attention, computed here from its queries and keys, or its whole matrix. @param {Analysis} analysis @param {Site} site */
  attention(analysis, site) {
    return this.remember(`${analysis.id} ${site.id} attention`, async () => {
      if (!site.projections) return { source: fromMatrix(await api.attentionMatrix(analysis.id, site.id)), tensors: null };
      const { tensors, metadata } = await api.projections(analysis.id, site.id);
      const scale = Number(metadata.scale);
      return { source: fromProjections(tensors, scale), tensors, scale };
    });
  }

  /** Queries, keys, values and outputs of an attention, (head, token, head_dim). @param {Analysis} analysis @param {Site} site */
  async matrices(analysis, site) {
    const { tensors } = await this.remember(`${analysis.id} ${site.id} values`, () => api.projectionsAndValues(analysis.id, site.id));
    return tensors;
  }

  /** @param {Analysis} analysis @param {Site} site @param {number} channel */
  channel(analysis, site, channel) {
    return this.remember(`${analysis.id} ${site.id} channel ${channel}`, () => api.features(analysis.id, site.id, channel));
  }

  /** @template T @param {string} name @param {() => Promise<T>} load @returns {Promise<T>} */
  remember(name, load) {
    const kept = this.kept.get(name);
    if (kept) return kept;
    const loading = load().catch((error) => {
      this.kept.delete(name);
      throw error;
    });
    this.kept.set(name, loading);
    return loading;
  }
}
