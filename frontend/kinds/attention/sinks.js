// Attention sinks: patches that nearly every query looks at, whatever it asks about. They are named beside the picture,
// with the way to see them.

import { counted, listed, say } from "../../language/language.js";
import { possible } from "../../sites/methods.js";
import { h } from "../../ui/dom.js";
import { percent } from "../../ui/format.js";

/** A sink draws so many times what the median patch draws … */
const TIMES_MEDIAN = 8;
/** … and so many times an even share of all tokens. */
const TIMES_EVEN = 4;
/** More of the patches than this are no exception. */
const FEW = 0.1;
const NAMED = 4;

/**
 * The sinks of a layer, the strongest first, and what they draw together of all attention.
 * @param {{shape: number[], data: Float32Array}} received  (row, column): the mean over queries of what each patch gets
 * @param {number} keys  that share the attention, with those that are no patches
 * @returns {{cells: Cell[], share: number}}
 */
export function sinksOf({ shape, data }, keys) {
  const columns = shape[shape.length - 1];
  const sorted = [...data].sort((a, b) => a - b);
  const least = Math.max(TIMES_MEDIAN * sorted[Math.floor(sorted.length / 2)], TIMES_EVEN / keys);
  const found = [...data.keys()].filter((i) => data[i] >= least).sort((a, b) => data[b] - data[a]);
  if (found.length > FEW * data.length) return { cells: [], share: 0 };
  return {
    cells: found.map((i) => ({ row: Math.floor(i / columns), column: i % columns })),
    share: found.reduce((sum, i) => sum + data[i], 0),
  };
}

/**
 * What is said of a layer's sinks; null where it has none.
 * @param {Drawn} state @param {AttentionSite} site @param {Session} session @param {(patch: Partial<State>) => void} set
 */
export async function sinksSaid(state, site, session, set) {
  const { analysis } = state.shown;
  if (!possible("received", analysis, site)) return null;
  const received = await session.map("received", { site: site.id }).catch(() => null);
  if (!received) return null;
  const { cells, share } = sinksOf(received, site.keys);
  if (!cells.length) return null;
  const named = cells.slice(0, NAMED).map(({ row, column }) => say("row {row}, column {column}", { row, column }));
  const where = cells.length > NAMED ? say("among them {places}", { places: listed(named) }) : listed(named);
  const ways = [
    { method: "received", text: say("Attention received") },
    { method: "token-lengths", text: say("Token length") },
  ].filter(({ method }) => possible(method, analysis, site));
  return h(
    "div",
    { class: "note", id: "sinks" },
    counted(
      cells.length,
      "{n} patch ({where}) draws {share} of this layer's attention, whatever asks: an attention sink. It is no part of the answer to who looks where.",
      "{n} patches ({where}) draw {share} of this layer's attention, whatever asks: attention sinks. They are no part of the answer to who looks where.",
      { where, share: percent(share) },
    ),
    h(
      "div",
      { class: "row" },
      ways.map(({ method, text }) => h("button", { type: "button", class: "button small", onclick: () => set({ method }) }, text)),
    ),
  );
}
