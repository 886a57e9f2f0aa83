// The inspector: the tabs that apply to the shown site. On a phone it is a sheet that a tab opens.

import { say } from "../language/language.js";
import { h, moveFocus, put } from "../ui/dom.js";
import { tabsOf } from "../kinds/registry.js";

/** @type {Record<string, string>} */
const TITLES = {
  look: say("Look"),
  heads: say("Heads"),
  channels: say("Channels"),
  numbers: say("Numbers"),
  how: say("How it works"),
  "what-if": say("What if"),
  truth: say("Is it true?"),
};

/**
 * @param {HTMLElement} root
 * @param {Context} context
 * @param {Record<string, (root: HTMLElement, context: Context) => void>} panels
 */
export function mountInspector(root, context, panels) {
  const { store } = context;
  const handle = h("button", {
    type: "button",
    class: "handle",
    "aria-label": say("Open or close the inspector"),
    "aria-expanded": "false",
    onclick: () => open(root.dataset.open === undefined),
  });
  const tabs = h("div", { class: "tabs", role: "tablist", "aria-label": say("Inspector"), onkeydown: moveFocus });
  /** @type {Record<string, HTMLElement>} */
  const bodies = {};
  root.append(handle, h("h2", { class: "sr-only" }, say("Inspector")), tabs);
  for (const name of Object.keys(panels)) {
    bodies[name] = h("section", {
      role: "tabpanel",
      id: `panel-${name}`,
      "aria-labelledby": `tab-${name}`,
      class: `panel panel-${name}`,
      hidden: true,
    });
    root.append(bodies[name]);
  }
  const mounted = new Set();

  /** A panel is put together when it is first shown. @param {string} name */
  function mount(name) {
    if (mounted.has(name)) return;
    mounted.add(name);
    panels[name](bodies[name], context);
  }
  mount("look");

  /** @param {boolean} on */
  function open(on) {
    root.toggleAttribute("data-open", on);
    handle.setAttribute("aria-expanded", String(on));
  }

  store.on(["analysisData", "site", "tab"], (state) => {
    const applying = tabsOf(state.shown?.site ?? null);
    const shown = applying.includes(state.tab) ? state.tab : "look";
    put(
      tabs,
      applying.map((name) =>
        h(
          "button",
          {
            type: "button",
            role: "tab",
            id: `tab-${name}`,
            "aria-selected": String(name === shown),
            "aria-controls": `panel-${name}`,
            tabindex: name === shown ? 0 : -1,
            onclick: () => {
              open(name !== shown || root.dataset.open === undefined);
              store.set({ tab: name });
            },
          },
          TITLES[name],
        ),
      ),
    );
    for (const [name, body] of Object.entries(bodies)) body.hidden = name !== shown;
    // A narrow screen has no room for all of them.
    const chosen = /** @type {HTMLElement | null} */ (tabs.querySelector("[aria-selected=true]"));
    if (chosen) tabs.scrollLeft = chosen.offsetLeft + chosen.offsetWidth - tabs.clientWidth;
    mount(shown);
  });
}
