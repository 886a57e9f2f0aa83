// The dialog of everything that can be taken away: the picture at a size, as a drawing or a page, its numbers, and the
// commands that give those again.

import { say } from "../../language/language.js";
import { h, put } from "../../ui/dom.js";
import { icon } from "../../ui/icons.js";
import { exportPicture, fileName, saveBlob, TIMES, timesThatFit } from "../../view/export.js";
import { figurePage, figureSvg } from "../../view/export_svg.js";
import { print } from "../../view/svg.js";
import { addressOf, asCommand, asCurl, asPython, NPY, numbersOf } from "../../view/numbers_of.js";

/** @param {HTMLElement} root @param {Context} context @param {(text: string) => void} tell */
export function mountFigures(root, { store, session }, tell) {
  const body = h("div", { class: "figures-body" });
  const close = h("button", { type: "button", class: "button plain", "aria-label": say("Close"), onclick: () => dialog.close() }, icon("close"));
  const dialog = h(
    "dialog",
    {
      class: "help export-sheet",
      id: "figures",
      "aria-label": say("Export"),
      onclick: (/** @type {Event} */ event) => {
        if (event.target === dialog) dialog.close();
      },
    },
    h("div", { class: "help-body" }, h("div", { class: "help-head" }, h("h2", {}, say("Export")), close), body),
  );
  root.append(dialog);

  /** @returns {Drawn | null} */
  function drawn() {
    const state = store.get();
    const { picture, tables, shown } = state;
    return picture && tables && shown && { ...state, picture, tables, shown };
  }

  /** @param {string} id @param {string} text @param {() => unknown} act @param {string | null} [reason] why it is not to be had */
  const button = (id, text, act, reason = null) =>
    h("button", { type: "button", class: "button", id, disabled: reason !== null, title: reason, onclick: act }, text);

  /** @param {string} content @param {string} type @param {string} ending */
  const save = (content, type, ending) => {
    const state = drawn();
    if (state) saveBlob(new Blob([content], { type }), fileName(state, ending));
  };

  async function open() {
    const state = drawn();
    if (!state) return;
    const numbers = await numbersOf(state, session);
    const fit = timesThatFit(state);
    const onPhoto = state.picture.form === "map" && state.photo;
    const reason = onPhoto ? null : say("For maps that lie on a photo");
    put(
      body,
      h("h3", {}, say("Picture")),
      h("p", { class: "figure-choices" },
        TIMES.map((times) =>
          button(`png-${times}`, say("PNG {times}×", { times }), () => exportPicture(state, session, times), times <= fit ? null : say("More pixels than a browser draws")),
        ),
        button("svg", "SVG", () => save(figureSvg(state).text, "image/svg+xml", "svg"), reason),
        button("pdf", "PDF", () => print(figureSvg(state)), reason),
        button("html", "HTML", () => save(figurePage(state), "text/html", "html"), reason),
      ),
      h("p", { class: "quiet" }, say("Legend and sentence are part of each; in SVG, PDF and HTML as text. PDF opens the print dialog, on a page of the figure's size: save it there.")),
      ...(numbers ? ofNumbers(state, numbers) : [h("p", { class: "quiet" }, say("What is shown is no array of numbers."))]),
    );
    dialog.showModal();
  }

  /** @param {Drawn} state @param {import("../../view/numbers_of.js").Numbers} numbers */
  function ofNumbers(state, numbers) {
    const address = addressOf(state, numbers);
    const command = asCommand(state, numbers);
    /** @param {string} accept @param {string} ending */
    const fetched = async (accept, ending) => {
      const file = await session.fileAt(address, accept).catch(() => null);
      if (!file) return tell(say("The server did not give the numbers"));
      saveBlob(file, fileName(state, ending));
    };
    return [
      h("h3", {}, say("Numbers")),
      h("p", { class: "figure-choices" },
        button("npy", "npy", () => fetched(NPY, "npy")),
        button("csv", "CSV", () => fetched("text/csv", "csv"), numbers.path === "mask" ? say("A mask is npy only") : null),
      ),
      h("h3", {}, say("The same numbers again")),
      ...copyable("curl", "curl", asCurl(address)),
      ...copyable("python", "Python", asPython(address)),
      ...(command ? copyable("command", say("Command line"), command) : [h("p", { class: "quiet" }, say("The command line has no such map."))]),
    ];
  }

  /** @param {string} id @param {string} name @param {string} text */
  function copyable(id, name, text) {
    const code = h("pre", { id: `as-${id}`, tabindex: 0, "aria-label": name }, text);
    const copy = async () => {
      await navigator.clipboard.writeText(text).then(() => tell(say("Copied")), () => getSelection()?.selectAllChildren(code));
    };
    return [h("div", { class: "copy-head" }, h("span", {}, name), button(`copy-${id}`, say("Copy"), copy)), code];
  }

  return { open };
}
