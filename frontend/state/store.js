// The state of the page in one place. What makes a view is also in the address, so that every view is a link.

import { LANGUAGES } from "../language/language.js";
import { COLORMAPS } from "../paint/colormap.js";
import { SCALES } from "../paint/scale.js";
import { ENDS, fixedEnds } from "../sites/drawn.js";
import { readZoom, writeZoom } from "../paint/zoom.js";

/**
 * @typedef {"cls" | {row: number, column: number} | {token: number}} Query
 *
 * @typedef {import("../paint/zoom.js").Zoom} Zoom
 *
 * @typedef {object} View  what the address holds
 * @property {string | null} sample
 * @property {string | null} analysis
 * @property {string | null} model
 * @property {string | null} text  the sentence, for a model that reads
 * @property {string | null} site
 * @property {string} method  "site", "mask", or the name of one of the analysis's maps
 * @property {number | null} target  the class a saliency map is for; null: the predicted one
 * @property {number | null} against  the class whose map is taken away from it
 * @property {Query} query
 * @property {"from" | "to"} direction
 * @property {import("../sites/attention_rows.js").Head} head
 * @property {number | null} channel
 * @property {number | null} word  the chosen word of those that were written or read
 * @property {typeof COLORMAPS[number]} colormap
 * @property {number} opacity
 * @property {"value" | "even"} fade  whether opacity grows with the value
 * @property {boolean} smooth
 * @property {typeof SCALES[number]} scale  what values are turned into before they are coloured
 * @property {string} ends  whose smallest and largest value the colours end at (ENDS), or two numbers: "0..0.2"
 * @property {Zoom | null} zoom  the part of the photo that is shown; null: all of it
 * @property {number} beams  how many beginnings a model that writes follows at once
 * @property {boolean} outline  whether the border of the network's mask is drawn
 * @property {Edit[]} edits  what is changed in the network, or in the photo, before it looks
 * @property {boolean} unedited  whether, for all the edits, the analysis before them is on the stage
 * @property {boolean} sheet  whether all heads at once lie over the stage
 * @property {string} tab
 * @property {"system" | "light" | "dark"} theme
 * @property {string | null} lang  the language, where the address says one; else see language/language.js
 * @property {"auto" | "webgl" | "canvas"} renderer  who draws the overlay; auto: WebGL2 where a GPU runs it
 * @property {"projections" | "matrix"} rows  where rows come from; matrix is there to be measured against
 *
 * @typedef {object} Loaded  what the page holds besides: catalogue, analysis, and what is going on
 * @property {Model[]} models
 * @property {Sample[]} samples
 * @property {Record<string, import("../paint/colormap.js").Table> | null} tables
 * @property {Analysis} analysisData  the shown analysis, as the API gives it
 * @property {{blob: Blob, bitmap: ImageBitmap} | null} photo
 * @property {Analysis | null} base  the analysis without edits; analysisData is this one or the edited one
 * @property {{blob: Blob, bitmap: ImageBitmap} | null} basePhoto  its photo, with nothing hidden
 * @property {{analysis: Analysis, photo: {blob: Blob, bitmap: ImageBitmap} | null} | null} edited
 * @property {Edit[][]} past  the lists of edits before this one, which undo returns to
 * @property {string | null} editing  the group of controls whose edit is on its way
 * @property {{group: string, problem: Problem} | null} editProblem
 * @property {Cell[] | null} brush  the patches brushed on the photo; null where the pointer does not brush
 * @property {Cell | null} hover
 * @property {Shown | null} shown  what all of this comes to: which site, which map, who asks
 * @property {boolean} bare  whether the photo is shown alone, for as long as a key is held
 * @property {Picture | null} picture
 * @property {string[] | null} labels  of the classes of the shown network, once they were wanted
 * @property {Record<string, number>} summaries  one number a site, by its id
 * @property {import("../learn/types.js").About[]} chapters  of the lesson, in their order
 * @property {number} attempt  counts up to draw once more what could not be drawn
 * @property {Blob[]} own  photos that were brought, in their order
 * @property {boolean} pending
 * @property {import("./session.js").Busy | null} busy
 * @property {Problem | null} error
 * @property {Record<string, Job>} downloads  jobs that fetch weights, by model
 * @property {Problem | null} textProblem  why the sentence that was typed cannot be read
 *
 * @typedef {View & Loaded} State
 * @typedef {{
 *   get: () => State,
 *   set: (patch: Partial<State>) => void,
 *   on: (keys: string[] | null, listener: (state: State, changed: Set<string>) => void) => void,
 * }} Store
 */

const oneOf = (/** @type {readonly string[]} */ choices) => ({
  read: (/** @type {string} */ text) => (choices.includes(text) ? text : undefined),
  write: String,
});
const text = { read: (/** @type {string} */ value) => value || undefined, write: String };
const whole = {
  read: (/** @type {string} */ value) => (/^\d+$/.test(value) ? Number(value) : undefined),
  write: String,
};

const flag = {
  initial: false,
  read: (/** @type {string} */ value) => value === "1",
  write: (/** @type {boolean} */ on) => (on ? "1" : "0"),
};

