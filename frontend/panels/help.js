// The sheet that lists the keys.

import { h } from "../dom.js";
import { icon } from "../icons.js";

const KEYS = [
  ["Move, long press", "ask the patch under the pointer"],
  ["Click, tap", "pin a patch; then moving reads its numbers"],
  ["← ↑ → ↓", "move the pinned patch; go from word to word"],
  ["Esc", "back to the class token"],
  ["[ ]", "site before, site after"],
  ["h H", "next head, previous head"],
  ["m", "mean of heads"],
  ["d", "turn the direction: looks at, is looked at by"],
  ["r", "rollout through all layers, or this layer"],
  ["c", "next colormap"],
  ["− +", "less or more of the overlay"],
  ["1 … 5", "tabs"],
  ["o", "open a photo"],
  ["/", "choose a model"],
  ["e", "save the picture"],
  ["t", "theme"],
  ["?", "this sheet"],
];

/** @param {HTMLElement} root */
export function mountHelp(root) {
  const dialog = h(
    "dialog",
    {
      class: "help",
      "aria-label": "Keys and help",
      onclick: (/** @type {Event} */ event) => {
        if (event.target === dialog) dialog.close();
      },
    },
    h(
      "div",
      { class: "help-body" },
      h(
        "div",
        { class: "help-head" },
        h("h2", {}, "Keys"),
        h(
          "button",
          { type: "button", class: "button plain", "aria-label": "Close", onclick: () => dialog.close() },
          icon("close"),
        ),
      ),
      h("dl", {}, KEYS.map(([keys, text]) => [h("dt", {}, h("kbd", {}, keys)), h("dd", {}, text)]).flat()),
      h(
        "p",
        { class: "quiet" },
        "The same numbers come from the REST API: ",
        h("a", { href: "/docs" }, "its documentation"),
        ".",
      ),
    ),
  );
  root.append(dialog);
  return { toggle: () => (dialog.open ? dialog.close() : dialog.showModal()) };
}
