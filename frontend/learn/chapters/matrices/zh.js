export default {
  idea: [
    "前面只有一个查询。其实每个 token 都是查询，彼此也不用等。把所有查询一行一行摞成矩阵 Q，所有键摞成 K，所有值摞成 V。",
    "这样，一次矩阵乘法得到全部得分，按行做 softmax 得到全部比例，再一次矩阵乘法得到全部输出。",
    "矩阵的一行，就是[上一章](softmax)的内容；一列则是新的：有谁在看这个 token？",
  ],
  look: "在矩阵上移动指针。左边的照片对应这一行：这个 token 看向哪里；右边对应这一列：哪些 token 在看它。两者都在同一个矩阵里。",
  labels: {
    head: "注意力头",
    "matrix-caption": "第 {head} 个头的比例：第 {row} 行，第 {column} 列。编号 0 是分类 token，其后是逐行排列的图块。颜色到 99.5 百分位为止。",
    "row-map": "token {row} 看向哪里",
    "column-map": "谁在看 token {column}",
    query: "Q",
    key: "K",
    value: "V",
    output: "O = A′V",
    "factors-caption": "每个矩阵都是 {n} 行（token）、{d} 列。",
    x: "X 的第 {row} 行",
    q: "Q 的第 {row} 行",
    "row-caption": "第一个矩阵乘法中的一行：token {row} 归一化后的 {width} 个数，以及由它得到的查询的 {d} 个数。",
  },
  steps: {
    project: "全部 {n} 个 token 各占一行，排成矩阵 X，共 {width} 列，每一行都先做过[归一化](encoder)。X 分别乘以三个学到的矩阵。第 {head} 个头的 Q、K、V 都是 {n} 行 {d} 列。",
    scores: "**Q Kᵀ** 里是每个查询与每个键的得分，共 {cells} 个数。指针所在的那个是 {score}。",
    softmax: "除以 √d，再**按行**做 softmax，它变成 {share|percent}。这一行之和是 {rowSum}。",
    output: "**A′ V** 把值混合起来：输出的第 {row} 行，正是你已经见过的那个加权和。",
  },
  try: [
    "找亮的竖线：几乎所有 token 都在看它。",
    "找亮的对角线：token 在看自己；与它平行的线，是照片上的邻居。",
    "先看第 i 行第 j 列，再看第 j 行第 i 列：两者不同，注意力不是对称的。",
  ],
  wrong: [
    "“看别人”和“被别人看”不是一回事。这里 token {row} 分给 token {column} 的是 {share|percent}，反过来是 {back|percent}。",
    "一列之和不必是 1，这一列是 {columnSum}。",
    "矩阵的大小随 token 数的平方增长：{n} 个 token 就有 {cells} 个比例，而且每层每个头都有一份。",
  ],
  questions: [
    {
      ask: "token {column} 受到的关注比平均水平多还是少？",
      choices: ["多", "少"],
      because: "它那一列之和是 {columnSum}；所有行加起来是 {n}，所以各列的平均正好是 1。",
    },
    {
      ask: "哪个比例更大？",
      choices: ["第 {row} 行第 {column} 列", "第 {column} 行第 {row} 列"],
      because: "分别是 {share|percent} 和 {back|percent}：前者是一方的查询配另一方的键，后者正好相反。",
    },
    {
      ask: "指针所在的这一行，各个比例之和可能是 2 吗？",
      choices: ["可能", "不可能"],
      because: "softmax 让每一行之和都等于 1，这一行是 {rowSum}。",
    },
  ],
  paper: "Transformer 论文的式 (1) 就是这一章的全部内容。写成矩阵以后，注意力就是两次大的矩阵乘法，正是显卡最擅长的运算。",
};
