// How a picture is coloured: between which values, with which table, how opaque. One answer for the stage, the legend
// and what is saved.

import { between, say } from "../language/language.js";
import { DIVERGING, isSigned, opacities } from "../paint/colormap.js";

/** With zero in the middle of the colours, where values lie on both sides of it. @template {Picture} P @param {P} picture @returns {P} */
export function balanced(picture) {
  if (!isSigned(picture) || picture.low === -picture.high) return picture;
  const end = Math.max(-picture.low, picture.high);
  return { ...picture, low: -end, high: end, scale: say("{scale}, zero in the middle", { scale: picture.scale }) };
}

/** The colours of a picture. @param {Pick<State, "colormap"> & {tables: NonNullable<State["tables"]>}} state @param {Pick<Picture, "low" | "high">} picture */
export const tableOf = ({ tables, colormap }, picture) => tables[isSigned(picture) ? DIVERGING : colormap];

/** How opaque each step of its colours is. @param {Pick<State, "opacity" | "fade">} state @param {Pick<Picture, "low" | "high">} picture */
export const opacitiesOf = ({ opacity, fade }, picture) => opacities(opacity, fade, isSigned(picture));

/** What is said of a picture: what it shows, and how it is drawn. @param {Pick<State, "smooth" | "fade">} state @param {Picture} picture */
export function said({ smooth, fade }, picture) {
  if (picture.form !== "map") return picture.sentence;
  const growing = isSigned(picture) ? say("Opacity grows with the distance from zero.") : say("Opacity grows with the value.");
  return [picture.sentence, fade === "value" && growing, smooth && say("Smoothed between patches.")].filter((one) => typeof one === "string" && one).join(between);
}
