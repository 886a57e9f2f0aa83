// The picture as a drawing: the photo and the map as they are painted, legend, mark and sentence as lines and text.

import { say } from "../language/language.js";
import { fromAnalysis } from "../geometry.js";
import { cellOutline } from "../paint/marks.js";
import { tableOf } from "../sites/drawn.js";
import { number } from "../ui/format.js";
import { legendWords, overlayOf, told } from "./export.js";
import { escaped, figure, gradientOf, image, line, LINE, MARGIN, page, widthOf, wrapped } from "./svg.js";

const NARROWEST = 480;
const BAR = 200;

/** @param {Drawn} state that has a map on a photo @returns {import("./svg.js").Figure} */
export function figureSvg(state) {
  const { photo, picture, analysisData } = state;
  if (!photo) throw new Error(say("There is no photo."));
  const { width: across, height: down } = photo.bitmap;
  const times = Math.max(1, NARROWEST / across);
  const [width, height] = [Math.round(across * times), Math.round(down * times)];
  const { low, high, scale } = legendWords(state);
  const below = wrapped(scale, width - 2 * MARGIN);
  const lines = wrapped(told(state), width - 2 * MARGIN);
  const before = MARGIN + widthOf(low) + 12;
  const top = height + MARGIN;
  const words = top + (below.length + 1) * LINE + 10;
  const marked = picture.marked ? cellOutline(fromAnalysis(analysisData), picture.marked, picture.markedGrid ?? picture.grid) : null;
  return figure(width, words + lines.length * LINE + MARGIN, told(state), [
    gradientOf("scale", tableOf(state, picture)),
    image(photoCanvas(photo.bitmap), 0, 0, width, height),
    image(overlayOf(state, across, down), 0, 0, width, height),
    marked && `<g transform="scale(${times})" fill="none"><path d="${marked}" stroke="black" stroke-width="${4 / times}"/><path d="${marked}" stroke="white" stroke-width="${2 / times}"/></g>`,
    line(MARGIN, top + 14, low),
    `<rect x="${before}" y="${top + 2}" width="${BAR}" height="12" fill="url(#scale)"/>`,
    line(before + BAR + 8, top + 14, high),
    ...below.map((one, i) => line(MARGIN, top + (i + 1) * LINE + 14, one)),
    ...lines.map((one, i) => line(MARGIN, words + i * LINE + 14, one)),
  ]);
}

/** One file that opens anywhere: the drawing and the table of its numbers. @param {Drawn} state */
export function figurePage(state) {
  const { grid, values } = state.picture;
  const rows = Array.from({ length: grid.rows }, (_, row) => {
    const cells = [...values.subarray(row * grid.columns, (row + 1) * grid.columns)];
    return `<tr><th>${row}</th>${cells.map((value) => `<td title="${value}">${number(value)}</td>`).join("")}</tr>`;
  });
  const columns = Array.from({ length: grid.columns }, (_, column) => `<th>${column}</th>`);
  const table = `<details><summary>${escaped(say("The numbers: rows from above, columns from the left"))}</summary>
<table><tr><th></th>${columns.join("")}</tr>
${rows.join("\n")}
</table></details>`;
  return page(figureSvg(state), state.picture.sentence, table);
}

/** @param {ImageBitmap} bitmap */
function photoCanvas(bitmap) {
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width: bitmap.width, height: bitmap.height });
  canvas.getContext("2d")?.drawImage(bitmap, 0, 0);
  return canvas;
}
