// A token on its way through the network: what each layer adds to it, and how long it has become.

import { say } from "../../language/language.js";
import { h, put, svg } from "../../ui/dom.js";
import { number } from "../../ui/format.js";
import { quoted } from "../../sites/words.js";
import { isInner, isWordMatrix, ownWords, siteTitle, tokenName } from "../../sites/sites.js";

/**
 * @typedef {{kind: "positions" | "attention" | "feed-forward" | "other", module: string, site: string | null}} Sum
 * @typedef {{sums: Sum[], tokens: number, before: Float32Array, added: Float32Array, after: Float32Array}} Stream  (addition, token) each
 */

/** What is added, where it is no attention. @type {Record<string, string>} */
const NAMES = { positions: say("its position"), "feed-forward": say("feed-forward"), other: say("another layer") };

/** From the answer of the API. @param {{tensors: Record<string, {shape: number[], data: Float32Array}>, metadata: Record<string, string>}} answer @returns {Stream} */
export function streamFrom({ tensors: { before, added, after }, metadata }) {
  return {
    sums: JSON.parse(metadata.additions),
    tokens: before.shape[1],
    before: before.data,
    added: added.data,
    after: after.data,
  };
}

/**
 * The sums of one token: how long what is added is beside what stood there, and the length after. Those that add
 * nothing to it, or that it is not there for yet, are left out.
 * @param {Stream} stream @param {number} token
 */
export function sumsOf({ sums, tokens, before, added, after }, token) {
  return sums
    .map((sum, i) => {
      const at = i * tokens + token;
      const share = before[at] > 0 ? added[at] / before[at] : null; // where nothing stood there is no share of it
      return { ...sum, share, added: added[at], length: after[at] };
    })
    .filter((sum) => sum.added > 0);
}

/** The middle of the tokens' lengths at the end. @param {Stream} stream */
export function medianLength({ sums, tokens, after }) {
  const last = after.slice((sums.length - 1) * tokens).sort();
  return last[Math.floor(last.length / 2)];
}

/**
 * Fills itself, at once where the numbers are at hand.
 * @param {State} state @param {Site} site @param {number} token @param {Session} session
 */
export function throughTheNetwork(state, site, token, session) {
  const root = h("section", { class: "stream", "aria-label": say("Through the network") });
  const fill = (/** @type {Stream} */ stream) => put(root, lines(state, stream, site, token));
  const here = session.peekStream(site);
  if (here) {
    fill(here);
    return root;
  }
  put(root, h("h3", {}, say("Through the network")), h("p", { class: "quiet" }, say("Following it through the layers …")));
  session.stream(site).then(fill, (/** @type {any} */ error) => put(root, h("p", { class: "note" }, error.message)));
  return root;
}

/** @param {State} state @param {Stream} stream @param {Site} site @param {number} token */
function lines({ analysisData: { sites } }, stream, site, token) {
  const rows = sumsOf(stream, token);
  const largest = Math.max(1e-9, ...rows.map(({ share }) => share ?? 0));
  const last = rows.at(-1)?.length ?? 0;
  return [
    h("h3", {}, say("Through the network")),
    h(
      "p",
      { class: "quiet" },
      say("What each layer adds to {token}: the length of the update relative to the token, and the token's length after it. Attention brings it from other tokens; the feed-forward layer works on each token alone.", { token: nameOf(token, site) }),
    ),
    h(
      "table",
      { class: "stream-rows" },
      h("thead", {}, h("tr", {}, h("th", { scope: "col" }, say("added")), h("th", { scope: "col", colspan: 2 }, say("relative to the token")), h("th", { scope: "col" }, say("length")))),
      h("tbody", {}, rows.map((row) => line(row, largest, site, sites))),
    ),
    h(
      "p",
      { class: "quiet" },
      say("At the end its length is {last}; the median of all tokens is {median}.", { last: number(last), median: number(medianLength(stream)) }),
      site.grid
        ? ` ${say("A patch that has become much longer than the others often holds something of the whole photo and little of its place (Darcet et al. 2024).")}`
        : "",
    ),
  ];
}

/** @param {number} token @param {Site} site */
function nameOf(token, site) {
  if (!site.query_labels) return tokenName(token, site);
  const word = quoted(site.query_labels[token]);
  return isWordMatrix(site) && ownWords(site) ? say("the word {word}", { word }) : say("the writing of {word}", { word });
}

/** @param {ReturnType<typeof sumsOf>[number]} row @param {number} largest @param {Site} shown @param {Site[]} sites */
function line({ kind, site: id, share, length }, largest, shown, sites) {
  const site = sites.find((one) => one.id === id);
  const words = kind === "other" && sites.some((one) => isInner(one, sites));
  const name = site ? siteTitle(site).toLowerCase() : words ? say("its words, projected") : NAMES[kind];
  const bar = svg(
    "svg",
    { class: `stream-bar ${kind}`, viewBox: "0 0 100 8", preserveAspectRatio: "none", "aria-hidden": "true" },
    svg("rect", { width: share === null ? 100 : Math.max(0.5, (100 * share) / largest), height: 8 }),
  );
  return h(
    "tr",
    { class: id === shown.id ? "chosen" : "" },
    h("th", { scope: "row" }, name),
    h("td", { class: "bar-cell" }, bar),
    h("td", {}, share === null ? say("all of it") : number(share)),
    h("td", {}, number(length)),
  );
}
