// Lines drawn over the photo, as SVG path data in photo pixels.

import { cellBox, toImage } from "../geometry.js";

/** @typedef {import("../geometry.js").Geometry} Geometry */

/** The outline of a cell. @param {Geometry} geometry @param {Cell} cell @param {import("../geometry.js").PatchGrid} grid */
export function cellOutline(geometry, { row, column }, grid) {
  const [left, top, right, bottom] = cellBox(geometry, row, column, grid);
  return `M${left} ${top}H${right}V${bottom}H${left}Z`;
}

/**
 * Where a point of a sampling grid lies on the photo. The grid's coordinates run from −1 to 1 over the sampler's
 * input: from edge to edge, or between the centres of the outer pixels where align_corners says so.
 * @param {Geometry} geometry @param {Sampling} sampling @param {number[]} point (x, y)
 */
export function samplePoint(geometry, { input, align_corners: centres }, [x, y]) {
  const along = (/** @type {number} */ value, /** @type {number} */ count) =>
    centres ? (((value + 1) / 2) * (count - 1) + 0.5) / count : (value + 1) / 2;
  return toImage(
    geometry,
    along(x, input.columns) * geometry.inputWidth,
    along(y, input.rows) * geometry.inputHeight,
  );
}

/**
 * A grid on a feature map behind other transformers, followed back through them to the photo: a point of its input is
 * a point of what the one before passed on, which read it at θ·(x, y, 1). Its coordinates are then the first one's.
 * @param {Sampling} sampling @param {WarpSite[]} earlier sites, first to last
 */
export function throughEarlier(sampling, earlier) {
  if (!earlier.length) return sampling;
  if (sampling.points) {
    // Through one without θ the server follows them, as shares of the first picture.
    const grid = sampling.points.map((/** @type {number[][]} */ row) => row.map(([x, y]) => [2 * x - 1, 2 * y - 1]));
    return { ...sampling, grid, input: earlier[0].input_grid, align_corners: false };
  }
  const maps = earlier.map(({ theta }) => theta).filter((theta) => theta !== null);
  const back = (/** @type {number[]} */ point) =>
    maps.reduceRight(([x, y], [[a, b, c], [d, e, f]]) => [a * x + b * y + c, d * x + e * y + f], point);
  return {
    ...sampling,
    grid: sampling.grid.map((/** @type {number[][]} */ row) => row.map(back)),
    input: earlier[0].input_grid,
    align_corners: earlier[0].align_corners,
  };
}

/**
 * The sampling grid as lines, at most about `lines` each way, its outline, and its first row, which shows what is up.
 * @param {Geometry} geometry @param {Sampling} sampling @param {number} [lines]
 */
export function samplingLines(geometry, sampling, lines = 14) {
  const points = sampling.grid.map((/** @type {number[][]} */ row) =>
    row.map((point) => samplePoint(geometry, sampling, point)),
  );
  const rows = spread(points.length, lines);
  const columns = spread(points[0].length, lines);
  const line = (/** @type {number[][]} */ through) =>
    `M${through.map((p) => p.map((v) => v.toFixed(2)).join(" ")).join("L")}`;
  const across = (/** @type {number} */ c) => line(points.map((/** @type {number[][]} */ row) => row[c]));
  const last = { row: points.length - 1, column: points[0].length - 1 };
  const outline = [
    points[0],
    points.map((r) => r[last.column]),
    points[last.row].slice().reverse(),
    points.map((r) => r[0]).reverse(),
  ];
  return {
    inner: [...rows.map((r) => line(points[r])), ...columns.map(across)].join(""),
    outline: `${line(outline.flat())}Z`,
    top: line(points[0]),
  };
}

/** About `most` indices from 0 to count − 1, both ends included. @param {number} count @param {number} most */
function spread(count, most) {
  const steps = Math.min(count, most) - 1;
  return Array.from({ length: steps + 1 }, (_, i) => Math.round((i * (count - 1)) / Math.max(1, steps)));
}
