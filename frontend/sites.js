// What a site is called, drawn as and can show.

/** @typedef {any} Site  a site of an analysis, as the API gives it */

/** @type {Record<string, {name: string, short: string, claim: string, glyph: string}>} */
export const KINDS = {
  attention: { name: "Attention", short: "attention", claim: "attention map", glyph: "attention" },
  "channel-gate": { name: "Channel gate", short: "channels", claim: "gate", glyph: "channels" },
  "spatial-gate": { name: "Spatial gate", short: "mask", claim: "gate", glyph: "mask" },
  "spatial-transformer": {
    name: "Spatial transformer",
    short: "grid",
    claim: "sampling grid",
    glyph: "grid",
  },
};

/** The tabs that apply, in order. @param {Site | null} site */
export function tabsOf(site) {
  if (!site) return ["look"];
  const middle =
    site.kind === "attention" && site.heads > 1
      ? ["heads"]
      : site.kind === "channel-gate"
        ? ["channels"]
        : [];
  return ["look", ...middle, "numbers", "how"];
}

/** @param {Site} site */
export const siteTitle = (site) => `${KINDS[site.kind].name} ${site.layer}`;

/** A site that looks from every token at every token, at known places. @param {Site} site */
export const isPlaced = (site) => site.kind === "attention" && site.grid != null;

/** Whether any token may be the query. @param {Site} site */
export const isSquare = (site) => site.queries === site.keys;

/** Tokens in windows, or queries on another grid than keys: every place can be asked about, by the server. @param {Site} site */
export const isScattered = (site) =>
  site.kind === "attention" && site.grid == null && site.query_grid != null && site.key_grid != null;

/** The grid whose cells may be asked about; null where no place can be. @param {Site} site @param {"from" | "to"} direction */
export function askedGrid(site, direction) {
  if (isScattered(site)) return direction === "from" ? site.query_grid : site.key_grid;
  return isPlaced(site) && isSquare(site) ? site.grid : null;
}

/** The asked cell of a scattered site: the middle one where the query names none of its cells. @param {import("./store.js").Query} query @param {Site} site @param {"from" | "to"} direction */
export function cellOf(query, site, direction) {
  const { rows, columns } = askedGrid(site, direction);
  const named = query !== "cls" && "row" in query && query.row < rows && query.column < columns;
  return named ? query : { row: Math.floor(rows / 2), column: Math.floor(columns / 2) };
}

/**
 * Maps of the whole network. A map for a class is a saliency: a claim about the answer, not about who looks where.
 * @type {Record<string, {name: string, title: string, claim: string, forClass: boolean}>}
 */
export const METHODS = {
  rollout: {
    name: "Rollout",
    title: "Attention rollout: the layers multiplied, with the residual path",
    claim: "attention map",
    forClass: false,
  },
  relevance: {
    name: "Relevance",
    title: "Attention weighed by the gradient of the class, layer by layer (Chefer et al. 2021)",
    claim: "saliency",
    forClass: true,
  },
  "gradient-rollout": {
    name: "Gradient rollout",
    title: "Rollout of attention times its gradient, where that is positive",
    claim: "saliency",
    forClass: true,
  },
  "attention-grad-cam": {
    name: "Grad-CAM",
    title: "The last layer's class-token attention, heads weighed by their gradient",
    claim: "saliency",
    forClass: true,
  },
};

/** The class a map is for: the chosen one, else the predicted one. @param {any} state */
export const targetOf = ({ target, analysisData }) => target ?? analysisData.predictions[0]?.index ?? null;

/** The sites rollout goes through. @param {Site[]} sites */
export const hasRollout = (sites) => {
  const placed = sites.filter((site) => isPlaced(site) && isSquare(site) && site.prefix_tokens > 0);
  return placed.length > 1;
};

/** What prefix tokens are called. @param {number} index */
export const prefixName = (index) => (index === 0 ? "class token" : `register token ${index}`);

/** The token a query means, or null where it is not in this site. @param {import("./store.js").Query} query @param {Site} site */
export function tokenOf(query, site) {
  const { grid, prefix_tokens: prefix, queries } = site;
  if (query === "cls") {
    if (prefix > 0) return 0;
    return grid ? Math.floor(grid.rows / 2) * grid.columns + Math.floor(grid.columns / 2) : 0;
  }
  if ("token" in query) return query.token < queries ? query.token : null;
  if (!grid || query.row >= grid.rows || query.column >= grid.columns) return null;
  return prefix + query.row * grid.columns + query.column;
}

/** The place of a token; null for prefix tokens. @param {number} token @param {Site} site */
export function placeOf(token, site) {
  const index = token - site.prefix_tokens;
  if (!site.grid || index < 0) return null;
  return { row: Math.floor(index / site.grid.columns), column: index % site.grid.columns };
}

/** @param {number} token @param {Site} site */
export function tokenName(token, site) {
  const place = placeOf(token, site);
  if (place) return `the patch at row ${place.row}, column ${place.column}`;
  return token < site.prefix_tokens ? `the ${prefixName(token)}` : `token ${token}`;
}
