// Bringing a photo: the samples, the file chooser, a drop anywhere, a paste.

import { say } from "../language/language.js";
import { h, put } from "../ui/dom.js";
import { icon } from "../ui/icons.js";
import { sampleName, thumbnailUrl } from "../api/samples.js";

/** @param {HTMLElement} root @param {HTMLElement} below  where the photos that were brought stand in a row, if several @param {Context} context */
export function mountPhoto(root, below, { store, session }) {
  const chooser = h("input", {
    type: "file",
    accept: "image/*",
    multiple: true,
    hidden: true,
    id: "file",
    onchange: () => {
      bring([...chooser.files]);
      chooser.value = "";
    },
  });
  const title = h("span", { class: "label" }, say("Samples"));
  const list = h("div", { class: "sample-list" });
  const own = h("div", { class: "sample-list own", hidden: true });
  const film = h("div", { class: "filmstrip", role: "group", "aria-label": say("Your photos"), hidden: true });
  below.prepend(film);
  const menu = h(
    "div",
    { id: "samples", popover: "auto", class: "menu", "aria-label": say("Samples") },
    own,
    list,
    h(
      "p",
      { class: "quiet" },
      say("Public domain, CC0 or drawn by this project. You can also drop or paste a photo anywhere."),
    ),
  );
  const chosen = h("button", { type: "button", class: "button", popovertarget: "samples" }, title, icon("down"));
  root.append(
    chosen,
    h(
      "button",
      {
        type: "button",
        class: "button",
        id: "open",
        onclick: () => chooser.click(),
        title: say("Open, drop or paste a photo"),
      },
      icon("open"),
      h("span", { class: "label" }, say("Open")),
    ),
    chooser,
    menu,
  );

  store.on(["samples", "sample", "analysis"], (state) => {
    const shown = state.samples.find((one) => sampleName(one) === state.sample);
    title.textContent = shown?.title ?? (state.analysis ? say("Your photo") : say("Samples"));
    chosen.setAttribute("aria-label", `Samples: ${title.textContent}`);
    put(
      list,
      state.samples.map((/** @type {Sample} */ sample) =>
        h(
          "button",
          {
            type: "button",
            class: "sample",
            "aria-current": shown === sample ? "true" : null,
            onclick: () => {
              menu.hidePopover();
              session.openSample(sample);
            },
          },
          h("img", { src: thumbnailUrl(sample.file), alt: "", loading: "lazy", width: 96, height: 72 }),
          h("span", {}, sample.title),
          h("span", { class: "quiet" }, `${sample.credit} · ${sample.licence}`),
        ),
      ),
    );
  });

  store.on(["own", "photo"], ({ own: photos, photo }) => {
    own.hidden = !photos.length;
    film.hidden = photos.length < 2;
    const buttons = () =>
      photos.map((blob, at) =>
        h(
          "button",
          {
            type: "button",
            class: "sample",
            "aria-current": photo?.blob === blob ? "true" : null,
            onclick: () => {
              menu.hidePopover();
              session.openPhoto(blob);
            },
          },
          h("img", { src: urlOf(blob), alt: "", width: 96, height: 72 }),
          h("span", {}, nameOf(blob, at)),
        ),
      );
    put(own, buttons());
    put(film, buttons());
  });

  /** Opens the first of the photos and keeps all of them while the page is open. @param {Blob[]} files */
  function bring(files) {
    if (!files.length) return;
    store.set({ own: [...store.get().own, ...files] });
    session.openPhoto(files[0]);
  }

  acceptDrops(bring);
}

/** @type {WeakMap<Blob, string>} */
const urls = new WeakMap();

/** Where a photo of one's own can be seen in small. @param {Blob} blob */
function urlOf(blob) {
  const url = urls.get(blob) ?? URL.createObjectURL(blob);
  urls.set(blob, url);
  return url;
}

/** @param {Blob} blob @param {number} at */
const nameOf = (blob, at) => (blob instanceof File && blob.name) || say("Your photo {at}", { at: at + 1 });

/** @param {(files: Blob[]) => void} open */
function acceptDrops(open) {
  let depth = 0; // dragenter and dragleave also come for every child
  const dragging = (/** @type {boolean} */ on) => document.documentElement.classList.toggle("dropping", on);
  addEventListener("dragenter", (event) => {
    event.preventDefault();
    depth++;
    dragging(true);
  });
  addEventListener("dragover", (event) => event.preventDefault());
  addEventListener("dragleave", () => dragging(--depth > 0));
  addEventListener("drop", (event) => {
    event.preventDefault();
    depth = 0;
    dragging(false);
    open([...(event.dataTransfer?.files ?? [])]);
  });
  addEventListener("paste", (event) => {
    open([...(event.clipboardData?.files ?? [])]);
  });
}
