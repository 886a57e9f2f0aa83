import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const MODULE = fileURLToPath(new URL("../../frontend/language/language.js", import.meta.url));

/** What a fresh page says: the language module is loaded as a browser with these would load it. */
function spoken({ search = "", kept = null, languages = ["en-US"] }, expression) {
  const script = `
    globalThis.document = { documentElement: {} };
    globalThis.location = { search: ${JSON.stringify(search)} };
    globalThis.localStorage = { getItem: () => ${JSON.stringify(kept)} };
    Object.defineProperty(globalThis, "navigator", { value: { languages: ${JSON.stringify(languages)} } });
    const said = await import(${JSON.stringify(MODULE)});
    console.log(JSON.stringify(${expression}));`;
  const run = spawnSync(process.execPath, ["--input-type=module", "--no-warnings", "-e", script], { encoding: "utf8" });
  assert.equal(run.status, 0, run.stderr);
  return JSON.parse(run.stdout);
}

test("the address decides, then what was chosen, then the browser, then English", () => {
  const language = (where) => spoken(where, "[said.language, document.documentElement.lang]");
  assert.deepEqual(language({ search: "?lang=zh", kept: "en" }), ["zh", "zh-Hans"]);
  assert.deepEqual(language({ search: "?lang=en", kept: "zh", languages: ["zh-CN"] }), ["en", "en"]);
  assert.deepEqual(language({ kept: "zh" }), ["zh", "zh-Hans"]);
  assert.deepEqual(language({ languages: ["fr-FR", "zh-CN", "en"] }), ["zh", "zh-Hans"]);
  assert.deepEqual(language({ languages: ["fr-FR"], search: "?lang=toString" }), ["en", "en"]);
});

test("the English sentence is the key, filled in", () => {
  assert.equal(spoken({}, 'said.say("Language")'), "Language");
  assert.equal(spoken({ search: "?lang=zh" }, 'said.say("Language")'), "语言");
  assert.equal(spoken({}, 'said.say("Layer {n}, head {h}", { n: 3, h: 0 })'), "Layer 3, head 0");
  assert.equal(spoken({}, 'said.say("nothing {of} it", {})'), "nothing {of} it");
});

test("numbers choose their form", () => {
  const patches = (n) => spoken({}, `said.counted(${n}, "{n} patch", "{n} patches")`);
  assert.deepEqual([patches(0), patches(1), patches(2)], ["0 patches", "1 patch", "2 patches"]);
});

test("elements stand where the sentence has them", () => {
  assert.deepEqual(spoken({}, 'said.around("its query {q} and {n}", { q: { element: true }, n: 3 })'), [
    "its query ",
    { element: true },
    " and ",
    "3",
  ]);
});
