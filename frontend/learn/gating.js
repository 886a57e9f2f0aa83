// What the chapters on gates have in common.

import { live } from "./lesson.js";

/** Where the steps of a name are, in their order. @param {import("./types.js").Answer} answer @param {string} name @returns {number[]} */
export const places = (answer, name) =>
  answer.json.steps.flatMap((/** @type {any} */ step, /** @type {number} */ at) => (step.name === name ? [at] : []));

/** A value of the nth step of a name. @param {import("./types.js").Answer} answer @param {string} name @param {number} nth @param {...number} at */
export const nth = (answer, name, nth, ...at) => ({
  ...live(answer, "steps", places(answer, name)[nth], "values", ...at),
  ...(at.length === 1 && { bar: /** @type {[string, number]} */ ([nth ? `${name} ${nth}` : name, at[0]]) }),
});

/** @param {import("./types.js").Answer} answer @param {string} name @param {number} [which] @returns {number[]} */
export const allOf = (answer, name, which = 0) => answer.json.steps[places(answer, name)[which]].values;

/** Every value times a factor. @param {ArrayLike<number>} values @param {number | ArrayLike<number>} factor */
export const scaledBy = (values, factor) => Float32Array.from(values, (value, i) => value * (typeof factor === "number" ? factor : factor[i]));

/** The smallest and the largest of several maps, so that they have one scale; zero in the middle where it lies between. @param {ArrayLike<number>[]} maps @returns {[number, number]} */
export function commonRange(maps) {
  const all = maps.flatMap((map) => Array.from(map)).filter(Number.isFinite);
  const [low, high] = [all.reduce((a, b) => Math.min(a, b), 0), all.reduce((a, b) => Math.max(a, b), 0)];
  const end = Math.max(-low, high);
  return low < 0 && high > 0 ? [-end, end] : [low, high];
}

/** The edits of a channel: as trained, shut or open. @param {string} what @param {Site} site @param {number} channel @returns {Edit[]} */
export const channelEdits = (what, site, channel) =>
  what === "trained" ? [] : what === "all-open" ? [{ edit: "open", site: site.id }] : [{ edit: what, site: site.id, channels: [channel] }];

export const CHANNEL_CHOICES = ["trained", "shut", "open", "all-open"].map((value) => ({ value, label: value }));

/** What a channel is multiplied by after an edit. @param {string} what @param {number} factor */
export const factorAfter = (what, factor) => (what === "shut" ? 0 : what === "trained" ? factor : 1);
