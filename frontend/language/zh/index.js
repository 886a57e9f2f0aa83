// Chinese (Simplified). One file an area of the page; each is JSON after `export default`.

import kinds from "./kinds.js";
import page from "./page.js";

export default { ...page, ...kinds };
