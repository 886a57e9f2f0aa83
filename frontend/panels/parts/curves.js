// The curve of a measure with those of maps that know nothing: told apart by how their lines are broken, not by colour.

import { say } from "../../language/language.js";
import { h, svg } from "../../ui/dom.js";
import { number, percent } from "../../ui/format.js";

const [WIDTH, HEIGHT] = [320, 168];
const EDGE = { left: 40, right: 8, top: 8, bottom: 30 };

/** @typedef {{x: number, y: number}[]} Line */
/** @typedef {{name: string, text: string, line: Line}} Series */

/** @param {any} found @returns {Series[]} the map's first */
function seriesOf({ measure, curve, baseline_curves: beside }) {
  const line = (/** @type {any[]} */ points, /** @type {string} */ what) =>
    points.filter((point) => point[what] != null).map((point) => ({ x: point.share, y: point[what] }));
  if (measure === "random-weights") return [{ name: "own", text: say("this map"), line: line(curve, "rho") }];
  if (measure === "road")
    return [
      { name: "own", text: say("most marked hidden"), line: line(curve, "probability") },
      { name: "centre", text: say("least marked hidden"), line: line(curve, "least") },
    ];
  return [
    { name: "own", text: say("this map"), line: line(curve, "probability") },
    ...(beside
      ? [
          { name: "centre", text: say("a blob in the middle"), line: line(beside.centre, "probability") },
          { name: "edges", text: say("the photo's edges"), line: line(beside.edges, "probability") },
          { name: "random", text: say("at random"), line: line(beside.random, "probability") },
        ]
      : []),
  ].filter(({ line: points }) => points.length > 1);
}

/** @type {Record<string, () => {across: string, up: string}>} */
const AXES = {
  deletion: () => ({ across: say("share of cells hidden"), up: say("probability of the class") }),
  insertion: () => ({ across: say("share of cells shown"), up: say("probability of the class") }),
  road: () => ({ across: say("share of cells hidden"), up: say("probability of the class") }),
  "random-weights": () => ({ across: say("share of layers drawn anew"), up: say("rank correlation with the map as it was") }),
};

/** @param {any} found @returns {Element[]} */
export function curves(found) {
  const all = seriesOf(found);
  if (!all.length || !all[0].line.length) return [];
  const { across, up } = AXES[found.measure]();
  const heights = all.flatMap(({ line }) => line.map(({ y }) => y));
  const [low, high] = [Math.min(0, ...heights), Math.max(0.01, ...heights)];
  const x = (/** @type {number} */ value) => EDGE.left + value * (WIDTH - EDGE.left - EDGE.right);
  const y = (/** @type {number} */ value) => EDGE.top + ((high - value) / (high - low)) * (HEIGHT - EDGE.top - EDGE.bottom);
  const path = (/** @type {Line} */ line) => line.map((point, i) => `${i ? "L" : "M"}${x(point.x).toFixed(1)} ${y(point.y).toFixed(1)}`).join("");
  const drawn = svg(
    "svg",
    { class: "curves", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": say("{up} by {across}", { up, across }) },
    [low, (low + high) / 2, high].map((value) => [
      svg("line", { class: "grid", x1: x(0), x2: x(1), y1: y(value), y2: y(value) }),
      svg("text", { x: x(0) - 4, y: y(value) + 4, "text-anchor": "end" }, found.measure === "random-weights" ? number(Math.round(value * 100) / 100) : percent(value)),
    ]).flat(),
    [0, 0.5, 1].map((value) => svg("text", { x: x(value), y: HEIGHT - 16, "text-anchor": value ? (value < 1 ? "middle" : "end") : "start" }, `${100 * value} %`)),
    svg("text", { class: "axis", x: x(0.5), y: HEIGHT - 3, "text-anchor": "middle" }, across),
    [...all].reverse().map(({ name, line }) => svg("path", { class: `line ${name}`, d: path(line) })),
  );
  return [
    h("p", { class: "quiet" }, `${up[0].toUpperCase()}${up.slice(1)}`),
    drawn,
    h("ul", { class: "curve-names quiet" }, all.map(({ name, text }) => h("li", {}, key(name), text))),
  ];
}

/** A piece of a line, for the names. @param {string} name */
const key = (name) =>
  svg("svg", { class: "curve-key", viewBox: "0 0 28 8", "aria-hidden": "true" }, svg("path", { class: `line ${name}`, d: "M1 4H27" }));

/** The score between those of its baselines. @param {any} found */
export function table(found) {
  const { baselines, score, better } = found;
  const told = (/** @type {number | null} */ value) => (value == null ? "–" : number(value));
  const { random, centre, edges } = baselines;
  const rows = [
    [say("this map"), told(score)],
    [say("a blob in the middle"), told(centre)],
    [say("the photo's edges"), told(edges)],
    [say("at random"), random.mean == null ? "–" : `${told(random.mean)} ± ${told(random.spread)}`],
    ...(found.truth ? [[say("its highest place is in it"), found.truth.hit ? say("yes") : say("no")]] : []),
  ];
  return h(
    "table",
    { class: "facts" },
    h("caption", { class: "quiet" }, better === "lower" ? say("Score; lower is better") : say("Score; higher is better")),
    h("tbody", {}, rows.map(([name, value]) => h("tr", {}, h("th", { scope: "row" }, name), h("td", {}, value)))),
  );
}
