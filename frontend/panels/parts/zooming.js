// Zoom and pan: by wheel, two fingers, keys and buttons; a double click goes to the whole photo and back.

import { say } from "../../language/language.js";
import { h } from "../../ui/dom.js";
import { pulled, zoomed } from "../../paint/zoom.js";

const STEP = 1.5; // of a key or a button
const DOUBLE_CLICK = 2.5;
const WHEEL = 0.0015; // a notch of 100 pixels is a factor of 1.16
const PINCH = 0.01; // a touchpad's pinch comes as a wheel with ctrl, in small steps
const LINE_PX = 16;
const DRAG_PX = 4; // less is a click

/** @typedef {[number, number]} Point */

/** Nearer (in) or farther, around the middle of what is shown. @param {Store} store @param {boolean} nearer */
export const stepZoom = (store, nearer) => store.set({ zoom: zoomed(store.get().zoom, nearer ? STEP : 1 / STEP, [0.5, 0.5]) });

/** By a part of what is shown. @param {Store} store @param {Point} by */
export const pan = (store, by) => store.set({ zoom: pulled(store.get().zoom, by) });

/**
 * @param {HTMLElement} frame  of the photo @param {Store} store @param {() => boolean} scrolls  whether the page scrolls by a wheel over the photo
 * @returns {HTMLElement} the buttons
 */
export function mountZoom(frame, store, scrolls) {
  /** Where each finger, or the mouse, is. @type {Map<number, Point>} */
  const held = new Map();
  let dragged = false;
  let before = store.get().query; // what was pinned before the first of two clicks

  const shareOf = (/** @type {{clientX: number, clientY: number}} */ { clientX, clientY }) => {
    const { left, top, width, height } = frame.getBoundingClientRect();
    return /** @type {Point} */ ([(clientX - left) / width, (clientY - top) / height]);
  };

  frame.addEventListener(
    "wheel",
    (event) => {
      if (scrolls() && !event.ctrlKey) return;
      const { zoom } = store.get();
      const moved = event.deltaY * (event.deltaMode === WheelEvent.DOM_DELTA_LINE ? LINE_PX : 1);
      if (!zoom && moved > 0 && !event.ctrlKey) return;
      event.preventDefault();
      store.set({ zoom: zoomed(zoom, Math.exp(-moved * (event.ctrlKey ? PINCH : WHEEL)), shareOf(event)) });
    },
    { passive: false },
  );

  frame.addEventListener("pointerdown", (event) => {
    if (event.pointerType === "mouse" && event.button !== 0) return;
    if (held.size === 0) dragged = false;
    held.set(event.pointerId, shareOf(event));
  });
  frame.addEventListener("pointermove", (event) => {
    const from = held.get(event.pointerId);
    const { zoom, brush } = store.get();
    if (!from || (held.size === 1 && (!zoom || brush))) return;
    const to = shareOf(event);
    const { width, height } = frame.getBoundingClientRect();
    if (held.size === 1 && !dragged && Math.hypot((to[0] - from[0]) * width, (to[1] - from[1]) * height) < DRAG_PX) return;
    dragged = true;
    if (event.pointerType === "mouse") frame.setPointerCapture(event.pointerId); // a finger is followed anyway
    const fingers = [...held.values()];
    held.set(event.pointerId, to);
    store.set({ zoom: following(zoom, fingers, [...held.values()], width / height) });
  });
  for (const end of ["pointerup", "pointercancel"]) frame.addEventListener(end, (/** @type {any} */ event) => held.delete(event.pointerId));
  frame.addEventListener("touchstart", (event) => event.touches.length > 1 && event.preventDefault(), { passive: false });

  frame.addEventListener(
    "click",
    (event) => {
      if (event.detail === 1) before = store.get().query;
      if (dragged) event.stopImmediatePropagation(); // it was no choice of a patch
      dragged = false;
    },
    { capture: true },
  );
  frame.addEventListener("dblclick", (event) => {
    const { zoom } = store.get();
    store.set({ zoom: zoom ? null : zoomed(null, DOUBLE_CLICK, shareOf(event)), query: before });
  });

  const whole = h("button", { type: "button", class: "button small plain number", id: "whole-photo", title: say("The whole photo (0, or a double click)"), onclick: () => store.set({ zoom: null }) });
  const button = (/** @type {string} */ text, /** @type {string} */ name, /** @type {boolean} */ nearer) =>
    h("button", { type: "button", class: "button small plain", "aria-label": name, title: name, onclick: () => stepZoom(store, nearer) }, text);
  const buttons = h("div", { class: "zoom", role: "group", "aria-label": say("Zoom") }, whole, button("−", say("Zoom out (Z)"), false), button("+", say("Zoom in (z, or the wheel)"), true));
  const show = () => {
    const { zoom } = store.get();
    frame.classList.toggle("zoomed", zoom !== null);
    whole.textContent = `${Math.round(100 * (zoom?.times ?? 1))} %`;
    whole.disabled = zoom === null;
  };
  show();
  store.on(["zoom"], show);
  return buttons;
}

/** What was under the fingers stays under them. @param {State["zoom"]} zoom @param {Point[]} from @param {Point[]} to @param {number} shape  width by height */
function following(zoom, from, to, shape) {
  const middle = (/** @type {Point[]} */ all) => /** @type {Point} */ ([0, 1].map((axis) => all.reduce((sum, one) => sum + one[axis], 0) / all.length));
  const apart = (/** @type {Point[]} */ [one, other]) => Math.hypot((one[0] - other[0]) * shape, one[1] - other[1]);
  const [start, end] = [middle(from), middle(to)];
  const nearer = from.length > 1 ? zoomed(zoom, apart(to) / Math.max(1e-3, apart(from)), start) : zoom;
  return pulled(nearer, [end[0] - start[0], end[1] - start[1]]);
}
