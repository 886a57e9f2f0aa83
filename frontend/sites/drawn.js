// How a picture is coloured: between which values, along which scale, with which table, how opaque. One answer for the
// stage, the legend and what is saved.

import { between, say } from "../language/language.js";
import { DIVERGING, extent, isSigned, opacities } from "../paint/colormap.js";
import { DECADES, inside, middle } from "../paint/scale.js";
import { number } from "../ui/format.js";

/** Where the colours end, unless two numbers say it ("0..0.2"). */
export const ENDS = /** @type {const} */ (["map", "layer", "network"]);

/** The two numbers that colours are to end at. @param {string} ends @returns {[number, number] | null} */
export function fixedEnds(ends) {
  const [low, high] = ends.split("..").map(Number);
  return low < high ? [low, high] : null;
}

/**
 * A picture with the ends and the scale of its colours. Zero is in the middle where values lie on both sides of it.
 * @template {Picture} P
 * @param {P} picture @param {Pick<State, "scale" | "ends">} state @param {[number, number] | null} [wider]  the ends that it shares with others
 * @returns {P}
 */
export function scaled(picture, { scale, ends }, wider = null) {
  if (picture.form === "mask" || picture.form === "grid") return picture;
  const fixed = fixedEnds(ends);
  const made = { ...picture };
  if (fixed) [made.low, made.high, made.scale] = [...fixed, say("fixed")];
  else if (wider) [made.low, made.high, made.scale] = [...wider, ends === "layer" ? say("all heads of this layer") : say("all heads of all layers")];
  if (scale === "percentile" && !fixed) {
    Object.assign(made, inside(picture.values, isSigned(made)));
    made.scale = say("top 5 % alike");
    made.sentence = say("{sentence} Peaks clipped.", { sentence: made.sentence });
  }
  const evened = balanced(made);
  if (scale !== "sqrt" && scale !== "log") return evened;
  if (scale === "log" && !isSigned(evened)) {
    if (evened.high <= 0) return evened;
    evened.low = Math.max(evened.high / DECADES, Math.min(...picture.values.filter((value) => value > 0), evened.high / 10));
  }
  return { ...evened, curve: scale, scale: curved(evened, scale) };
}

/** What the legend says of a scale that is not straight: what its middle colour stands for. @param {Picture} picture @param {"sqrt" | "log"} curve */
function curved(picture, curve) {
  const told = { scale: picture.scale, value: number(middle({ ...picture, curve })) };
  return curve === "sqrt" ? say("{scale}, square root: the middle colour is {value}", told) : say("{scale}, logarithmic: the middle colour is {value}", told);
}

/** With zero in the middle of the colours, where values lie on both sides of it. @template {Picture} P @param {P} picture @returns {P} */
function balanced(picture) {
  if (!isSigned(picture) || picture.low === -picture.high) return picture;
  const end = Math.max(-picture.low, picture.high);
  return { ...picture, low: -end, high: end, scale: say("{scale}, zero in the middle", { scale: picture.scale }) };
}

/** The colours of a picture. @param {Pick<State, "colormap"> & {tables: NonNullable<State["tables"]>}} state @param {Pick<Picture, "low" | "high">} picture */
export const tableOf = ({ tables, colormap }, picture) => tables[isSigned(picture) ? DIVERGING : colormap];

/** How opaque each step of its colours is. @param {Pick<State, "opacity" | "fade">} state @param {Pick<Picture, "low" | "high">} picture */
export const opacitiesOf = ({ opacity, fade }, picture) => opacities(opacity, fade, isSigned(picture));

/** The values at both ends of the colours, as the legend says them. @param {Picture} picture */
export function endsSaid({ values, low, high }) {
  const [least, most] = extent(values);
  return { low: `${least < low ? "≤ " : ""}${number(low)}`, high: `${most > high ? "≥ " : ""}${number(high)}` };
}

/** What is said of a picture: what it shows, and how it is drawn. @param {Pick<State, "smooth" | "fade">} state @param {Picture} picture */
export function said({ smooth, fade }, picture) {
  if (picture.form !== "map") return picture.sentence;
  const growing = isSigned(picture) ? say("Opacity grows with the distance from zero.") : say("Opacity grows with the value.");
  return [picture.sentence, fade === "value" && growing, smooth && say("Smoothed between patches.")].filter((one) => typeof one === "string" && one).join(between);
}
