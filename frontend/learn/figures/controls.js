// What is set besides the figures: choices, sliders, switches.

import { h, put, segmented } from "../../ui/dom.js";
import { number } from "../../ui/format.js";

/** @typedef {import("./parts.js").Figures} Figures */

/** Its spec: name (of the state), value, options ({value, text or label}), label. @param {Figures} figures */
export function choice(figures) {
  const element = h("div", { class: "control" });
  return {
    element,
    /** @param {any} spec */
    update({ name, value, options, label }) {
      const focused = element.contains(document.activeElement);
      const choices = options.map((/** @type {any} */ one) => ({ value: one.value, text: one.text ?? figures.say(one.label) }));
      const title = figures.say(label);
      const group = segmented(title, choices, value, (/** @type {any} */ chosen) => figures.set({ [name]: chosen }));
      put(element, h("span", { class: "quiet" }, title), group);
      if (focused) /** @type {HTMLElement | null} */ (group.querySelector("[aria-checked=true]"))?.focus();
    },
  };
}

/** Its spec: name, value, min, max, step, label. @param {Figures} figures */
export function range(figures) {
  const title = h("span", { class: "quiet" });
  const shown = h("output", {});
  const input = h("input", { type: "range" });
  const element = h("label", { class: "control" }, title, input, shown);
  let name = "";
  input.addEventListener("input", () => figures.set({ [name]: Number(input.value) }));
  return {
    element,
    /** @param {any} spec */
    update(spec) {
      name = spec.name;
      for (const key of ["min", "max", "step"]) input.setAttribute(key, String(spec[key]));
      input.value = String(spec.value);
      title.textContent = figures.say(spec.label);
      shown.textContent = spec.shown ?? number(spec.value);
    },
  };
}

/** Its spec: name, value (true or false), label. @param {Figures} figures */
export function toggle(figures) {
  const input = h("input", { type: "checkbox" });
  const title = h("span", {});
  const element = h("label", { class: "control check" }, input, title);
  let name = "";
  input.addEventListener("change", () => figures.set({ [name]: input.checked }));
  return {
    element,
    /** @param {any} spec */
    update(spec) {
      name = spec.name;
      input.checked = spec.value;
      title.textContent = figures.say(spec.label);
    },
  };
}

/** Its spec: patch (of the state), label, pressed. @param {Figures} figures */
export function press(figures) {
  let patch = {};
  const button = h("button", { type: "button", class: "button", onclick: () => figures.set(patch) });
  const element = h("div", { class: "control" }, button);
  return {
    element,
    /** @param {any} spec */
    update(spec) {
      patch = spec.patch;
      button.textContent = figures.say(spec.label);
      if (spec.pressed != null) button.setAttribute("aria-pressed", String(spec.pressed));
    },
  };
}

/** A sentence that is typed and sent. Its spec: name, value, label, send. @param {Figures} figures */
export function sentence(figures) {
  const title = h("span", { class: "quiet" });
  const input = h("input", { type: "text", autocomplete: "off", spellcheck: "false", maxlength: 200 });
  const button = h("button", { type: "submit", class: "button" });
  let name = "";
  const send = (/** @type {Event} */ event) => {
    event.preventDefault();
    figures.set({ [name]: input.value.trim() });
  };
  const element = h("form", { class: "control", onsubmit: send }, h("label", { class: "typed" }, title, input), button);
  return {
    element,
    /** @param {any} spec */
    update(spec) {
      name = spec.name;
      if (document.activeElement !== input) input.value = spec.value;
      title.textContent = figures.say(spec.label);
      button.textContent = figures.say(spec.send);
    },
  };
}
