// The part of the session that looks at the shown photo with other networks, without bringing them on screen.

import { say } from "../language/language.js";
import * as api from "../api/api.js";
import { cellAt, fromAnalysis } from "../geometry.js";
import { kindOf } from "../kinds/registry.js";
import { askedGrid } from "../sites/sites.js";

/** @param {() => Blob | null} shownPhoto */
export function comparing(shownPhoto) {
  return {
    /** The shown photo seen by another network. @param {string} model @param {AbortSignal} signal */
    analyseWith(model, signal) {
      const photo = shownPhoto();
      if (!photo) throw new Error(say("There is no photo."));
      return api.analyse(photo, model, 1, signal);
    },
    /**
     * A site's map on its photo: what a place looks at, a mask, or the channel that passes most.
     * @param {Analysis} analysis @param {Site} site
     * @param {[number, number] | null} point on the photo; null: whoever asks by default
     * @param {AbortSignal} signal
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
