// The figure types that a chapter may use, by the name in its spec.

import { bars } from "./bars.js";
import { choice, press, range, sentence, toggle } from "./controls.js";
import { maps } from "./maps.js";
import { photo } from "./photo.js";
import { answer, facts, matrix } from "./tables.js";
import { scatter } from "./scatter.js";
import { theta } from "./theta.js";
import { words } from "./words.js";

/** @type {Record<string, (figures: import("./parts.js").Figures) => import("./parts.js").Figure>} */
export const FIGURES = { answer, bars, choice, facts, maps, matrix, photo, press, range, scatter, sentence, theta, toggle, words };
