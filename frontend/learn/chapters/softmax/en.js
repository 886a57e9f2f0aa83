export default {
  idea: [
    "[Scores](attention) can be any numbers. Before they can say how much to take of each value, they have to become shares: none below zero, all together 1. That is what softmax does.",
    "First the scores are divided by √d. A dot product of d numbers grows with d; without the division softmax would give nearly everything to one key.",
    "Then the output is a mixture: each value times its share, added up. One query, one output.",
  ],
  look: "Leave √d out, or change the temperature, and watch the map and the bars. Below them stands what the network then answers: it really runs again with this layer changed.",
  labels: {
    head: "Head",
    root: "divide by √d",
    temperature: "Temperature",
    scores: "scores, one bar per patch",
    shares: "shares after softmax",
    brings: "what each patch brings in: share × length of its value",
    "photo-label": "The key, on the photo.",
    "photo-caption": "Query: row {row}, column {column}. Key: row {keyRow}, column {keyColumn}, share {share|percent}.",
    "bars-caption": "The same {keys} keys three times; the class token's is not drawn. The chosen key stands out.",
    "answer-caption": "The network's answer as trained (grey) and with this layer's scores changed (bold).",
  },
  steps: {
    scale: "**Scale.** The score of this key is {dot}; divided by the square root of {d} it is {scaled}.",
    softmax: "**Softmax.** Raise e to every scaled score, then divide by the sum over all {keys} keys. The logarithm of that sum is {logSum}, so this key gets {share|percent}.",
    sum: "The shares of one query add up to {sum}. The five largest make {five|percent} of it.",
    mix: "**Weighted sum.** Every value is multiplied by its share, and all are added. This key contributes {part0} to the first number of the output, which is {o0}; the bars are the whole output in head {head}.",
  },
  try: [
    "Switch √d off: the largest share grows from {most|percent} to {mostBare|percent}.",
    "Turn the temperature up until the map is flat. The query then takes the mean of everything.",
    "Find a patch with a large share whose value is short: it is looked at, but brings in little.",
  ],
  wrong: [
    "Softmax is taken over the **keys** of one query. Rows sum to 1, [columns do not](matrices): a patch can be looked at by many or by nobody.",
    "Attention weights are not the whole story. What counts for the output is share times value.",
    "No key gets exactly zero. Only [a mask](decoder) can do that.",
  ],
  questions: [
    {
      ask: "What does leaving √d out do to the largest share?",
      choices: ["It grows", "It shrinks"],
      because: "With √{d} it is {most|percent}, without it {mostBare|percent}. Larger scores lie further apart, and softmax exaggerates differences.",
    },
    {
      ask: "Do the five most attended keys get more than half of this query's attention?",
      choices: ["Yes", "No"],
      because: "Together they get {five|percent}.",
    },
    {
      ask: "Does the chosen key get more than twice an even share?",
      choices: ["Yes", "No"],
      because: "It gets {share|percent}; an even share is {even|percent}.",
    },
  ],
  paper: "The Transformer paper explains the division in its section 3.2.1: for large d the dot products grow, and softmax ends up where its gradients are tiny. Kobayashi and others pointed out that the length of the values matters as much as the shares.",
};
