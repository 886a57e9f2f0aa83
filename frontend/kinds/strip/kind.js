// Strip gates: a factor for every row and one for every column, and their product over the photo.

import { say } from "../../language/language.js";
import { h } from "../../ui/dom.js";
import { number } from "../../ui/format.js";
import { mapPicture } from "../../sites/picture.js";
import { gateOnPhoto, SMALL } from "../kind.js";
import { meansOf } from "./strips.js";

/** @type {SiteKind} */
export const stripGate = {
  glyph: () => "M2.5 5.5 V13.5 H4.5 V5.5 Z M6 2.5 H13.5 V4.5 H6 Z M7 8 H13 M7 11 H13", // two strips and their product
  here: say("This gate"),
  tab: null,
  shuts: "channels",
  meaning: say("one cell per gate; bar: how much it varies"),
  number: say("spread of the gate"),
  explanation: async (...given) => (await import("./explanation.js")).explanation(...given),
  async picture(_, site, session) {
    const { product, rows, columns } = meansOf(await session.strips(site));
    return mapPicture({
      claim: "gate",
      values: product,
      grid: { rows: rows.length, columns: columns.length },
      scale: say("this product"),
      sentence: say("{title} {layer}: what every place of the feature map is multiplied by, the factor of its row (left edge) times that of its column (upper edge); the mean of {channels} channels.", { title: site.title, layer: site.layer, channels: site.channels }),
      edges: { rows, columns },
    });
  },
  reading: ({ picture }) =>
    picture.edges &&
    h(
      "p",
      { class: "quiet" },
      say("The strips at the edges are the factors of the rows, {rows}, and of the columns, {columns}; their product covers the photo, {values}.", { rows: between(picture.edges.rows), columns: between(picture.edges.columns), values: between(picture.values) }),
    ),
  ahead: (site, session) => session.gate(site),
  bytes: () => SMALL,
  rank: () => 3,
  onPhoto: gateOnPhoto,
  numbers: () => ({ path: "gate", asked: {}, map: "strip-gate" }),
  whatIf: async () => ({ whatIf: (await import("../gate/what_if.js")).ofPlaces }),
};

/** @param {Float32Array} values */
const between = (values) => say("{low} to {high}", { low: number(Math.min(...values)), high: number(Math.max(...values)) });

/** By the names of the kinds. @type {Record<string, SiteKind>} */
export const kinds = { "strip-gate": stripGate };
