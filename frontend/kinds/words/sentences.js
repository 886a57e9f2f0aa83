// Sentences to begin with, for models that read.

/** By model; each is one that the model was not trained on. @type {Record<string, string[]>} */
const EXAMPLES = {
  text_transformer: [
    "this pretty turtle always wakes my young wolf",
    "my sad horse always finds them",
    "a red hen knows my cow",
    "today the small cat that wakes two queens sees these pretty white turtles",
  ],
};

/** Labels before the words: padding, start, end, unknown. */
const SPECIAL = 4;

/** Sentences that a model can read. @param {{id: string}} model @param {string[] | null} labels what it knows */
export function examplesOf({ id }, labels) {
  return EXAMPLES[id] ?? [(labels ?? []).slice(SPECIAL, SPECIAL + 5).join(" ")];
}

/** The words that it knows. @param {string[] | null} labels */
export const knownWords = (labels) => (labels ?? []).slice(SPECIAL);
