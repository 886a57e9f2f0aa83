// Choosing a model: cards grouped by mechanism, with a search that also asks the hub.

import { counted, language, say } from "../language/language.js";
import { h, put } from "../ui/dom.js";
import { download, GOES_ON } from "../state/download.js";
import { count, percent, size } from "../ui/format.js";
import { icon } from "../ui/icons.js";

const SEARCH_AFTER_MS = 250;

/** What the catalogue's mechanism names are called; unknown ones show as they are. @type {Record<string, string>} */
const MECHANISMS = {
  attention: say("Attention between patches"),
  "transformer-in-transformer": say("Attention within patches and between them"),
  "feature-map-attention": say("Self-attention on feature maps"),
  "squeeze-excitation": say("Squeeze-and-excitation: a gate on channels"),
  "efficient-channel-attention": say("Efficient channel attention: a gate on channels"),
  cbam: say("CBAM: gates on channels and places"),
  "coordinate-attention": say("Coordinate attention: gates along rows and columns"),
  "spatial-transformer": say("Spatial transformer: a window that moves"),
};

/** @param {HTMLElement} root @param {Context} context */
export function mountModels(root, { store, session }) {
  const title = h("span", { class: "label" }, say("Model"));
  const search = h("input", {
    type: "search",
    placeholder: say("Search models, also on the hub"),
    "aria-label": say("Search models"),
    id: "model-search",
    oninput: () => find(),
  });
  const list = h("div", { class: "cards" });
  const close = h(
    "button",
    { type: "button", class: "button plain", "aria-label": say("Close"), onclick: () => dialog.close() },
    icon("close"),
  );
  const dialog = h(
    "dialog",
    {
      class: "chooser",
      "aria-label": say("Choose a model"),
      onclick: (/** @type {Event} */ event) => {
        if (event.target === dialog) dialog.close(); // the backdrop
      },
    },
    h("div", { class: "chooser-body" }, h("div", { class: "chooser-head" }, search, close), list),
  );
  const opener = h(
    "button",
    { type: "button", class: "button", id: "model", onclick: () => open() },
    title,
    icon("down"),
  );
  root.append(opener, dialog);

  let asked = new AbortController();
  let timer = 0;

  function open() {
    search.value = "";
    show(store.get().models);
    dialog.showModal();
    search.focus();
  }

  /** The listed models at once, then the hub's answer. */
  function find() {
    const text = search.value.trim();
    clearTimeout(timer);
    asked.abort();
    const local = store.get().models.filter((/** @type {Model} */ model) => matches(model, text));
    show(local, text ? say("Asking the hub's list…") : "");
    if (!text) return;
    asked = new AbortController();
    const { signal } = asked;
    timer = setTimeout(async () => {
      try {
        const found = await session.searchModels(text, signal);
        const known = new Set(local.map((/** @type {Model} */ model) => model.id));
        show(
          [...local, ...found.filter((/** @type {Model} */ model) => !known.has(model.id))],
          local.length + found.length ? "" : say("No model matches “{text}”.", { text }),
        );
      } catch (/** @type {any} */ error) {
        if (!signal.aborted) show(local, `${error.message} ${error.hint ?? ""}`);
      }
    }, SEARCH_AFTER_MS);
  }

  /** @param {Model[]} models @param {string} [note] */
  function show(models, note = "") {
    put(
      list,
      groups(models).map(([name, members]) =>
        h("section", {}, h("h3", {}, name), h("div", { class: "card-grid" }, members.map(card))),
      ),
      note && h("p", { class: "quiet", role: "status" }, note),
    );
  }

  /** @param {Model} model */
  function card(model) {
    const chosen = model.id === store.get().model;
    const [height, width] = model.input_size ?? [];
    const job = store.get().downloads[model.id];
    const facts = [
      height ? `${width} × ${height} px` : model.reads === "text" && say("reads sentences"),
      model.classes && counted(model.classes, "knows {n} kind of thing", "knows {n} kinds of things"),
      model.parameters && say("{parameters} parameters", { parameters: count(model.parameters) }),
      accuracy(model.metrics),
      apart(model.measured_apart),
    ];
    const button = h(
      "button",
      {
        type: "button",
        class: "card",
        "data-model": model.id,
        "aria-current": chosen ? "true" : null,
        disabled: model.status === "unavailable",
        onclick: () => (model.status === "available" ? fetchThenChoose(model.id) : choose(model.id)),
      },
      h("span", { class: "card-title" }, model.title, chosen && icon("check", "chosen")),
      model.summary && h("span", { class: "card-summary" }, model.summary),
      h("span", { class: "quiet" }, facts.filter(Boolean).join(" · ")),
      h("span", { class: "quiet" }, [statusText(model), model.licence].filter(Boolean).join(" · ")),
      model.reason && h("span", { class: "quiet" }, model.reason),
    );
    const slot = h("div", { class: "card-slot", "data-slot": model.id }, button);
    if (job && (job.state !== "done" || model.status === "available")) slot.append(progress(model.id, job));
    return slot;
  }

  /** @param {string} id @param {Job} job */
  const progress = (id, job) =>
    download(
      job,
      () => session.cancelDownload(id),
      () => fetchThenChoose(id),
    );

  /** @param {string} id */
  function choose(id) {
    dialog.close();
    if (id !== store.get().model) session.chooseModel(id);
  }

  /** The weights first; whoever still waits in the chooser then sees the model at work. @param {string} id */
  async function fetchThenChoose(id) {
    if (GOES_ON.includes(store.get().downloads[id]?.state)) return;
    const here = await session.download(id);
    if (here && dialog.open) choose(id);
  }

  store.on(["downloads"], ({ downloads }) => {
    for (const [id, job] of Object.entries(downloads)) {
      const slot = list.querySelector(`[data-slot="${CSS.escape(id)}"]`);
      if (!slot) continue;
      slot.querySelector(".download")?.remove();
      slot.append(progress(id, job));
    }
  });

  store.on(["models", "model"], (state) => {
    const shown = state.models.find((/** @type {Model} */ model) => model.id === state.model);
    title.textContent = shown?.title ?? state.model ?? say("Model");
    opener.setAttribute("aria-label", say("Model: {title}", { title: title.textContent }));
  });
}

