// What is happening, when it takes longer, and what went wrong, where the picture is.

import { say } from "../language/language.js";
import { h, put } from "../ui/dom.js";
import { size } from "../ui/format.js";
import { icon } from "../ui/icons.js";

const BAR_AFTER_MS = 1000;

/** What to do on the page, where the API's hint speaks of requests. @type {Record<string, string>} */
const HINTS = {
  "unknown-model": say("Choose one of the models above."),
  "unknown-analysis": say("It was forgotten, or the server keeps no photos and has started anew. Open the photo again."),
  "analysis-gone": say("It made room for newer ones. Open the photo again."),
};

/** Problems that may be over by now. */
const AGAIN = ["unreachable", "rate-limited", "queue-full", "not-ready", "shutting-down", "replica-lost", "store-unavailable", "out-of-memory"];

/** What is wrong, in the units of the page. @param {Problem} error */
function detailOf({ slug, limit, detail }) {
  return slug === "too-large" && limit ? say("A file may have {limit}; this one has more.", { limit: size(limit) }) : detail;
}

/** @param {HTMLElement} root @param {Context} context */
export function mountNotice(root, { store, session }) {
  const progress = h("progress", { max: 1 });
  const text = h("span");
  const busy = h(
    "div",
    { class: "busy card-like", role: "status", hidden: true },
    text,
    progress,
    h("button", { type: "button", class: "button", onclick: session.cancel }, say("Cancel")),
  );
  const problem = h("div", { class: "problem card-like", role: "alert", hidden: true });
  const tryAgain = () => h("button", { type: "button", class: "button", onclick: session.retry }, say("Try again"));
  root.append(busy, problem);
  let timer = 0;

  store.on(["busy"], ({ busy: work }) => {
    clearTimeout(timer);
    if (!work) {
      busy.hidden = true;
      return;
    }
    text.textContent = work.text;
    if (work.progress == null) progress.removeAttribute("value");
    else progress.value = work.progress;
    if (busy.hidden) timer = setTimeout(() => (busy.hidden = false), BAR_AFTER_MS);
  });

  store.on(["error", "photo"], ({ error, photo }) => {
    problem.hidden = !error;
    problem.classList.toggle("alone", !photo);
    if (!error) return;
    const hint = HINTS[error.slug] ?? error.hint;
    put(
      problem,
      h(
        "div",
        {},
        h("strong", {}, error.title ?? say("Something went wrong")),
        !(error.slug in HINTS) && h("p", {}, detailOf(error) || error.message),
        hint && h("p", { class: "quiet" }, hint),
      ),
      photo
        ? h(
            "div",
            { class: "row" },
            AGAIN.includes(error.slug) && tryAgain(),
            h(
              "button",
              {
                type: "button",
                class: "button plain",
                "aria-label": say("Close"),
                onclick: () => store.set({ error: null }),
              },
              icon("close"),
            ),
          )
        : h(
            "div",
            { class: "row" },
            AGAIN.includes(error.slug) && tryAgain(),
            h(
              "button",
              { type: "button", class: "button", onclick: () => location.assign(location.pathname) },
              say("Start with a sample"),
            ),
            h(
              "button",
              { type: "button", class: "button", onclick: () => document.getElementById("open")?.click() },
              say("Open a photo"),
            ),
          ),
    );
  });
}
