// What the page knows of a kind of site (`SiteKind` in types/page.d.ts), and what gates share.

/** About what a gate takes, in bytes. */
export const SMALL = 4e3;

/** The map that a gate is. @param {Ask} ask */
export const gateOnPhoto = (ask) => ask("gate", {});
