// Channels: the gate's factor for every channel as a chart. A channel of the chart is drawn on the photo.

import { say } from "../language/language.js";
import { drawChart } from "../paint/charts.js";
import { h } from "../ui/dom.js";
import { number } from "../ui/format.js";
import { kindOf } from "../kinds/registry.js";
import { channelOf } from "../sites/picture.js";

/** @param {HTMLElement} root @param {Context} context */
export function mountChannels(root, { store, session }) {
  const chart = h("div", { class: "chart", id: "gate-chart" });
  const chosen = h("p", { class: "number", id: "channel" });
  const error = h("p", { class: "note", hidden: true });
  root.append(
    h("h3", {}, say("The gate, channel by channel")),
    chart,
    error,
    chosen,
    h(
      "p",
      { class: "quiet" },
      say("Move over the chart to see a channel's feature map on the photo. 1 lets a channel through unchanged, 0 removes it."),
    ),
  );

  store.on(["analysisData", "site", "tab", "theme"], async (state) => {
    const site = state.shown?.site;
    if (state.tab !== "channels" || !site || !hasChannels(site)) return;
    try {
      const figure = await session.figure("gate", { site: site.id });
      if (store.get().shown?.site !== site) return;
      await drawChart(chart, figure, (point) => store.set({ channel: Number(point.x) }));
      error.hidden = true;
    } catch (/** @type {any} */ problem) {
      error.textContent = problem.message;
      error.hidden = false;
    }
  });

  store.on(["picture", "channel"], async (state) => {
    const site = state.shown?.site;
    if (!site || !hasChannels(site) || !state.picture) return;
    const gate = session.peek(`gate ${site.id}`)?.data;
    if (!gate) return;
    const channel = channelOf(state, gate);
    chosen.textContent = say("Channel {channel}: × {gate}", { channel, gate: number(gate[channel]) });
  });
}

/** @param {Site} site */
const hasChannels = (site) => site && kindOf(site).tab === "channels";
