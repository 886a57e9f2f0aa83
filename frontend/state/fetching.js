// What of the shown analysis has been fetched: asked of the server once, then kept.

import * as api from "../api/api.js";
import { fromMatrix, fromProjections, fromRow } from "../sites/attention_rows.js";
import { isOnFeatures } from "../sites/sites.js";
import { streamFrom } from "../kinds/stream/explanation.js";

/**
 * @param {() => Pick<import("./cache.js").Cache, "get" | "peek">} cache  of the shown analysis
 * @param {() => string} current  its id
 * @param {import("./store.js").Store} store
 */
export function fetching(cache, current, store) {
  return {
    /** @param {Site} site @returns {Promise<import("../sites/attention_rows.js").AttentionSource>} */
    attention(site) {
      const { rows } = store.get();
      return cache().get(`attention ${site.id}`, async () => {
        if (!site.projections || rows === "matrix")
          return fromMatrix(await api.attentionMatrix(current(), site.id));
        const { tensors, metadata } = await api.projections(current(), site.id);
        return fromProjections(/** @type {any} */ (tensors), Number(metadata.scale));
      });
    },
    /**
     * What one token looks at, which is there sooner than what gives every row: drawn first. @param {Site} site
     * @param {string} asked @param {string} direction @returns {Promise<import("../sites/attention_rows.js").AttentionSource>}
     */
    firstRow: (site, asked, direction) =>
      cache().get(`row ${site.id} ${direction} ${asked}`, async () => fromRow(await api.attentionOfToken(current(), site.id, asked, direction))),
    /** @param {Site} site */
    gate: (site) => cache().get(`gate ${site.id}`, () => api.gate(current(), site.id)),
    /** Both strips of a strip gate, with their product. @param {Site} site */
    strips: (site) => cache().get(`strips ${site.id}`, () => api.siteMap(current(), site.id, "gate", {}, new AbortController().signal)),
    /** @param {Site} site @param {number} channel */
    feature: (site, channel) =>
      cache().get(`feature ${site.id} ${channel}`, () => api.features(current(), site.id, channel)),
    /** @param {Site} site @param {Record<string, string | number>} asked */
    steps: (site, asked) => cache().get(stepsKey(site, asked), () => api.steps(current(), site.id, asked)),
    /** The same, if it is at hand. @param {Site} site @param {Record<string, string | number>} asked */
    peekSteps: (site, asked) => cache().peek(stepsKey(site, asked)),
    /** The same for all sites of patches with as many tokens. @param {Site} site */
    stream: (site) => cache().get(streamKey(site), async () => streamFrom(await api.stream(current(), site.id))),
    /** @param {Site} site */
    peekStream: (site) => cache().peek(streamKey(site)),
    /** @param {Site} site */
    grid: (site) => cache().get(`grid ${site.id}`, () => api.grid(current(), site.id)),
    /** @param {Site} site */
    warped: (site) =>
      cache().get(`warped ${site.id}`, async () =>
        isOnFeatures(site)
          ? api.warpedFeatures(current(), site.id)
          : createImageBitmap(await api.warped(current(), site.id)),
      ),
    /** @param {Site} site @param {Cell} cell @param {string} direction */
    place: (site, cell, direction) =>
      cache().get(`place ${site.id} ${direction} ${cell.row},${cell.column}`, () =>
        api.attentionOfPlace(current(), site.id, cell, direction),
      ),
    /** What was looked at to write a word. @param {Site} site @param {number} word */
    word: (site, word) =>
      cache().get(`word ${site.id} ${word}`, () => api.attentionOfWord(current(), site.id, word)),
    /** How much each word looked at a place. @param {Site} site @param {Cell} cell */
    wordsAt: (site, cell) =>
      cache().get(`words ${site.id} ${cell.row},${cell.column}`, () =>
        api.wordsAtPlace(current(), site.id, cell),
      ),
    mask: () => cache().get("mask", () => api.mask(current())),
    /** @param {string} method @param {Record<string, number | string | null>} asked the class, the word or the layer that it is for */
    map: (method, asked) =>
      cache().get(`map ${method} ${JSON.stringify(asked)}`, () => api.map(current(), method, asked)),
    /** @param {Record<string, string | number | null>} asked a place, or which words, and one of them */
    positions: (asked) =>
      cache().get(`positions ${JSON.stringify(asked)}`, () => api.positions(current(), asked)),
    /** @param {string} name @param {Record<string, string | number>} parameters */
    figure: (name, parameters) =>
      cache().get(`figure ${name} ${JSON.stringify(parameters)}`, () =>
        api.figure(current(), name, parameters),
      ),
    /** What is at hand, or undefined. @param {string} key */
    peek: (key) => cache().peek(key),
  };
}

/** @param {Site} site */
const streamKey = ({ id, grid, queries, prefix_tokens: prefix }) =>
  grid ? `stream ${queries} ${prefix}` : `stream ${id}`;

/** @param {Site} site @param {Record<string, string | number>} asked */
const stepsKey = (site, asked) => `steps ${site.id} ${JSON.stringify(asked)}`;
