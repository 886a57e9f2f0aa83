// Buttons that take a figure away: as a picture, a drawing, one page, or through the print dialog as PDF.

import { say } from "../../language/language.js";
import { h } from "../../ui/dom.js";
import { saveBlob } from "../../view/export.js";
import { page, painted, print } from "../../view/svg.js";

const TIMES = 2; // pixels for one, so that print is sharp

/**
 * @param {string} id  before the names of the buttons @param {string} name  of the files, without an ending
 * @param {() => import("../../view/svg.js").Figure | null} make  the figure as it is now; null where there is none
 * @param {() => string} title  of the page
 */
export function takingButtons(id, name, make, title) {
  /** @param {(figure: import("../../view/svg.js").Figure) => Blob | null | Promise<Blob | null>} as @param {string} ending */
  const save = (as, ending) => async () => {
    const figure = make();
    const blob = figure && (await as(figure));
    if (blob) saveBlob(blob, `${name}.${ending}`);
  };
  /** @param {string} ending @param {() => unknown} act @param {string} [why] */
  const button = (ending, act, why) => h("button", { type: "button", class: "button small", id: `${id}-${ending}`, title: why ?? null, onclick: act }, ending === "html" ? "HTML" : ending.toUpperCase());
  return h(
    "span",
    { class: "row taking", role: "group", "aria-label": say("Save as a figure") },
    button("png", save((figure) => painted(figure, TIMES), "png")),
    button("svg", save(({ text }) => new Blob([text], { type: "image/svg+xml" }), "svg")),
    button(
      "pdf",
      () => {
        const figure = make();
        if (figure) print(figure);
      },
      say("Opens the print dialog, on a page of the figure's size: save it there as PDF"),
    ),
    button("html", save((figure) => new Blob([page(figure, title())], { type: "text/html" }), "html")),
  );
}
