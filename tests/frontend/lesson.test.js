// The lesson's two languages say the same things, each in its own words, and no number is typed.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";

const LEARN = new URL("../../frontend/learn/", import.meta.url);
const chapters = readdirSync(new URL("chapters/", LEARN));
const load = async (/** @type {string} */ path) => (await import(new URL(path, LEARN).href)).default;

/** Every text of a language file with where it stands. @param {any} value @param {string} [at] @returns {[string, string][]} */
function texts(value, at = "") {
  if (typeof value === "string") return [[at, value]];
  return Object.entries(value).flatMap(([key, inner]) => texts(inner, `${at}/${key}`));
}

/** What both languages may write alike: formulas, symbols, names. @param {string} text */
const isSymbols = (text) => !/\p{L}{3,}/u.test(text.replace(/\{[^}]*\}|\$[^$]*\$/g, "").replace(/\b(ViT|TNT|CNN|SE|ECA|CBAM|Dice|CIFAR|ResNet|ImageNet|U-Net|softmax|LayerNorm|FFN|SAGAN|head|tanh|ReLU)\b/gi, ""));

/** @param {string} text */
const names = (text) => [...text.matchAll(/\{(\w+)(?:\|\w+)?\}/g)].map((match) => match[1]);

for (const folder of ["words", ...chapters.map((slug) => `chapters/${slug}`)]) {
  test(`${folder} says the same in both languages`, async () => {
    const [english, chinese] = await Promise.all([load(`${folder}/en.js`), load(`${folder}/zh.js`)]);
    const [en, zh] = [new Map(texts(english)), new Map(texts(chinese))];
    assert.deepEqual([...zh.keys()].sort(), [...en.keys()].sort());
    for (const [at, text] of en) {
      const other = zh.get(at) ?? "";
      assert.ok(other.trim() && text.trim(), `${at} is empty`);
      assert.deepEqual(names(other).sort().filter((n, i, all) => all.indexOf(n) === i), names(text).sort().filter((n, i, all) => all.indexOf(n) === i), `${at} has other live numbers`);
      if (isSymbols(text)) continue;
      assert.notEqual(other, text, `${at} is the same in both languages`);
      assert.match(other, /\p{Script=Han}/u, `${at} is not Chinese`);
      assert.doesNotMatch(text, /\p{Script=Han}/u, `${at} is not English`);
    }
  });
}

for (const slug of chapters) {
  test(`${slug} is whole`, async () => {
    const [chapter, words] = await Promise.all([load(`chapters/${slug}/chapter.js`), load(`chapters/${slug}/en.js`)]);
    const about = JSON.parse(readFileSync(new URL(`chapters/${slug}/about.json`, LEARN), "utf-8"));
    assert.deepEqual(Object.keys(words.steps), chapter.steps.map((/** @type {any} */ step) => step.id));
    assert.equal(words.questions.length, 3);
    assert.equal(chapter.questions.length, 3);
    assert.ok(words.idea.length >= 2 && words.try.length && words.wrong.length && chapter.papers.length);
    assert.equal(about.network, chapter.network);
    assert.ok(about.title.en && about.title.zh && about.title.en !== about.title.zh);
    for (const [at, text] of texts(words)) {
      if (/\[[^\]]+\]\(([\w-]+)\)/.test(text))
        for (const [, to] of text.matchAll(/\[[^\]]+\]\(([\w-]+)\)/g)) assert.ok(chapters.includes(to), `${at} leads to ${to}, which is no chapter`);
    }
  });
}

test("the lesson's page preloads the modules that it begins with, so that none waits for another", () => {
  const root = new URL("../", LEARN);
  const found = new Set();
  const waiting = ["learn/main.js"];
  for (let path = waiting.pop(); path; path = waiting.pop()) {
    if (found.has(path)) continue;
    found.add(path);
    const source = readFileSync(new URL(path, root), "utf-8");
    for (const [, to] of source.matchAll(/^(?:import|export)[^;]*?from "(\.[^"]+)"/gm)) waiting.push(new URL(to, new URL(path, root)).pathname.replace(root.pathname, ""));
  }
  const page = readFileSync(new URL("index.html", LEARN), "utf-8");
  const preloaded = [...page.matchAll(/rel="modulepreload" href="([^"]+)"/g)].map(([, to]) => new URL(to, LEARN).pathname.replace(root.pathname, ""));
  assert.deepEqual(preloaded.sort(), [...found].sort());
});
