// Numbers: what is known of the shown site and its map, as a table.

import { say } from "../language/language.js";
import { entropy } from "../sites/attention_rows.js";
import { drawChart, heightMeans } from "../paint/charts.js";
import { extent } from "../paint/colormap.js";
import { h, put } from "../ui/dom.js";
import { number, percent } from "../ui/format.js";
import { cellWords } from "../kinds/words/picture.js";
import { attends, isPlaced, isScattered, prefixName, roleOf } from "../sites/sites.js";

/** @typedef {[string, Child]} Fact */

/** @param {HTMLElement} root @param {Context} context */
export function mountNumbers(root, { store, session }) {
  const facts = h("div", { class: "group" });
  const charts = h("div", { class: "group" });
  root.append(facts, charts);
  let frame = 0;

  store.on(["analysisData", "site", "picture", "tab", "hover"], (state) => {
    if (state.tab !== "numbers") return;
    cancelAnimationFrame(frame);
    frame = requestAnimationFrame(() => show());
  });
  store.on(["analysisData", "site", "tab", "theme"], (state) => {
    if (state.tab === "numbers") byLayer();
  });

  async function show() {
    const { picture, hover, shown } = store.get();
    if (!shown || !picture) return;
    const { analysis, site, kind } = shown;
    const extra = (await kind.facts?.(site, session)) ?? mapFacts(picture, hover);
    put(
      facts,
      table(say("This map"), extra),
      picture.form === "map" && strongest(picture),
      table(say("This site"), siteFacts(site)),
      table(say("This analysis"), analysisFacts(analysis)),
    );
  }

  /** Attention distance and entropy of every layer: what no single map shows. */
  async function byLayer() {
    const site = store.get().shown?.site;
    if (!site || !(isPlaced(site) || isScattered(site))) return put(charts);
    if (charts.dataset.of === `${store.get().analysisData.id} ${store.get().theme}`) return;
    charts.dataset.of = `${store.get().analysisData.id} ${store.get().theme}`;
    put(charts);
    const { maps } = store.get().analysisData;
    const counted = maps.find((map) => map.name === "head-importance")?.reason === null;
    for (const [name, title] of [
      ["attention-distance", say("How far heads look, by layer")],
      ["entropy", say("How spread heads are, by layer")],
      ...(counted ? [["head-importance", say("How much each head counted for the answer")]] : []),
    ]) {
      const element = h("div", { class: "chart" });
      const meaning = h("p", { class: "quiet" });
      charts.append(h("h3", {}, title), meaning, element);
      try {
        const figure = await session.figure(name, {});
        meaning.textContent = heightMeans(figure);
        await drawChart(element, figure);
      } catch (problem) {
        put(element, h("p", { class: "note" }, problem instanceof Error ? problem.message : String(problem)));
      }
    }
  }
}

/** @param {string} title @param {Fact[]} rows */
function table(title, rows) {
  return [
    h("h3", {}, title),
    h(
      "table",
      { class: "facts" },
      h(
        "tbody",
        {},
        rows
          .filter(([, value]) => value != null)
          .map(([name, value]) => h("tr", {}, h("th", { scope: "row" }, name), h("td", {}, value))),
      ),
    ),
  ];
}

