export default {
  idea: [
    "A convolution sees a small neighbourhood. For two far corners of a photo to meet, many layers must lie in between.",
    "Self-attention on a feature map lets every place look at every other at once. It is put into an ordinary convolutional network, between two blocks.",
    "Query, key and value are here called g, f and h, and are made by 1×1 convolutions. What was seen is added, weighed by γ, a number that begins at 0: at first the layer does nothing, and learns how much it may say.",
  ],
  look: "Click a place to ask about it. Below, a U-Net that marks walls: click a wall and see whether it looks along walls.",
  labels: {
    off: "switch this attention off",
    "photo-label": "A place on the feature map.",
    "photo-caption": "From row {row}, column {column}; the yellow place, row {keyRow}, column {keyColumn}, gets {share|percent}.",
    "wall-label": "A place of the room.",
    "wall-caption": "The U-Net's last attention. It calls {wallShare|percent} of this picture wall.",
    mask: "its mask: bright is wall",
    with: "with self-attention",
    without: "without",
    Dice: "Dice score",
    "dice-caption": "U-Nets of this project, trained the same but for the attention, on rooms they had not seen: mean over three trainings.",
    "answer-caption": "The network's answer as trained (grey) and with this attention off (bold).",
  },
  steps: {
    flatten: "**Flatten.** The places of the map become a list of {places}, each with {C} channels.",
    project: "**f, g, h.** Three 1×1 convolutions. f and g have {d} channels, 1/{eighth} of {C}; that keeps the scores cheap. Spectral normalisation holds their size during training.",
    beta: "**β.** g of this place with f of every other, then softmax over all of them; there is no √d. The pair you chose scores {score} and gets {share|percent}; an even share is {even|percent}.",
    mix: "**o.** The mixture of h over all {places} places, each by its share: {C} numbers again.",
    gamma: "**γ.** The mixture is multiplied by γ = {gamma}, learned from 0 on, and added to what was there. The first channel goes from {x0} to {y0}.",
    unet: "**In a U-Net** the same layer closes the coarser blocks. The Dice score says how well a mask fits: twice the overlap over the sum of both areas. With attention {dice1|fixed}, without {dice0|fixed}.",
  },
  try: [
    "Ask from the object, then from the background. Does the background look at the background?",
    "Switch the attention off: {top} had {before|percent}, now it has {after|percent}.",
    "Choose one of the rooms as the photo, and click a wall behind furniture.",
  ],
  wrong: [
    "Texts differ in which axis softmax runs over, because they differ in which of f and g asks. What matters: the shares of one asking place sum to 1.",
    "γ is not a gate on places. It is a single number for the whole layer.",
    "More attention need not mean better masks. In this project's trainings it made no difference that three seeds could show.",
  ],
  questions: [
    {
      ask: "Does this layer have a say: is γ far from the 0 it began at?",
      choices: ["Yes", "No"],
      because: "γ is {gamma}.",
    },
    {
      ask: "Does the place get more than three times an even share?",
      choices: ["Yes", "No"],
      because: "It gets {share|percent}; even would be {even|percent}.",
    },
    {
      ask: "Did attention raise Dice by more than half a point in these trainings?",
      choices: ["Yes", "No"],
      because: "{dice1|fixed} with, {dice0|fixed} without.",
    },
  ],
  paper: "SAGAN's equations 1 to 3 are these steps; its outer 1×1 convolution is folded into h here. Non-local networks had the same idea for video a year before.",
};
