// Which picture a model is shown with, and which model a picture, from the samples that ship.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { modelFor, sampleFor } from "../../frontend/api/samples.js";

const samples = JSON.parse(readFileSync(new URL("../../frontend/samples/samples.json", import.meta.url), "utf8"));
const models = ["vit", "se_resnet", "stn_digits", "stn_signs", "sa_unet", "captioner"].map((id) => ({
  id,
  status: "ready",
  reads: "photo",
  source: "bundled",
  default: id === "vit",
}));
const state = { samples, models };

test("a model is shown with its own kind of picture", () => {
  assert.equal(sampleFor("stn_digits", state).kind, "digit");
  assert.equal(sampleFor("stn_signs", state).model, "stn_signs");
  assert.equal(sampleFor("sa_unet", state).kind, "room");
});

test("of its kind the one whose own model is here comes first", () => {
  assert.equal(sampleFor("se_resnet", state).file, "sunflower.jpg");
  assert.equal(sampleFor("some-hub/model", { samples, models: [] }).file, "chelsea.jpg");
});

test("the present picture stays where it suits", () => {
  assert.equal(sampleFor("se_resnet", state, "stop_sign").file, "stop_sign.jpg");
  assert.equal(sampleFor("some-hub/model", state, "coffee").file, "coffee.jpg");
  assert.equal(sampleFor("stn_digits", state, "digit_small").file, "digit_small.png");
  assert.equal(sampleFor("stn_digits", state, "coffee").kind, "digit");
});

test("a network is not asked first about what it does not know", () => {
  for (const model of ["vit", "tnt", "se_resnet", "eca_resnet", "cbam_resnet", "coord_resnet", "sa_resnet"]) {
    const present = sampleFor(model, { samples, models: [{ id: model, status: "ready" }] }, "chelsea");
    assert.ok(["sunflower.jpg", "stop_sign.jpg"].includes(present.file), `${model}: ${present.file}`);
  }
});

test("a picture chosen for a model comes before others of its kind", () => {
  assert.equal(sampleFor("captioner", state).file, "camera.jpg");
  assert.equal(sampleFor("captioner", state, "sunflower").file, "camera.jpg");
});

test("the present model stays with a picture of its kind, and gives way to one of another", () => {
  const digit = samples.find((one) => one.kind === "digit");
  const coffee = samples.find((one) => one.file === "coffee.jpg");
  assert.equal(modelFor(digit, { ...state, model: "vit" }), "stn_digits");
  assert.equal(modelFor(coffee, { ...state, model: "captioner" }), "captioner");
  assert.equal(modelFor(coffee, { ...state, model: "stn_digits" }), "vit");
});

test("a file of weights that appears changes no picture's model", () => {
  const own = samples.find((one) => one.file === "coffee.jpg").model;
  const here = { samples, models: [{ id: own, status: "ready", reads: "photo", source: "local" }, ...models] };
  const file = (name) => samples.find((one) => one.file === name);
  assert.equal(modelFor(file("coffee.jpg"), { ...here, model: null }), "vit");
  assert.equal(modelFor(file("stop_sign.jpg"), { ...state, models: [...models, { ...models[0], id: "sa_resnet", default: false }], model: null }), "sa_resnet");
  const chosen = here.models.map((one) => ({ ...one, default: one.id === own }));
  assert.equal(modelFor(file("coffee.jpg"), { samples, models: chosen, model: null }), own);
});
