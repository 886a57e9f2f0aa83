// What Look and Numbers say of a spatial transformer: how its window is turned, sized and moved.

import { say } from "../../language/language.js";
import { h } from "../../ui/dom.js";
import { number, percent } from "../../ui/format.js";
import { decompose } from "./theta.js";

/** @param {State} _ @param {Site} site @param {Session} session */
export async function reading(_, site, session) {
  const { theta } = await session.grid(site);
  if (!theta) return h("p", { class: "note" }, site.note);
  const { rotation, scale, shift } = decompose(theta);
  return [
    h("h3", {}, say("Where it reads")),
    h(
      "dl",
      { class: "facts" },
      h("dt", {}, say("turned")),
      h("dd", {}, `${number(Math.abs(rotation))}° ${rotation < 0 ? say("anticlockwise") : say("clockwise")}`),
      h("dt", {}, say("window")),
      h("dd", {}, say("{width} wide, {height} high", { width: percent(scale[0]), height: percent(scale[1]) })),
      h("dt", {}, say("centre moved")),
      h("dd", {}, [way(shift[0], say("left"), say("right")), way(shift[1], say("up"), say("down"))].join(say(", "))),
    ),
    h("p", { class: "quiet" }, say("Shares of the width and the height of what it reads from.")),
  ];
}

/** How far the centre is moved, as a share of the side: θ counts in halves of it. @param {number} shift @param {string} back @param {string} forth */
const way = (shift, back, forth) => say("{share} {way}", { share: percent(Math.abs(shift) / 2), way: shift < 0 ? back : forth });

/** @param {number[][] | null} theta @returns {[string, any][]} */
export function thetaFacts(theta) {
  if (!theta) return [["θ", say("no affine map gives its points")]];
  const [[a, b, tx], [c, d, ty]] = theta;
  return [
    ["θ₁₁ θ₁₂ θ₁₃", [a, b, tx].map(number).join("  ")],
    ["θ₂₁ θ₂₂ θ₂₃", [c, d, ty].map(number).join("  ")],
    [say("area read"), say("{share} of the picture", { share: number(Math.abs(a * d - b * c)) })],
  ];
}
