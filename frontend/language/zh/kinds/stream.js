export default {
  "its position": "它的位置编码",
  "feed-forward": "前馈",
  "another layer": "另一层",
  "Through the network": "逐层经过网络",
  "Following it through the layers …": "正在逐层跟踪……",
  "What each layer adds to {token}: the length of the update relative to the token, and the token's length after it. Attention brings it from other tokens; the feed-forward layer works on each token alone.": "每一层给{token}加了什么：更新量相对于词元的长度，以及加上之后词元的长度。注意力从别的词元带来信息；前馈层只单独处理每个词元。",
  "added": "增加的向量",
  "relative to the token": "相对于词元",
  "length": "长度",
  "At the end its length is {last}; the median of all tokens is {median}.": "最后它的长度为 {last}；所有词元的中位数为 {median}。",
  "A patch that has become much longer than the others often holds something of the whole photo and little of its place (Darcet et al. 2024).": "比别的图块长得多的图块，往往存有整张照片的信息，而很少存有其自身位置的信息（Darcet 等 2024）。",
  "the word {word}": "词{word}",
  "the writing of {word}": "{word}的写出",
  "its words, projected": "它的各个词，投影后",
  "all of it": "全部"
};
