// What kind of statement a map is, in the page's language. The English is the name that the server and the code go by.

import { say } from "../language/language.js";

/** @type {Record<string, string>} */
const CLAIMS = {
  "attention map": say("attention map"),
  gate: say("gate"),
  "feature map": say("feature map"),
  "sampling grid": say("sampling grid"),
  saliency: say("saliency"),
  mask: say("mask"),
  "position similarity": say("position similarity"),
  "token length": say("token length"),
};

/** @param {string} claim */
export const claimName = (claim) => CLAIMS[claim] ?? claim;
