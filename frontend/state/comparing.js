// The part of the session that looks at the shown photo with other networks, without bringing them on screen.

import * as api from "../api/api.js";
import { cellAt, fromAnalysis } from "../geometry.js";
import { askedGrid } from "../sites/sites.js";

/** @param {() => Blob | null} shownPhoto */
export function comparing(shownPhoto) {
  return {
    /** The shown photo seen by another network. @param {string} model @param {AbortSignal} signal */
    analyseWith(model, signal) {
      const photo = shownPhoto();
      if (!photo) throw new Error("There is no photo.");
      return api.analyse(photo, model, 1, signal);
    },
    /**
     * A site's map on its photo: what a place looks at, a mask, or the channel that passes most.
     * @param {Analysis} analysis @param {Site} site
     * @param {[number, number] | null} point on the photo; null: whoever asks by default
     * @param {AbortSignal} signal
     */
    async mapOf(analysis, site, point, signal) {
      const grid = site.kind === "attention" ? askedGrid(site, "from") : null;
      const cell = point && grid && cellAt(fromAnalysis(analysis), ...point, grid);
      const ask = (
        /** @type {"attention" | "gate" | "features"} */ what,
        /** @type {Record<string, string | number>} */ asked,
      ) => api.siteMap(analysis.id, site.id, what, asked, signal);
      let answer = await (site.kind === "attention"
        ? ask("attention", cell ? { query: `${cell.row},${cell.column}` } : {})
        : ask("gate", {}));
      if (site.kind === "channel-gate") {
        const most = answer.values.indexOf(Math.max(...answer.values));
        answer = await ask("features", { channel: most });
      }
      const [rows, columns] = answer.shape;
      const values = Float32Array.from(answer.values.flat(), (/** @type {number | null} */ value) => value ?? NaN);
      return { values, rows, columns, sentence: answer.sentence, asked: grid };
    },
  };
}
