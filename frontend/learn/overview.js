// The way in: the whole network as a line of stages, drawn with this photo's own tensors. A stage leads to its chapter.
// Everything is read from the sites and the residual stream, so it is the same for a network that nobody has seen before.

import { crop, fromAnalysis } from "../geometry.js";
import { endsOf, isSigned, normalise, paintCells } from "../paint/colormap.js";
import { h, put } from "../ui/dom.js";
import { percent } from "../ui/format.js";
import { chapterFor, showsOf } from "./links.js";
import { language } from "../language/language.js";

/** @typedef {{key: string, title: string, note?: string, shows: string, site?: Site, fill?: () => Promise<Node | null>}} Stage */

/** @param {HTMLElement} root @param {import("./frame.js").Frame} frame @param {string | null} model @param {() => boolean} still */
export async function openOverview(root, frame, model, still) {
  const { lesson, say } = frame;
  delete root.dataset.ready;
  const first = model ?? lesson.models.find((one) => one.default)?.id ?? lesson.models[0].id;
  const analysis = await lesson.look(first);
  if (!still()) return;
  document.title = `${say("overview")} · ${say("lesson")} · Fovea`;
  const stages = await stagesOf(frame, analysis);
  if (!still()) return;
  const chosen = h(
    "select",
    { "aria-label": say("network"), onchange: () => frame.chooseModel(chosen.value) },
    lesson.models
      .filter((one) => one.status === "ready" || one.id === first)
      .map((one) => h("option", { value: one.id, selected: one.id === first }, one.title)),
  );
  const list = h("ol", { class: "flow" });
  put(
    root,
    h(
      "article",
      { class: "overview" },
      h("header", {}, h("p", { class: "quiet" }, say("start")), h("h1", {}, say("overview"))),
      h("div", { class: "text" }, h("p", {}, say("overview-1")), h("p", {}, say("overview-2"))),
      h("label", { class: "control" }, h("span", { class: "quiet" }, say("network")), chosen),
      list,
      h(
        "nav",
        { class: "pages", "aria-label": say("pages") },
        h("span", {}),
        h("a", { href: frame.address(frame.chapters[0].slug), "data-chapter": frame.chapters[0].slug, rel: "next" }, `${say("first")}${say("colon")}${frame.chapters[0].title[language]} →`),
      ),
    ),
  );
  const filled = stages.map(async (stage) => {
    const picture = h("span", { class: "flow-picture" });
    const to = chapterFor(frame.chapters, stage.shows);
    const inside = [picture, h("b", {}, stage.title), stage.note && h("span", { class: "quiet" }, stage.note)];
    list.append(
      h(
        "li",
        { "data-stage": stage.key, "data-site": stage.site?.id },
        to ? h("a", { href: frame.address(to.slug), "data-chapter": to.slug, title: `${say("leads-to")}: ${to.title[language]}` }, inside) : h("span", {}, inside),
      ),
    );
    const drawn = await stage.fill?.().catch(() => null);
    if (drawn) picture.append(drawn);
  });
  await Promise.all(filled);
  if (still()) root.dataset.ready = "overview";
}

