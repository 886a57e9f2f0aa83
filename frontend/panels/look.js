// Look: what the network says, and the common choices of the shown site.

import { answer } from "./parts/answer.js";
import { controls } from "../kinds/attention/controls.js";
import { markChannel, showChannels } from "./parts/channel_thumbs.js";
import { h, put } from "../ui/dom.js";
import { siteOf } from "../view/keep_picture.js";
import { number, percent } from "../ui/format.js";
import { METHODS, shownMethod } from "../sites/methods.js";
import { knownWords } from "../kinds/words/sentences.js";
import { isCross, isInner, isMasked, isWordMatrix, prefixName } from "../sites/sites.js";
import { decompose } from "../kinds/warp/theta.js";

/** @param {HTMLElement} root @param {Context} context */
export function mountLook(root, { store, session }) {
  const says = h("div", { class: "group" });
  const choices = h("div", { class: "group controls" });
  const reading = h("div", { class: "group" });
  root.append(says, choices, reading);

  store.on(["analysisData", "method", "target"], (state) => {
    put(
      says,
      ...answer(state, store.set),
      state.analysisData.text != null && vocabulary(),
      ...(state.analysisData.warnings ?? []).map((warning) =>
        h("p", { class: "quiet" }, warning),
      ),
    );
  });

  /** The words that a model which reads knows, asked for when they are wanted. */
  function vocabulary() {
    const words = h("p", { class: "known-words" }, "…");
    const show = async () => {
      const card = await session.modelCard(store.get().analysisData.model).catch(() => null);
      words.textContent = card ? knownWords(card.labels).join(" ") : "They could not be loaded.";
    };
    return h("details", { class: "quiet", ontoggle: show }, h("summary", {}, "The words that it knows"), words);
  }

  store.on(["analysisData", "site", "head", "direction", "method", "query", "outline"], (state) => {
    const site = siteOf(state);
    put(choices, ...(site ? controls(state, site, store.set, session.chooseBeams) : []));
  });

  store.on(["analysisData", "site", "picture", "tables", "colormap"], (state, changed) => {
    const site = siteOf(state);
    const { picture, tables } = state;
    if (!site || !picture || !tables) return;
    const drawn = { ...state, picture, tables };
    if (picture.claim === "saliency" || picture.form === "mask") put(reading, wholeReading(drawn));
    else if (picture.claim === METHODS.positions.claim) put(reading, words(ofPositions(picture)));
    else if (site.kind === "attention") put(reading, attentionReading(drawn, site));
    else if (site.kind === "spatial-transformer") thetaReading(site);
    else if (site.kind === "spatial-gate")
      put(
        reading,
        h(
          "p",
          { class: "quiet" },
          `The mask lies between ${number(picture.low)} and ${number(picture.high)}: bright places pass, dark places are held back.`,
        ),
      );
    else if (
      changed.has("site") ||
      changed.has("analysisData") ||
      changed.has("colormap") ||
      !reading.querySelector(".channel-thumb")
    )
      showChannels(reading, { store, session }, site);
    else markChannel(reading, state);
  });

  /** @param {Site} site */
  async function thetaReading(site) {
    const { theta } = await session.grid(site);
    if (siteOf(store.get()) !== site) return;
    if (!theta) return put(reading, words("Every place has a point of its own to read at; no one turn and shift gives them all."));
    const { rotation, scale, shift } = decompose(theta);
    put(
      reading,
      h("h3", {}, "Where it reads"),
      h(
        "dl",
        { class: "facts" },
        h("dt", {}, "turned"),
        h("dd", {}, `${number(Math.abs(rotation))}° ${rotation < 0 ? "anticlockwise" : "clockwise"}`),
        h("dt", {}, "window"),
        h("dd", {}, `${percent(scale[0])} wide, ${percent(scale[1])} high`),
        h("dt", {}, "centre moved"),
        h("dd", {}, `${way(shift[0], "left", "right")}, ${way(shift[1], "up", "down")}`),
      ),
      h("p", { class: "quiet" }, "Shares of the width and the height of what it reads from."),
    );
  }
}

/** How far the centre is moved, as a share of the side: θ counts in halves of it. @param {number} shift @param {string} back @param {string} forth */
const way = (shift, back, forth) => `${percent(Math.abs(shift) / 2)} ${shift < 0 ? back : forth}`;

/** Of a map of the whole network. @param {Drawn} state */
function wholeReading({ picture, analysisData: analysis }) {
  if (picture.form === "mask")
    return h("p", { class: "quiet" }, "Each place has the colour of its most likely class; the background is left clear.");
  return (
    analysis.predictions.length > 1 &&
    h("p", { class: "quiet" }, "Press another answer above to see what counted for it.")
  );
}

/** @param {Drawn} state @param {Site} site */
function attentionReading(state, site) {
  const { picture, direction, analysisData: analysis } = state;
  const own = shownMethod(state, site) === "site";
  if (isCross(site)) return words("Each word is written with a look at the photo. Choose a word below the photo.");
  if (isMasked(site))
    return words("A word may look only at the words before it, so the matrix is a triangle: what is above its diagonal did not exist yet.");
  if (isWordMatrix(site)) return words("Each row is a word that looks, each column a word that is looked at; a row adds up to 1.");
  if (picture.form === "map" && own && isInner(site, analysis.sites))
    return h(
      "p",
      { class: "note" },
      `Inside each of the ${site.windows} patches: its ${site.keys} smaller pieces look at each other only. What is hatched lies in other patches, which look at each other at the sites between.`,
    );
  if (picture.form === "map" && own && site.note)
    return h("p", { class: "note" }, site.note, site.windows ? " What is hatched lies outside this one." : "");
  if (picture.form === "matrix")
    return h(
      "p",
      { class: "note" },
      site.note ?? "Where these tokens lie on the photo is not known, so the whole matrix is shown.",
    );
  if (!picture.prefix || direction !== "from") return null;
  const onPlaces = picture.values.reduce(
    (/** @type {number} */ sum, /** @type {number} */ value) => sum + value,
    0,
  );
  return h(
    "p",
    { class: "quiet" },
    `${percent(onPlaces)} of this attention goes to patches, `,
    [...picture.prefix].map((value, i) => `${percent(value)} to the ${prefixName(i)}`).join(", "),
    ".",
  );
}

/** @param {Picture} picture */
const ofPositions = ({ labels }) =>
  labels
    ? "The same for every sentence: it is what the network has learnt, or was given, of where words stand."
    : "The same for every photo: it is what the network has learnt, or was given, of where its patches stand.";

/** @param {string} text */
const words = (text) => h("p", { class: "quiet" }, text);