/** @param {Model[]} models @returns {[string, Model[]][]} */
function groups(models) {
  /** @type {Map<string, Model[]>} */
  const byName = new Map();
  for (const model of models) {
    const name = groupOf(model);
    byName.set(name, [...(byName.get(name) ?? []), model]);
  }
  return [...byName];
}

/** Networks that write are known by that, the others by their most particular mechanism. @param {Model} model */
function groupOf({ task, mechanisms, source }) {
  if (task === "captioning") return say("Cross-attention: words about a photo");
  if (task === "sequence") return say("Cross-attention: sentences");
  const key = mechanisms?.includes("transformer-in-transformer") ? "transformer-in-transformer" : mechanisms?.[0];
  return key ? (MECHANISMS[key] ?? key) : source === "local" ? say("On this machine") : say("On the hub");
}

/** @param {Model} model @param {string} text */
function matches(model, text) {
  const words = `${model.id} ${model.title} ${model.summary} ${model.mechanisms?.join(" ")}`.toLowerCase();
  return text
    .toLowerCase()
    .split(/\s+/)
    .every((word) => words.includes(word));
}

/** @param {Model} model */
function statusText({ status, size_bytes: bytes }) {
  if (status === "ready") return bytes ? say("ready, {bytes}", { bytes: size(bytes) }) : "ready";
  if (status === "available") return bytes ? say("downloads {bytes}", { bytes: size(bytes) }) : say("downloads when chosen");
  return status === "loading" ? say("loading…") : say("unavailable here");
}

/** A second score, on photos that neither trained nor chose the model. @param {Model["measured_apart"]} measured */
function apart(measured) {
  if (!measured) return "";
  return say("{share} on {n} other photos, {by}", { share: percent(measured.top1), n: measured.photos.toLocaleString(language), by: measured.by });
}

/** @param {Model["metrics"]} metrics */
function accuracy(metrics) {
  const { val_top1: top1, val_exact_match: exact, val_dice: dice, val_bleu4: bleu } =
    /** @type {Record<string, number | undefined>} */ (metrics ?? {});
  if (top1 != null) return say("{share} accuracy", { share: percent(top1) });
  if (exact != null) return say("{share} word for word", { share: percent(exact) });
  if (dice != null) return say("Dice {value}", { value: dice.toFixed(3) });
  return bleu == null ? "" : `BLEU-4 ${bleu.toFixed(2)}`;
}
