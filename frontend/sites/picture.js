// What is drawn: one record for every claim, from the view and the data at hand.

import { say } from "../language/language.js";
import { focus, fuse, matrix } from "./attention_rows.js";
import { extent } from "../paint/colormap.js";
import { number } from "../ui/format.js";
import { isForClass } from "./methods.js";
import { networkSentence } from "./network_sentences.js";
import { POSITION_CLAIM } from "./positions.js";
import { askedGrid, attends, isOnFeatures, isScattered, onGrid, placeOf, tokenName, tokenOf } from "./sites.js";

/**
 * @typedef {object} Picture
 * @property {"map" | "matrix" | "grid" | "mask"} form
 * @property {string} claim  what kind of statement it is: attention map, saliency, gate, sampling grid, feature map, position similarity, mask
 * @property {Float32Array} values  (row, column) of the grid; empty for a sampling grid; the class of each place for a mask
 * @property {import("../geometry.js").PatchGrid} grid
 * @property {number} low
 * @property {number} high
 * @property {string} scale  how low and high were chosen
 * @property {"sqrt" | "log"} [curve]  what values are turned into before they are coloured, if not left as they are
 * @property {string} sentence
 * @property {Cell | null} marked  the query's patch
 * @property {import("../geometry.js").PatchGrid} [markedGrid]  the grid it is counted in, if not the map's own
 * @property {Float32Array | null} prefix  values on the prefix tokens
 * @property {{rows: Float32Array, columns: Float32Array}} [edges]  a factor for every row and for every column, drawn along the edges
 * @property {{rows: string[], columns: string[], masked: boolean, word: number}} [labels]  the words of a matrix, and the chosen row
 * @property {{index: number, label: string, share: number, colour: string}[]} [classes]  of a mask
 */

/**
 * A map: numbers on a grid, coloured from the least to the largest of them unless it says otherwise.
 * @param {Pick<Picture, "values" | "grid" | "sentence"> & Partial<Picture>} made
 * @returns {Picture}
 */
export function mapPicture(made) {
  const [low, high] = extent(made.values);
  return { form: "map", claim: "attention map", low, high, scale: say("this map"), marked: null, prefix: null, ...made };
}

/**
 * @param {State} state
 * @param {Site} site
 * @param {import("./attention_rows.js").AttentionSource} source
 * @returns {Picture}
 */
export function attentionPicture(state, site, source) {
  if (!site.grid) {
    const whole = matrixPicture(state, site, source, say("every query (rows) against every key (columns)"));
    return { ...whole, sentence: `${whole.sentence} ${site.note ?? ""}`.trim() };
  }
  const token = shownToken(state, site);
  const head = headOf(state, source.heads);
  const all = state.direction === "from" ? source.row(token) : source.column(token);
  const values = fuse(all, source.heads, head);
  return mapPicture({
    values: onGrid(values, site),
    grid: site.grid,
    sentence: sentenceOf(headOfSite(site, head, source.heads), lookOf(state, tokenName(token, site))),
    marked: placeOf(token, site),
    prefix: site.prefix_tokens ? values.slice(0, site.prefix_tokens) : null,
  });
}

/**
 * Every query against every key.
 * @param {State} state @param {Site} site @param {import("./attention_rows.js").AttentionSource} source
 * @param {string} said  what the rows and columns are
 * @param {Partial<Picture>} [more]
 * @returns {Picture}
 */
export function matrixPicture(state, site, source, said, more) {
  const head = headOf(state, source.heads);
  return mapPicture({
    form: "matrix",
    values: matrix(source, head),
    grid: { rows: source.queries, columns: source.keys },
    scale: say("this matrix"),
    sentence: sentenceOf(headOfSite(site, head, source.heads), said),
    ...more,
  });
}

/**
 * Attention that came as maps, one a head.
 * @param {State} state @param {Site} site
 * @param {{shape: number[], data: Float32Array}} map  (head, row, column); NaN where no key lies
 * @param {string} said  whose look it is
 * @param {Partial<Picture>} [more]
 * @returns {Picture}
 */
