// Where the numbers of the shown picture come from: the API's address of them, and the same as commands that a person
// can run. What a command gives is what the picture is drawn from.

/**
 * @typedef {object} Numbers
 * @property {string} path  below the analysis
 * @property {Record<string, string | number | null>} asked  its parameters
 * @property {string | null} map  what the command line calls it; null where it has none
 * @property {Record<string, string | number | null>} options  of the command line
 */

/** @param {Resolved} state @param {Session} session @returns {Promise<Numbers | null>} null where what is shown is no array */
export async function numbersOf(state, session) {
  const { site, kind, method, offer, positions, parameters } = state.shown;
  if (method === "mask") return { path: "mask", asked: {}, map: "mask", options: {} };
  const asked = positions ? positions.parameters : parameters;
  if (offer) return { path: `maps/${method}`, asked, map: method, options: asked };
  const own = await kind.numbers(state, site, session);
  return own && { ...own, path: `sites/${site.id}/${own.path}`, options: { site: site.id, ...own.asked } };
}

/** @param {State} state @param {Numbers} numbers the absolute address */
export function addressOf({ analysisData }, { path, asked }) {
  const url = new URL(`v1/analyses/${analysisData.id}/${path}`, document.baseURI);
  for (const [name, value] of Object.entries(asked)) if (value !== null) url.searchParams.set(name, String(value));
  return url.href.replaceAll("%2C", ",");
}

export const NPY = "application/x-npy";

/** @param {string} address */
export const asCurl = (address) => `curl -sS --fail -H 'Accept: ${NPY}' -o map.npy ${quoted(address)}`;

/** @param {string} address */
export const asPython = (address) => `import io
import urllib.request

import numpy as np

request = urllib.request.Request(
    ${JSON.stringify(address)},
    headers={"Accept": "${NPY}"},
)
with urllib.request.urlopen(request) as answer:
    values = np.load(io.BytesIO(answer.read()))
print(values.shape)
`;

/** What makes the same numbers without a server; null where it cannot. @param {State} state @param {Numbers} numbers */
export function asCommand(state, { map, options }) {
  const { text, model, sample, samples } = state;
  if (map === null) return null;
  const file = samples.find((one) => one.file.replace(/\.\w+$/, "") === sample)?.file;
  const input = text == null ? [quoted(file ?? "PHOTO")] : ["--text", quoted(text)];
  const said = Object.entries(options).flatMap(([name, value]) => (value === null ? [] : [`--${name}`, quoted(String(value))]));
  return ["fovea explain", ...input, "--model", quoted(model ?? ""), "--map", map, ...said, "-o map.npy"].join(" ");
}

/** As a shell reads one word. @param {string} text */
const quoted = (text) => (/^[\w./,:=-]+$/.test(text) && !text.startsWith("-") ? text : `'${text.replaceAll("'", `'\\''`)}'`);
