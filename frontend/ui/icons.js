// The glyphs of the kinds of site and the icons of the buttons: strokes on a 16 × 16 field, in the text's colour.

import { svg } from "./dom.js";

/** @type {Record<string, string>} */
const PATHS = {
  // Kinds of site: an eye, bars, a masked square, a bent grid.
  attention:
    "M1.5 8 C4.5 3.2 11.5 3.2 14.5 8 C11.5 12.8 4.5 12.8 1.5 8 Z M6 8 a2 2 0 1 0 4 0 a2 2 0 1 0 -4 0",
  channels: "M3 13 V9 M6.3 13 V4 M9.7 13 V7 M13 13 V3",
  mask: "M2.5 2.5 H13.5 V13.5 H2.5 Z M5 10.5 a3 3 0 0 1 6 0 Z",
  grid: "M3 4 L12 2.5 L13.5 12 L4.5 13.5 Z M7.5 3.2 L9 12.8 M3.7 8.7 L12.8 7.2",
  // What an attention is between: places in a window, a word and the photo, words before, words and words.
  window: "M2.5 2.5 H13.5 V13.5 H2.5 Z M7.5 7.5 H11.5 V11.5 H7.5 Z",
  cross: "M2 3.5 H7 M2 6 H5.5 M6 10.5 C7.8 8 12.2 8 14 10.5 C12.2 13 7.8 13 6 10.5 Z M10 10.4 V10.6",
  triangle: "M3 3 V13 H13 Z M3 8 H8 V13",
  matrix: "M2.5 2.5 H13.5 V13.5 H2.5 Z M6.2 2.5 V13.5 M9.8 2.5 V13.5 M2.5 6.2 H13.5 M2.5 9.8 H13.5",
  // Buttons.
  open: "M8 10.5 V2.5 M4.8 5.5 L8 2.3 L11.2 5.5 M2.5 10 V13.5 H13.5 V10",
  export: "M8 2.5 V10.5 M4.8 7.5 L8 10.7 L11.2 7.5 M2.5 10 V13.5 H13.5 V10",
  compare: "M2 3.5 H7 V12.5 H2 Z M9 3.5 H14 V12.5 H9 Z",
  link: "M6.5 9.5 L9.5 6.5 M7.2 4.8 L9 3 a2.8 2.8 0 0 1 4 4 L11.2 8.8 M8.8 11.2 L7 13 a2.8 2.8 0 0 1 -4 -4 L4.8 7.2",
  theme: "M8 2.2 a5.8 5.8 0 1 0 0 11.6 a5.8 5.8 0 1 0 0 -11.6 M8 2.2 V13.8 M8 5 H12.6 M8 8 H13.7 M8 11 H12.6",
  help: "M5.7 6 a2.3 2.3 0 1 1 3.3 2.1 c-.7 .35 -1 .8 -1 1.6 M8 12.2 V12.6",
  down: "M4 6.2 L8 10.2 L12 6.2",
  close: "M4 4 L12 12 M12 4 L4 12",
  check: "M3 8.5 L6.5 12 L13 4.5",
};

/** @param {string} name  one of PATHS, or the path itself @param {string} [title] */
export function icon(name, title) {
  return svg(
    "svg",
    { viewBox: "0 0 16 16", class: "icon", "aria-hidden": title ? null : "true", role: title ? "img" : null },
    title && svg("title", {}, title),
    svg("path", { d: PATHS[name] ?? name }),
  );
}
