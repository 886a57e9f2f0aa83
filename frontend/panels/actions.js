// The page's own actions: compare, export, copy the link, theme, help.

import { say } from "../language/language.js";
import { h } from "../ui/dom.js";
import { icon } from "../ui/icons.js";

const NEXT_THEME = /** @type {const} */ ({ system: "light", light: "dark", dark: "system" });

/** @param {HTMLElement} root @param {Context} context @param {{open: () => void}} help @param {{open: () => void}} compare @param {HTMLElement} layers */
export function mountActions(root, { store, session }, help, compare, layers) {
  const told = h("span", { class: "told", role: "status" });
  const button = (
    /** @type {string} */ id,
    /** @type {string} */ name,
    /** @type {string} */ text,
    /** @type {() => void} */ act,
  ) =>
    h(
      "button",
      { type: "button", class: "button plain", id, title: text, "aria-label": text, onclick: act },
      icon(name),
    );
  root.append(
    told,
    button("compare", "compare", say("Compare networks on this photo"), compare.open),
    button("export", "export", say("Export: pictures, numbers, commands"), async () => (await figures()).open()),
    button("link", "link", say("Copy a link to this view"), () => copy()),
    button("theme", "theme", say("Theme: as the system"), () =>
      store.set({ theme: NEXT_THEME[store.get().theme] }),
    ),
    button("help", "help", say("Keys and help"), help.open),
  );

  /** @type {ReturnType<typeof import("./parts/figures.js")["mountFigures"]> | null} */
  let mounted = null;
  async function figures() {
    const { mountFigures } = await import("./parts/figures.js");
    return (mounted ??= mountFigures(layers, { store, session }, tell));
  }

  /** @param {string} text */
  function tell(text) {
    told.textContent = text;
    setTimeout(() => (told.textContent = ""), 2500);
  }

  async function save() {
    const { exportShown } = await import("../view/export.js");
    if (await exportShown({ store, session })) tell(say("Saved"));
  }

  async function copy() {
    try {
      await navigator.clipboard.writeText(location.href);
      tell(say("Link copied"));
    } catch {
      tell(say("The link is in the address bar"));
    }
  }

  store.on(["photo", "analysisData"], ({ photo, analysisData }) => {
    const compareButton = /** @type {HTMLButtonElement} */ (root.querySelector("#compare"));
    compareButton.disabled = !photo || analysisData?.text != null;
  });

  const themeButton = root.querySelector("#theme");
  const name = () => {
    const { theme } = store.get();
    const text = { system: say("Theme: as the system"), light: say("Theme: light"), dark: say("Theme: dark") }[theme];
    themeButton?.setAttribute("title", text);
    themeButton?.setAttribute("aria-label", text);
  };
  name();
  store.on(["theme"], name);
  return { save };
}
