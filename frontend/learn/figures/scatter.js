// Points of several classes in a plane, such as features brought down to two dimensions.

import { h, put, svg } from "../../ui/dom.js";
import { rich } from "../rich.js";
import { caption, named } from "./parts.js";

/** Colours that are told apart by people who see few (Okabe and Ito), and marks for twice as many classes. */
const COLOURS = ["#e69f00", "#56b4e9", "#009e73", "#f0e442", "#0072b2", "#d55e00", "#cc79a7", "#888888"];

/** Its spec: items ({label, note, points, labels}), classes, caption. @param {import("./parts.js").Figures} figures */
export function scatter(figures) {
  const row = h("div", { class: "maps" });
  const legend = h("figcaption", {});
  const element = h("figure", {}, row, legend);
  /** @type {any} */
  let drawn = null;
  return {
    element,
    /** @param {any} spec */
    update(spec) {
      if (drawn !== spec.items[0].points) put(row, ...spec.items.map((/** @type {any} */ item) => one(item, figures)));
      drawn = spec.items[0].points;
      put(legend, ...caption(spec, figures));
    },
  };
}

/** @param {any} item @param {import("./parts.js").Figures} figures */
function one({ label, note, points, labels }, figures) {
  const [xs, ys] = [0, 1].map((axis) => points.map((/** @type {number[]} */ point) => point[axis]));
  const [left, top] = [Math.min(...xs), Math.min(...ys)];
  const [width, height] = [Math.max(...xs) - left || 1, Math.max(...ys) - top || 1];
  const marks = points.map((/** @type {number[]} */ [x, y], /** @type {number} */ at) => {
    const place = { x: 2 + (96 * (x - left)) / width, y: 2 + (96 * (y - top)) / height };
    const fill = COLOURS[labels[at] % COLOURS.length];
    return labels[at] < COLOURS.length
      ? svg("circle", { cx: place.x, cy: place.y, r: 1.3, fill })
      : svg("rect", { x: place.x - 1.2, y: place.y - 1.2, width: 2.4, height: 2.4, fill });
  });
  const told = (/** @type {string} */ key) => rich(figures.say(key), figures.numbers(), figures.address);
  return h(
    "div",
    { class: "map" },
    svg("svg", { viewBox: "0 0 100 100", class: "scatter", role: "img", "aria-label": named(label, figures) }, marks),
    h("b", {}, ...told(label)),
    note && h("span", { class: "quiet" }, ...told(note)),
  );
}
