// The one line that says what to do with what is shown.

import { say } from "../language/language.js";
import { attends, isCross } from "../sites/sites.js";

const TOUCH = matchMedia("(hover: none)");

/** @param {State} state @param {Picture} picture */
export function hintFor(state, picture) {
  const { query } = state;
  const site = state.shown?.site;
  if (picture.form === "matrix") return picture.labels ? say("Choose a word to see its row; move over a cell to read it.") : "";
  if (picture.form === "grid")
    return TOUCH.matches
      ? say("Touch the right picture to see where each pixel was read.")
      : say("Move over the right picture to see where each pixel was read.");
  if (picture.form === "mask" && TOUCH.matches) return say("Press and hold to read the class of a place.");
  if (picture.form === "mask")
    return site && attends(site)
      ? say("Move over the photo to read the class. Choose Attention to ask what a place looks at.")
      : say("Move over the photo to read the class.");
  if (site && isCross(site) && state.shown?.method === "site")
    return TOUCH.matches ? say("Choose a word below.") : say("Choose a word below, or go through them with ← and →.");
  const asks = ["attention map", "position similarity"].includes(picture.claim) && state.shown?.asks;
  if (!asks) return TOUCH.matches ? say("Press and hold to read a number.") : say("Move over the photo to read its numbers.");
  if (TOUCH.matches)
    return query === "cls" ? say("Press and hold a patch to ask it. Tap to pin it.") : say("Pinned. Tap it again to let go.");
  if (query !== "cls") return say("Pinned. Move to read its numbers; click it again or press Esc to let go.");
  return say("Hover a patch to see what it attends to. Click to pin it.");
}