export function headsPicture(state, site, { shape, data }, said, more) {
  const [heads, rows, columns] = shape;
  const head = headOf(state, heads);
  return mapPicture({
    values: fuse(data, heads, head),
    grid: knownGrid([rows, columns], [site]),
    sentence: sentenceOf(headOfSite(site, head, heads), said),
    ...more,
  });
}

/**
 * A place's attention where tokens are in windows, or where queries and keys lie on two grids.
 * @param {State} state @param {Site} site @param {Cell} cell
 * @param {{shape: number[], data: Float32Array}} map  (head, row, column); NaN where the window does not reach
 * @returns {Picture}
 */
export function placePicture(state, site, cell, map) {
  const said = lookOf(state, say("the patch at row {row}, column {column}", { row: cell.row, column: cell.column }));
  return headsPicture(state, site, map, site.windows ? say("{look} in its window", { look: said }) : said, {
    marked: cell,
    markedGrid: askedGrid(site, state.direction) ?? undefined,
  });
}

/**
 * A map of the whole network. Of two classes' difference the colours end as far below zero as above it, so that zero
 * is their middle.
 * @param {State} state @param {{shape: number[], data: Float32Array}} map @returns {Picture}
 */
export function networkPicture(state, { shape, data }) {
  const end = Math.max(...extent(data).map(Math.abs));
  const signed = isForClass(state) && state.against != null && end > 0;
  return mapPicture({
    claim: state.shown?.offer?.claim ?? "",
    values: data,
    grid: knownGrid(shape, state.analysisData?.sites),
    sentence: networkSentence(state),
    ...(signed && { low: -end, high: end, scale: say("this map, zero in the middle") }),
  });
}

/** @param {Cell} cell @param {{values: (number | null)[][], shape: number[]}} similarity as the API tells it @returns {Picture} */
export function positionPicture(cell, { values, shape }) {
  const flat = Float32Array.from(values.flat(), (value) => value ?? NaN);
  const place = { row: cell.row, column: cell.column };
  return mapPicture({
    claim: POSITION_CLAIM,
    values: flat,
    grid: gridOf(shape),
    sentence: flat.some(Number.isNaN)
      ? say("How alike the position of row {row}, column {column} is to every other's in its patch: the cosine of the vectors that tell patches where they are. The photo plays no part.", place)
      : say("How alike the position of row {row}, column {column} is to every other's: the cosine of the vectors that tell patches where they are. The photo plays no part.", place),
    marked: cell,
  });
}

/** Between which bounds a gate's factors are, where that is known. @param {Site} site */
function spanned({ range: bounds }) {
  const [low, high] = bounds ?? [0, 1];
  return low == null || high == null ? "" : say(", {low} to {high},", { low: number(low), high: number(high) });
}

/** @param {Site} site @param {{shape: number[], data: Float32Array}} gate @returns {Picture} */
export function spatialGatePicture(site, { shape, data }) {
  const told = { layer: site.layer, bounds: spanned(site) };
  return mapPicture({
    claim: "gate",
    values: data,
    grid: gridOf(shape),
    scale: say("this mask"),
    sentence: hasManyMasks(site)
      ? say("Spatial gate {layer}: the factor{bounds} that every place of the feature map is multiplied by, mean over the masks of its channels.", told)
      : say("Spatial gate {layer}: the factor{bounds} that every place of the feature map is multiplied by.", told),
  });
}

/**
 * A channel gate is a row of numbers, not a place: what is drawn is the feature map of one of its channels.
 * @param {Site} site @param {Float32Array} gate @param {number} channel @param {{shape: number[], data: Float32Array}} feature
 * @returns {Picture}
 */
export function channelPicture(site, gate, channel, { shape, data }) {
  return mapPicture({
    claim: "feature map",
    values: data,
    grid: gridOf(shape),
    scale: say("this feature map"),
    sentence: say("Channel gate {layer}: the feature map of channel {channel} before the gate, which multiplies it by {gate}.", { layer: site.layer, channel, gate: number(gate[channel]) }),
  });
}