/** @param {import("./frame.js").Frame} frame @param {Analysis} analysis @returns {Promise<Stage[]>} */
async function stagesOf(frame, analysis) {
  const { lesson, say } = frame;
  const additions = await streamOf(lesson, analysis);
  const gates = await gateOf(lesson, analysis);
  const model = lesson.models.find(({ id }) => id === analysis.model);
  const input = analysis.geometry?.input;
  /** @type {Stage[]} */
  const stages = [
    {
      key: "input",
      title: say(input ? "stage-photo" : "stage-sentence"),
      note: input ? `${input.width} × ${input.height}` : (analysis.text ?? ""),
      shows: "input",
      fill: async () => (lesson.photo ? cut(lesson.photo, analysis) : null),
    },
  ];
  const patches = analysis.sites.find((site) => site.kind === "attention" && site.grid);
  if (patches?.grid && model?.mechanisms?.includes("positional-encoding"))
    stages.push({
      key: "patches",
      title: say("stage-patches"),
      note: `${patches.grid.rows} × ${patches.grid.columns}`,
      shows: "patches",
      fill: async () => (lesson.photo ? cut(lesson.photo, analysis, /** @type {Grid} */ (patches.grid)) : null),
    });
  let at = 0;
  const before = (/** @type {Site | null} */ site) => {
    for (; at < additions.length && (site === null || additions[at].site !== site.id); at++) {
      if (site !== null && additions[at].site) return; // belongs to a later site
      stages.push(addition(frame, analysis, additions[at]));
    }
    if (site && additions[at]?.site === site.id) at += 1;
  };
  for (const site of analysis.sites) {
    if (additions.some((one) => one.site === site.id)) before(site);
    stages.push(stageOf(frame, analysis, site, gates, model, additions.find((one) => one.site === site.id)));
  }
  before(null);
  stages.push({ key: "answer", title: say("stage-answer"), note: answerOf(analysis), shows: "answer", fill: async () => answerBars(analysis) });
  return stages;
}

/** What each layer adds to the tokens, in order; nothing where there is no residual stream. @param {import("./lesson.js").Lesson} lesson @param {Analysis} analysis @returns {Promise<any[]>} */
async function streamOf(lesson, analysis) {
  /** @type {any[]} */
  let found = [];
  for (const site of analysis.sites.toReversed()) {
    const told = found.some((one) => one.site === site.id);
    if (told || !site.views.some((view) => view.name === "stream" && !view.reason)) continue;
    const answer = await lesson.ask(analysis, `/sites/${site.id}/stream`).catch(() => null);
    if (!answer?.json.additions.some((/** @type {any} */ one) => one.site === site.id)) continue;
    found = [...answer.json.additions, ...found]; // an encoder and a decoder have one each
  }
  return found;
}

/** Which mechanism the channel gates are, by the calls that make the first one. @param {import("./lesson.js").Lesson} lesson @param {Analysis} analysis */
async function gateOf(lesson, analysis) {
  const site = analysis.sites.find(({ kind }) => kind === "channel-gate");
  if (!site) return "se";
  const answer = await lesson.steps(analysis, site).catch(() => null);
  const names = answer?.json.steps.map((/** @type {any} */ { name }) => name) ?? [];
  return names.includes("maximum") ? "cbam" : names.includes("convolution") ? "eca" : "se";
}

/** @param {import("./frame.js").Frame} frame @param {Analysis} analysis @param {any} one of the additions */
function addition({ say, lesson }, analysis, { kind, added, after }) {
  const share = median(added.map((/** @type {number} */ value, /** @type {number} */ i) => value / after[i]));
  const positions = kind === "positions";
  return {
    key: kind,
    title: say(`adds-${kind}`),
    note: Number.isFinite(share) ? grown(share) : "",
    shows: positions ? "positions" : kind === "feed-forward" ? "feed-forward" : "inner",
    fill: async () => {
      if (!positions) return strip(added);
      const map = analysis.maps.find(({ name }) => name === "positions");
      if (!map || map.reason) return strip(added);
      const { json } = await lesson.ask(analysis, "/maps/positions");
      return json.axes?.join() === "row,column" ? cells(json.values, lesson.tables) : strip(json.vector ?? []);
    },
  };
}

/** @param {import("./frame.js").Frame} frame @param {Analysis} analysis @param {any} site @param {string} gates @param {Model | undefined} model @param {any} added @returns {Stage} */
function stageOf({ say, lesson }, analysis, site, gates, model, added) {
  const share = added && median(added.added.map((/** @type {number} */ value, /** @type {number} */ i) => value / added.after[i]));
  const note = [site.heads > 1 && `${site.heads} ${say("heads")}`, site.channels && site.kind === "channel-gate" && `${site.channels} C`, Number.isFinite(share) && grown(share)]
    .filter(Boolean)
    .join(" · ");
  const shows = showsOf(site, analysis, model, gates);
  return { key: site.kind, title: `${say(`stage-${shows}`)} ${site.layer}`, note, shows, site, fill: () => pictureOf(lesson, analysis, site) };
}

