// What can be changed of a gate: a channel shut, open or set, by its bar; the whole gate open, shut or at its mean.

import { say } from "../../language/language.js";
import { h, put } from "../../ui/dom.js";
import { number } from "../../ui/format.js";
import { editOf, replaced, toggled } from "../edits.js";

/** @param {State} state @param {GateSite} site @param {import("../edits.js").WhatIf} what @returns {Element[]} */
export const ofChannels = (state, site, what) => [channels(state, site, what), ...ofPlaces(state, site, what)];

/** @param {State} _ @param {GateSite} site @param {import("../edits.js").WhatIf} what @returns {Element[]} */
export function ofPlaces(_, site, what) {
  return [
    h(
      "section",
      { class: "group" },
      h("h3", {}, say("The whole gate")),
      h(
        "div",
        { class: "row" },
        whole("open", say("Open"), say("Every factor is 1: as if there were no gate"), site, what),
        whole("shut", say("Shut"), say("Every factor is 0"), site, what),
        whole("mean", say("Mean"), say("Every factor is the mean over this photo"), site, what),
      ),
      what.problem("gate"),
    ),
  ];
}

/** @param {State} state @param {GateSite} site @param {import("../edits.js").WhatIf} what */
function channels(state, site, what) {
  const bars = h("div", { class: "gate-bars", role: "group", "aria-label": say("Channels: press a bar to shut it") });
  const told = h("p", { class: "quiet number" }, say("Press a bar to shut its channel, once more to leave it as it is."));
  fill();
  const field = h("input", { type: "number", class: "small-number", min: 0, step: 1, value: state.channel ?? 0, "aria-label": say("Channel") });
  const value = h("input", { type: "number", class: "small-number", step: "any", value: 1, "aria-label": say("Factor") });
  return h(
    "section",
    { class: "group" },
    h("h3", {}, say("Channels")),
    bars,
    told,
    h(
      "form",
      {
        class: "row",
        onsubmit: (/** @type {Event} */ event) => {
          event.preventDefault();
          const edit = { edit: "set", site: site.id, channels: [Number(field.value)], value: Number(value.value) };
          what.change(toggled(what.edits(), edit, "channels"), "channels");
        },
      },
      h("label", { class: "row" }, say("Channel"), field),
      h("label", { class: "row" }, "×", value),
      h("button", { type: "submit", class: "button" }, say("Set")),
    ),
    what.problem("channels"),
  );

  async function fill() {
    const gate = await what.session.gate(site).catch(() => null);
    if (!gate) return;
    const shut = editOf(what.edits(), "shut", site.id)?.channels ?? [];
    const most = Math.max(1, ...gate.data);
    put(
      bars,
      Array.from(gate.data, (factor, channel) => bar(channel, factor, factor / most, shut.includes(channel))),
    );
    bars.dispatchEvent(new Event("filled", { bubbles: true })); // whoever keeps the focus may find its button now
  }

  /** @param {number} channel @param {number} factor @param {number} share @param {boolean} shut */
  function bar(channel, factor, share, shut) {
    const length = h("i");
    length.style.height = `${Math.max(4, 100 * Math.max(0, share))}%`;
    const name = say("Channel {channel}, × {factor}", { channel, factor: number(factor) });
    return h(
      "button",
      {
        type: "button",
        "data-channel": channel,
        tabindex: channel === (state.channel ?? 0) ? 0 : -1,
        "aria-pressed": String(shut),
        "aria-label": say("Shut channel {channel}", { channel }),
        title: name,
        onfocus: () => (told.textContent = name),
        onpointerenter: () => (told.textContent = name),
        onkeydown: walk,
        onclick: () =>
          what.change(toggled(what.edits(), { edit: "shut", site: site.id, channels: [channel] }, "channels"), "channels"),
      },
      length,
    );
  }
}

/** The arrow keys go from bar to bar. @param {KeyboardEvent} event */
function walk(event) {
  const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (!by) return;
  event.preventDefault();
  event.stopPropagation();
  const here = /** @type {HTMLElement} */ (event.currentTarget);
  const next = /** @type {HTMLElement | null} */ (by > 0 ? here.nextElementSibling : here.previousElementSibling);
  if (!next) return;
  here.tabIndex = -1;
  next.tabIndex = 0;
  next.focus();
}

/** @param {string} name @param {string} text @param {string} title @param {GateSite} site @param {import("../edits.js").WhatIf} what */
function whole(name, text, title, site, what) {
  const on = what.edits().some((one) => one.edit === name && one.site === site.id && !one.channels && !one.cells);
  const others = () => what.edits().filter((one) => one.edit !== name || one.site !== site.id);
  return h(
    "button",
    {
      type: "button",
      class: "button",
      title,
      "aria-pressed": String(on),
      onclick: () => what.change(on ? others() : replaced(others(), { edit: name, site: site.id }), "gate"),
    },
    text,
  );
}
