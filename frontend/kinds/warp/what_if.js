// What can be changed of a spatial transformer: θ, by its corners, by its numbers, or to the identity.

import { say } from "../../language/language.js";
import { h, svg } from "../../ui/dom.js";
import { crop, fromAnalysis } from "../../geometry.js";
import { editOf } from "../edits.js";
import { corners } from "./theta.js";

const NAMES = [say("upper left"), say("upper right"), say("lower right"), say("lower left")];
const SIDE_PX = 200;
const REACH = 1.5; // the drawing shows −1.5 … 1.5, so that a corner outside of the picture can be caught
const STEP = 0.05;
/** @type {Record<string, [number, number]>} */
const ARROWS = { ArrowUp: [0, -STEP], ArrowDown: [0, STEP], ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0] };

/** @param {State} state @param {WarpSite} site @param {import("../edits.js").WhatIf} what @returns {Element[]} */
export function whatIf(state, site, what) {
  const { edits, change } = what;
  const others = () => edits().filter(({ edit, site: at }) => at !== site.id || !["theta", "identity"].includes(edit));
  const identity = Boolean(editOf(edits(), "identity", site.id));
  const button = h(
    "button",
    {
      type: "button",
      class: "button",
      "aria-pressed": String(identity),
      title: say("The input is read as it lies"),
      onclick: () => change(identity ? others() : [...others(), { edit: "identity", site: site.id }], "theta"),
    },
    say("Identity"),
  );
  if (!site.theta) return [h("section", { class: "group" }, h("p", { class: "note" }, site.note ?? ""), button, what.problem("theta"))];
  const ask = (/** @type {number[][]} */ theta) => change([...others(), { edit: "theta", site: site.id, theta }], "theta");
  return [
    h(
      "section",
      { class: "group" },
      h("h3", {}, say("θ by its corners")),
      h("p", { class: "quiet" }, say("Drag a corner to turn and size the window, its middle to move it. With the keyboard: Tab, then the arrow keys.")),
      drawing(state, site, ask),
    ),
    h("section", { class: "group" }, h("h3", {}, say("θ by its numbers")), matrix(site.theta, ask), h("div", { class: "row" }, button), what.problem("theta")),
  ];
}

/** @param {number[][]} theta @param {(theta: number[][]) => void} ask */
function matrix(theta, ask) {
  const fields = theta.map((row, i) =>
    row.map((value, j) =>
      h("input", { type: "number", step: "any", class: "small-number", required: true, value: round(value), "aria-label": say("θ, row {i}, column {j}", { i: i + 1, j: j + 1 }) }),
    ),
  );
  return h(
    "form",
    {
      class: "theta",
      onsubmit: (/** @type {Event} */ event) => {
        event.preventDefault();
        ask(fields.map((row) => row.map((field) => Number(field.value))));
      },
    },
    fields.flat(),
    h("button", { type: "submit", class: "button" }, say("Apply θ")),
  );
}

/** The window on what it reads, with handles. @param {State} state @param {WarpSite} site @param {(theta: number[][]) => void} ask */
function drawing(state, site, ask) {
  let theta = site.theta ?? [];
  const window = svg("path", { class: "window" });
  const top = svg("path", { class: "window top" });
  const handles = [...NAMES, "middle"].map((name, index) =>
    svg("circle", {
      r: index < 4 ? 0.1 : 0.08,
      class: "handle-dot",
      tabindex: 0,
      role: "button",
      "aria-label": index < 4 ? say("Corner, {name}", { name }) : say("Middle of the window"),
      onpointerdown: (/** @type {PointerEvent} */ event) => drag(event, index),
      onkeydown: (/** @type {KeyboardEvent} */ event) => {
        const by = ARROWS[event.key];
        if (!by) return;
        event.preventDefault();
        event.stopPropagation();
        draw(moved(theta, index, by));
        ask(theta);
      },
    }),
  );
  const root = svg(
    "svg",
    { class: "theta-drawing", viewBox: `${-REACH} ${-REACH} ${2 * REACH} ${2 * REACH}`, role: "group", "aria-label": say("The window that is read") },
    svg("rect", { x: -1, y: -1, width: 2, height: 2, class: "picture" }),
    window,
    top,
    handles,
  );
  draw(theta);
  return h("div", { class: "theta-frame" }, photoOf(state, site), root);

  /** @param {number[][]} next */
  function draw(next) {
    theta = next.map((row) => row.map(round));
    const points = corners(theta);
    window.setAttribute("d", `M${points.map((point) => point.join(" ")).join("L")}Z`);
    top.setAttribute("d", `M${points[0].join(" ")}L${points[1].join(" ")}`);
    for (const [i, [x, y]] of [...points, [theta[0][2], theta[1][2]]].entries()) {
      handles[i].setAttribute("cx", x);
      handles[i].setAttribute("cy", y);
    }
  }

  /** @param {PointerEvent} event @param {number} index */
  function drag(event, index) {
    event.preventDefault();
    const handle = handles[index];
    handle.focus();
    handle.setPointerCapture(event.pointerId);
    const from = theta;
    const scale = (2 * REACH) / root.getBoundingClientRect().width;
    const move = (/** @type {PointerEvent} */ now) =>
      draw(moved(from, index, [(now.clientX - event.clientX) * scale, (now.clientY - event.clientY) * scale]));
    handle.addEventListener("pointermove", move);
    handle.addEventListener(
      "lostpointercapture",
      () => {
        handle.removeEventListener("pointermove", move);
        if (theta !== from) ask(theta);
      },
      { once: true },
    );
  }
}

/**
 * A corner moved turns and sizes the window about the corner opposite; its middle moved moves it.
 * @param {number[][]} theta @param {number} index of a corner, 4 for the middle @param {[number, number]} by (x, y)
 * @returns {number[][]}
 */
export function moved(theta, index, [dx, dy]) {
  if (index === 4) return [[theta[0][0], theta[0][1], theta[0][2] + dx], [theta[1][0], theta[1][1], theta[1][2] + dy]];
  const points = corners(theta);
  const [px, py] = points[(index + 2) % 4];
  const [x, y] = [points[index][0] - px, points[index][1] - py];
  const length = x * x + y * y;
  if (length < 1e-9) return theta;
  // As complex numbers, (v + δ) / v turns and sizes everything about the opposite corner.
  const [c, s] = [((x + dx) * x + (y + dy) * y) / length, ((y + dy) * x - (x + dx) * y) / length];
  const turn = (/** @type {number} */ u, /** @type {number} */ v) => [c * u - s * v, s * u + c * v];
  const [[a, b, tx], [d, e, ty]] = theta;
  const [ax, dx2] = turn(a, d);
  const [bx, ex] = turn(b, e);
  const [mx, my] = turn(tx - px, ty - py);
  return [[ax, bx, px + mx], [dx2, ex, py + my]];
}

/** What it reads, where that is the photo. @param {State} state @param {WarpSite} site */
function photoOf({ base, basePhoto }, site) {
  const canvas = h("canvas", { class: "theta-photo", width: SIDE_PX, height: SIDE_PX, "aria-hidden": "true" });
  if (!base || !basePhoto || site.reads_through?.length) return canvas;
  const [left, top, right, bottom] = crop(fromAnalysis(base));
  canvas.getContext("2d").drawImage(basePhoto.bitmap, left, top, right - left, bottom - top, 0, 0, SIDE_PX, SIDE_PX);
  return canvas;
}

/** @param {number} value */
const round = (value) => Math.round(value * 1e4) / 1e4;
