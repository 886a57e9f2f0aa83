// Chinese (Simplified). One file an area of the page; each is JSON after `export default`.

import drawing from "./drawing.js";
import instrument from "./instrument.js";
import kinds from "./kinds.js";
import page from "./page.js";
import truth from "./truth.js";

export default { ...kinds, ...drawing, ...instrument, ...page, ...truth };
