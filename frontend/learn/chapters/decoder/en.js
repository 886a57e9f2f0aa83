export default {
  idea: [
    "A decoder writes: it begins with a start token and adds one word at a time. Each word is chosen from the words before it and from the photo.",
    "So it has two attentions. **Masked self-attention** looks back at the words so far; the future is hidden by a mask. **Cross-attention** looks at the photo: the query comes from the decoder, key and value from the [encoder](encoder).",
    "Here the network describes your photo in {count} words, and you can play them one by one.",
  ],
  look: "Press Play, or choose a word. The map shows where the network looked to write it, the triangle which words it had read. Lift the mask to see what this row would have peeked at.",
  labels: {
    head: "Head",
    mask: "mask the future",
    "words-caption": "Word {number}, “{word}”, had a probability of {score|percent}. Words with a dashed border are not written yet.",
    "photo-caption": "Cross-attention, head {head}: where it looked to write “{word}”. Brightest at row {row}, column {column}.",
    "matrix-caption": "Masked self-attention, head {head}. Rows: the word being written. Columns: the words read by then. −∞ is what the mask hides.",
  },
  steps: {
    start: "**Begin.** The decoder first reads the start token alone. To write word {number} it has read {seen} tokens.",
    mask: "**Mask.** Scores are computed for all tokens, then −∞ is added for those that come later: {later} of them in this row.",
    self: "**Softmax.** e to −∞ is 0, so the hidden tokens get nothing and the rest share everything. The start token's scaled score of {scaled0} becomes {share0|percent}; without the mask it would be {bare0|percent}.",
    cross: "**Cross-attention.** The decoder's query meets the keys of {patches} patches. The patch it attends to most gets {place|percent}; an even share is {even|percent}. The bars are what this head brings back from the photo.",
    word: "**Word.** After the feed-forward layer a probability for every word of the vocabulary comes out. “{word}” has {score|percent}, the largest. It is appended, and everything begins again.",
    train: "**In training** nobody waits: the right sentence is fed in, shifted by one word, and all words are learned at once. This is **teacher forcing**. It is only possible because the mask hides the answers.",
  },
  try: [
    "Play the sentence and watch the map: does it look at the thing it names?",
    "Small words, such as “a” and “is”, need no place in the photo. Where do they look?",
    "Lift the mask at an early word: it would give {cheat|percent} of this row to words not yet written.",
  ],
  wrong: [
    "The mask is not a smaller matrix and not a zero weight. It is −∞ **before** the softmax.",
    "In cross-attention rows and columns are different things: words ask, patches answer.",
    "What is masked is the future only. A word may look at itself; here it gives itself {self|percent}.",
  ],
  questions: [
    {
      ask: "Without the mask, would this row give more than half of its attention to words not yet written?",
      choices: ["Yes", "No"],
      because: "It would give them {cheat|percent}. In training that would be reading the answer.",
    },
    {
      ask: "Does “{word}” look at one patch more than five times as much as an even share?",
      choices: ["Yes", "No"],
      because: "The brightest patch gets {place|percent}; even would be {even|percent}.",
    },
    {
      ask: "In this row, are there more tokens to see than tokens hidden?",
      choices: ["Yes", "No"],
      because: "{seen} are to be seen, {later} are hidden. Every word makes it one more and one fewer.",
    },
  ],
  paper: "Sections 3.1 and 3.2.3 of the Transformer paper describe the three uses of attention. Xu and others had drawn attention on photos for captions two years earlier.",
};
