// The only module that talks to the server. Failures become Problems with the server's own words (RFC 9457).

import { language, say } from "../language/language.js";
import { parseNpy } from "./npy.js";
import { parseSafetensors } from "./safetensors.js";
import { sampleUrl } from "./samples.js";

/** Where the API lies, whatever address this page has and whatever path the server is under. */
const ROOT = import.meta.url.replace(/(page\/[0-9a-f]{16}\/)?api\/api\.js.*$/, "");

/** What went wrong, in plain words, and what to do about it. */
export class Problem extends Error {
  /** @param {{type?: string, title?: string, status?: number, detail?: string, hint?: string, limit?: number}} fields */
  constructor({ type = "", title = say("Something went wrong"), status = 0, detail = "", hint = "", limit = 0 }) {
    super(detail || title);
    this.slug = type.split("/").pop() ?? "";
    this.title = title;
    this.status = status;
    this.detail = detail;
    this.hint = hint;
    this.limit = limit;
  }
}

/** Whatever was thrown, as a Problem. @param {unknown} error */
export function asProblem(error) {
  if (error instanceof Problem) return error;
  return new Problem({ title: say("The page could not show this"), detail: String(error), hint: say("Reload the page.") });
}

const JOB_GOES_ON = ["queued", "running"];

const BUSY = [429, 503];
const MOST_TRIES = 4;
const LONGEST_WAIT_S = 30;

/** Asks again when a busy server says after how long. @param {string} path @param {RequestInit} [init] */
async function request(path, init = {}) {
  for (let tries = 1; ; tries++) {
    const response = await once(path, init);
    if (response.ok) return response;
    const wait = Number(response.headers.get("Retry-After"));
    if (BUSY.includes(response.status) && wait > 0 && wait <= LONGEST_WAIT_S && tries < MOST_TRIES) {
      await pause(wait * 1000, init.signal);
      continue;
    }
    const problem = await response.json().catch(() => ({ title: say("The server answered {status}", { status: response.status }) }));
    throw new Problem({ ...problem, status: response.status });
  }
}

/** @param {number} ms @param {AbortSignal | null} [signal] ends the wait with its reason */
const pause = (ms, signal) =>
  new Promise((resolve, reject) => {
    setTimeout(resolve, ms);
    signal?.addEventListener("abort", () => reject(signal.reason), { once: true });
  });

/** @param {string} path @param {RequestInit} init */
async function once(path, init) {
  try {
    const headers = new Headers(init.headers);
    headers.set("Accept-Language", language);
    return await fetch(new URL(path, ROOT), { ...init, headers });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new Problem({
      type: "/problems/unreachable",
      title: say("The server does not answer"),
      detail: say("The connection failed."),
      hint: say("Check that Fovea is still running, then try again."),
    });
  }
}

/** What is null is not asked. @param {Record<string, string | number | null>} parameters */
function query(parameters) {
  const given = Object.entries(parameters).filter(([, value]) => value !== null);
  const text = new URLSearchParams(given.map(([name, value]) => [name, String(value)]));
  return text.size ? `?${text}` : "";
}

/** @param {string} path @param {AbortSignal} [signal] @returns {Promise<any>} */
const json = async (path, signal) =>
  (await request(path, { headers: { Accept: "application/json" }, signal })).json();

/** @param {string} path @param {string} accept */
const bytes = async (path, accept) => (await request(path, { headers: { Accept: accept } })).arrayBuffer();

const wide = (/** @type {number} */ beams) => (beams > 1 ? query({ beams }) : "");
const at = (/** @type {string} */ id) => `v1/analyses/${encodeURIComponent(id)}`;
const site = (/** @type {string} */ id, /** @type {string} */ name) =>
  `${at(id)}/sites/${encodeURIComponent(name)}`;

/** What is at an address below an analysis, as JSON, and that address. @param {string} id @param {string} below @param {Record<string, string | number | null>} [asked] @param {AbortSignal} [signal] */
export async function answer(id, below, asked = {}, signal = undefined) {
  const path = `${at(id)}${below}${query(asked)}`;
  return { path, json: await json(path, signal) };
}

/** The chapters of the lesson, in their order. */
export const chapters = () => json("learn/chapters.json");
/** What the claims' trainings measured: claims, by the name of the claim, or features. @param {"claims" | "features"} what */
export const measured = (what) => json(`learn/measured/${what}.json`);

