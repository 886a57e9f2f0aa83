// Under the stage: the sentence that says what is drawn, the legend with its numbers, and how it is drawn.

import { say } from "../language/language.js";
import { COLORMAPS, DIVERGING, gradient, isSigned } from "../paint/colormap.js";
import { h, put } from "../ui/dom.js";
import { shares } from "../paint/scale.js";
import { endsSaid, said, tableOf } from "../sites/drawn.js";
import { mountScale } from "./parts/scale.js";
import { swatch } from "./parts/answer.js";
import { number, percent } from "../ui/format.js";
import { cellWords } from "../kinds/words/picture.js";

/** @param {HTMLElement} root @param {Context} context */
export function mountCaption(root, { store }) {
  const sentence = h("p", { class: "sentence", id: "sentence", "aria-live": "polite" });
  const bar = h("div", { class: "legend-bar" }, h("i"));
  const marker = /** @type {HTMLElement} */ (bar.firstChild);
  const low = h("span", { class: "number" });
  const high = h("span", { class: "number" });
  const scale = h("span", { class: "quiet" });
  const here = h("span", { class: "number quiet here", id: "here" });
  const legend = h("div", { class: "legend" }, low, bar, high, scale);
  const classes = h("ul", { class: "legend class-legend", "aria-label": say("Legend"), hidden: true });
  const opacity = h("input", {
    type: "range",
    min: 0,
    max: 1,
    step: 0.01,
    id: "opacity",
    "aria-label": say("Opacity of the overlay"),
    oninput: () => store.set({ opacity: Number(opacity.value) }),
  });
  const colormap = h(
    "select",
    { id: "colormap", "aria-label": say("Colormap"), onchange: () => store.set({ colormap: colormap.value }) },
    COLORMAPS.map((name) => h("option", { value: name }, name)),
    h("option", { value: DIVERGING, hidden: true }, DIVERGING),
  );
  const fade = h("input", {
    type: "checkbox",
    id: "fade",
    onchange: () => store.set({ fade: fade.checked ? "value" : "even" }),
  });
  const smooth = h("input", {
    type: "checkbox",
    id: "smooth",
    onchange: () => store.set({ smooth: smooth.checked }),
  });
  const controls = h(
    "div",
    { class: "drawing" },
    h("label", { class: "range" }, h("span", { class: "quiet" }, say("opacity")), opacity),
    h(
      "label",
      { class: "check", title: say("Opacity grows with the value, so that the photo shows where there is little; b held: the bare photo") },
      fade,
      say("by value"),
    ),
    colormap,
    h(
      "label",
      { class: "check", title: say("Bilinear between patch centres: easier on the eye, less exact") },
      smooth,
      say("smooth"),
    ),
  );
  const scales = mountScale(store);
  controls.append(scales);
  root.append(h("div", { class: "said" }, sentence, here), h("div", { class: "scale" }, legend, classes, controls));

  root.classList.add("empty");
  store.on(["picture", "smooth", "fade"], (state) => {
    const { picture } = state;
    root.classList.toggle("waiting", !picture); // what is said is of what is shown
    if (!picture) return void (sentence.textContent = "");
    root.classList.remove("empty");
    sentence.textContent = said(state, picture);
    const coloured = picture.form !== "grid";
    const mask = picture.form === "mask";
    legend.hidden = !coloured || mask;
    controls.hidden = !coloured;
    classes.hidden = !mask;
    opacity.parentElement.hidden = picture.form === "matrix";
    fade.parentElement.hidden = smooth.parentElement.hidden = picture.form !== "map";
    colormap.hidden = scales.hidden = mask;
    if (picture.classes) put(classes, legendOf(picture.classes));
    if (!coloured || mask) return;
    const ends = endsSaid(picture);
    low.textContent = ends.low;
    high.textContent = ends.high;
    scale.textContent = picture.scale + (picture.form === "map" && state.fade === "value" ? ` · ${say("opacity by value")}` : "");
  });

  store.on(["picture", "hover", "query"], ({ picture, hover }) => {
    const value =
      picture && hover ? picture.values[hover.row * picture.grid.columns + hover.column] : undefined;
    marker.hidden = value === undefined;
    here.textContent = "";
    if (!picture || !hover || value === undefined) return;
    const plain = picture.form === "mask" ? "" : number(value);
    here.textContent = (picture.labels ? `${cellWords(picture, hover)} ${plain}` : say("here {value}", { value: `${cellWords(picture, hover)} ${plain}`.trim() })).trim();
    const [share] = shares({ ...picture, values: Float32Array.of(value) });
    marker.style.left = `${100 * (Number.isNaN(share) ? 0 : share)}%`;
  });

  store.on(["tables", "colormap", "picture"], ({ tables, colormap: chosen, picture }) => {
    if (!tables || !picture) return;
    bar.style.background = gradient(tableOf({ tables, colormap: chosen }, picture));
    colormap.disabled = isSigned(picture); // zero has its own colour in one table only
    colormap.value = colormap.disabled ? DIVERGING : chosen;
  });
  const controlsFromState = () => {
    const state = store.get();
    opacity.value = String(state.opacity);
    fade.checked = state.fade === "value";
    if (!colormap.disabled) colormap.value = state.colormap;
    smooth.checked = state.smooth;
  };
  controlsFromState();
  store.on(["opacity", "fade", "colormap", "smooth"], controlsFromState);
}

/** The classes that are there, largest first. @param {{index: number, label: string, share: number, colour: string}[]} classes */
const legendOf = (classes) =>
  classes
    .filter(({ share }) => share > 0)
    .sort((one, other) => other.share - one.share)
    .slice(0, 8)
    .map((entry) => h("li", {}, swatch(entry), `${entry.label} ${percent(entry.share)}`));
