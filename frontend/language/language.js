// The language that the page speaks. The English sentence in the code is the key; language/zh/ has its Chinese.
//
//   say("Close")                                      a sentence
//   say("Layer {n}, head {h}", { n, h })              with what is filled in
//   counted(n, "{n} patch", "{n} patches")            by number
//   around("its query {q}, and", { q: mathOf("q") })  with elements in it, as children of h()
//
// The language is chosen before anything is said and holds until the page is loaded again (`speak`), so a sentence may
// stand in a constant of a module. What the server says comes in the same language (Accept-Language).

/** By code: what <html lang> says, and what the switch calls it. @type {Record<string, {tag: string, name: string, short: string}>} */
export const LANGUAGES = {
  en: { tag: "en", name: "English", short: "EN" },
  zh: { tag: "zh-Hans", name: "中文", short: "中文" },
};

/** What this browser keeps the chosen language as. */
const KEPT = "fovea-language";

export const language = chosenLanguage();

/** @typedef {string | Record<string, string>} Entry  a sentence, or one for each category of Intl.PluralRules */

/** @type {Record<string, Entry>} */
const catalogue = language === "en" ? {} : (await import(`./${language}/index.js`)).default;

const plural = new Intl.PluralRules(LANGUAGES[language].tag);
const lists = new Intl.ListFormat(LANGUAGES[language].tag, { type: "conjunction" });

if (globalThis.document) document.documentElement.lang = LANGUAGES[language].tag;

/** The address decides, then what was chosen here before, then the browser. */
function chosenLanguage() {
  if (!globalThis.document) return "en";
  const asked = new URLSearchParams(location.search).get("lang");
  return [asked, kept(), ...navigator.languages.map((tag) => tag.split("-")[0])].find((code) => code && Object.hasOwn(LANGUAGES, code)) ?? "en";
}

function kept() {
  try {
    return localStorage.getItem(KEPT);
  } catch {
    return null; // A browser that keeps nothing for this page goes by its own language.
  }
}

/** What this tab carries over from one language to the other. */
const CARRIED = "fovea-carried";

/**
 * Loads the same view in another language, which is remembered.
 * @param {string} code @param {string} address of the view, with `lang=` @param {any} [open] what is open and not in the address, as JSON
 */
export function speak(code, address, open = {}) {
  try {
    localStorage.setItem(KEPT, code);
    sessionStorage.setItem(CARRIED, JSON.stringify(open));
  } catch {
    // The address says it too.
  }
  location.replace(address);
}

/** What was open when the language was switched; null if it was not switched. Told once. @returns {any} */
export function carried() {
  try {
    const kept = sessionStorage.getItem(CARRIED);
    sessionStorage.removeItem(CARRIED);
    return kept && JSON.parse(kept);
  } catch {
    return null;
  }
}

/**
 * A sentence in the page's language.
 * @param {string} english  as in the catalogue, with {names} @param {Record<string, any>} [parameters]
 */
export function say(english, parameters) {
  const entry = catalogue[english] ?? english;
  return fill(typeof entry === "string" ? entry : entry.other, parameters);
}

/** A sentence with a number `n`. @param {number} n @param {string} one @param {string} other the key @param {Record<string, any>} [parameters] */
export function counted(n, one, other, parameters) {
  const entry = catalogue[other] ?? { one, other };
  const sentence = typeof entry === "string" ? entry : (entry[plural.select(n)] ?? entry.other);
  return fill(sentence, { n, ...parameters });
}

/** A sentence with elements in it. @param {string} english @param {Record<string, Node | string | number>} parts @returns {(Node | string)[]} */
export function around(english, parts) {
  return say(english)
    .split(/\{(\w+)\}/)
    .map((piece, at) => (at % 2 && piece in parts ? parts[piece] : piece))
    .map((piece) => (typeof piece === "number" ? String(piece) : piece))
    .filter((piece) => piece !== "");
}

/** What stands between two sentences. */
export const between = language === "zh" ? "" : " ";

/** "a, b and c". @param {string[]} items */
export const listed = (items) => lists.format(items);

/** @param {string} sentence @param {Record<string, any>} [parameters] */
const fill = (sentence, parameters) =>
  parameters ? sentence.replace(/\{(\w+)\}/g, (all, /** @type {string} */ name) => String(parameters[name] ?? all)) : sentence;

/** What index.html says itself: texts marked with data-say, and names for who cannot see. @param {ParentNode} root */
export function sayDocument(root) {
  for (const element of root.querySelectorAll("[data-say]")) element.textContent = say(element.textContent ?? "");
  for (const element of root.querySelectorAll("[aria-label]"))
    element.setAttribute("aria-label", say(element.getAttribute("aria-label") ?? ""));
  for (const element of root.querySelectorAll("meta[name=description]"))
    element.setAttribute("content", say(element.getAttribute("content") ?? ""));
}
