export default {
  idea: [
    "[SE](se) squeezes {C} numbers through a bottleneck and back. That mixes all channels, costs weights, and loses detail on the way.",
    "ECA leaves the bottleneck out. Each channel looks only at its few neighbours on the list of channels, with the same small kernel everywhere: a one-dimensional convolution.",
    "How many neighbours follows from the number of channels: {k} for these {C}.",
  ],
  look: "Choose a channel. The bars that stand out are the {k} means under the kernel; below stand the kernel's weights. Shut or open the channel and the network answers again.",
  labels: {
    gate: "This channel",
    trained: "as trained",
    shut: "shut (0)",
    open: "open (1)",
    "all-open": "all open: no gate",
    means: "mean of each channel",
    factors: "factor of each channel",
    kernel: "the kernel's weights",
    under: "the means under it",
    "bars-caption": "{C} channels. Channel {channel}: mean {z}, factor {s}.",
    "kernel-caption": "The kernel is the same for every channel. Its weights were solved from the {C} results the server gave.",
    "map-before": "channel {channel} before",
    "map-after": "channel {channel} after",
    "answer-caption": "The network's answer as trained (grey) and with this gate changed (bold).",
  },
  steps: {
    pool: "**Pool.** As in SE: each channel becomes its mean. Channel {channel} has {z}; its neighbours have {left} and {right}.",
    width: "**Kernel width.** The more channels, the wider, but only as the logarithm: cut to a whole number, and made odd.",
    convolve: "**Convolve.** The {k} means around the channel, each times its weight. The middle weight is {w0}; together they give {conv}.",
    gate: "**Gate.** A sigmoid makes {s} of it, and every place of the channel is multiplied by that. Its mean becomes {y}.",
  },
  try: [
    "Slide through the channels and watch the window move over the means.",
    "Compare the weights: SE's two layers here have {weightsSe}, ECA's kernel has {k}.",
    "Shut the channel with the largest factor and read what becomes of {top}.",
  ],
  wrong: [
    "Many texts call it a “1×1 convolution”. It is a **1-D convolution over channels**, with a kernel of {k}.",
    "Neighbouring channels have no meaning at first: the order is arbitrary. The network learns features that fit their neighbours.",
    "No reduction does not mean no interaction. Each channel still hears {neighbours} of them.",
  ],
  questions: [
    {
      ask: "Does SE's gate need more than a hundred times as many weights as this one?",
      choices: ["Yes", "No"],
      because: "{weightsSe} against {k}: {times|whole} times as many, biases left out.",
    },
    {
      ask: "Does a channel speak for itself here: is the middle weight positive?",
      choices: ["Yes", "No"],
      because: "It is {w0}. With a positive one, a channel that is strongly present opens its own gate.",
    },
    {
      ask: "Is channel {channel} opened more than half?",
      choices: ["Yes", "No"],
      because: "The convolution gives {conv}, and the sigmoid of that is {s}. Above zero means more than a half.",
    },
  ],
  paper: "The authors showed that SE's reduction hurts, and that a little cross-channel interaction is enough. “The nearest odd number” is computed here as in the released code.",
};
