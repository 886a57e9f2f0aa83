// Maps of the whole network: which there are, and which of them fit.

import { positionsAt } from "./positions.js";
import { hasRollout, isOfPatches } from "./sites.js";

/**
 * Maps of the whole network. A map for a class is a saliency: a claim about the answer, not about who looks where.
 * needs: a chain of attention over all patches with a class token; or a classifier of another kind; or tokens that know
 * their place; or one layer of several in which all patches look at each other; or an attention that looks at places.
 * @type {Record<string, {name: string, title: string, claim: string, forClass: boolean, needs: "chain" | "classes" | "positions" | "stream" | "keys"}>}
 */
export const METHODS = {
  rollout: {
    name: "Rollout",
    title: "Attention rollout: the layers multiplied, with the residual path",
    claim: "attention map",
    forClass: false,
    needs: "chain",
  },
  dino: {
    name: "Top 60 %",
    title: "The fewest patches that together get 60 % of what the class token looks at (Caron et al. 2021)",
    claim: "attention map",
    forClass: false,
    needs: "chain",
  },
  positions: {
    name: "Positions",
    title: "How alike the position of one token is to every other's, whatever is seen or read (Dosovitskiy et al. 2020, figure 7)",
    claim: "position similarity",
    forClass: false,
    needs: "positions",
  },
  received: {
    name: "Looked at",
    title: "How much each patch is looked at in this layer by all tokens that see it: the mean of its column, over heads",
    claim: "attention map",
    forClass: false,
    needs: "keys",
  },
  "token-lengths": {
    name: "Token length",
    title: "How long the token of each patch is as it leaves this layer; where a few are many times longer, they often hold something of the whole photo (Darcet et al. 2024)",
    claim: "token length",
    forClass: false,
    needs: "stream",
  },
  relevance: {
    name: "Relevance",
    title: "Attention weighed by the gradient of the class, layer by layer (Chefer et al. 2021)",
    claim: "saliency",
    forClass: true,
    needs: "chain",
  },
  legrad: {
    name: "LeGrad",
    title: "The gradient of each layer's attention, where it is positive, added up over layers (Bousselham et al. 2024)",
    claim: "saliency",
    forClass: true,
    needs: "chain",
  },
  "gradient-rollout": {
    name: "Gradient rollout",
    title: "Rollout of attention times its gradient, where that is positive",
    claim: "saliency",
    forClass: true,
    needs: "chain",
  },
  "attention-grad-cam": {
    name: "Attention Grad-CAM",
    title: "The last layer's class-token attention, heads weighed by their gradient",
    claim: "saliency",
    forClass: true,
    needs: "chain",
  },
  "grad-cam": {
    name: "Grad-CAM",
    title: "The last feature maps, each weighed by how much the class's score rises with it (Selvaraju et al. 2017)",
    claim: "saliency",
    forClass: true,
    needs: "classes",
  },
};

/** The methods that fit a network, and, positions, the shown site. @param {string} method @param {Analysis} analysis @param {Site | null} site */
export function possible(method, analysis, site) {
  const { sites, predictions, output } = analysis;
  const { forClass, needs } = METHODS[method];
  if (needs === "positions") return positionsAt(site, analysis) != null;
  if (needs === "keys") return site?.kind === "attention" && site.key_grid != null;
  if (needs === "stream") return site != null && isOfPatches(site) && sites.filter(isOfPatches).length > 1;
  if (method === "relevance" && output?.kind === "caption") return output.words.length > 0;
  if (forClass && !predictions.length) return false;
  if (needs === "chain") return hasRollout(sites);
  // Behind a spatial transformer, feature maps lie on the warped picture and not on the photo.
  return !hasRollout(sites) && sites.every((/** @type {Site} */ site) => site.kind !== "spatial-transformer");
}

/**
 * What is shown at a site: the chosen map, or the site itself where that map is not to be had, as behind another layer.
 * @param {State} state @param {Site | null} site
 */
export function shownMethod({ method, analysisData }, site) {
  const there = METHODS[method] ? possible(method, analysisData, site) : method !== "mask" || analysisData.output?.kind === "mask";
  return there ? method : "site";
}

/** Whether maps are for words that were written, not for classes. @param {Analysis} analysis */
export const forWords = ({ output }) => output?.kind === "caption";

/** The class a map is for: the chosen one, else the predicted one. @param {State} state */
export const targetOf = ({ target, analysisData }) => target ?? analysisData.predictions[0]?.index ?? null;
