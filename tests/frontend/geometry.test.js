// geometry.js against the table of cases that models/geometry.py is tested with.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import {
  canvasToCell,
  cellAt,
  cellBox,
  crop,
  fromAnalysis,
  seenCells,
  toImage,
  toInput,
} from "../../frontend/geometry.js";
import { placeOf, tokenOf } from "../../frontend/sites/sites.js";

const CASES = JSON.parse(readFileSync(new URL("../data/geometry_cases.json", import.meta.url), "utf-8"));

function close(actual, expected, what) {
  assert.equal(actual.length, expected.length, what);
  actual.forEach((value, i) =>
    assert.ok(Math.abs(value - expected[i]) < 1e-6, `${what}: ${actual} is not ${expected}`),
  );
}

const geometryOf = ({ image: [width, height], input, image_to_input }) =>
  fromAnalysis({
    image: { width, height },
    geometry: { image_to_input, input: { width: input[0], height: input[1] } },
  });

for (const one of CASES) {
  test(`geometry: ${one.name}`, () => {
    const geometry = geometryOf(one);
    const site = { grid: one.grid, prefix_tokens: one.prefix_tokens, queries: Infinity };
    close(crop(geometry), one.crop, "crop");
    for (const point of one.points) {
      close(toInput(geometry, ...point.image), point.input, "to the input");
      close(toImage(geometry, ...point.input), point.image, "to the photo");
      const cell = cellAt(geometry, ...point.image, one.grid);
      assert.deepEqual(cell && [cell.row, cell.column], point.cell);
      if (cell) {
        assert.equal(tokenOf(cell, site), point.token);
        assert.deepEqual(placeOf(point.token, site), cell);
      }
    }
    for (const { cell, image } of one.boxes) close(cellBox(geometry, ...cell, one.grid), image, "box");
  });

  test(`a canvas pixel lies in the same cell: ${one.name}`, () => {
    const geometry = geometryOf(one);
    const [width, height] = [2 * one.image[0], 3 * one.image[1]];
    const [[a, b, c], [d, e, f]] = canvasToCell(geometry, one.grid, width, height);
    for (const {
      image: [x, y],
      cell,
    } of one.points.filter((point) => point.cell)) {
      const [top, left, bottom, right] = seenCells(geometry, one.grid);
      const [row, column] = [d * 2 * x + e * 3 * y + f + 1e-9, a * 2 * x + b * 3 * y + c + 1e-9];
      assert.ok(row >= top && row < bottom && column >= left && column < right);
      const within = (at, count) => Math.min(Math.max(Math.floor(at), 0), count - 1);
      const place = [within(row, one.grid.rows), within(column, one.grid.columns)];
      assert.deepEqual(place, cell);
    }
  });
}
