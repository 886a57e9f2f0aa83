// The keyboard's place in a part of the page that is drawn anew.

import { put } from "./dom.js";

/** Replaces what is in an element; whatever had the focus has it again. Gives that one's name. @param {HTMLElement} root @param {...import("./dom.js").Child} children */
export function keepingFocus(root, ...children) {
  const active = document.activeElement;
  const name = active && root.contains(active) ? nameOf(active) : "";
  put(root, ...children);
  if (name) focusOn(root, name);
  return name;
}

/** @param {Element} element */
const nameOf = (element) => element.getAttribute("aria-label") ?? element.textContent ?? "";

/** @param {HTMLElement} root @param {string} name */
export function focusOn(root, name) {
  const all = /** @type {NodeListOf<HTMLElement>} */ (root.querySelectorAll("button, input, select, [tabindex]"));
  for (const one of all) if (nameOf(one) === name) return one.focus({ preventScroll: true });
}
