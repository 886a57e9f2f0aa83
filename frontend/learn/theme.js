// The theme is the address's, else the one that was chosen last on the page of this server.

const KEPT = "fovea-theme";
const THEMES = ["light", "dark"];

export function keepTheme() {
  document.documentElement.dataset.theme = themeOf(new URLSearchParams(location.search).get("theme")) ?? kept() ?? "system";
}

/** Light where it was dark, and the other way round; remembered. */
export function turnTheme() {
  const { theme } = document.documentElement.dataset;
  const dark = theme === "dark" || (theme === "system" && matchMedia("(prefers-color-scheme: dark)").matches);
  const next = dark ? "light" : "dark";
  document.documentElement.dataset.theme = next;
  try {
    localStorage.setItem(KEPT, next);
  } catch {
    // A browser that keeps nothing for this page forgets the theme too.
  }
}

function kept() {
  try {
    return themeOf(localStorage.getItem(KEPT));
  } catch {
    return undefined;
  }
}

/** @param {string | null} name */
const themeOf = (name) => (name && THEMES.includes(name) ? name : undefined);
