export default {
  idea: [
    "What if a network could move its eyes? A spatial transformer looks at the whole picture, decides which window is worth reading, and reads only that: turned upright, enlarged, cut out.",
    "A small **localisation network** says six numbers, θ. They place a grid on the picture, and every output pixel is read at one point of that grid.",
    "This is attention of the hardest kind: what lies outside the window is gone. Here are four: a network that reads digits on a cluttered canvas looks twice, and one that reads traffic signs has one on its photo and one on its feature map.",
  ],
  look: "Drag a corner of the yellow window to turn and size it, its middle to move it. Point at a pixel of what was read to see its four neighbours. Slide from the identity to the network's own θ. Each time, the network answers again.",
  labels: {
    which: "Spatial transformer",
    digits: "digits: first look",
    "digits-second": "second look",
    signs: "signs: photo",
    "signs-features": "feature map",
    morph: "From the identity to its own θ",
    own: "The network's own θ",
    "theta-caption": "The window on the picture; its white side is the top of what is read. Blue: the four pixels that output pixel {outRow}, {outColumn} is mixed from.",
    "read-caption": "What is read: {size} × {size} pixels. Row {outRow}, column {outColumn} has the value {value}.",
    "answer-caption": "What the network says: with its own θ (grey), with yours (bold).",
  },
  steps: {
    localise: "**Localisation network.** A few convolutions look at the whole picture and boil it down to {features} numbers, drawn here.",
    theta: "**θ.** One more layer makes six numbers of them. The left four turn and size the window, here by {turn} degrees to {area} of the picture's area; the right two move it.",
    grid: "**Grid generator.** Each output pixel has a place from −1 to 1. For row {outRow}, column {outColumn} it is ({x}, {y}). Times θ, that is where it will be read: ({u}, {v}).",
    sample: "**Sampler.** The point lies between four pixels. Each counts by how near it is; the weights sum to {weights}. Their mixture is {value}.",
    learn: "**Learning.** Bilinear weights change smoothly when θ moves, so the gradient of the answer reaches the localisation network. Nobody tells it where the digit is.",
  },
  try: [
    "Go back to the identity: the network has to read the whole canvas. Does it still say {top}?",
    "Turn the window by hand until the answer changes. How far can you go?",
    "Point at a pixel and see how the four weights change from one pixel to the next.",
  ],
  wrong: [
    "It does not turn a digit upright because it knows what upright means. It does so because upright digits are easier for the classifier behind it.",
    "θ moves the window, not the picture. To enlarge a digit the window becomes **smaller**.",
    "Without the bilinear mixture, rounding to the nearest pixel, the transformer could not learn: moving θ a little would change nothing.",
  ],
  questions: [
    {
      ask: "Is the window smaller than the picture?",
      choices: ["Smaller: it enlarges", "Larger: it shrinks"],
      because: "It covers {area} of the picture's area.",
    },
    {
      ask: "Is the window turned by more than ten degrees?",
      choices: ["Yes", "No"],
      because: "θ turns it by {turn} degrees.",
    },
    {
      ask: "Which of the four neighbours counts most for this pixel?",
      choices: ["Upper left", "Upper right", "Lower left", "Lower right"],
      because: "Their weights are {w0}, {w1}, {w2} and {w3}.",
    },
  ],
  paper: "Equation 1 is the grid, equation 5 the bilinear sampler. A transformer may stand anywhere in a network, also on a feature map; the network for traffic signs has one of each.",
};