/** @type {Record<keyof View, {initial: any, read: (text: string) => any, write: (value: any) => string}>} */
const FIELDS = {
  sample: { initial: null, ...text },
  analysis: { initial: null, ...text },
  model: { initial: null, ...text },
  text: { initial: null, ...text },
  site: { initial: null, ...text },
  method: { initial: "site", read: (value) => (/^[a-z-]{1,40}$/.test(value) ? value : undefined), write: String },
  target: { initial: null, ...whole },
  against: { initial: null, ...whole },
  query: { initial: "cls", read: readQuery, write: writeQuery },
  direction: { initial: "from", ...oneOf(["from", "to"]) },
  head: {
    initial: "mean",
    read: (value) => (["mean", "max", "min"].includes(value) ? value : whole.read(value)),
    write: String,
  },
  channel: { initial: null, ...whole },
  word: { initial: null, ...whole },
  colormap: { initial: "inferno", ...oneOf(COLORMAPS) },
  opacity: {
    initial: 0.8,
    read: (value) => (Number(value) >= 0 && Number(value) <= 1 ? Number(value) : undefined),
    write: (value) => String(Math.round(value * 100) / 100),
  },
  fade: { initial: "value", ...oneOf(["value", "even"]) },
  smooth: flag,
  scale: { initial: "linear", ...oneOf(SCALES) },
  ends: { initial: "map", read: (value) => (/** @type {readonly string[]} */ (ENDS).includes(value) || fixedEnds(value) ? value : undefined), write: String },
  zoom: { initial: null, read: readZoom, write: writeZoom },
  outline: { ...flag, initial: true },
  edits: { initial: [], read: readEdits, write: (value) => JSON.stringify(value) },
  unedited: flag,
  sheet: flag,
  beams: {
    initial: 1,
    read: (value) => (/^[1-5]$/.test(value) ? Number(value) : undefined),
    write: String,
  },
  tab: { initial: "look", ...oneOf(["look", "heads", "channels", "numbers", "how", "what-if", "truth"]) },
  theme: { initial: "system", ...oneOf(["system", "light", "dark"]) },
  lang: { initial: null, ...oneOf(Object.keys(LANGUAGES)) },
  renderer: { initial: "auto", ...oneOf(["auto", "webgl", "canvas"]) },
  rows: { initial: "projections", ...oneOf(["projections", "matrix"]) },
};

/** A list of edits as the API takes them; whether they make sense the server says. @param {string} value @returns {Edit[] | undefined} */
function readEdits(value) {
  try {
    const edits = JSON.parse(value);
    return Array.isArray(edits) && edits.every((one) => typeof one?.edit === "string") ? edits : undefined;
  } catch {
    return undefined;
  }
}

/** What of the state is in the address. */
export const VIEW = Object.keys(FIELDS);

/** @param {string} value @returns {Query | undefined} */
function readQuery(value) {
  if (value === "cls") return "cls";
  if (/^\d+$/.test(value)) return { token: Number(value) };
  const place = /^(\d+),(\d+)$/.exec(value);
  return place ? { row: Number(place[1]), column: Number(place[2]) } : undefined;
}

/** As the API writes it. @param {Query} query */
export function writeQuery(query) {
  if (query === "cls") return "cls";
  return "token" in query ? String(query.token) : `${query.row},${query.column}`;
}

/** @param {string} search the address's query string @returns {View} */
export function readView(search) {
  const parameters = new URLSearchParams(search);
  const entries = Object.entries(FIELDS).map(([name, field]) => {
    const value = parameters.has(name) ? field.read(parameters.get(name) ?? "") : undefined;
    return [name, value ?? field.initial];
  });
  return /** @type {View} */ (Object.fromEntries(entries));
}

/** Only what differs from the initial view is written. @param {View} view */
export function writeView(view) {
  const parts = Object.entries(FIELDS).flatMap(([name, field]) => {
    const value = view[/** @type {keyof View} */ (name)];
    const written = value == null ? null : field.write(value);
    const plain = field.initial == null ? null : field.write(field.initial);
    return written == null || written === plain
      ? []
      : [`${name}=${encodeURIComponent(written).replaceAll("%2C", ",")}`];
  });
  return parts.length ? `?${parts.join("&")}` : "";
}

/**
 * @template {object} State
 * @param {State} initial
 * @param {{from: string[], derive: (state: State) => Partial<State>}} [resolved]  what follows from these keys: made once
 * for each change of them, before any listener hears of it
 */
export function createStore(initial, resolved) {
  let state = initial;
  /** @type {Set<(state: State, changed: Set<string>) => void>} */
  const listeners = new Set();
  return {
    get: () => state,
    /** Listeners run at once, in the order they subscribed. @param {Partial<State>} patch */
    set(patch) {
      const changed = new Set(
        Object.keys(patch).filter(
          (key) => !Object.is(/** @type {any} */ (state)[key], /** @type {any} */ (patch)[key]),
        ),
      );
      if (changed.size === 0) return;
      state = { ...state, ...patch };
      if (resolved?.from.some((key) => changed.has(key))) state = { ...state, ...resolved.derive(state) };
      for (const listener of listeners) listener(state, changed);
    },
    /**
     * @param {string[] | null} keys  null: any change
     * @param {(state: State, changed: Set<string>) => void} listener
     */
    on(keys, listener) {
      listeners.add((current, changed) => {
        if (!keys || keys.some((key) => changed.has(key))) listener(current, changed);
      });
    },
  };
}
