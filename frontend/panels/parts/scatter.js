// What the shown map says of each patch, against what hiding it does: a point a patch, and how well the two agree.

import { say } from "../../language/language.js";
import { h, svg } from "../../ui/dom.js";
import { number } from "../../ui/format.js";
import { extent } from "../../paint/colormap.js";

const [WIDTH, HEIGHT] = [320, 200];
const EDGE = { left: 40, right: 10, top: 10, bottom: 34 };

/** @param {any} found @returns {Element[]} */
export function scatter({ agreement, values }) {
  const marks = agreement.values.flat();
  const effects = values.flat();
  const [left, right] = extent(Float32Array.from(marks));
  const [low, high] = extent(Float32Array.from([0, ...effects]));
  const x = (/** @type {number} */ value) => EDGE.left + ((value - left) / (right - left || 1)) * (WIDTH - EDGE.left - EDGE.right);
  const y = (/** @type {number} */ value) => EDGE.top + ((high - value) / (high - low || 1)) * (HEIGHT - EDGE.top - EDGE.bottom);
  const columns = agreement.values[0].length;
  const points = marks.map((/** @type {number} */ mark, /** @type {number} */ i) =>
    Number.isFinite(mark) && Number.isFinite(effects[i])
      ? svg(
          "circle",
          { cx: x(mark).toFixed(1), cy: y(effects[i]).toFixed(1), r: 3 },
          svg("title", {}, say("Row {row}, column {column}: map {mark}, effect {effect}", { row: Math.floor(i / columns), column: i % columns, mark: number(mark), effect: number(effects[i]) })),
        )
      : null,
  );
  const { rho, centre, random } = agreement;
  const told = (/** @type {number | null} */ value) => (value == null ? "–" : value.toFixed(2).replace("-", "−"));
  const sentence = say("ρ = {rho}: how far the order of the patches on the map is the order of their effects. A blob in the middle has {centre}, random maps {random} ± {spread}.", {
    rho: told(rho),
    centre: told(centre),
    random: told(random.mean),
    spread: told(random.spread),
  });
  return [
    h("h3", {}, say("The map against the effects")),
    h("p", { class: "verdict" }, sentence),
    svg(
      "svg",
      { class: "scatter", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": say("A point for each patch: the map across, its effect up") },
      svg("line", { class: "grid", x1: EDGE.left, x2: WIDTH - EDGE.right, y1: y(0), y2: y(0) }),
      [low, high].map((value) => svg("text", { x: EDGE.left - 4, y: y(value) + 4, "text-anchor": "end" }, number(value))),
      svg("text", { x: EDGE.left, y: HEIGHT - 20 }, number(left)),
      svg("text", { x: WIDTH - EDGE.right, y: HEIGHT - 20, "text-anchor": "end" }, number(right)),
      svg("text", { class: "axis", x: (EDGE.left + WIDTH) / 2, y: HEIGHT - 4, "text-anchor": "middle" }, say("the map's value of a patch")),
      svg("g", { class: "points" }, points.filter(Boolean)),
    ),
    h("p", { class: "quiet" }, say("Up: how far the logit falls when the patch is hidden. Of the map “{map}”.", { map: agreement.sentence })),
  ];
}
