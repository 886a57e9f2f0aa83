// What Look and Numbers say of a spatial transformer: how its window is turned, sized and moved.

import { h } from "../../ui/dom.js";
import { number, percent } from "../../ui/format.js";
import { decompose } from "./theta.js";

/** @param {State} _ @param {Site} site @param {Session} session */
export async function reading(_, site, session) {
  const { theta } = await session.grid(site);
  if (!theta) return h("p", { class: "note" }, site.note);
  const { rotation, scale, shift } = decompose(theta);
  return [
    h("h3", {}, "Where it reads"),
    h(
      "dl",
      { class: "facts" },
      h("dt", {}, "turned"),
      h("dd", {}, `${number(Math.abs(rotation))}° ${rotation < 0 ? "anticlockwise" : "clockwise"}`),
      h("dt", {}, "window"),
      h("dd", {}, `${percent(scale[0])} wide, ${percent(scale[1])} high`),
      h("dt", {}, "centre moved"),
      h("dd", {}, `${way(shift[0], "left", "right")}, ${way(shift[1], "up", "down")}`),
    ),
    h("p", { class: "quiet" }, "Shares of the width and the height of what it reads from."),
  ];
}

/** How far the centre is moved, as a share of the side: θ counts in halves of it. @param {number} shift @param {string} back @param {string} forth */
const way = (shift, back, forth) => `${percent(Math.abs(shift) / 2)} ${shift < 0 ? back : forth}`;

/** @param {number[][] | null} theta @returns {[string, any][]} */
export function thetaFacts(theta) {
  if (!theta) return [["θ", "no affine map gives its points"]];
  const [[a, b, tx], [c, d, ty]] = theta;
  return [
    ["θ₁₁ θ₁₂ θ₁₃", [a, b, tx].map(number).join("  ")],
    ["θ₂₁ θ₂₂ θ₂₃", [c, d, ty].map(number).join("  ")],
    ["area read", `${number(Math.abs(a * d - b * c))} of the picture`],
  ];
}
