// Lists of edits: what a switch does to one, and an edit in words. Pure functions.

import { counted, say } from "../language/language.js";
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

/** @param {(string | number)[]} list */
const few = (list) => `${list.slice(0, 6).join(", ")}${list.length > 6 ? " …" : ""}`;

/** @param {(string | number | number[])[]} tokens */
const patches = (tokens) => {
  const places = tokens.filter(Array.isArray);
  const said = [
    ...tokens.filter((token) => !Array.isArray(token)).map((token) => (token === "cls" ? say("the class token") : say("token {token}", { token }))),
    ...(places.length === 1 ? [say("the patch at row {row}, column {column}", { row: places[0][0], column: places[0][1] })] : []),
    ...(places.length > 1 ? [say("{n} patches", { n: places.length })] : []),
  ];
  return said.join(say(", "));
};

/** An edit in a few words. @param {Edit} edit @param {Site[]} sites */
export function said(edit, sites) {
  const site = sites.find(({ id }) => id === edit.site);
  const where = site ? say("{site}: ", { site: siteTitle(site) }) : edit.site ? say("{site}: ", { site: edit.site }) : "";
  const heads = edit.heads ? counted(edit.heads.length, "head {list}", "heads {list}", { list: few(edit.heads) }) : say("all heads");
  const channels = edit.channels
    ? counted(edit.channels.length, "channel {list}", "channels {list}", { list: few(edit.channels) })
    : edit.cells
      ? patches(edit.cells)
      : say("the whole gate");
  /** @type {Record<string, () => string>} */
  const words = {
    off: () => say("{heads} off", { heads }),
    mean: () => (site && attends(site) ? say("{heads}, the mean of the output", { heads }) : say("{channels}, the mean factor", { channels })),
    uniform: () => say("every key looked at equally"),
    self: () => say("every token looks at itself alone"),
    block: () => say("{keys} blocked as keys", { keys: patches(edit.keys ?? []) }),
    temperature: () => say("scores divided by {temperature}", { temperature: edit.temperature }),
    drop: () => say("from here on nothing looks at {tokens}", { tokens: patches(edit.tokens ?? []) }),
    skip: () => say("layer skipped"),
    set: () => `${channels} × ${edit.value}`,
    open: () => say("{channels} open", { channels }),
    shut: () => say("{channels} shut", { channels }),
    theta: () => say("another θ"),
    identity: () => say("θ is the identity"),
    hide: () => say("{cells} of the photo hidden", { cells: patches(edit.cells ?? []) }),
    words: () => say("reads “{text}”", { text: edit.text }),
    "positions-off": () => say("positions left out"),
    "positions-shuffle": () => say("positions shuffled"),
  };
  const text = words[edit.edit]?.() ?? edit.edit;
  if (edit.edit === "hide") return `${text[0].toUpperCase()}${text.slice(1)} (${say(edit.fill ?? "mean")})`;
  return where ? `${where}${text}` : `${text[0].toUpperCase()}${text.slice(1)}`;
}
