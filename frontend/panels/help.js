// The sheet that says what the page's words mean, and lists the keys.

import { h } from "../ui/dom.js";
import { icon } from "../ui/icons.js";

const WORDS = [
  ["patch", "a square of the photo: the part that one token stands for"],
  ["token", "a patch, or a word, as the network holds it: a list of numbers"],
  ["class token", "one more token, without a place, from which the answer is made"],
  ["attention", "how much a token takes from each of the others: shares that add up to 1"],
  ["layer, site", "a place in the network where something attends; the strip has a cell for each"],
  ["head", "one of several attentions that a layer has side by side"],
  ["gate", "a factor between 0 and 1 for a channel, or for a place"],
  ["channel", "one kind of thing that a convolutional network looks for; where it finds it is its feature map"],
  ["position", "the vector that tells a patch where on the photo it is"],
  ["looked at", "how much attention a patch gets from all tokens together"],
  ["token length", "how long a token's list of numbers is as a vector; some grow far longer than the others"],
  ["rollout", "attention followed back through all layers to the photo"],
  ["relevance", "what counted for one answer: attention weighed by that answer's gradient"],
];

const KEYS = [
  ["Move, long press", "see what the patch under the pointer looks at"],
  ["Click, tap", "pin a patch; then moving reads its numbers"],
  ["← ↑ → ↓", "move the pinned patch; go from word to word"],
  ["Esc", "back to the class token"],
  ["[ ]", "site before, site after"],
  ["h H", "next head, previous head"],
  ["m", "mean over heads"],
  ["d", "turn the direction: looks at, is looked at by"],
  ["r", "rollout through all layers, or this layer"],
  ["c", "next colormap"],
  ["− +", "less or more of the overlay"],
  ["b", "held: the bare photo"],
  ["1 … 6", "tabs"],
  ["w", "before or after the edits of What if"],
  ["o", "open a photo"],
  ["/", "choose a model"],
  ["v", "compare networks on this photo"],
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
        h("h2", {}, "Help"),
        h(
          "button",
          { type: "button", class: "button plain", "aria-label": "Close", onclick: () => dialog.close() },
          icon("close"),
        ),
      ),
      h("h3", {}, "Glossary"),
      h("dl", {}, WORDS.map(([word, text]) => [h("dt", {}, word), h("dd", {}, text)]).flat()),
      h("h3", {}, "Keys"),
      h("dl", {}, KEYS.map(([keys, text]) => [h("dt", {}, h("kbd", {}, keys)), h("dd", {}, text)]).flat()),
      h(
        "p",
        { class: "quiet" },
        "The same numbers come from the REST API: ",
        h("a", { href: "docs" }, "its documentation"),
        ".",
      ),
    ),
  );
  root.append(dialog);
  return { open: () => dialog.showModal() };
}
