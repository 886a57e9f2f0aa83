// Three questions at a chapter's end. Which choice is right follows from this photo's numbers.

import { h, put } from "../ui/dom.js";

/**
 * @param {{ask: string, choices: string[], because: string}[]} questions
 * @param {{say: (key: string) => string, answer: (at: number) => number, told: (text: string) => (Node | string)[], follow: (fill: () => void) => void}} chapter
 */
export function questionsOf(questions, { say, answer, told, follow }) {
  return h("ol", { class: "questions" }, questions.map(one));

  /** @param {{ask: string, choices: string[], because: string}} question @param {number} at */
  function one({ ask, choices, because }, at) {
    /** @type {number | null} */
    let chosen = null;
    const asked = h("p", {});
    const buttons = h("div", { class: "choices" });
    const verdict = h("p", { class: "verdict", role: "status" });
    const item = h("li", {}, asked, buttons, verdict);
    const draw = () => {
      const right = answer(at);
      const focused = [...buttons.children].indexOf(/** @type {Element} */ (document.activeElement));
      asked.replaceChildren(...told(ask));
      item.dataset.answer = String(right);
      put(
        buttons,
        ...choices.map((text, index) =>
          h(
            "button",
            {
              type: "button",
              class: chosen === null ? "choice" : index === right ? "choice right" : index === chosen ? "choice not-right" : "choice",
              "aria-pressed": String(index === chosen),
              onclick: () => {
                chosen = index;
                draw();
              },
            },
            ...told(text),
          ),
        ),
      );
      if (focused >= 0) /** @type {HTMLElement | undefined} */ (buttons.children[focused])?.focus();
      verdict.replaceChildren(...(chosen === null ? [] : [h("b", {}, say(chosen === right ? "right" : "not-right")), " ", ...told(because)]));
    };
    follow(draw);
    draw();
    return item;
  }
}
