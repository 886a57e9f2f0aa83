export default {
  idea: [
    "So far there was one query. But every token is a query, and nothing makes one wait for another. Stack all queries as rows of a matrix Q, all keys as K, all values as V.",
    "Then one matrix product gives every score, a softmax along each row gives every share, and a second product gives every output.",
    "One row of the matrix is [the chapter before](softmax). One column is new: who looks at this token?",
  ],
  look: "Move over the matrix. The left photo shows the row: what that token looks at. The right one shows the column: which tokens look at it. Both are in the same matrix.",
  labels: {
    head: "Head",
    "matrix-caption": "Shares of head {head}: row {row}, column {column}. Token 0 is the class token, then the patches row by row. Colours end at the 99.5th percentile.",
    "row-map": "token {row} looks at",
    "column-map": "who looks at token {column}",
    query: "Q",
    key: "K",
    value: "V",
    output: "O = A′V",
    "factors-caption": "Each is {n} rows (tokens) by {d} columns.",
    x: "row {row} of X",
    q: "row {row} of Q",
    "row-caption": "One row of the first product: the {width} numbers of token {row}, normalised, and the {d} numbers of its query.",
  },
  steps: {
    project: "All {n} tokens, one per row, are the matrix X: {width} columns, each row [normalised](encoder) first. Three learned matrices multiply it. Q, K and V of head {head} each have {n} rows and {d} columns.",
    scores: "**Q Kᵀ** holds the score of every query with every key: {cells} numbers. The one you point at is {score}.",
    softmax: "Divided by √d and softmaxed **along the row**, it becomes {share|percent}. The row sums to {rowSum}.",
    output: "**A′ V** mixes the values: row {row} of the output is the weighted sum that you know.",
  },
  try: [
    "Look for bright vertical lines: tokens that nearly everybody looks at.",
    "Look for a bright diagonal: tokens that look at themselves. Parallel diagonals are neighbours in the photo.",
    "Point at row i, column j, then at row j, column i. They differ: attention is not symmetric.",
  ],
  wrong: [
    "Looking at and being looked at are different. Here token {row} gives token {column} a share of {share|percent}; the other way round it is {back|percent}.",
    "A column need not sum to 1. This one sums to {columnSum}.",
    "The matrix grows with the square of the number of tokens: {n} tokens, {cells} shares, for each head of each layer.",
  ],
  questions: [
    {
      ask: "Is token {column} looked at more than the average token?",
      choices: ["More", "Less"],
      because: "Its column sums to {columnSum}; the average of all columns is exactly 1, because all rows together sum to {n}.",
    },
    {
      ask: "Which share is larger?",
      choices: ["Row {row}, column {column}", "Row {column}, column {row}"],
      because: "They are {share|percent} and {back|percent}: the first is one token's query with the other's key, the second the reverse.",
    },
    {
      ask: "Could the row that you point at sum to 2?",
      choices: ["Yes", "No"],
      because: "Softmax makes every row sum to 1. This one sums to {rowSum}.",
    },
  ],
  paper: "Equation 1 of the Transformer paper is this chapter in one line. Written as matrices, attention is two large products, which is what graphics processors are good at.",
};
