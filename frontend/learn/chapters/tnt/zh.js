export default {
  idea: [
    "[ViT](vit) 把一个图块当作一个单词来读。可是 16 × 16 像素的图块里面还有内容：一条边、一只眼睛、一种花纹。",
    "TNT（Transformer in Transformer）把图块叫作**句子**，再切成更小的**单词**。内层 Transformer 让同一个句子里的单词互相看。",
    "单词得到的结果加到句子上，然后由外层 Transformer（就是你已经认识的那种）让句子之间互相看。",
  ],
  look: "点一个图块：热图是这个句子看向哪里。下面的小矩阵是它的内部：一个单词对同句其他单词的注意力。用柱子选是哪个单词。",
  labels: {
    block: "模块",
    "photo-label": "一个图块，也就是一个句子。",
    "photo-caption": "第 {block} 个模块的外层注意力：第 {row} 行第 {column} 列的句子看向哪里。",
    "words-caption": "内层注意力：第 {word} 个单词分给各单词的比例，按它们在图块里的位置排列。",
    "bars-caption": "同样的比例画成柱子。可以选由哪个单词提问，现在是第 {word} 个。",
    "features-vit": "ViT",
    "features-tnt": "TNT",
    "features-caption": "随项目提供的两个网络对十类照片的特征，用 t-SNE 降到平面上。下面的数字：最近邻属于同一类的比例。",
  },
  steps: {
    sentences: "**切两次。** 照片先切成 {sentences} 个句子，每个句子再切成 {words} 个单词，每个 4 × 4 像素。",
    inner: "**内层 Transformer。** 在每个句子的 {words} 个单词之间进行，有 {innerHeads} 个头。第 {word} 个单词分给它最看重的第 {most} 个单词 {share|percent}，平均份额是 {even|percent}。",
    join: "**汇入句子。** 单词各有 {innerDim} 个数，首尾相接，投影成 {outerDim} 个数，加到句子上。这个句子由此增加了一个长度为 {added} 的向量，变成 {after}。",
    outer: "**外层 Transformer。** 全部 {outerTokens} 个句子（含分类 token）之间的注意力，有 {outerHeads} 个头。它给这个句子加上的长度是 {attended}。",
    positions: "**两级位置编码。** 单词的位置编码表示它在图块里的位置，所有图块共用；句子的位置编码表示它在照片里的位置。",
    cost: "**计算量。** 内层注意力只需要 {scores} 个得分；如果所有单词都互相看，就要 {scoresFlat} 个。",
  },
  try: [
    "打开一个边缘上的图块，再打开一块纯天空：谁的单词更挑剔？",
    "逐个模块看过去：内层注意力会变得更集中吗？",
    "比较两团点：哪些类别挨在一起？",
  ],
  wrong: [
    "不同图块的单词从不直接见面，它们以句子的身份相遇。",
    "内层 Transformer 只有一个，所有图块共用。",
    "论文里 TNT 胜过 ViT。在本项目计算量相同的对比中，TNT 是 {claimTnt|percent}，ViT 是 {claimVit|percent}。",
  ],
  questions: [
    {
      ask: "选中的单词给它最看重的单词，超过平均份额的两倍了吗？",
      choices: ["超过", "没有"],
      because: "{share|percent} 对 {even|percent}。",
    },
    {
      ask: "在第 {block} 个模块，谁给这个句子加得更多？",
      choices: ["它自己的单词", "其他句子"],
      because: "单词加上的长度是 {added}，句子之间的注意力加上 {attended}。",
    },
    {
      ask: "谁的特征邻域更“纯”？",
      choices: ["TNT", "ViT"],
      because: "TNT 是 {purityTnt|percent}，ViT 是 {purityVit|percent}：这是随项目提供的网络在十个容易的类别上的结果。",
    },
  ],
  paper: "式 (3) 到式 (6) 是一个模块。论文图 4 也像上面这样用 t-SNE 画出特征。",
};
