export default {
  idea: [
    "[ViT](vit) reads a patch as one word. But a patch of 16 × 16 pixels has an inside: an edge, an eye, a pattern.",
    "TNT, the Transformer in Transformer, calls a patch a **sentence** and cuts it into smaller **words**. An inner Transformer lets the words of one sentence look at each other.",
    "What they found is added to the sentence, and an outer Transformer, the one you know, lets the sentences look at each other.",
  ],
  look: "Click a patch: the map shows what that sentence attends to. The small matrix is its inside: what one word attends to among the words of its sentence. Choose the word with the bars.",
  labels: {
    block: "Block",
    "photo-label": "A patch: a sentence.",
    "photo-caption": "Outer attention of block {block}: what the sentence at row {row}, column {column} attends to.",
    "words-caption": "Inner attention: the shares of word {word}, laid out as the words lie in the patch.",
    "bars-caption": "The same as bars. Choose which word asks; now it is word {word}.",
    "features-vit": "ViT",
    "features-tnt": "TNT",
    "features-caption": "Features of the shipped networks for photos of ten classes, brought to a plane with t-SNE. Below: how often a photo's nearest neighbours are of its own class.",
  },
  steps: {
    sentences: "**Cut twice.** The photo becomes {sentences} sentences, and each of them {words} words of 4 × 4 pixels.",
    inner: "**Inner Transformer.** Among the {words} words of each sentence, with {innerHeads} heads. Word {word} gives its favourite, word {most}, a share of {share|percent}; an even share is {even|percent}.",
    join: "**Into the sentence.** The words, {innerDim} numbers each, are laid end to end, projected to {outerDim} numbers and added to the sentence. To this one they add a vector of length {added}, and it is {after} long then.",
    outer: "**Outer Transformer.** Attention among all {outerTokens} sentences, class token included, with {outerHeads} heads. To this one it adds a length of {attended}.",
    positions: "**Positions on both levels.** Words get one for their place in the patch, the same in all patches; sentences one for their place in the photo.",
    cost: "**Cost.** The inner attention needs {scores} scores. If all words looked at all words, it would be {scoresFlat}.",
  },
  try: [
    "Open a patch on an edge and one of plain sky. Whose words are choosier?",
    "Go through the blocks: does the inner attention become sharper?",
    "Compare the two clouds of points. Where do classes touch?",
  ],
  wrong: [
    "Words of different patches never meet directly. They meet as sentences.",
    "The inner Transformer is one and the same for all patches.",
    "TNT beats ViT in its paper. In this project's comparison at equal compute it had {claimTnt|percent}, the ViT {claimVit|percent}.",
  ],
  questions: [
    {
      ask: "Does the chosen word give its favourite more than twice an even share?",
      choices: ["Yes", "No"],
      because: "{share|percent} against {even|percent}.",
    },
    {
      ask: "In block {block}, what adds more to this sentence?",
      choices: ["Its own words", "The other sentences"],
      because: "The words add a length of {added}, attention among sentences {attended}.",
    },
    {
      ask: "Whose features have purer neighbourhoods?",
      choices: ["TNT's", "ViT's"],
      because: "{purityTnt|percent} for TNT, {purityVit|percent} for ViT: of the networks as they are shipped, on ten easy classes.",
    },
  ],
  paper: "Equations 3 to 6 are one block. Figure 4 of the paper draws features with t-SNE as above.",
};