/** @param {Picture} picture @param {Cell | null} hover @returns {Fact[]} */
function mapFacts(picture, hover) {
  if (picture.classes) return maskFacts(picture, hover);
  if (picture.labels) return wordFacts(picture, hover);
  const { values, grid, prefix, claim } = picture;
  const [low, high] = extent(values);
  const known = values.filter((value) => !Number.isNaN(value));
  const sum = known.reduce((total, value) => total + value, 0);
  const tokens = prefix ? Float32Array.from([...prefix, ...values]) : values;
  const isRow = claim === "attention map" && picture.form === "map";
  return [
    [
      say("under the pointer"),
      hover
        ? say("{value} at row {row}, column {column}", { value: number(values[hover.row * grid.columns + hover.column]), row: hover.row, column: hover.column })
        : "–",
    ],
    [say("smallest, largest"), `${number(low)}, ${number(high)}`],
    [say("mean"), number(sum / known.length)],
    [say("sum over places"), isRow ? number(sum) : null],
    ...[...(prefix ?? [])].map((value, i) => /** @type {Fact} */ ([prefixName(i), number(value)])),
    [
      say("entropy"),
      isRow && prefix
        ? say("{entropy} nats, {share} of even", { entropy: number(entropy(tokens)), share: percent(entropy(tokens) / Math.log(tokens.length)) })
        : null,
    ],
    [say("places"), `${grid.rows} × ${grid.columns}`],
    [say("places looked at"), known.length < values.length ? known.length : null],
  ];
}

/** @param {Picture} picture @param {Cell | null} hover @returns {Fact[]} */
function maskFacts(picture, hover) {
  return [
    [say("under the pointer"), hover ? cellWords(picture, hover) : "–"],
    ...(picture.classes ?? []).map(({ label, share }) => /** @type {Fact} */ ([label, percent(share)])),
    [say("places"), `${picture.grid.rows} × ${picture.grid.columns}`],
  ];
}

/** @param {Picture} picture @param {Cell | null} hover @returns {Fact[]} */
function wordFacts(picture, hover) {
  const { values, grid, low, high, claim } = picture;
  const value = hover && values[hover.row * grid.columns + hover.column];
  return [
    [say("under the pointer"), value === undefined || value === null ? "–" : `${hover && cellWords(picture, hover)} ${number(value)}`],
    [say("smallest, largest"), `${number(low)}, ${number(high)}`],
    [say("sum of a row"), claim === "attention map" ? "1" : null],
    [say("rows × columns"), `${grid.rows} × ${grid.columns}`],
  ];
}

/** @param {Picture} picture */
function strongest({ values, grid }) {
  const known = [...values.keys()].filter((i) => !Number.isNaN(values[i]));
  const order = known.sort((a, b) => values[b] - values[a]).slice(0, 5);
  return [
    h("h3", {}, say("Strongest places")),
    h(
      "table",
      { class: "facts" },
      h(
        "tbody",
        {},
        order.map((i) =>
          h(
            "tr",
            {},
            h("th", { scope: "row" }, say("row {row}, column {column}", { row: Math.floor(i / grid.columns), column: i % grid.columns })),
            h("td", {}, number(values[i])),
          ),
        ),
      ),
    ),
  ];
}

/** @param {Site} site @returns {Fact[]} */
function siteFacts(site) {
  const grid = (/** @type {Grid | null | undefined} */ g) => (g ? `${g.rows} × ${g.columns}` : null);
  return [
    [say("kind"), site.title.toLowerCase()],
    [say("module"), h("code", {}, site.name)],
    [say("heads"), site.heads ?? null],
    [say("between"), roleOf(site) || null],
    [say("queries × keys"), site.queries ? `${site.queries} × ${site.keys}` : null],
    [say("prefix tokens"), attends(site) ? site.prefix_tokens : null],
    [say("patch grid"), grid(site.grid)],
    [say("channels"), site.channels ?? null],
    [say("sampler input, output"), site.input_grid ? `${grid(site.input_grid)}, ${grid(site.output_grid)}` : null],
    ["note", site.note ?? null],
  ];
}

/** @param {Analysis} analysis @returns {Fact[]} */
function analysisFacts({ id, image, text, geometry, timings_ms: timings, model }) {
  return [
    [say("photo"), image && `${image.width} × ${image.height} px`],
    [say("network input"), geometry && `${geometry.input.width} × ${geometry.input.height} px`],
    [say("sentence"), text],
    [say("model"), h("code", {}, model)],
    [say("forward pass"), timings?.forward != null ? say("{n} ms", { n: number(timings.forward) }) : null],
    [say("analysis"), h("code", {}, id)],
  ];
}
