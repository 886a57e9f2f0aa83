// The language that the page speaks: the address decides (lang=), then what was chosen here before, then the browser.

/** By code: what <html lang> says, and what the switch calls it. @type {Record<string, {tag: string, name: string, short: string}>} */
export const LANGUAGES = {
  en: { tag: "en", name: "English", short: "EN" },
  zh: { tag: "zh-Hans", name: "中文", short: "中文" },
};

/** What this browser keeps the chosen language as. */
const KEPT = "fovea-language";

export const language = chosenLanguage();

if (globalThis.document) document.documentElement.lang = LANGUAGES[language].tag;

function chosenLanguage() {
  if (!globalThis.document) return "en";
  const asked = new URLSearchParams(location.search).get("lang");
  return [asked, kept(), ...navigator.languages.map((tag) => tag.split("-")[0])].find((code) => code && code in LANGUAGES) ?? "en";
}

function kept() {
  try {
    return localStorage.getItem(KEPT);
  } catch {
    return null; // A browser that keeps nothing for this page goes by its own language.
  }
}

/** Loads the same view in another language, which is remembered. @param {string} code @param {string} address of the view, with `lang=` */
export function speak(code, address) {
  try {
    localStorage.setItem(KEPT, code);
  } catch {
    // The address says it too.
  }
  location.replace(address);
}
