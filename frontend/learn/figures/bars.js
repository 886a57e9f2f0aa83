// Numbers as bars: upwards what is above zero, downwards what is below. One of them may be chosen.

import { h, put, svg } from "../../ui/dom.js";
import { number } from "../../ui/format.js";
import { rich } from "../rich.js";
import { caption, named } from "./parts.js";

/** Its spec: values, or rows of {values, label, of (the step they are of), first (the number of the first of them)}; choose (the state that a chosen bar's number goes to), chosen, caption. @param {import("./parts.js").Figures} figures */
export function bars(figures) {
  const rows = h("div", { class: "bar-rows" });
  const legend = h("figcaption", {});
  const element = h("figure", { class: "bars" }, rows, legend);
  return {
    element,
    /** @param {any} spec */
    update(spec) {
      const focused = rows.contains(document.activeElement);
      const given = spec.rows ?? [{ values: spec.values, label: null }];
      put(
        rows,
        given
          .filter((/** @type {any} */ { values }) => values)
          .map((/** @type {any} */ { values, label, marked, of, first }) => one({ of, first, ...spec }, Array.from(values), label, marked, figures)),
      );
      if (focused) /** @type {HTMLElement | null} */ (rows.querySelector("[tabindex]"))?.focus();
      put(legend, ...caption(spec, figures));
    },
    /** @param {import("../types.js").Place[]} places */
    light(places) {
      const bars = new Set(places.flatMap(({ bar }) => (bar ? bar.join(" ") : [])));
      for (const rect of rows.querySelectorAll("rect[data-bar]")) rect.classList.toggle("lit", bars.has(rect.getAttribute("data-bar") ?? ""));
    },
  };
}

/** @param {any} spec @param {(number | null)[]} values @param {string | null} label a key @param {number[] | undefined} marked @param {import("./parts.js").Figures} figures */
function one(spec, values, label, marked, figures) {
  const finite = values.filter((value) => Number.isFinite(value)).map(Number);
  const [bottom, top] = spec.range ?? [Math.min(0, ...finite), Math.max(0, ...finite)];
  const span = top - bottom || 1;
  const chosen = spec.choose ? spec.chosen : null;
  const rects = values.map((value, index) =>
    value == null || !Number.isFinite(value)
      ? null
      : svg("rect", {
          x: index + 0.08,
          width: 0.84,
          y: (top - Math.max(0, value)) / span,
          height: Math.max(Math.abs(value) / span, 0.012),
          "data-bar": spec.of && `${spec.of} ${index + (spec.first ?? 0)}`,
          class: index === chosen || marked?.includes(index) ? "marked" : null,
        }),
  );
  const spoken = `${named(label ?? spec.name ?? spec.caption, figures)}: ${values.slice(0, 8).map((value) => number(value ?? NaN)).join(", ")}${values.length > 8 ? ", …" : ""}`;
  const drawing = svg("svg", { viewBox: `0 0 ${values.length} 1`, preserveAspectRatio: "none", "aria-hidden": "true" }, rects);
  const choose = (/** @type {number} */ index) => figures.set({ [spec.choose]: Math.min(values.length - 1, Math.max(0, index)) });
  const at = (/** @type {PointerEvent} */ event) => {
    const box = drawing.getBoundingClientRect();
    return Math.floor(((event.clientX - box.left) / box.width) * values.length);
  };
  const touchable = spec.choose
    ? {
        role: "slider",
        tabindex: 0,
        "aria-valuemin": 0,
        "aria-valuemax": values.length - 1,
        "aria-valuenow": chosen ?? 0,
        "aria-valuetext": `${chosen ?? 0}: ${number(values[chosen ?? 0] ?? NaN)}`,
        "aria-label": named(label ?? spec.name ?? spec.caption, figures),
        onpointerdown: (/** @type {PointerEvent} */ event) => choose(at(event)),
        onpointermove: (/** @type {PointerEvent} */ event) => event.buttons && choose(at(event)),
        onkeydown: (/** @type {KeyboardEvent} */ event) => {
          const by = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageUp: 10, PageDown: -10 }[event.key];
          if (!by) return;
          event.preventDefault();
          choose((chosen ?? 0) + by);
        },
      }
    : { role: "img", "aria-label": spoken };
  const pointing = spec.of && {
    onpointerover: (/** @type {PointerEvent} */ event) => figures.over({ bar: [spec.of, at(event) + (spec.first ?? 0)] }),
    onpointerout: () => figures.over(null),
  };
  return h("div", { class: "bar-row" }, label && h("span", { class: "quiet" }, ...rich(figures.say(label), figures.numbers(), figures.address)), h("div", { class: "bar-track", ...touchable, ...pointing }, drawing));
}
