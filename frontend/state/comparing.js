// The part of the session that looks at the shown photo with other networks, without bringing them on screen.

import { say } from "../language/language.js";
import * as api from "../api/api.js";
import { cellAt, fromAnalysis } from "../geometry.js";
import { kindOf } from "../kinds/registry.js";
import { askedGrid } from "../sites/sites.js";
import { pixelsOf } from "./pixels.js";

/** A map as Compare draws it; asked: whose places can be asked about. @typedef {{values: Float32Array, rows: number, columns: number, sentence: string, asked: PatchGrid | null}} PaneMap */

/** @param {() => Blob | null} shownPhoto */
export function comparing(shownPhoto) {
  return {
    /** The shown photo seen by another network. @param {string} model @param {AbortSignal} signal */
    analyseWith(model, signal) {
      const photo = shownPhoto();
      if (!photo) throw new Error(say("There is no photo."));
      return api.analyse(photo, model, 1, signal);
    },
    /** Another photo seen by a network. @param {Blob} photo @param {string} model @param {AbortSignal} signal */
    async analysePhoto(photo, model, signal) {
      const analysis = await api.analyse(photo, model, 1, signal);
      return { analysis, bitmap: await pixelsOf(photo, analysis) };
    },
    samplePhoto: api.samplePhoto,
    /** A map of the whole network. @param {Analysis} analysis @param {string} name @param {Record<string, string | number | null>} parameters @returns {Promise<PaneMap>} */
    async wholeMapOf(analysis, name, parameters) {
      const { shape, data } = await api.map(analysis.id, name, parameters);
      const [rows, columns] = shape.slice(-2);
      return { values: data, rows, columns, sentence: analysis.maps.find((map) => map.name === name)?.summary ?? name, asked: null };
    },
    /**
     * A site's map on its photo: what a place looks at, a mask, or the channel that passes most.
     * @param {Analysis} analysis @param {Site} site
     * @param {[number, number] | null} point on the photo; null: whoever asks by default
     * @param {AbortSignal} signal @returns {Promise<PaneMap>}
     */
    async mapOf(analysis, site, point, signal) {
      const grid = askedGrid(site, "from");
      const cell = point && grid && cellAt(fromAnalysis(analysis), ...point, grid);
      /** @type {Ask} */
      const ask = (what, asked) => api.siteMap(analysis.id, site.id, what, asked, signal);
      const answer = await kindOf(site).onPhoto(ask, cell || null);
      const [rows, columns] = answer.shape;
      const values = Float32Array.from(answer.values.flat(), (value) => value ?? NaN);
      return { values, rows, columns, sentence: answer.sentence, asked: grid };
    },
  };
}
