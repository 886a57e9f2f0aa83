// Chinese (Simplified). One file for each area of the page, and for each folder of kinds; each is JSON after `export default`.

import drawing from "./drawing.js";
import instrument from "./instrument.js";
import kinds from "./kinds.js";
import attention from "./kinds/attention.js";
import gate from "./kinds/gate.js";
import network from "./kinds/network.js";
import positions from "./kinds/positions.js";
import stream from "./kinds/stream.js";
import strip from "./kinds/strip.js";
import warp from "./kinds/warp.js";
import words from "./kinds/words.js";
import page from "./page.js";
import truth from "./truth.js";

export default { ...kinds, ...attention, ...gate, ...network, ...positions, ...stream, ...strip, ...warp, ...words, ...drawing, ...instrument, ...page, ...truth };
