export default {
  "A gate along two axes": "沿两条轴的门控",
  "Each channel is reduced twice: to the mean of every row and to the mean of every column. So both strips still know one coordinate, where a squeeze to one number a channel forgets the place. Each strip becomes a factor for its rows or columns, and every place is multiplied by both.": "每个通道归约两次：得到每一行的均值和每一列的均值。因此两条带各自仍知道一个坐标，而把每个通道压缩成一个数则会忘记位置。每条带变成各行或各列的系数，每个位置同时乘以两者。",
  "Row {row} has the factor {rows} and column {column} the factor {columns}, each the mean over {channels} channels.": "第 {row} 行的系数为 {rows}，第 {column} 列的系数为 {columns}，均为 {channels} 个通道的均值。",
  "Move over the photo for the factors of a row and a column.": "在照片上移动指针，查看某行某列的系数。",
  "Coordinate attention, Hou et al. 2021, equations 4 to 9.": "坐标注意力，Hou 等 2021，公式 4 至 9。",
  "this product": "这个乘积",
  "{title} {layer}: what every place of the feature map is multiplied by, the factor of its row (left edge) times that of its column (upper edge); the mean of {channels} channels.": "{title} {layer}：特征图的每个位置所乘的系数，即其行的系数（左缘）乘以其列的系数（上缘）；{channels} 个通道的均值。",
  "The strips at the edges are the factors of the rows, {rows}, and of the columns, {columns}; their product covers the photo, {values}.": "边缘的两条带是各行的系数（{rows}）与各列的系数（{columns}）；其乘积覆盖照片，为 {values}。",
  "{low} to {high}": "{low} 至 {high}"
};
