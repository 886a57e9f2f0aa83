// Under the stage: the sentence that says what is drawn, the legend with its numbers, and how it is drawn.

import { COLORMAPS, gradient } from "../colormap.js";
import { h } from "../dom.js";
import { number } from "../format.js";

/** @param {HTMLElement} root @param {import("../drawing.js").Context} context */
export function mountCaption(root, { store }) {
  const sentence = h("p", { class: "sentence", id: "sentence", "aria-live": "polite" });
  const bar = h("div", { class: "legend-bar" }, h("i"));
  const marker = /** @type {HTMLElement} */ (bar.firstChild);
  const low = h("span", { class: "number" });
  const high = h("span", { class: "number" });
  const scale = h("span", { class: "quiet" });
  const here = h("span", { class: "number quiet here", id: "here" });
  const legend = h("div", { class: "legend" }, low, bar, high, scale);
  const opacity = h("input", {
    type: "range",
    min: 0,
    max: 1,
    step: 0.01,
    id: "opacity",
    "aria-label": "Opacity of the overlay",
    oninput: () => store.set({ opacity: Number(opacity.value) }),
  });
  const colormap = h(
    "select",
    { id: "colormap", "aria-label": "Colormap", onchange: () => store.set({ colormap: colormap.value }) },
    COLORMAPS.map((name) => h("option", { value: name }, name)),
  );
  const smooth = h("input", {
    type: "checkbox",
    id: "smooth",
    onchange: () => store.set({ smooth: smooth.checked }),
  });
  const controls = h(
    "div",
    { class: "drawing" },
    h("label", { class: "range" }, h("span", { class: "quiet" }, "opacity"), opacity),
    colormap,
    h(
      "label",
      { class: "check", title: "Bilinear between patch centres: easier on the eye, less exact" },
      smooth,
      "smooth",
    ),
  );
  const clip = h("input", {
    type: "checkbox",
    id: "clip",
    onchange: () => store.set({ clip: clip.checked }),
  });
  controls.append(
    h(
      "label",
      {
        class: "check",
        title: "Colours end at the 95th percentile, so that a few peaks do not hide the rest",
      },
      clip,
      "clip peaks",
    ),
  );
  root.append(h("div", { class: "said" }, sentence, here), h("div", { class: "scale" }, legend, controls));

  root.classList.add("empty");
  store.on(["picture", "smooth"], ({ picture, smooth: on }) => {
    if (!picture) return;
    root.classList.remove("empty");
    sentence.textContent =
      picture.sentence + (on && picture.form === "map" ? " Smoothed between patches." : "");
    const coloured = picture.form !== "grid";
    legend.hidden = !coloured;
    controls.hidden = !coloured;
    if (!coloured) return;
    low.textContent = number(picture.low);
    high.textContent = `${clip.checked ? "≥ " : ""}${number(picture.high)}`;
    scale.textContent = picture.scale;
  });

  store.on(["picture", "hover", "query"], ({ picture, hover }) => {
    const value =
      picture && hover ? picture.values[hover.row * picture.grid.columns + hover.column] : undefined;
    marker.hidden = value === undefined;
    here.textContent = value === undefined ? "" : `here ${number(value)}`;
    if (!picture || value === undefined) return;
    const span = picture.high - picture.low;
    marker.style.left = `${span > 0 ? 100 * Math.min(1, Math.max(0, (value - picture.low) / span)) : 0}%`;
  });

  store.on(["tables", "colormap"], (state) => {
    if (state.tables) bar.style.background = gradient(state.tables[state.colormap]);
  });
  const controlsFromState = () => {
    const state = store.get();
    opacity.value = String(state.opacity);
    colormap.value = state.colormap;
    smooth.checked = state.smooth;
    clip.checked = state.clip;
  };
  controlsFromState();
  store.on(["opacity", "colormap", "smooth", "clip"], controlsFromState);
}
