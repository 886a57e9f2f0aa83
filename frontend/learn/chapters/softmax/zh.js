export default {
  idea: [
    "[得分](attention)可以是任意实数。要用它决定从每个值里取多少，就得先把它变成比例：没有负数，全部加起来等于 1。这正是 softmax 做的事。",
    "在这之前，得分要先除以 √d。d 个数的点积会随 d 变大；如果不除，softmax 几乎会把全部注意力都给同一个键。",
    "最后把每个值乘以自己的比例再相加，得到的混合就是输出。一个查询，对应一个输出。",
  ],
  look: "关掉“除以 √d”，或者调一调温度，看热图和柱子怎么变。最下面是网络此时的回答：改动之后，网络真的重新跑了一遍。",
  labels: {
    head: "注意力头",
    root: "除以 √d",
    temperature: "温度",
    scores: "得分，一个图块一根柱",
    shares: "softmax 之后的比例",
    brings: "每个图块带来多少：比例 × 值的长度",
    "photo-label": "照片上的键。",
    "photo-caption": "查询：第 {row} 行第 {column} 列；键：第 {keyRow} 行第 {keyColumn} 列，占 {share|percent}。",
    "bars-caption": "同样的 {keys} 个键画了三遍（分类 token 没有画出来），突出显示的是选中的键。",
    "answer-caption": "网络的回答：灰色是原样，醒目的是改动这一层得分之后。",
  },
  steps: {
    scale: "**缩放。** 这个键的得分是 {dot}，除以 {d} 的平方根，得 {scaled}。",
    softmax: "**softmax。** 对每个缩放后的得分取 e 的幂，再除以全部 {keys} 个键的总和。总和的对数是 {logSum}，所以这个键分到 {share|percent}。",
    sum: "同一个查询的所有比例加起来是 {sum}，其中最大的五个合计 {five|percent}。",
    mix: "**加权求和。** 每个值乘以自己的比例，再全部相加。这个键为输出的第一个数贡献了 {part0}，而那个数一共是 {o0}。柱子画的是第 {head} 个头的完整输出。",
  },
  try: [
    "关掉 √d：最大的比例会从 {most|percent} 变成 {mostBare|percent}。",
    "把温度一直调高，直到热图变平。这时查询拿到的就是所有值的平均。",
    "找一个比例大、值却很短的图块：它被关注了，但没带来多少东西。",
  ],
  wrong: [
    "softmax 是对一个查询的所有**键**做的：每行之和为 1，[每列之和却不是](matrices)。一个图块可能被很多查询关注，也可能谁都不看它。",
    "注意力权重不是全部，真正影响输出的是“比例 × 值”。",
    "没有哪个键恰好得到 0，只有[掩码](decoder)才能做到。",
  ],
  questions: [
    {
      ask: "不除以 √d，最大的比例会怎么变？",
      choices: ["变大", "变小"],
      because: "除以 √{d} 时是 {most|percent}，不除是 {mostBare|percent}。得分越大，彼此差距越大，而 softmax 会把差距进一步放大。",
    },
    {
      ask: "最受关注的五个键，是不是拿走了这个查询一半以上的注意力？",
      choices: ["是", "不是"],
      because: "它们合计占 {five|percent}。",
    },
    {
      ask: "选中的键分到的，有没有超过平均份额的两倍？",
      choices: ["超过了", "没有"],
      because: "它分到 {share|percent}，平均份额是 {even|percent}。",
    },
  ],
  paper: "Transformer 论文 3.2.1 节解释了为什么要除：d 大时点积也大，softmax 会落到梯度极小的区域。Kobayashi 等人指出，值的长度和注意力比例同样重要。",
};
