// Gates on channels and gates on places.

import { say } from "../../language/language.js";
import { h } from "../../ui/dom.js";
import { number } from "../../ui/format.js";
import * as pictures from "../../sites/picture.js";
import { gateOnPhoto, SMALL } from "../kind.js";

const GATE = {
  here: say("This gate"),
  meaning: say("one cell per gate; bar: how much it varies"),
  number: say("spread of the gate"),
  /** @param {Site} site @param {Session} session */
  ahead: (site, session) => session.gate(site),
  bytes: () => SMALL,
};

/** @type {SiteKind<GateSite>} */
export const channelGate = {
  ...GATE,
  glyph: () => "channels",
  tab: "channels",
  shuts: "channels",
  explanation: async (...given) => (await import("./explanation.js")).channelGate(...given),
  whatIf: async () => ({ whatIf: (await import("./what_if.js")).ofChannels }),
  async picture(state, site, session) {
    const gate = (await session.gate(site)).data;
    if (!session.shows(state.analysisData)) return null; // another one has come meanwhile
    const channel = pictures.channelOf(state, gate);
    return pictures.channelPicture(site, gate, channel, await session.feature(site, channel));
  },
  async numbers(state, site, session) {
    const channel = pictures.channelOf(state, (await session.gate(site)).data);
    return { path: "features", asked: { channel }, map: null };
  },
  rank: () => 4,
  async onPhoto(ask) {
    const factors = (await ask("gate", {})).values.flat().map((factor) => factor ?? -Infinity);
    return ask("features", { channel: factors.indexOf(Math.max(...factors)) });
  },
};

/** @type {SiteKind<GateSite>} */
export const spatialGate = {
  ...GATE,
  glyph: () => "mask",
  tab: null,
  explanation: async (...given) => (await import("./explanation.js")).spatialGate(...given),
  whatIf: async () => ({ whatIf: (await import("./what_if.js")).ofPlaces }),
  picture: async (_, site, session) => pictures.spatialGatePicture(site, await session.gate(site)),
  reading: ({ picture }) =>
    h(
      "p",
      { class: "quiet" },
      say("The mask lies between {low} and {high}: bright places pass, dark places are held back.", { low: number(picture.low), high: number(picture.high) }),
    ),
  numbers: () => ({ path: "gate", asked: {}, map: "spatial-gate" }),
  rank: () => 2,
  onPhoto: gateOnPhoto,
};

/** By the names of the kinds. @type {Record<string, SiteKind>} */
export const kinds = { "channel-gate": channelGate, "spatial-gate": spatialGate };
