// The keys, once: what each does, in the order in which the help lists them.

import { say } from "../../language/language.js";

/** @typedef {"query" | "pan" | "unpin" | "site" | "head" | "mean" | "direction" | "rollout" | "sheet" | "colormap" | "scale" | "opacity" | "bare" | "zoom" | "whole" | "tab" | "unedited" | "open" | "model" | "compare" | "save" | "theme" | "help"} Act */

const ARROWS = ["ArrowLeft", "ArrowUp", "ArrowRight", "ArrowDown"];

/** shift: with the shift key, while the photo is zoomed. @type {{act: Act, keys: string[], does: string, shift?: boolean}[]} */
export const KEYS = [
  { act: "query", keys: ARROWS, does: say("move the pinned patch; go from word to word") },
  { act: "unpin", keys: ["Escape"], does: say("back to the class token; close the sheet of heads") },
  { act: "site", keys: ["[", "]"], does: say("site before, site after") },
  { act: "head", keys: ["h", "H"], does: say("next head, previous head") },
  { act: "mean", keys: ["m"], does: say("mean over heads") },
  { act: "direction", keys: ["d"], does: say("turn the direction: looks at, is looked at by") },
  { act: "rollout", keys: ["r"], does: say("rollout through all layers, or this layer") },
  { act: "sheet", keys: ["a"], does: say("all heads of all layers at once") },
  { act: "colormap", keys: ["c"], does: say("next colormap") },
  { act: "scale", keys: ["s"], does: say("next scale of the colours") },
  { act: "opacity", keys: ["-", "+", "="], does: say("less or more of the overlay") },
  { act: "bare", keys: ["b"], does: say("held: the bare photo") },
  { act: "zoom", keys: ["z", "Z"], does: say("zoom in, zoom out") },
  { act: "pan", keys: ARROWS, does: say("move the zoomed photo"), shift: true },
  { act: "whole", keys: ["0"], does: say("the whole photo") },
  { act: "tab", keys: ["1", "2", "3", "4", "5", "6"], does: say("tabs") },
  { act: "unedited", keys: ["w"], does: say("before or after the edits of What if") },
  { act: "open", keys: ["o"], does: say("open a photo") },
  { act: "model", keys: ["/"], does: say("choose a model") },
  { act: "compare", keys: ["v"], does: say("compare networks on this photo") },
  { act: "save", keys: ["e"], does: say("save the picture") },
  { act: "theme", keys: ["t"], does: say("theme") },
  { act: "help", keys: ["?"], does: say("this sheet") },
];

/** What a key does. @param {string} key @param {boolean} panning  whether an arrow moves the photo @returns {Act | null} */
export const actOf = (key, panning) => KEYS.find(({ keys, shift }) => keys.includes(key) && (!ARROWS.includes(key) || Boolean(shift) === panning))?.act ?? null;

/** @type {Record<string, string>} */
const NAMES = { ArrowLeft: "←", ArrowUp: "↑", ArrowRight: "→", ArrowDown: "↓", Escape: "Esc", "-": "−" };

/** As the help writes them. @param {typeof KEYS[number]} row */
export function shown({ keys, shift }) {
  const names = keys.filter((key) => key !== "=").map((key) => NAMES[key] ?? key);
  return `${shift ? "Shift " : ""}${names.length > 4 ? `${names[0]} … ${names[names.length - 1]}` : names.join(" ")}`;
}
