// Bringing a photo: the samples, the file chooser, a drop anywhere, a paste.

import { h, put } from "../ui/dom.js";
import { icon } from "../ui/icons.js";
import { sampleName, sampleUrl } from "../api/samples.js";

/** @param {HTMLElement} root @param {Context} context */
export function mountPhoto(root, { store, session }) {
  const chooser = h("input", {
    type: "file",
    accept: "image/*",
    hidden: true,
    id: "file",
    onchange: () => {
      const [file] = chooser.files;
      if (file) session.openPhoto(file);
      chooser.value = "";
    },
  });
  const title = h("span", { class: "label" }, "Samples");
  const list = h("div", { class: "sample-list" });
  const menu = h(
    "div",
    { id: "samples", popover: "auto", class: "menu", "aria-label": "Samples" },
    list,
    h(
      "p",
      { class: "quiet" },
      "Public domain, CC0 or drawn by this project. You can also drop or paste a photo anywhere.",
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
        title: "Open, drop or paste a photo",
      },
      icon("open"),
      h("span", { class: "label" }, "Open"),
    ),
    chooser,
    menu,
  );

  store.on(["samples", "sample", "analysis"], (state) => {
    const shown = state.samples.find((one) => sampleName(one) === state.sample);
    title.textContent = shown?.title ?? (state.analysis ? "Your photo" : "Samples");
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
          h("img", { src: sampleUrl(sample.file), alt: "", loading: "lazy", width: 96, height: 72 }),
          h("span", {}, sample.title),
          h("span", { class: "quiet" }, `${sample.credit} · ${sample.licence}`),
        ),
      ),
    );
  });

  acceptDrops((file) => session.openPhoto(file));
}

/** @param {(file: Blob) => void} open */
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
    const file = event.dataTransfer?.files[0];
    if (file) open(file);
  });
  addEventListener("paste", (event) => {
    const file = [...(event.clipboardData?.files ?? [])][0];
    if (file) open(file);
  });
}
