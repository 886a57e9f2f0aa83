import assert from "node:assert/strict";
import { test } from "node:test";

import { canvasToCell, apply } from "../../frontend/geometry.js";
import { partOf, pulled, readZoom, writeZoom, zoomed } from "../../frontend/paint/zoom.js";

const PHOTO = { width: 400, height: 200 };

/** Where on the photo a share of the frame is. @param {any} zoom @param {number[]} point */
function under(zoom, [x, y]) {
  const { left, top, width, height } = partOf(zoom, PHOTO);
  return [left + x * width, top + y * height];
}

test("what is under the pointer stays there", () => {
  const point = /** @type {[number, number]} */ ([0.3, 0.6]);
  let zoom = zoomed(null, 2, point);
  zoom = zoomed(zoom, 1.7, point);
  for (const [seen, whole] of [under(zoom, point), under(null, point)].reduce((a, b) => a.map((v, i) => [v, b[i]]))) assert.ok(Math.abs(seen - whole) < 1e-9);
});

test("a photo is never pulled out of its frame, and all of it is no zoom", () => {
  const zoom = zoomed(null, 4, [0, 0]);
  const far = pulled(zoom, [-90, -90]);
  assert.deepEqual(partOf(far, PHOTO), { left: 300, top: 150, width: 100, height: 50 });
  assert.equal(zoomed(zoom, 0.1, [0.5, 0.5]), null);
  assert.equal(pulled(null, [1, 1]), null);
});

test("the address keeps it", () => {
  const zoom = zoomed(null, 2.5, [0.7, 0.2]);
  assert.deepEqual(readZoom(writeZoom(/** @type {any} */ (zoom))), { times: 2.5, x: 0.42, y: 0.12 });
  for (const wrong of ["", "2", "2,x,0", "0.5,0,0"]) assert.equal(readZoom(wrong), undefined);
});

test("a canvas of a part has the cells of that part", () => {
  const geometry = { imageWidth: 400, imageHeight: 200, inputWidth: 100, inputHeight: 100, imageToInput: [[0.5, 0, -50], [0, 0.5, 0]] };
  const grid = { rows: 10, columns: 10 };
  const zoom = zoomed(null, 2, [0.5, 0.5]);
  const whole = canvasToCell(geometry, grid, 800, 400);
  const part = canvasToCell(geometry, grid, 300, 150, partOf(zoom, PHOTO));
  for (const share of [[0.1, 0.2], [0.9, 0.4]]) {
    const [x, y] = under(zoom, share);
    const there = apply(whole, 2 * x, 2 * y);
    apply(part, 300 * share[0], 150 * share[1]).forEach((value, i) => assert.ok(Math.abs(value - there[i]) < 1e-9));
  }
});