/** @param {import("./lesson.js").Lesson} lesson @param {Analysis} analysis @param {any} site @returns {Promise<Node | null>} */
async function pictureOf(lesson, analysis, site) {
  if (site.kind === "spatial-transformer") {
    if (site.channels > 3) return null;
    const image = h("img", { src: `../v1/analyses/${analysis.id}/sites/${site.id}/grid/warped?format=png`, alt: "" });
    return image;
  }
  if (site.kind !== "attention") {
    const { json } = await lesson.ask(analysis, `/sites/${site.id}/gate`);
    return json.axes.join() === "row,column" ? cells(json.values, lesson.tables) : strip(json.values);
  }
  const words = site.query_labels && site.key_labels;
  const { json } = await lesson.ask(analysis, `/sites/${site.id}/attention`, words ? { query: "all" } : {});
  const values = json.values;
  return Array.isArray(values[0]) ? cells(values, lesson.tables) : strip(values);
}

/** The part of the photo that the network saw, whole or cut into its patches. @param {import("./lesson.js").Photo} photo @param {Analysis} analysis @param {Grid} [grid] */
function cut(photo, analysis, grid) {
  const geometry = fromAnalysis(analysis);
  const [left, top, right, bottom] = crop(geometry);
  const image = h("img", { src: photo.url, alt: "" });
  Object.assign(image.style, {
    width: `${(100 * geometry.imageWidth) / (right - left)}%`,
    height: `${(100 * geometry.imageHeight) / (bottom - top)}%`,
    left: `${(-100 * left) / (right - left)}%`,
    top: `${(-100 * top) / (bottom - top)}%`,
  });
  const lines = grid && h("i", { class: "cuts", style: `--rows: ${grid.rows}; --columns: ${grid.columns}` });
  return h("span", { class: "on-photo", style: `aspect-ratio: ${right - left} / ${bottom - top}` }, image, lines);
}

/** @param {(number | null)[][]} rows @param {any} tables */
function cells(rows, tables) {
  const values = Float32Array.from(rows.flat(), (value) => value ?? NaN);
  const { low, high } = endsOf(values);
  const canvas = h("canvas", { class: "cells" });
  paintCells(canvas, normalise(values, low, high), rows[0].length, tables[isSigned({ low, high }) ? "coolwarm" : "inferno"]);
  return canvas;
}

/** Values as a row of bars from nothing to the largest. @param {(number | null)[]} values */
function strip(values) {
  const finite = values.map((value) => (Number.isFinite(value) ? Math.abs(Number(value)) : 0));
  const most = finite.reduce((a, b) => Math.max(a, b), 0) || 1;
  const canvas = h("canvas", { class: "strip", width: finite.length, height: 40 });
  const context = canvas.getContext("2d");
  context.fillStyle = getComputedStyle(document.body).color;
  finite.forEach((value, index) => context.fillRect(index, 40 - (40 * value) / most, 1, (40 * value) / most));
  return canvas;
}

/** @param {Analysis} analysis */
function answerOf({ predictions, output }) {
  if (predictions.length) return `${predictions[0].label} ${percent(predictions[0].score)}`;
  if (output && "text" in output) return output.text;
  return output && "classes" in output ? output.classes.map(({ label, share }) => `${label} ${percent(share)}`).join(" · ") : "";
}

/** @param {Analysis} analysis */
function answerBars({ predictions, output }) {
  if (predictions.length) return strip(predictions.map(({ score }) => score));
  if (output && "words" in output) return strip(output.words.map(({ score }) => score));
  return output?.kind === "mask" ? h("img", { src: `..${output.href}?format=png&render=heatmap`, alt: "" }) : null;
}

/** @param {number} share of a token's length */
const grown = (share) => `+ ${percent(share)}`.replaceAll(" ", "\u00a0");

/** @param {number[]} values */
function median(values) {
  const finite = values.filter(Number.isFinite).sort((a, b) => a - b);
  return finite.length ? finite[Math.floor(finite.length / 2)] : NaN;
}

