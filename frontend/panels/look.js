// Look: what the network says, and the common choices of the shown site.

import { normalise, extent, paintCells } from "../colormap.js";
import { h, put, segmented } from "../dom.js";
import { siteOf } from "../drawing.js";
import { number, percent } from "../format.js";
import { headOf } from "../picture.js";
import { askedGrid, hasRollout, METHODS, prefixName, targetOf } from "../sites.js";
import { decompose } from "../theta.js";

/** @param {HTMLElement} root @param {import("../drawing.js").Context} context */
export function mountLook(root, { store, session }) {
  const predictions = h("div", { class: "group" });
  const controls = h("div", { class: "group controls" });
  const reading = h("div", { class: "group" });
  root.append(predictions, controls, reading);

  store.on(["analysisData", "method", "target"], (state) => {
    const { predictions: rows, warnings, sites } = state.analysisData;
    const asked = METHODS[state.method]?.forClass ? targetOf(state) : null;
    put(
      predictions,
      rows.length > 0 && h("h3", {}, "The network says"),
      h(
        "ol",
        { class: "predictions" },
        rows.map((/** @type {any} */ entry) =>
          hasRollout(sites) ? whyPrediction(entry, entry.index === asked) : prediction(entry),
        ),
      ),
      (warnings ?? []).map((/** @type {any} */ warning) =>
        h("p", { class: "quiet" }, warning.detail ?? warning),
      ),
    );
  });

  /** A prediction that, pressed, shows the map for its class. @param {any} entry @param {boolean} asked */
  function whyPrediction(entry, asked) {
    const { method } = store.get();
    const shown = METHODS[method]?.forClass ? method : "relevance";
    return h(
      "li",
      {},
      h(
        "button",
        {
          type: "button",
          class: "why",
          "aria-pressed": String(asked),
          title: asked ? "Back to attention" : `What counted for “${entry.label}”?`,
          onclick: () => store.set(asked ? { method: "site" } : { method: shown, target: entry.index }),
        },
        ...bar(entry),
      ),
    );
  }

  store.on(["analysisData", "site", "head", "direction", "method", "query"], (state) => {
    const site = siteOf(state);
    put(controls, ...(site?.kind === "attention" ? attentionControls(state, site) : []));
  });

  store.on(["analysisData", "site", "picture", "tables", "colormap"], (state, changed) => {
    const site = siteOf(state);
    if (!site || !state.picture) return;
    if (site.kind === "attention") put(reading, attentionReading(state, site));
    else if (site.kind === "spatial-transformer") thetaReading(site);
    else if (site.kind === "spatial-gate")
      put(
        reading,
        h(
          "p",
          { class: "quiet" },
          `The mask lies between ${number(state.picture.low)} and ${number(state.picture.high)}: bright places pass, dark places are held back.`,
        ),
      );
    else if (
      changed.has("site") ||
      changed.has("analysisData") ||
      changed.has("colormap") ||
      !reading.querySelector(".channel-thumb")
    )
      channels(state, site);
    else markChannel(state);
  });

  /** @param {any} state @param {any} site */
  function attentionControls(state, site) {
    const { analysisData: analysis, method, direction, query } = state;
    const chained = hasRollout(analysis.sites);
    const whole = chained && method in METHODS;
    const forClass = whole && METHODS[method].forClass;
    const canAsk = !whole && askedGrid(site, direction);
    const heads = Array.from({ length: site.heads }, (_, i) => ({ value: i, text: String(i) }));
    const fusions = [
      ["mean", "mean"],
      ["max", "max"],
      ["min", "min"],
    ].map(([value, text]) => ({ value, text }));
    return [
      chained &&
        row(
          "Show",
          segmented(
            "Show",
            [
              { value: "site", text: "This layer" },
              { value: "rollout", text: "Rollout", title: METHODS.rollout.title },
              ...(analysis.predictions.length
                ? [{ value: "relevance", text: "For a class", title: METHODS.relevance.title }]
                : []),
            ],
            forClass ? "relevance" : method,
            (/** @type {any} */ value) => store.set({ method: value }),
          ),
        ),
      forClass &&
        row(
          "Method",
          segmented(
            "Method",
            Object.entries(METHODS)
              .filter(([, one]) => one.forClass)
              .map(([value, one]) => ({ value, text: one.name, title: one.title })),
            method,
            (/** @type {any} */ value) => store.set({ method: value }),
          ),
        ),
      canAsk &&
        row(
          "Asks",
          h(
            "div",
            { class: "row" },
            h(
              "button",
              {
                type: "button",
                class: "button",
                id: "class-token",
                "aria-pressed": String(query === "cls"),
                onclick: () => store.set({ query: "cls", hover: null }),
              },
              site.prefix_tokens ? "Class token" : "Centre patch",
            ),
            h("span", { class: "quiet" }, query === "cls" ? "or a patch of the photo" : "a pinned patch"),
          ),
        ),
      canAsk &&
        row(
          "Direction",
          segmented(
            "Direction",
            [
              { value: "from", text: "looks at", title: "A row of the attention matrix" },
              { value: "to", text: "is looked at by", title: "A column of the attention matrix" },
            ],
            direction,
            (/** @type {any} */ value) => store.set({ direction: value }),
          ),
        ),
      !whole &&
        site.heads > 1 &&
        row(
          "Heads",
          segmented("Heads", [...fusions, ...heads], headOf(state, site.heads), (/** @type {any} */ value) =>
            store.set({ head: value }),
          ),
        ),
    ];
  }

  /** @param {any} state @param {any} site */
  function attentionReading({ picture, direction, method }, site) {
    if (METHODS[method]?.forClass && picture.claim === "saliency")
      return h("p", { class: "quiet" }, "Press another answer above to see what counted for it.");
    if (picture.form === "map" && site.note && method === "site")
      return h("p", { class: "note" }, site.note, site.windows ? " What is hatched lies outside this one." : "");
    if (picture.form === "matrix")
      return h(
        "p",
        { class: "note" },
        site.note ?? "Where these tokens lie on the photo is not known, so the whole matrix is shown.",
      );
    if (!picture.prefix || direction !== "from") return null;
    const onPlaces = picture.values.reduce(
      (/** @type {number} */ sum, /** @type {number} */ value) => sum + value,
      0,
    );
    return h(
      "p",
      { class: "quiet" },
      `Of this row ${percent(onPlaces)} lies on the photo and `,
      [...picture.prefix].map((value, i) => `${percent(value)} on the ${prefixName(i)}`).join(", "),
      ".",
    );
  }

  /** @param {any} site */
  async function thetaReading(site) {
    const { theta } = await session.grid(site);
    if (siteOf(store.get()) !== site) return;
    const { rotation, scale, shift } = decompose(theta);
    put(
      reading,
      h("h3", {}, "Where it reads"),
      h(
        "dl",
        { class: "facts" },
        h("dt", {}, "turned"),
        h("dd", {}, `${number(rotation)}°`),
        h("dt", {}, "window"),
        h("dd", {}, `${number(scale[0])} × ${number(scale[1])} of the picture`),
        h("dt", {}, "centre moved"),
        h("dd", {}, `${number(shift[0])} right, ${number(shift[1])} down`),
      ),
      h("p", { class: "quiet" }, "In units of half the picture's side."),
    );
  }

  /** The channels the gate lets through most and least, as pictures. @param {any} state @param {any} site */
  async function channels(state, site) {
    const gate = (await session.gate(site).catch(() => null))?.data;
    if (!gate || siteOf(store.get()) !== site || !state.tables) return;
    const order = [...gate.keys()].sort((a, b) => gate[b] - gate[a]);
    const group = (/** @type {string} */ title, /** @type {number[]} */ list) => [
      h("h3", {}, title),
      h(
        "div",
        { class: "thumbs" },
        list.map((channel) => thumb(site, gate, channel)),
      ),
    ];
    put(
      reading,
      ...group("Let through most", order.slice(0, 6)),
      ...group("Held back most", order.slice(-6).reverse()),
      h("p", { class: "quiet" }, `${gate.length} channels; the numbers are the gate's factors.`),
    );
    markChannel(store.get());
  }

  /** @param {any} site @param {Float32Array} gate @param {number} channel */
  function thumb(site, gate, channel) {
    const canvas = h("canvas", { class: "cells" });
    session
      .feature(site, channel)
      .then((/** @type {any} */ map) => {
        const { tables, colormap } = store.get();
        if (tables)
          paintCells(canvas, normalise(map.data, ...extent(map.data)), map.shape.at(-1), tables[colormap]);
      })
      .catch(() => canvas.remove());
    return h(
      "button",
      {
        type: "button",
        class: "channel-thumb",
        "data-channel": channel,
        title: `Channel ${channel}`,
        onclick: () => store.set({ channel }),
      },
      canvas,
      h("span", { class: "number" }, `${channel} · ${number(gate[channel])}`),
    );
  }

  /** @param {any} state */
  function markChannel({ channel }) {
    for (const button of reading.querySelectorAll(".channel-thumb")) {
      button.setAttribute("aria-pressed", String(Number(button.dataset.channel) === channel));
    }
  }
}

/** @param {any} entry */
const prediction = (entry) => h("li", {}, ...bar(entry));

/** Its name, its score and a bar as long. @param {any} entry */
function bar({ label, index, score }) {
  const length = h("i");
  length.style.width = `${100 * score}%`;
  return [
    h(
      "span",
      { class: "prediction" },
      h("span", {}, label ?? `class ${index}`),
      h("span", { class: "number" }, percent(score)),
    ),
    length,
  ];
}

/** @param {string} label @param {Element} control */
const row = (label, control) => h("div", { class: "control" }, h("span", { class: "quiet" }, label), control);
