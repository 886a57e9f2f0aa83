// Building elements without markup in strings.

const SVG = "http://www.w3.org/2000/svg";

/** @typedef {Node | string | number | null | undefined | false} Child */

/**
 * @param {string} tag
 * @param {Record<string, any>} [properties]  on… are listeners, the rest are attributes; null and false are left out
 * @param {...(Child | Child[])} children
 * @returns {any}
 */
export function h(tag, properties = {}, ...children) {
  return fill(document.createElement(tag), properties, children);
}

/** @param {string} tag @param {Record<string, any>} [properties] @param {...(Child | Child[])} children @returns {any} */
export function svg(tag, properties = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), properties, children);
}

/** @param {Element} element @param {Record<string, any>} properties @param {(Child | Child[])[]} children */
function fill(element, properties, children) {
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2).toLowerCase(), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value != null && value !== false) element.setAttribute(name, String(value));
  }
  element.append(...nodes(children));
  return element;
}

/** @param {(Child | Child[])[]} children */
function nodes(children) {
  return /** @type {(Node | string)[]} */ (
    children
      .flat()
      .filter((child) => child != null && child !== false)
      .map((child) => (typeof child === "number" ? String(child) : child))
  );
}

/** Replaces what is in an element. @param {Element} element @param {...(Child | Child[])} children */
export function put(element, ...children) {
  element.replaceChildren(...nodes(children));
}

/**
 * A row of choices of which one holds.
 * @template T
 * @param {string} label
 * @param {{value: T, text: string, title?: string}[]} choices
 * @param {T} chosen
 * @param {(value: T) => void} choose
 */
export function segmented(label, choices, chosen, choose) {
  const buttons = choices.map(({ value, text, title }) =>
    h(
      "button",
      {
        type: "button",
        role: "radio",
        title,
        "aria-checked": String(value === chosen),
        tabindex: value === chosen ? 0 : -1,
        onclick: () => choose(value),
      },
      text,
    ),
  );
  return h(
    "div",
    { class: "segmented", role: "radiogroup", "aria-label": label, onkeydown: moveFocus },
    buttons,
  );
}

/** Arrow keys move between the buttons of a group. @param {KeyboardEvent} event */
export function moveFocus(event) {
  const steps = /** @type {Record<string, number>} */ ({
    ArrowRight: 1,
    ArrowDown: 1,
    ArrowLeft: -1,
    ArrowUp: -1,
  });
  const move = steps[event.key];
  if (!move) return;
  const group = /** @type {HTMLElement} */ (event.currentTarget);
  const buttons = [...group.querySelectorAll("button")];
  const from = buttons.indexOf(/** @type {HTMLButtonElement} */ (document.activeElement));
  const next = buttons[(from + move + buttons.length) % buttons.length];
  event.preventDefault();
  event.stopPropagation();
  const index = buttons.indexOf(next);
  next.click();
  // The click may have rebuilt the group: focus its button at the same place.
  const label = group.getAttribute("aria-label");
  const rebuilt = group.isConnected ? group : document.querySelector(`[aria-label="${label}"]`);
  rebuilt?.querySelectorAll("button")[index]?.focus();
}
