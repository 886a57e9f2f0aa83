// The switch of languages, in the bar: each is written in itself.

import { carried, language, LANGUAGES, say, speak } from "../language/language.js";
import { segmented } from "../ui/dom.js";
import { writeView } from "../state/store.js";

/** @param {HTMLElement} root @param {Context} context */
export function mountLanguage(root, { store }) {
  const choices = Object.entries(LANGUAGES).map(([value, { short, name }]) => ({ value, text: short, title: name }));
  root.append(
    segmented(say("Language"), choices, language, (lang) => {
      if (lang === language) return;
      speak(lang, location.pathname + writeView({ ...store.get(), lang }), { past: store.get().past });
    }),
  );
  const buttons = [...root.querySelectorAll("button")];
  Object.values(LANGUAGES).forEach(({ tag }, at) => (buttons[at].lang = tag));
  const open = carried();
  if (!open) return;
  store.set({ past: open.past ?? [] });
  buttons.find((button) => button.getAttribute("aria-checked") === "true")?.focus();
}
