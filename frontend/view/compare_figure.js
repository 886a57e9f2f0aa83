// Panes side by side as one picture: each with its title, its sentence and what its colours end at.

const MARGIN = 20;
const LINE = 18;
const FONT = '13px system-ui, "Segoe UI", sans-serif';
const BOLD = '600 14px system-ui, "Segoe UI", sans-serif';
const ACROSS = 2; // panes in a row
const TIMES = 2; // pixels for one, so that print is sharp

/** @typedef {{canvas: HTMLCanvasElement, title: string, said: string}} PaneFigure */

/** @param {PaneFigure[]} panes @returns {Promise<Blob | null>} */
export function comparedPicture(panes) {
  const width = Math.max(...panes.map(({ canvas }) => canvas.width));
  const canvas = document.createElement("canvas");
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  context.font = FONT;
  const told = panes.map((pane) => ({ ...pane, lines: wrap(context, pane.said, width), head: wrap(context, pane.title, width) }));
  const columns = Math.min(ACROSS, panes.length);
  const rows = Array.from({ length: Math.ceil(panes.length / columns) }, (_, row) => told.slice(row * columns, (row + 1) * columns));
  const heights = rows.map((row) => Math.max(...row.map(({ canvas: one, lines, head }) => one.height + (lines.length + head.length) * LINE + 2 * MARGIN)));
  canvas.width = TIMES * (columns * (width + MARGIN) + MARGIN);
  canvas.height = TIMES * (heights.reduce((sum, height) => sum + height, 0) + MARGIN);
  context.scale(TIMES, TIMES);
  context.fillStyle = "white";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.fillStyle = "#1b1c1e";
  context.textBaseline = "top";
  let top = MARGIN;
  for (const [at, row] of rows.entries()) {
    for (const [column, { canvas: one, lines, head }] of row.entries()) {
      const left = MARGIN + column * (width + MARGIN);
      context.font = BOLD;
      head.forEach((line, i) => context.fillText(line, left, top + i * LINE));
      context.drawImage(one, left, top + head.length * LINE + 4);
      context.font = FONT;
      lines.forEach((line, i) => context.fillText(line, left, top + head.length * LINE + one.height + 10 + i * LINE));
    }
    top += heights[at];
  }
  return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
}

/** @param {CanvasRenderingContext2D} context @param {string} text @param {number} width */
function wrap(context, text, width) {
  /** @type {string[]} */
  const lines = [];
  for (const word of text.split(/\s+/)) {
    const longer = lines.length ? `${lines[lines.length - 1]} ${word}` : word;
    if (lines.length && context.measureText(longer).width <= width) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return lines;
}
