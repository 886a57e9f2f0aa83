// Words as they are written in sentences and lists.

import { say } from "../language/language.js";

/** A word in a sentence; the marks of a sentence's ends are no words. @param {string} word */
export const quoted = (word) => ({ "<end>": say("the end"), "<start>": say("the start") })[word] ?? `“${word}”`;

/** A word as it stands in a list. @param {string} word */
export const shownWord = (word) => ({ "<end>": say("end"), "<start>": say("start"), "<unknown>": say("unknown") })[word] ?? word;

/** Whether it is a mark and no word. @param {string} word */
export const isMark = (word) => /^<.*>$/.test(word);
