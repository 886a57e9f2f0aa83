// The kinds of site: the one list of what each is called, drawn as and explained by.

import { attention } from "./attention/explanation.js";
import { channelGate, spatialGate } from "./gate/explanation.js";
import { spatialTransformer } from "./warp/explanation.js";

/** How a mechanism works, by kind of site. @type {Record<Site["kind"], Explanation>} */
export const EXPLANATIONS = {
  attention,
  "channel-gate": channelGate,
  "spatial-gate": spatialGate,
  "spatial-transformer": spatialTransformer,
};
