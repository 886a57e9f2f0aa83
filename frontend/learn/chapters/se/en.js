export default {
  idea: [
    "A convolutional network turns a photo into a stack of feature maps, its channels: one answers to edges, one to yellow, one to fur. Not all of them matter for every photo.",
    "Squeeze-and-excitation asks each channel one question, “how strongly are you present?”, and lets a tiny network decide how far to open each of them, from 0 to 1.",
    "This is **channel attention**: it weighs what is seen, not where.",
  ],
  look: "Choose a channel with the bars. Shut it or open it: the map on the right follows, and the network answers again.",
  labels: {
    gate: "This channel",
    trained: "as trained",
    shut: "shut (0)",
    open: "open (1)",
    "all-open": "all open: no gate",
    "map-before": "channel {channel} before",
    "map-after": "channel {channel} after",
    "maps-caption": "One scale for both: blue is below zero, red above.",
    "bars-caption": "The factors of all {C} channels, 0 to 1. Channel {channel} has {s}.",
    "answer-caption": "The network's answer as trained (grey) and with this gate changed (bold).",
  },
  steps: {
    squeeze: "**Squeeze.** Global average pooling: each of the {C} channels becomes one number, its mean over all places. C × H × W becomes C. Channel {channel} has {z}.",
    reduce: "**Excitation, first layer.** From {C} numbers to {hidden}, a reduction by r = {r}; whatever is negative becomes zero. {on} of the {hidden} stay on for this photo.",
    excite: "**Excitation, second layer.** Back from {hidden} to {C}, then a sigmoid. Channel {channel} gets {logit}, which the sigmoid turns into {s}.",
    scale: "**Scale.** Every place of the channel is multiplied by {s}; so its mean goes from {z} to {y}.",
  },
  try: [
    "Shut the channel that is open widest and read the answer. Then shut the one with the smallest factor, {least}.",
    "Open all channels: the network without this gate. Is it still sure of {top}?",
    "Open another photo: the same channel gets another factor.",
  ],
  wrong: [
    "The factors are not a distribution. Each is a sigmoid of its own; here they sum to {sum}.",
    "SE does not say where to look. All places of a channel get the same factor.",
    "A factor of 0.5 does not mean unimportant: the next layer has learned to work with it. Only switching tells.",
  ],
  questions: [
    {
      ask: "Do the factors of all channels sum to 1, as the shares of [an attention](softmax) do?",
      choices: ["Yes", "No"],
      because: "They sum to {sum}. A gate opens each channel on its own; channels do not compete.",
    },
    {
      ask: "Is channel {channel} opened further than the average channel?",
      choices: ["Yes", "No"],
      because: "Its factor is {s}; the mean of all is {mean}.",
    },
    {
      ask: "Are more than half of the {hidden} hidden numbers on for this photo?",
      choices: ["Yes", "No"],
      because: "{on} of them are above zero. The others say nothing about this photo.",
    },
  ],
  paper: "SE won the last ImageNet challenge in 2017. It costs little: two small layers per block. Biases are kept here as in the released code.",
};
