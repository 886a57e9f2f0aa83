// The sheet that says what the page's words mean, and lists the keys.

import { around, say } from "../language/language.js";
import { h } from "../ui/dom.js";
import { icon } from "../ui/icons.js";
import { KEYS, shown } from "./parts/keys.js";

const WORDS = [
  [say("patch"), say("a square of the photo: the part that one token stands for")],
  [say("token"), say("a patch, or a word, as the network holds it: a list of numbers")],
  [say("class token"), say("one more token, without a place, from which the answer is made")],
  [say("attention"), say("how much a token takes from each of the others: shares that add up to 1")],
  [say("layer, site"), say("a place in the network where something attends; the strip has a cell for each")],
  [say("head"), say("one of several attentions that a layer has side by side")],
  [say("gate"), say("a factor between 0 and 1 for a channel, or for a place")],
  [say("channel"), say("one kind of thing that a convolutional network looks for; where it finds it is its feature map")],
  [say("position"), say("the vector that tells a patch where on the photo it is")],
  [say("attention received"), say("how much attention a patch gets from all tokens together")],
  [say("token length"), say("how long a token's list of numbers is as a vector; some grow far longer than the others")],
  [say("rollout"), say("attention followed back through all layers to the photo")],
  [say("relevance"), say("what counted for one answer: attention weighed by that answer's gradient")],
];

/** What a pointer does, beside the keys. */
const POINTER = [
  [say("Move, long press"), say("see what the patch under the pointer looks at")],
  [say("Click, tap"), say("pin a patch; then moving reads its numbers")],
  [say("Wheel, two fingers"), say("zoom in and out; then drag to move the photo")],
  [say("Double click"), say("zoom in, or back to the whole photo")],
];

/** @param {HTMLElement} root */
export function mountHelp(root) {
  const dialog = h(
    "dialog",
    {
      class: "help",
      "aria-label": say("Keys and help"),
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
        h("h2", {}, say("Help")),
        h(
          "button",
          { type: "button", class: "button plain", "aria-label": say("Close"), onclick: () => dialog.close() },
          icon("close"),
        ),
      ),
      h("h3", {}, say("Glossary")),
      h("dl", {}, WORDS.map(([word, text]) => [h("dt", {}, word), h("dd", {}, text)]).flat()),
      h("h3", {}, say("Keys")),
      h("dl", {}, [...POINTER, ...KEYS.map((row) => [shown(row), row.does])].map(([keys, text]) => [h("dt", {}, h("kbd", {}, keys)), h("dd", {}, text)]).flat()),
      h(
        "p",
        { class: "quiet" },
        ...around("The same numbers come from the REST API: {documentation}.", {
          documentation: h("a", { href: "docs" }, say("its documentation")),
        }),
      ),
    ),
  );
  root.append(dialog);
  return { open: () => dialog.showModal() };
}
