// The channels that a gate lets through most and least, as small pictures that can be chosen.

import { say } from "../../language/language.js";
import { paintValues } from "../../paint/colormap.js";
import { h, put } from "../../ui/dom.js";
import { number } from "../../ui/format.js";

const SHOWN = 6;

/** @param {HTMLElement} root @param {Context} context @param {Site} site */
export async function showChannels(root, { store, session }, site) {
  const gate = (await session.gate(site).catch(() => null))?.data;
  if (!gate || store.get().shown?.site !== site || !store.get().tables) return;
  const order = [...gate.keys()].sort((a, b) => gate[b] - gate[a]);
  const group = (/** @type {string} */ title, /** @type {number[]} */ list) => [
    h("h3", {}, title),
    h(
      "div",
      { class: "thumbs" },
      list.map((channel) => thumb({ store, session }, site, gate, channel)),
    ),
  ];
  put(
    root,
    ...group(say("Let through most"), order.slice(0, SHOWN)),
    ...group(say("Held back most"), order.slice(-SHOWN).reverse()),
    h("p", { class: "quiet" }, say("{n} channels; the numbers are the gate's factors.", { n: gate.length })),
  );
  markChannel(root, store.get());
}

/** @param {Context} context @param {Site} site @param {Float32Array} gate @param {number} channel */
function thumb({ store, session }, site, gate, channel) {
  const canvas = h("canvas", { class: "cells" });
  session
    .feature(site, channel)
    .then((map) => {
      const { tables, colormap } = store.get();
      if (tables)
        paintValues(canvas, map.data, map.shape.at(-1) ?? 1, tables, colormap);
    })
    .catch(() => canvas.remove());
  return h(
    "button",
    {
      type: "button",
      class: "channel-thumb",
      "data-channel": channel,
      title: say("Channel {channel}", { channel }),
      onclick: () => store.set({ channel }),
    },
    canvas,
    h("span", { class: "number" }, `${channel} · ${number(gate[channel])}`),
  );
}

/** @param {HTMLElement} root @param {State} state */
export function markChannel(root, { channel }) {
  for (const button of root.querySelectorAll(".channel-thumb")) {
    const { dataset } = /** @type {HTMLElement} */ (button);
    button.setAttribute("aria-pressed", String(Number(dataset.channel) === channel));
  }
}
