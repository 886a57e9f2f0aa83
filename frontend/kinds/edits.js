// Lists of edits: what a switch does to one, and an edit in words. Pure functions.

import { attends, siteTitle } from "../sites/sites.js";

/** @typedef {"heads" | "channels" | "cells" | "keys" | "tokens"} Listed */

/** What the controls of a kind may do. */
/**
 * @typedef {object} WhatIf
 * @property {() => Edit[]} edits  that hold, or are on their way
 * @property {(edits: Edit[], group: string) => void} change
 * @property {(patch: Partial<State>) => void} set
 * @property {Session} session
 * @property {(group: string) => any} problem  why the last edit of this group was refused, if it was
 */

/** @param {Edit} edit @param {Listed} field */
const without = (edit, field) => JSON.stringify(Object.entries({ ...edit, [field]: null }).sort());

/** @param {unknown} one @param {unknown} other */
const alike = (one, other) => JSON.stringify(one) === JSON.stringify(other);

/**
 * The list with one more thing switched: the edit that is alike in all else takes it in, or gives it up.
 * @param {Edit[]} edits @param {Edit} edit  whose list holds what is switched
 * @param {Listed} field
 * @returns {Edit[]}
 */
export function toggled(edits, edit, field) {
  const at = edits.findIndex((one) => one[field] && without(one, field) === without(edit, field));
  if (at < 0) return [...edits, edit];
  const held = /** @type {unknown[]} */ (edits[at][field]);
  const asked = /** @type {unknown[]} */ (edit[field] ?? []);
  const all = asked.every((value) => held.some((one) => alike(one, value)));
  const next = all
    ? held.filter((one) => !asked.some((value) => alike(one, value)))
    : [...held, ...asked.filter((value) => !held.some((one) => alike(one, value)))];
  const changed = /** @type {Edit} */ ({ ...edits[at], [field]: next });
  return next.length ? edits.with(at, changed) : edits.toSpliced(at, 1);
}

/** The list with this edit in place of the one of the same name at the same site; where that is the same, without it. @param {Edit[]} edits @param {Edit} edit */
export function replaced(edits, edit) {
  const at = edits.findIndex((one) => one.edit === edit.edit && one.site === edit.site);
  if (at < 0) return [...edits, edit];
  return alike(Object.entries(edits[at]).sort(), Object.entries(edit).sort())
    ? edits.toSpliced(at, 1)
    : edits.with(at, edit);
}

/** @param {Edit[]} edits @param {string} name @param {string} site @returns {Edit | undefined} */
export const editOf = (edits, name, site) => edits.find((one) => one.edit === name && one.site === site);

/** @param {string} name @param {(string | number)[]} list */
const few = (name, list) => `${name}${list.length > 1 ? "s" : ""} ${list.slice(0, 6).join(", ")}${list.length > 6 ? " …" : ""}`;

/** @param {(string | number | number[])[]} tokens */
const patches = (tokens) => {
  const places = tokens.filter(Array.isArray);
  const said = [
    ...tokens.filter((token) => !Array.isArray(token)).map((token) => (token === "cls" ? "the class token" : `token ${token}`)),
    ...(places.length === 1 ? [`the patch at row ${places[0][0]}, column ${places[0][1]}`] : []),
    ...(places.length > 1 ? [`${places.length} patches`] : []),
  ];
  return said.join(", ");
};

/** An edit in a few words. @param {Edit} edit @param {Site[]} sites */
export function said(edit, sites) {
  const site = sites.find(({ id }) => id === edit.site);
  const where = site ? `${siteTitle(site)}: ` : edit.site ? `${edit.site}: ` : "";
  const heads = edit.heads ? few("head", edit.heads) : "all heads";
  const channels = edit.channels ? few("channel", edit.channels) : edit.cells ? patches(edit.cells) : "the whole gate";
  /** @type {Record<string, () => string>} */
  const words = {
    off: () => `${heads} off`,
    mean: () => (site && attends(site) ? `${heads}, the mean of the output` : `${channels}, the mean factor`),
    uniform: () => "every key looked at equally",
    self: () => "every token looks at itself alone",
    block: () => `${patches(edit.keys ?? [])} blocked as keys`,
    temperature: () => `scores divided by ${edit.temperature}`,
    drop: () => `from here on nothing looks at ${patches(edit.tokens ?? [])}`,
    skip: () => "layer skipped",
    set: () => `${channels} × ${edit.value}`,
    open: () => `${channels} open`,
    shut: () => `${channels} shut`,
    theta: () => "another θ",
    identity: () => "θ is the identity",
    hide: () => `${patches(edit.cells ?? [])} of the photo hidden`,
    "positions-off": () => "positions left out",
    "positions-shuffle": () => "positions shuffled",
  };
  const text = words[edit.edit]?.() ?? edit.edit;
  if (edit.edit === "hide") return `${text[0].toUpperCase()}${text.slice(1)} (${edit.fill ?? "mean"})`;
  return where ? `${where}${text}` : `${text[0].toUpperCase()}${text.slice(1)}`;
}
