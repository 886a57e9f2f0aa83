// Words in a row, one of them chosen; they can be played one after the other, as they were written.

import { h, put } from "../../ui/dom.js";
import { percent } from "../../ui/format.js";
import { caption } from "./parts.js";

const PACE_MS = 900;

/** Its spec: words (texts), scores, shares (how much each is looked at), chosen, choose (the state's name), play, hidden (words from here on are not yet written), caption. @param {import("./parts.js").Figures} figures */
export function words(figures) {
  const row = h("div", { class: "word-row" });
  const legend = h("figcaption", {});
  const element = h("figure", {}, row, legend);
  /** @type {any} */
  let spec = {};
  let playing = 0;
  const stop = () => {
    clearInterval(playing);
    playing = 0;
  };
  const play = () => {
    if (playing) {
      stop();
      draw();
      return;
    }
    figures.set({ [spec.choose]: 0 });
    playing = setInterval(() => {
      if (!element.isConnected || spec.chosen >= spec.words.length - 1) {
        stop();
        draw();
        return;
      }
      figures.set({ [spec.choose]: spec.chosen + 1 });
    }, PACE_MS);
    draw();
  };
  const draw = () => {
    const focused = [...row.children].indexOf(/** @type {Element} */ (document.activeElement));
    put(
      row,
      spec.play && h("button", { type: "button", class: "button play", onclick: play }, figures.say(playing ? "stop" : "play")),
      ...spec.words.map((/** @type {string} */ text, /** @type {number} */ index) => {
        const later = spec.hidden != null && index >= spec.hidden;
        const share = spec.shares?.[index];
        return h(
          "button",
          {
            type: "button",
            class: `word${later ? " later" : ""}`,
            disabled: !spec.choose,
            "aria-pressed": spec.choose && String(index === spec.chosen),
            style: share == null ? null : `--share: ${share}`,
            onclick: () => figures.set({ [spec.choose]: index }),
            onpointerenter: () => figures.over({ word: index }),
            onpointerleave: () => figures.over(null),
          },
          text,
          spec.scores && h("small", {}, percent(spec.scores[index])),
          share != null && h("small", {}, percent(share)),
        );
      }),
    );
    if (focused >= 0) /** @type {HTMLElement | undefined} */ (row.children[focused])?.focus();
    put(legend, ...caption(spec, figures));
  };
  return {
    element,
    /** @param {any} next */
    update(next) {
      spec = next;
      draw();
    },
    /** @param {import("../types.js").Place[]} places */
    light(places) {
      const lit = new Set(places.map(({ word }) => word));
      [...row.querySelectorAll(".word")].forEach((one, at) => one.classList.toggle("lit", lit.has(at)));
    },
  };
}
