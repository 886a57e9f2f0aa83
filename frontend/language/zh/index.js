// Chinese (Simplified). One file an area of the page; each is JSON after `export default`.

import page from "./page.js";
import truth from "./truth.js";

export default { ...page, ...truth };
