// The strip gate in a few lines, with this photo's own numbers.

import { say } from "../../language/language.js";
import { h } from "../../ui/dom.js";
import { number } from "../../ui/format.js";
import { formula, row, sub, sup } from "../../explain/mathml.js";
import { walkthrough } from "../../explain/walkthrough.js";
import { meansOf } from "./strips.js";

/** @type {Explanation} */
export async function explanation(state, site, session) {
  const { rows, columns } = meansOf(await session.strips(site));
  const { hover } = state;
  const cell = hover && hover.row < rows.length && hover.column < columns.length ? hover : null;
  return [
    h("h3", {}, say("A gate along two axes")),
    h(
      "p",
      {},
      say("Each channel is reduced twice: to the mean of every row and to the mean of every column. So both strips still know one coordinate, where a squeeze to one number a channel forgets the place. Each strip becomes a factor for its rows or columns, and every place is multiplied by both."),
    ),
    formula(
      ...[sub("y", "c"), "(", row("i", ",", "j"), ")", "=", sub("x", "c"), "(", row("i", ",", "j"), ")"],
      ...["·", sub(sup("g", "h"), "c"), "(", "i", ")", "·", sub(sup("g", "w"), "c"), "(", "j", ")"],
    ),
    h(
      "p",
      {},
      cell
        ? say("Row {row} has the factor {rows} and column {column} the factor {columns}, each the mean over {channels} channels.", { row: cell.row, rows: number(rows[cell.row]), column: cell.column, columns: number(columns[cell.column]), channels: site.channels })
        : say("Move over the photo for the factors of a row and a column."),
    ),
    walkthrough(state, site, session, { asked: {}, place: cell }),
    h("p", { class: "quiet" }, say("Coordinate attention, Hou et al. 2021, equations 4 to 9.")),
  ];
}
