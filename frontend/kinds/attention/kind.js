// Attention on the page.

import { say } from "../../language/language.js";
import { isCross, isMasked, isOfPatches, isPlaced, isScattered, isWordMatrix, askedGrid, cellOf, placeOf, wordOf } from "../../sites/sites.js";
import * as pictures from "../../sites/picture.js";
import { wordMatrixPicture, wordPicture } from "../words/picture.js";
import { reading } from "./reading.js";

/** As the API writes it. @param {Cell} cell */
const place = ({ row, column }) => `${row},${column}`;

/** A token as the API writes it. @param {number} token @param {Site} site */
function asked(token, site) {
  const cell = placeOf(token, site);
  return cell ? place(cell) : String(token);
}

/** @type {SiteKind<AttentionSite>} */
export const attention = {
  glyph(site) {
    if (isCross(site)) return "cross";
    if (isMasked(site)) return "triangle";
    if (isWordMatrix(site)) return "matrix";
    return site.windows ? "window" : "attention";
  },
  here: say("This layer"),
  tab: "heads",
  meaning: say("one cell per layer; bar: how focused attention is"),
  number: say("focus (1 − entropy / ln N)"),
  explanation: async (...given) => (await import("./explanation.js")).explanation(...given),
  async picture(state, site, session) {
    if (isCross(site)) return wordPicture(state, site, await session.word(site, wordOf(state, site)));
    if (isWordMatrix(site)) return wordMatrixPicture(state, site, await session.attention(site));
    if (isScattered(site)) {
      const cell = cellOf(pictures.askedQuery(state), site, state.direction);
      return pictures.placePicture(state, site, cell, await session.place(site, cell, state.direction));
    }
    const soon = !state.picture && !session.peek(`attention ${site.id}`) && isOfPatches(site) && (site.grid.depth ?? 1) === 1;
    const source = soon ? session.firstRow(site, asked(pictures.shownToken(state, site), site), state.direction) : session.attention(site);
    return pictures.attentionPicture(state, site, await source);
  },
  reading,
  ahead: (site, session) =>
    isScattered(site) ? session.place(site, cellOf("cls", site, "from"), "from") : session.attention(site),
  bytes(site) {
    if (isScattered(site)) return site.heads * site.key_grid.rows * site.key_grid.columns * 4;
    return site.heads * site.queries * (site.projections ? 2 * 64 : site.keys) * 4;
  },
  rank(site) {
    if (!askedGrid(site, "from")) return Infinity;
    return isPlaced(site) ? 0 : 1;
  },
  onPhoto: (ask, cell) => ask("attention", cell ? { query: `${cell.row},${cell.column}` } : {}),
  numbers(state, site) {
    const { direction } = state;
    const ask = (/** @type {string | number} */ query) => ({ query, ...(direction === "to" && !isCross(site) && !isWordMatrix(site) ? { direction } : {}) });
    const asked = isCross(site)
      ? ask(wordOf(state, site))
      : isWordMatrix(site) || !askedGrid(site, direction)
        ? ask("all")
        : ask(isScattered(site) ? place(cellOf(pictures.askedQuery(state), site, direction)) : pictures.shownToken(state, site));
    return { path: "attention", asked: { ...asked, head: pictures.headOf(state, site.heads) }, map: "attention" };
  },
  whatIf: () => import("./what_if.js"),
};

/** By the names of the kinds. @type {Record<string, SiteKind>} */
export const kinds = { attention };
