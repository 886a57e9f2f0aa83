// What figures are made of: pictures as they are painted, and text, lines and colours as a drawing has them. A figure is
// a string; here it becomes a page, a picture, or what the browser prints.

import { LANGUAGES, language } from "../language/language.js";

export const MARGIN = 16;
export const LINE = 20;
const LETTER_PX = 7; // of 14 px type, about: lines may end early, never late
const WIDE_PX = 14.5; // of a Chinese character

/** @typedef {{text: string, width: number, height: number}} Figure */

/** @type {Record<string, string>} */
const MARKUP = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };

/** @param {string} text */
export const escaped = (text) => text.replace(/[&<>"]/g, (one) => MARKUP[one]);

/** @param {number} width @param {number} height @param {string} title @param {(string | false | null)[]} parts @returns {Figure} */
export const figure = (width, height, title, parts) => ({
  width,
  height,
  text: [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" font-family="system-ui, sans-serif" font-size="14" fill="#1b1c1e">`,
    `<title>${escaped(title)}</title>`,
    `<rect width="${width}" height="${height}" fill="white"/>`,
    ...parts,
    "</svg>",
  ]
    .filter(Boolean)
    .join("\n"),
});

/** @param {number} x @param {number} y @param {string} words @param {string} [more] attributes */
export const line = (x, y, words, more = "") => `<text x="${x}" y="${y}" ${more}>${escaped(words)}</text>`;

/** Cells stay squares. @param {HTMLCanvasElement} canvas @param {number} x @param {number} y @param {number} width @param {number} height */
export const image = (canvas, x, y, width, height) =>
  `<image x="${x}" y="${y}" width="${width}" height="${height}" preserveAspectRatio="none" style="image-rendering:pixelated" href="${canvas.toDataURL("image/png")}"/>`;

/** The colours of a table from left to right, as the definition of a gradient. @param {string} id @param {Uint8Array} table */
export function gradientOf(id, table) {
  const stops = Array.from({ length: 33 }, (_, i) => {
    const at = 3 * Math.round((i / 32) * 255);
    return `<stop offset="${i / 32}" stop-color="rgb(${table[at]} ${table[at + 1]} ${table[at + 2]})"/>`;
  });
  return `<defs><linearGradient id="${id}">${stops.join("")}</linearGradient></defs>`;
}

/** About how wide text is. @param {string} text */
export const widthOf = (text) => [...text].reduce((sum, letter) => sum + (letter > "\u2e80" ? WIDE_PX : LETTER_PX), 0);

/** Text in lines that are no wider. @param {string} text @param {number} most in pixels @returns {string[]} */
export function wrapped(text, most) {
  /** @type {string[]} */
  const lines = [];
  // Chinese may break anywhere, other words stay whole.
  for (const word of text.match(/[\u2e80-\uffff]|[^\s\u2e80-\uffff]+\s*|\s+/g) ?? []) {
    const last = lines.at(-1);
    if (last !== undefined && widthOf((last + word).trimEnd()) <= most) lines[lines.length - 1] = last + word;
    else if (word.trim()) lines.push(word);
  }
  return lines.map((one) => one.trimEnd());
}

/** One file that opens anywhere. @param {Figure} drawn @param {string} title @param {string} [more] below the figure */
export const page = (drawn, title, more = "") => `<!doctype html>
<html lang="${LANGUAGES[language].tag}"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${escaped(title)}</title>
<style>body{margin:16px;font:14px system-ui,sans-serif}svg{max-width:100%;height:auto}table{font-size:11px;border-spacing:4px 1px;font-variant-numeric:tabular-nums}@media print{details{display:none}}</style>
${drawn.text}
${more}</html>
`;

/** As pixels. @param {Figure} drawn @param {number} times pixels for one @returns {Promise<Blob | null>} */
export async function painted({ text, width, height }, times) {
  const picture = new Image(width, height);
  picture.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(text)}`;
  await picture.decode();
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width: Math.round(width * times), height: Math.round(height * times) });
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  context.drawImage(picture, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
}

/**
 * Through the browser's print dialog, on a sheet of the figure's size: saved as PDF its text, lines and colours stay a
 * drawing, its fonts are embedded.
 * @param {Figure} drawn
 */
export function print({ text, width, height }) {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(`@page { size: ${width}px ${height}px; margin: 0 }`);
  const holder = document.createElement("div");
  holder.id = "printed";
  holder.append(document.adoptNode(new DOMParser().parseFromString(text, "image/svg+xml").documentElement));
  document.body.append(holder);
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
  document.documentElement.classList.add("printing-figure");
  addEventListener(
    "afterprint",
    () => {
      holder.remove();
      document.adoptedStyleSheets = document.adoptedStyleSheets.filter((one) => one !== sheet);
      document.documentElement.classList.remove("printing-figure");
    },
    { once: true },
  );
  window.print();
}
