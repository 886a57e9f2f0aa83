export default {
  idea: [
    "One attention can ask one question. A patch may want to know several things: what lies beside me, what looks like me, where is the edge of the object?",
    "So the vectors are split into h smaller ones, and each **head** does its own attention with its own query, key and value matrices.",
    "Their outputs are put side by side and mixed by one more matrix, $W_O$. Only then do the heads speak to each other.",
  ],
  look: "Choose a patch; every head shows where it looks. Press a head to see it large. Switch one off: its output is set to zero before $W_O$, and the network answers again.",
  labels: {
    off: "Switch off",
    none: "none",
    "head-0": "head 0",
    "head-1": "head 1",
    "head-2": "head 2",
    mean: "the mean of all heads",
    projected: "after $W_O$",
    "photo-label": "The query, on the photo.",
    "photo-caption": "Head {head}, query at row {row}, column {column}.",
    "maps-caption": "The same query in each of the {heads} heads.",
    "bars-caption": "The output of each head ({d} numbers), then all of them mixed by $W_O$ ({width} numbers).",
    "answer-caption": "The network's answer with all heads (grey) and with one switched off (bold).",
  },
  steps: {
    split: "**Split.** Every head has its own three projections, to {d} numbers each. {heads} heads, {heads} questions.",
    each: "**Attend.** Each head works on its own. Head {head} spreads this query's attention over as many keys as if it looked equally at this number of them (e to the entropy):",
    join: "**Join.** The outputs are laid side by side: {heads} times {d} numbers.",
    mix: "**Mix.** $W_O$ turns them into {width} numbers, the first of which is {y0}. Each of them may depend on every head.",
  },
  try: [
    "Choose a patch on the border of the object. Which head follows the border?",
    "Switch each head off in turn and watch {top}, now {before|percent}.",
    "Compare the mean with the heads: it shows places where no single head looks strongly.",
  ],
  wrong: [
    "The mean over heads is nobody's attention. Here it is spread over {meanSpread} keys, while the narrowest head uses {narrowest}.",
    "More heads do not mean more parameters: each becomes smaller.",
    "A head has no fixed meaning. What head {head} looks for depends on the layer and on the photo.",
  ],
  questions: [
    {
      ask: "Is the mean of the heads spread over more keys than even the widest head?",
      choices: ["Yes", "No"],
      because: "The mean is spread over {meanSpread} keys, the widest head over {widest}.",
    },
    {
      ask: "Which head looks at this photo's query most narrowly?",
      choices: ["Head 0", "Head 1", "Head 2"],
      because: "Head {narrow} is spread over {narrowest} keys, as few as any.",
    },
    {
      ask: "What happens to {top} when the head that you chose is off?",
      choices: ["It becomes less likely", "It becomes more likely", "No head is off yet"],
      because: "It goes from {before|percent} to {after|percent}. Switch a head off above and ask again.",
    },
  ],
  paper: "Section 3.2.2: several heads let the model attend to different subspaces at different positions; with a single head, averaging prevents this.",
};
