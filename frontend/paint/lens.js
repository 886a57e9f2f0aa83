// A small window enlarged: where attention stays within a few cells of the photo, they are shown large in a corner.

import { say } from "../language/language.js";
import { colour, step } from "./colormap.js";
import { shares } from "./scale.js";
import { cellBox, filledBox } from "../geometry.js";
import { h } from "../ui/dom.js";

const LARGEST_SHARE = 1 / 16; // of the map's cells; a larger window is seen well enough
const SIZE = 320; // pixels of the canvas; half as many on the page

/** The box of cells that are numbers; null where they are many. @param {Picture} picture */
export function smallWindow({ form, values, grid }) {
  if (form !== "map") return null;
  const box = filledBox(values, grid);
  return box && box.rows * box.columns <= LARGEST_SHARE * values.length ? box : null;
}

/** @param {HTMLElement} frame */
export function createLens(frame) {
  const canvas = h("canvas", { role: "img", "aria-label": say("The window, enlarged") });
  const figure = h("figure", { class: "lens", hidden: true }, canvas, h("figcaption", {}, say("the window, enlarged")));
  frame.append(figure);

  return {
    /** @param {{picture: Picture, bitmap: ImageBitmap, geometry: import("../geometry.js").Geometry, table: import("./colormap.js").Table, opacities: Float32Array}} drawing */
    draw({ picture, bitmap, geometry, table, opacities }) {
      const box = smallWindow(picture);
      figure.hidden = !box;
      if (!box) return;
      const { grid, marked, markedGrid } = picture;
      const cell = Math.floor(SIZE / Math.max(box.rows, box.columns));
      canvas.width = cell * box.columns;
      canvas.height = cell * box.rows;
      const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
      const [x0, y0] = cellBox(geometry, box.top, box.left, grid);
      const [, , x1, y1] = cellBox(geometry, box.top + box.rows - 1, box.left + box.columns - 1, grid);
      context.drawImage(bitmap, x0, y0, x1 - x0, y1 - y0, 0, 0, canvas.width, canvas.height);
      const t = shares(picture);
      for (let row = 0; row < box.rows; row++) {
        for (let column = 0; column < box.columns; column++) {
          const value = t[(box.top + row) * grid.columns + box.left + column];
          if (Number.isNaN(value)) continue;
          context.globalAlpha = opacities[step(value)];
          context.fillStyle = `rgb(${colour(table, value).join(" ")})`;
          context.fillRect(column * cell, row * cell, cell, cell);
        }
      }
      context.globalAlpha = 1;
      const sameGrid = !markedGrid || markedGrid.columns === grid.columns;
      if (marked && sameGrid) outline(context, (marked.column - box.left) * cell, (marked.row - box.top) * cell, cell);
      figure.classList.toggle("left", box.left + box.columns / 2 > grid.columns / 2);
    },
  };
}

/** @param {CanvasRenderingContext2D} context @param {number} x @param {number} y @param {number} size */
function outline(context, x, y, size) {
  for (const [style, width] of /** @type {[string, number][]} */ ([
    ["rgb(0 0 0 / 0.75)", 10],
    ["white", 4],
  ])) {
    context.strokeStyle = style;
    context.lineWidth = width;
    context.strokeRect(x + 4, y + 4, size - 8, size - 8);
  }
}
