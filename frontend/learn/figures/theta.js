// The window of a spatial transformer on what it reads: dragged by its corners or its middle, or moved with the arrow keys.

import { crop, fromAnalysis } from "../../geometry.js";
import { corners } from "../../kinds/warp/theta.js";
import { moved } from "../../kinds/warp/what_if.js";
import { h, put, svg } from "../../ui/dom.js";
import { caption } from "./parts.js";

const REACH = 1.4; // so that a corner outside of the picture can be caught
const STEP = 0.05;
/** @type {Record<string, [number, number]>} */
const ARROWS = { ArrowUp: [0, -STEP], ArrowDown: [0, STEP], ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0] };
const NAMES = ["upper-left", "upper-right", "lower-right", "lower-left", "middle"];

/** Its spec: theta, choose (the state's name), picture ({url}) and analysis (null where the picture is what the network saw, whole), point and neighbours (on the picture, from −1 to 1), caption. @param {import("./parts.js").Figures} figures */
export function theta(figures) {
  const image = h("img", { alt: "" });
  const window = svg("path", { class: "window" });
  const top = svg("path", { class: "window top" });
  const dots = svg("g", {});
  /** @type {any} */
  let spec = {};
  const handles = NAMES.map((_, index) =>
    svg("circle", {
      r: index < 4 ? 0.1 : 0.08,
      class: "handle",
      tabindex: 0,
      role: "button",
      onpointerdown: (/** @type {PointerEvent} */ event) => drag(event, index),
      onkeydown: (/** @type {KeyboardEvent} */ event) => {
        const by = ARROWS[event.key];
        if (!by) return;
        event.preventDefault();
        figures.set({ [spec.choose]: moved(spec.theta, index, by) });
      },
    }),
  );
  const root = svg(
    "svg",
    { class: "theta", viewBox: `${-REACH} ${-REACH} ${2 * REACH} ${2 * REACH}`, role: "group" },
    svg("rect", { x: -1, y: -1, width: 2, height: 2, class: "picture" }),
    window,
    top,
    dots,
    handles,
  );
  const frame = h("div", { class: "theta-frame" }, h("div", { class: "theta-picture" }, image), root);
  const legend = h("figcaption", {});
  const element = h("figure", {}, frame, legend);

  /** @param {PointerEvent} event @param {number} index */
  function drag(event, index) {
    const handle = /** @type {Element} */ (event.currentTarget);
    handle.setPointerCapture(event.pointerId);
    const box = root.getBoundingClientRect();
    let last = [event.clientX, event.clientY];
    const move = (/** @type {any} */ next) => {
      const by = [next.clientX - last[0], next.clientY - last[1]].map((value, axis) => (value / (axis ? box.height : box.width)) * 2 * REACH);
      last = [next.clientX, next.clientY];
      figures.set({ [spec.choose]: moved(spec.theta, index, /** @type {[number, number]} */ (by)) });
    };
    handle.addEventListener("pointermove", move);
    const end = () => handle.removeEventListener("pointermove", move);
    handle.addEventListener("pointerup", end, { once: true });
    handle.addEventListener("pointercancel", end, { once: true });
  }

  return {
    element,
    /** @param {any} next */
    update(next) {
      spec = next;
      const shown = spec.picture ?? figures.lesson.photo;
      const analysis = spec.analysis === undefined ? figures.lesson.analysis : spec.analysis;
      if (image.src !== shown.url) image.src = shown.url;
      if (analysis) fit(image, analysis);
      else Object.assign(image.style, { width: "100%", height: "100%", left: 0, top: 0 });
      const points = corners(spec.theta);
      const through = (/** @type {number[][]} */ list) => `M${list.map((p) => p.join(" ")).join("L")}`;
      window.setAttribute("d", `${through(points)}Z`);
      top.setAttribute("d", through(points.slice(0, 2)));
      [...points, [spec.theta[0][2], spec.theta[1][2]]].forEach(([x, y], index) => {
        handles[index].setAttribute("cx", x);
        handles[index].setAttribute("cy", y);
        handles[index].setAttribute("aria-label", figures.say(`handle-${NAMES[index]}`));
      });
      root.setAttribute("aria-label", figures.say(spec.caption).replace(/[{}$*]/g, ""));
      put(
        dots,
        ...(spec.neighbours ?? []).map((/** @type {any} */ { x, y, size, weight }) =>
          svg("rect", { x: x - size / 2, y: y - size / 2, width: size, height: size, class: "neighbour", "fill-opacity": 0.15 + 0.75 * weight }),
        ),
        ...(spec.point ? [svg("circle", { cx: spec.point[0], cy: spec.point[1], r: 0.02, class: "read" })] : []),
      );
      put(legend, ...caption(spec, figures));
    },
  };
}

/** Shows of the photo what the network saw. @param {HTMLElement} image @param {Analysis} analysis */
function fit(image, analysis) {
  const geometry = fromAnalysis(analysis);
  const [left, top, right, bottom] = crop(geometry);
  Object.assign(image.style, {
    width: `${(100 * geometry.imageWidth) / (right - left)}%`,
    height: `${(100 * geometry.imageHeight) / (bottom - top)}%`,
    left: `${(-100 * left) / (right - left)}%`,
    top: `${(-100 * top) / (bottom - top)}%`,
  });
}
