// Spatial transformers on the page: any sampler whose points depend on the photo.

import { say } from "../../language/language.js";
import { gridPicture } from "../../sites/picture.js";
import { gateOnPhoto } from "../kind.js";
import { reading, thetaFacts } from "./reading.js";

/** @type {SiteKind<WarpSite>} */
export const spatialTransformer = {
  glyph: () => "grid",
  here: say("This grid"),
  tab: null,
  meaning: say("one cell per sampling grid: where it lies on its input"),
  number: "",
  explanation: async (...given) => (await import("./explanation.js")).explanation(...given),
  picture: async (_, site, session) => gridPicture(site, await session.grid(site)),
  reading,
  bytes: () => 0,
  rank: () => Infinity,
  onPhoto: gateOnPhoto,
  numbers: () => ({ path: "grid", asked: {}, map: "grid" }),
  whatIf: () => import("./what_if.js"),
  facts: async (site, session) => thetaFacts((await session.grid(site)).theta),
};

/** By the names of the kinds. @type {Record<string, SiteKind>} */
export const kinds = { "spatial-transformer": spatialTransformer };
