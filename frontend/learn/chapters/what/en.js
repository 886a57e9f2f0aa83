export default {
  idea: [
    "In a crowd you see faces; in a newspaper, headlines. You take in everything, but you do not weigh everything alike.",
    "Attention in a network is exactly that: a **weight** between 0 and 1 for every part of the photo, by which what is there counts more or less.",
    "Nobody tells the network which parts matter. The weights come out of a computation, and this lesson is about that computation, with the numbers of your own photo.",
  ],
  look: "Paint the patches where **you** would look to say what this is. Then show where the network looks. Hide either and let it answer again.",
  labels: {
    shown: "show where the network looks",
    erase: "erase instead of painting",
    hide: "Hide in the photo",
    nothing: "nothing",
    mine: "my patches",
    theirs: "as many of the network's",
    "photo-label": "The photo, to be painted on. Enter paints the patch.",
    "photo-caption": "You have painted {count} of {patches} patches.",
    "photo-shown": "What the class token, from which the answer is made, attends to in the last layer. Your {count} patches get {mass|percent} of it.",
    "answer-caption": "What the network says: of the whole photo (grey) and with patches hidden (bold).",
  },
  steps: {
    photo: "The network cuts the photo into {patches} patches. It says {top}, with {before|percent}.",
    weights: "Each patch gets a weight. The largest is at row {row}, column {column}: {most}. All weights, with the {class} that the class token keeps for itself, sum to 1.",
    yours: "Your {count} patches get {mass|percent} of what goes to patches. If the network looked equally everywhere, it would be {even|percent}.",
    hide: "Hiding patches is the test. When they are replaced by the photo's mean colour, {top} goes from {before|percent} to {after|percent}.",
  },
  try: [
    "Paint only the object's outline. Then only its middle. Which of them does the network weigh more?",
    "Hide your patches, then as many of the network's. Which hurts more?",
    "Open a photo of your own. It stays with you through all chapters.",
  ],
  wrong: [
    "A bright place is not a reason. It says where the network looked, not why it answered; “Is it true?” in the instrument measures that.",
    "Attention is not a cut-out. Dark places are weighed little, but rarely not at all.",
    "One map is one layer and one token. There are many, and they differ, as [the chapter on heads](heads) shows.",
  ],
  questions: [
    {
      ask: "Does the network look at your patches more than if it looked everywhere alike?",
      choices: ["More", "Less"],
      because: "They get {mass|percent}; an even look would give them {even|percent}.",
    },
    {
      ask: "Of the network's {count} favourite patches, are at least half yours too?",
      choices: ["Yes", "No"],
      because: "{agree} of {count} are.",
    },
    {
      ask: "Does one patch get more than five times an even weight?",
      choices: ["Yes", "No"],
      because: "The largest weight is {most}; even would be 1 in {patches}.",
    },
  ],
  paper: "Attention was invented for translation in 2015 and became the whole network in 2017. That a map can look convincing and say nothing was shown in 2018.",
};
