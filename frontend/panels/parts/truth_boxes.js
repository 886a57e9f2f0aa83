// The brushed cells as boxes on the photo, in its pixels, as the API takes a known truth.

import { brushSite } from "../../kinds/network/what_if.js";
import { cellBox, fromAnalysis } from "../../geometry.js";

/** @param {State} state @returns {number[][]} each [left, top, right, bottom] */
export function brushedBoxes(state) {
  const geometry = fromAnalysis(state.analysisData);
  const grid = brushSite(state)?.grid;
  const { width, height } = state.analysisData.image ?? { width: 0, height: 0 };
  const within = (/** @type {number} */ value, /** @type {number} */ most) => Math.min(most, Math.max(0, Math.round(value)));
  if (!grid) return [];
  return (state.brush ?? [])
    .map(({ row, column }) => cellBox(geometry, row, column, grid))
    .map(([left, top, right, bottom]) => [within(left, width), within(top, height), within(right, width), within(bottom, height)])
    .filter(([left, top, right, bottom]) => left < right && top < bottom);
}