/** @param {Site} site @param {Sampling} sampling what the API says of the grid @returns {Picture} */
export function gridPicture(site, sampling) {
  return {
    form: "grid",
    claim: "sampling grid",
    values: new Float32Array(),
    grid: sampling.output,
    low: 0,
    high: 0,
    scale: "",
    sentence: isOnFeatures(site)
      ? say("Spatial transformer {layer}, on a feature map: the grid on the photo is where each place beside it was read, through what came before.", { layer: site.layer })
      : say("Spatial transformer {layer}: the grid on the photo is where each pixel of the picture beside it was read.", { layer: site.layer }),
    marked: null,
    prefix: null,
  };
}

/** The grid of an array whose last two axes are row and column. @param {number[]} shape */
function gridOf(shape) {
  const [rows, columns] = shape.slice(-2);
  return { rows, columns };
}

/** The same, with where its cells are if a site lies on such a grid. @param {number[]} shape @param {Site[]} [sites] */
function knownGrid(shape, sites = []) {
  const plain = gridOf(shape);
  const fits = (/** @type {Grid | null | undefined} */ grid) => grid?.rows === plain.rows && grid.columns === plain.columns;
  return sites.flatMap((site) => [site.grid, site.key_grid, site.query_grid]).find(fits) ?? plain;
}

/** Whether its note, which is in the page's language, says that each channel has a mask of its own. @param {Site} site */
const hasManyMasks = (site) => site.note?.includes(say("One mask a channel"));

/** @param {string} where @param {string} what */
const sentenceOf = (where, what) => say("{where}: {what}.", { where, what });

/** @param {Site} site @param {import("./attention_rows.js").Head} head @param {number} heads */
const headOfSite = (site, head, heads) => say("Attention {layer}, {head}", { layer: site.layer, head: headName(head, heads) });

/** Whose look it is, in the chosen direction. @param {State} state @param {string} name */
const lookOf = (state, name) => (state.direction === "from" ? say("what {name} looks at", { name }) : say("what looks at {name}", { name }));

/** What is asked: the patch under the pointer unless one is pinned. @param {State} state @returns {import("../state/store.js").Query} */
export const askedQuery = ({ query, hover }) => (query === "cls" && hover ? hover : query);

/** The token asked about. @param {State} state @param {Site} site */
export function shownToken(state, site) {
  return tokenOf(askedQuery(state), site) ?? tokenOf("cls", site) ?? 0;
}

/** The chosen head, or the mean where this site has no such head. @param {Pick<State, "head">} state @param {number} heads */
export const headOf = (state, heads) =>
  typeof state.head === "number" && state.head >= heads ? "mean" : state.head;

/** @param {import("./attention_rows.js").Head} head @param {number} heads */
export function headName(head, heads) {
  if (heads === 1) return say("its one head");
  if (typeof head === "number") return say("head {head}", { head });
  return { mean: say("mean over heads"), max: say("maximum over heads"), min: say("minimum over heads") }[head];
}

/** The channel to draw: the chosen one, else the one the gate lets through most. @param {State} state @param {Float32Array} gate */
export function channelOf(state, gate) {
  if (state.channel != null && state.channel < gate.length) return state.channel;
  return gate.indexOf(extent(gate)[1]);
}

/**
 * One number for the depth strip, 0…1: how concentrated attention is, how much a gate varies.
 * @param {Site} site @param {Ahead} data
 */
export function summary(site, data) {
  if (isScattered(site) && "data" in data) {
    const reached = data.data.filter((/** @type {number} */ value) => !Number.isNaN(value));
    return focus(reached, site.heads);
  }
  if (attends(site) && "row" in data) {
    // Of words the last: where they are masked, the first could look at one place only.
    const token = site.query_labels ? site.queries - 1 : (tokenOf("cls", site) ?? 0);
    return focus(data.row(token), data.heads);
  }
  if (!("data" in data)) return 0;
  const [low, high] = extent(data.data);
  return high - low;
}