/** What is at an address of the API, as a file. @param {string} address @param {string} accept */
export const fileAt = async (address, accept) => new Blob([await bytes(address, accept)], { type: accept });
/** @returns {Promise<Sample[]>} */
export const samples = () => json("samples/samples.json");
export const samplePhoto = async (/** @type {string} */ file, /** @type {AbortSignal} */ signal) =>
  (await request(sampleUrl(file), { signal })).blob();
export const colormaps = () => json("vendor/colormaps.json");
/** @returns {Promise<Model[]>} */
export const models = () => json("v1/models");
/** @type {(text: string, signal: AbortSignal) => Promise<Model[]>} */
export const searchModels = (/** @type {string} */ text, /** @type {AbortSignal} */ signal) =>
  json(`v1/models${query({ search: text, limit: 24 })}`, signal);
/** @type {(id: string) => Promise<ModelCard>} */
export const model = (/** @type {string} */ id) => json(`v1/models/${encodeURIComponent(id)}`);

/** The same card with its names in English, whatever the page speaks. */
export const modelInEnglish = (/** @type {string} */ id) => json(`v1/models/${encodeURIComponent(id)}?lang=en`);

/** Starts fetching a model's weights, or joins who does. @param {string} id */
export const startDownload = async (id) =>
  (await request(`v1/models/${encodeURIComponent(id)}/download`, { method: "POST" })).json();

/** Starts a measurement or a sweep of an analysis: a job. @param {string} id @param {"evidence" | "sweeps"} what @param {Record<string, any>} body */
export async function startWork(id, what, body) {
  const headers = { "Content-Type": "application/json" };
  return (await request(`${at(id)}/${what}`, { method: "POST", body: JSON.stringify(body), headers })).json();
}

/** What such a job found. @param {string} path the job's result @returns {Promise<any>} */
export const foundAt = (path) => json(path);

/** @param {string} path the job's address */
export const cancelJob = async (path) => (await request(path, { method: "DELETE" })).json();

/**
 * Tells the news of a job as they come, until it has ended.
 * @param {Job} job @param {(job: any) => void} tell @returns {Promise<any>} the job as it ended
 */
export function followJob(job, tell) {
  return new Promise((resolve, reject) => {
    const source = new EventSource(`${job.links?.events ?? ""}?lang=${language}`);
    source.addEventListener("job", (/** @type {MessageEvent} */ event) => {
      const news = JSON.parse(event.data);
      tell(news);
      if (!JOB_GOES_ON.includes(news.state)) {
        source.close();
        resolve(news);
      }
    });
    source.addEventListener("error", () => {
      if (source.readyState !== EventSource.CLOSED) return; // the browser connects again
      reject(new Problem({ title: say("The server does not answer"), detail: say("The news of the download stopped.") }));
    });
  });
}

/** @param {Blob} photo @param {string | null} modelId @param {number} beams @param {AbortSignal} signal @returns {Promise<Analysis>} */
export async function analyse(photo, modelId, beams, signal) {
  const form = new FormData();
  form.append("image", photo, "photo");
  if (modelId) form.append("model", modelId);
  return (await request(`v1/analyses${wide(beams)}`, { method: "POST", body: form, signal })).json();
}

/** @param {string} text @param {string} modelId @param {number} beams @param {AbortSignal} signal @returns {Promise<Analysis>} */
export async function analyseText(text, modelId, beams, signal) {
  const body = JSON.stringify({ text, model: modelId });
  const headers = { "Content-Type": "application/json" };
  return (await request(`v1/analyses${wide(beams)}`, { method: "POST", body, headers, signal })).json();
}

/** @type {(id: string, signal: AbortSignal) => Promise<Analysis>} */
/** The analysis with these edits, which is one of its own. @param {string} id @param {Edit[]} edits @param {AbortSignal} signal @returns {Promise<Analysis>} */
export async function edit(id, edits, signal) {
  const body = JSON.stringify({ edits });
  const headers = { "Content-Type": "application/json" };
  return (await request(`${at(id)}/edits`, { method: "POST", body, headers, signal })).json();
}

export const analysis = (/** @type {string} */ id, /** @type {AbortSignal} */ signal) => json(at(id), signal);
export const photo = async (/** @type {string} */ id) => (await request(`${at(id)}/image`)).blob();

/** What each layer adds to the tokens of a site. @param {string} id @param {string} siteId */
export async function stream(id, siteId) {
  return parseSafetensors(await bytes(`${site(id, siteId)}/stream`, "application/vnd.safetensors"));
}

/** Projections of an attention site: q, k and the log-normaliser. @param {string} id @param {string} siteId */
export async function projections(id, siteId) {
  return parseSafetensors(await bytes(`${site(id, siteId)}/projections`, "application/vnd.safetensors"));
}

