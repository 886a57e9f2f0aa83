// What the page knows of a kind of site. What its sites are called comes from the server (site.title).


/**
 * @typedef {object} SiteKind
 * @property {(site: any) => string} glyph  its name in ui/icons.js
 * @property {string} here  what the choice of its own map is called beside those of the whole network
 * @property {"heads" | "channels" | null} tab  the tab that it has of its own
 * @property {string} meaning  of a cell of the strip of sites and of its bar
 * @property {string} number  what that bar's number is
 * @property {Explanation} explanation
 * @property {(state: any, site: any, session: Session) => Promise<Picture | null>} picture  what is drawn of a site
 * @property {((state: any, site: any, session: Session) => Promise<any> | any) | null} reading  what Look says below the choices; null: its channels in small
 * @property {((site: any, session: Session) => Promise<any>) | null} ahead  what its bar's number is made from; null: it has no bar
 * @property {(site: any) => number} bytes  that this takes, about
 * @property {(site: any) => number} rank  which is shown first beside other networks, the lowest; Infinity: it cannot be
 * @property {(ask: Ask, cell: Cell | null) => Promise<any>} onPhoto  its map as JSON, beside other networks
 * @property {((site: any, session: Session) => Promise<[string, any][]>) | null} facts  what Numbers says instead of the map's facts
 * @property {((state: any, site: any, what: import("./edits.js").WhatIf) => Element[]) | null} whatIf  what can be changed of a site; null: nothing yet
 */

/** @typedef {(what: "attention" | "gate" | "features", asked: Record<string, string | number>) => Promise<any>} Ask */

/** About what a gate takes. */
export const SMALL = 4e3;

/** The map that a gate is. @param {Ask} ask */
export const gateOnPhoto = (ask) => ask("gate", {});
