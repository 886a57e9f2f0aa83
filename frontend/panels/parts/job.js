// Work that a button starts: how far it is, a way to cancel it, what it found, and why it failed.

import { say } from "../../language/language.js";
import { h } from "../../ui/dom.js";

/** @typedef {import("../../state/working.js").Progress} Progress */
/** What was asked, of which analysis, and what was found. @template T @typedef {{of: string, found: T}} Result */

/**
 * What was found of the shown photo and network, and what is under way.
 * @param {Context} context @param {import("../../state/working.js").Work} what @param {() => void} changed  draws anew
 */
export function working({ store, session }, what, changed) {
  /** @type {Map<string, Result<any>>} */
  const results = new Map();
  /** @type {{controller: AbortController, bar: HTMLElement} | null} */
  let running = null;

  /** @param {Record<string, any>} body */
  async function start(body) {
    running?.controller.abort();
    const { element, show } = progressBar(cancel);
    const mine = { controller: new AbortController(), bar: element };
    const of = store.get().analysisData.id;
    running = mine;
    results.delete(JSON.stringify(body));
    changed();
    const found = await session.work(what, body, show, mine.controller.signal);
    if (running !== mine) return;
    running = null;
    if (found) results.set(JSON.stringify(body), { of, found });
    changed();
  }

  function cancel() {
    running?.controller.abort();
    running = null;
    changed();
  }

  return {
    start,
    /** The bar of what is under way. */
    bar: () => running?.bar,
    /** What is known of this, of the shown analysis or of the one before its edits. @param {Record<string, any>} body */
    result: (body) => results.get(JSON.stringify(body)),
    /** Another photo or network is shown: what is abandoned stops computing. */
    forget() {
      running?.controller.abort();
      running = null;
      results.clear();
    },
  };
}

/** How far it is, with a button to end it. @param {() => void} cancel */
function progressBar(cancel) {
  const bar = h("progress", { "aria-label": say("Passes of the network") });
  const text = h("span", { class: "quiet number" }, say("Begins …"));
  /** @param {Progress} progress */
  function show({ done, total, waits }) {
    if (total) Object.assign(bar, { max: total, value: done });
    text.textContent = waits
      ? say("Waits: number {n} in the queue", { n: waits })
      : total
        ? say("{done} of {total} passes", { done, total })
        : say("Begins …");
  }
  const end = h("button", { type: "button", class: "button plain", onclick: cancel }, say("Cancel"));
  return { element: h("div", { class: "row working" }, bar, text, end), show };
}

/** Why it failed. @param {{title?: string, detail?: string, hint?: string}} problem */
export const problemNote = ({ title, detail, hint }) =>
  h("p", { class: "note", role: "alert" }, h("b", {}, `${title}. `), `${detail ?? ""} ${hint ?? ""}`);