/** The same, with the values and the outputs. @param {string} id @param {string} siteId */
export async function projectionsAndValues(id, siteId) {
  return parseSafetensors(await bytes(`${site(id, siteId)}/projections${query({ values: "true" })}`, "application/vnd.safetensors"));
}

/** What one token looks at, or is looked at by, in every head; small, where all that gives every row is large. @param {string} id @param {string} siteId @param {string} asked @param {string} direction @returns {Promise<{values: number[][][], prefix_values: number[][] | null}>} */
export const attentionOfToken = (id, siteId, asked, direction) =>
  json(`${site(id, siteId)}/attention${query({ query: asked, direction, head: "all" })}`);

/** The whole matrix of an attention site, (head, query, key). @param {string} id @param {string} siteId */
export async function attentionMatrix(id, siteId) {
  const path = `${site(id, siteId)}/attention${query({ query: "all", head: "all" })}`;
  return parseNpy(await bytes(path, "application/x-npy"));
}

/** @param {string} id @param {string} siteId */
export const gate = async (id, siteId) =>
  parseNpy(await bytes(`${site(id, siteId)}/gate`, "application/x-npy"));

/** One channel's feature map before the gate. @param {string} id @param {string} siteId @param {number} channel */
export const features = async (id, siteId, channel) =>
  parseNpy(await bytes(`${site(id, siteId)}/features${query({ channel })}`, "application/x-npy"));

/** The mechanism step by step. @param {string} id @param {string} siteId @param {Record<string, string | number>} asked */
export const steps = (id, siteId, asked) => json(`${site(id, siteId)}/steps${query(asked)}`);

/** What a site shows, with its sentence. @param {string} id @param {string} siteId @param {"attention" | "gate" | "features"} what @param {Record<string, string | number>} asked @param {AbortSignal} signal */
export const siteMap = (id, siteId, what, asked, signal) => json(`${site(id, siteId)}/${what}${query(asked)}`, signal);

/** @type {(id: string, siteId: string) => Promise<Sampling>} */
export const grid = (id, siteId) => json(`${site(id, siteId)}/grid`);

/** @param {string} id @param {string} siteId */
export const warped = async (id, siteId) =>
  (await request(`${site(id, siteId)}/grid/warped`, { headers: { Accept: "image/png" } })).blob();

/** What a spatial transformer on a feature map passes on, (channel, row, column). @param {string} id @param {string} siteId */
export const warpedFeatures = async (id, siteId) =>
  parseNpy(await bytes(`${site(id, siteId)}/grid/warped`, "application/x-npy"));

/** What one place looks at or is looked at by, (head, row, column). @param {string} id @param {string} siteId @param {Cell} cell @param {string} direction */
export async function attentionOfPlace(id, siteId, { row, column }, direction) {
  const asked = query({ query: `${row},${column}`, direction, head: "all" });
  return parseNpy(await bytes(`${site(id, siteId)}/attention${asked}`, "application/x-npy"));
}

/** What was looked at to write one word, (head, row, column). @param {string} id @param {string} siteId @param {number} word */
export async function attentionOfWord(id, siteId, word) {
  const path = `${site(id, siteId)}/attention${query({ query: word, head: "all" })}`;
  return parseNpy(await bytes(path, "application/x-npy"));
}

/** How much the writing of each word looked at one place, (head, word). @param {string} id @param {string} siteId @param {Cell} cell */
export async function wordsAtPlace(id, siteId, { row, column }) {
  const asked = query({ query: `${row},${column}`, direction: "to", head: "all" });
  return parseNpy(await bytes(`${site(id, siteId)}/attention${asked}`, "application/x-npy"));
}

/** The class of every place, (row, column). @param {string} id */
export const mask = async (id) => parseNpy(await bytes(`${at(id)}/mask`, "application/x-npy"));

/** A map of the whole network. @param {string} id @param {string} method @param {Record<string, string | number | null>} parameters */
export const map = async (id, method, parameters) =>
  parseNpy(await bytes(`${at(id)}/maps/${method}${query(parameters)}`, "application/x-npy"));

/** How alike positions are. @param {string} id @param {Record<string, string | number | null>} asked a place, or which words, and one of them */
export const positions = (id, asked) => json(`${at(id)}/maps/positions${query(asked)}`);

/** A Plotly figure. @param {string} id @param {string} name @param {Record<string, string | number>} parameters */
export const figure = (id, name, parameters) => json(`${at(id)}/figures/${name}${query(parameters)}`);
