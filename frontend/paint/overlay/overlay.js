// The overlay: a map at grid resolution drawn over the whole photo, patch-exact, with the crop dimmed. WebGL2 draws
// it; where no GPU runs that, or the context is lost, Canvas2D draws the same pixels.

import { canvasToCell, seenCells } from "../../geometry.js";
import { createCanvasRenderer } from "./canvas.js";
import { hasGpu, isSlow, TIMED } from "./choose.js";
import { createWebglRenderer } from "./webgl.js";

/**
 * @typedef {object} Drawing
 * @property {Float32Array} values  normalised to 0…1, NaN where undefined; (row, column)
 * @property {import("../../geometry.js").PatchGrid} grid
 * @property {import("../../geometry.js").Geometry} geometry
 * @property {import("../colormap.js").Table} table
 * @property {Float32Array} opacities  one for each step of the table
 * @property {number} hatching  the opacity of what is undefined
 * @property {boolean} smooth  bilinear between cell centres instead of exact cells
 * @property {import("../zoom.js").Part} [part]  of the photo that the canvas shows; all of it if not said
 *
 * @typedef {object} Frame  a Drawing made ready for one canvas size
 * @property {Float32Array} values
 * @property {number} rows
 * @property {number} columns
 * @property {number[][]} toCell  canvas pixel to cell units
 * @property {[number, number, number, number]} [seen]  what was looked at, in cell units: top, left, bottom, right; all cells if not said
 * @property {import("../colormap.js").Table} table
 * @property {Float32Array} opacities
 * @property {number} hatching
 * @property {boolean} smooth
 *
 * @typedef {object} Renderer
 * @property {(frame: Frame) => void} draw
 * @property {() => void} clear
 * @property {() => void} [finish]  waits until what was drawn is there, where drawing goes on elsewhere
 */

/**
 * @param {HTMLElement} parent  the overlay's canvas is put here
 * @param {"auto" | "webgl" | "canvas"} [wanted]  auto: WebGL2 where a GPU runs it
 */
export function createOverlay(parent, wanted = "auto") {
  let canvas = addCanvas(parent);
  const gpu = wanted === "webgl" || (wanted === "auto" && hasGpu());
  /** @type {Renderer} */
  let renderer = (gpu && createWebglRenderer(canvas)) || createCanvasRenderer(canvas);
  /** @type {Drawing | null} */
  let drawing = null;
  /** @type {number[]} */
  const times = []; // of the first draws, where it was not said who draws

  function redraw() {
    if (!drawing) return renderer.clear();
    const frame = prepare(drawing, canvas.width, canvas.height);
    if (!renderer.finish || wanted === "webgl" || times.length === TIMED) return renderer.draw(frame);
    const start = performance.now();
    renderer.draw(frame);
    renderer.finish();
    times.push(performance.now() - start);
    if (times.length === TIMED && isSlow(times)) withoutWebgl();
  }

  /** A canvas that had WebGL can have nothing else: another takes its place. */
  function withoutWebgl() {
    const { width, height } = canvas;
    canvas.remove();
    canvas = addCanvas(parent);
    Object.assign(canvas, { width, height });
    renderer = createCanvasRenderer(canvas);
    redraw();
  }
  canvas.addEventListener("webglcontextlost", withoutWebgl);

  return {
    /** @param {Drawing | null} next */
    draw(next) {
      drawing = next;
      redraw();
    },
    /** @param {number} width @param {number} height in device pixels */
    resize(width, height) {
      if (canvas.width === width && canvas.height === height) return;
      Object.assign(canvas, { width, height });
      redraw();
    },
  };
}

/** @param {Drawing} drawing @param {number} width @param {number} height @returns {Frame} */
export function prepare({ values, grid, geometry, table, opacities, hatching, smooth, part }, width, height) {
  const toCell = canvasToCell(geometry, grid, width, height, part);
  const seen = seenCells(geometry, grid);
  return { values, rows: grid.rows, columns: grid.columns, toCell, seen, table, opacities, hatching, smooth };
}

/** @param {HTMLElement} parent */
function addCanvas(parent) {
  const canvas = document.createElement("canvas");
  canvas.className = "overlay";
  canvas.setAttribute("aria-hidden", "true");
  parent.append(canvas);
  return canvas;
}
