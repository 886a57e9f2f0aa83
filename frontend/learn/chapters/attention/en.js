export default {
  idea: [
    "Think of an online shop. You type what you want: the **query**. Every product is filed under a description: its **key**. What you take home is the product itself: the **value**.",
    "In a network, every patch of the photo plays all three parts. Three learned matrices turn the same patch into a query, a key and a value.",
    "A query is compared with every key. The better the two match, the more of that key's value is taken. This chapter is about the comparison; the next one turns scores into [shares and a mixture](softmax).",
  ],
  look: "Click a patch to make it the query (white). Move to choose a key (yellow). The map shows how much the query attends to every patch under the chosen score.",
  labels: {
    head: "Head",
    score: "Score",
    dot: "dot product",
    cosine: "cosine",
    additive: "additive",
    formula: "formula",
    q: "query q",
    k: "key k",
    product: "product q·k, number by number",
    "photo-label": "The key, on the photo.",
    "photo-caption": "Query: row {row}, column {column}. Key: row {keyRow}, column {keyColumn}.",
    "bars-caption": "The {d} numbers of the query and of the key, and their products. The sum of the products is the dot product, {dot}.",
    "facts-caption": "One pair, three scores. The numbers cannot be compared with each other, only along a column of keys.",
  },
  steps: {
    project: "Each patch is a vector $x$. Multiplied by three learned matrices it becomes a query, a key and a value, each of {d} numbers in head {head}.",
    dot: "**Dot product.** Multiply the query and the key number by number and add up. Large where both are large with the same sign. This is what the network in front of you uses.",
    cosine: "**Cosine similarity.** The dot product without the lengths: only the direction counts, so it lies between −1 and 1.",
    additive: "**Additive score.** A small network adds the two vectors, bends the sum with tanh and weighs the result. Its weights are learned. This network has none, so here $W$ and $U$ are the identity and $v$ is all ones, just to show the arithmetic.",
    share: "Compared with the scores of all {keys} keys, this score earns the key a share of {share|percent}. An even share would be {even|percent}.",
  },
  try: [
    "Choose a query on the object and one on the background. Do they look for the same things?",
    "Switch between dot product and cosine. Where the map changes, the length of the keys mattered.",
    "Change the head: the same patch asks another question.",
  ],
  wrong: [
    "Query, key and value are not three inputs. In self-attention all three come from the **same** tokens; in [cross-attention](decoder) the query comes from one place, key and value from another.",
    "A high score is not a large share. Only the comparison with the other keys makes a share.",
    "A patch need not match itself best: its query and its key come from different matrices. Here the query gives itself {own|percent}.",
  ],
  questions: [
    {
      ask: "Does this query attend to this key more than it would if it attended to everything equally?",
      choices: ["More", "Less"],
      because: "The key gets {share|percent}; an even share of {keys} keys is {even|percent}.",
    },
    {
      ask: "Would the cosine pick the same patch as the dot product?",
      choices: ["The same patch", "Another patch"],
      because: "The dot product also rewards long keys, the cosine does not. For this pair they are {dot} and {cosine}.",
    },
    {
      ask: "Do this query and this key point in similar directions?",
      choices: ["Yes, their dot product is positive", "No, it is negative"],
      because: "Their dot product is {dot}, and the cosine of the angle between them is {cosine}.",
    },
  ],
  paper: "The additive score came first (Bahdanau, for translation), content-based addressing with the cosine at the same time (Graves). The Transformer took the dot product because it is a plain matrix product, and fast.",
};
