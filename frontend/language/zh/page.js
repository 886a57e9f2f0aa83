export default {
  "Drop a photo and see what a neural network attended to.": "放入一张照片，看看神经网络注意到了哪里。",
  "To the photo": "跳到照片",
  "Start here": "从这里开始",
  "The chapter of the lesson about this": "课程里讲解它的那一章",
  "Photo and model": "照片与模型",
  "Sites by depth": "按深度排列的层",
  "Inspector": "检视面板",
  "What the network wrote": "网络写出的文字",
  "Language": "语言",
  "Drop the photo anywhere": "把照片拖放到任意位置"
}
