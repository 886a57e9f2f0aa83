// The switch of languages, in the bar: each is written in itself.

import { language, LANGUAGES, say, speak } from "../language/language.js";
import { segmented } from "../ui/dom.js";
import { writeView } from "../state/store.js";

/** Survives the loading, so that the switch keeps the focus. */
const SWITCHED = "fovea-language-switched";

/** @param {HTMLElement} root @param {Context} context */
export function mountLanguage(root, { store }) {
  const choices = Object.entries(LANGUAGES).map(([value, { short, name }]) => ({ value, text: short, title: name }));
  root.append(
    segmented(say("Language"), choices, language, (lang) => {
      if (lang === language) return;
      sessionStorage?.setItem(SWITCHED, "1");
      speak(lang, location.pathname + writeView({ ...store.get(), lang }));
    }),
  );
  const buttons = [...root.querySelectorAll("button")];
  Object.values(LANGUAGES).forEach(({ tag }, at) => (buttons[at].lang = tag));
  if (!sessionStorage?.getItem(SWITCHED)) return;
  sessionStorage.removeItem(SWITCHED);
  buttons.find((button) => button.getAttribute("aria-checked") === "true")?.focus();
}
