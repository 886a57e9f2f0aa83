// Look: what the network says, and the common choices of the shown site.

import { say } from "../language/language.js";
import { answer } from "./parts/answer.js";
import { controls } from "../kinds/attention/controls.js";
import { markChannel, showChannels } from "./parts/channel_thumbs.js";
import { mountClassSearch } from "./parts/class_search.js";
import { h, put } from "../ui/dom.js";
import { POSITION_CLAIM } from "../sites/positions.js";
import { knownWords } from "../kinds/words/sentences.js";

/** @param {HTMLElement} root @param {Context} context */
export function mountLook(root, { store, session }) {
  const says = h("div", { class: "group" });
  const asking = h("div", { class: "group" });
  const choices = h("div", { class: "group controls" });
  const reading = h("div", { class: "group" });
  root.append(says, asking, choices, reading);
  mountClassSearch(asking, { store, session });

  store.on(["analysisData", "method", "target", "models"], (state) => {
    if (!state.analysisData) return;
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
      words.textContent = card ? knownWords(card.labels).join(" ") : say("They could not be loaded.");
    };
    return h("details", { class: "quiet", ontoggle: show }, h("summary", {}, say("The words that it knows")), words);
  }

  store.on(["analysisData", "site", "head", "direction", "method", "query", "outline"], (state) => {
    const { shown } = state;
    put(choices, ...(shown ? controls({ ...state, shown }, store.set, session.chooseBeams) : []));
  });

  store.on(["analysisData", "site", "picture", "tables", "colormap"], (state, changed) => {
    const { picture, tables, shown } = state;
    if (!shown || !picture || !tables) return;
    const { site, kind } = shown;
    const drawn = { ...state, picture, tables, shown };
    if (picture.claim === "saliency" || picture.form === "mask") put(reading, wholeReading(drawn));
    else if (picture.claim === POSITION_CLAIM) put(reading, words(ofPositions(picture)));
    else if (kind.reading) read(drawn);
    else if (
      changed.has("site") ||
      changed.has("analysisData") ||
      changed.has("colormap") ||
      !reading.querySelector(".channel-thumb")
    )
      showChannels(reading, { store, session }, site);
    else markChannel(reading, state);
  });

  /** What its kind says of the site. @param {Drawn} state */
  async function read(state) {
    const { site, kind } = state.shown;
    const said = await kind.reading?.(state, site, session, store.set);
    if (store.get().shown?.site === site && store.get().picture === state.picture) put(reading, ...[said].flat());
  }
}

/** Of a map of the whole network. @param {Drawn} state */
function wholeReading({ picture, analysisData: analysis }) {
  if (picture.form === "mask")
    return h("p", { class: "quiet" }, say("Each place has the colour of its most likely class; the background is left clear."));
  return (
    analysis.predictions.length > 1 &&
    h("p", { class: "quiet" }, say("Press another answer above to see what counted for it."))
  );
}

/** @param {Picture} picture */
const ofPositions = ({ labels }) =>
  labels
    ? say("The same for every sentence: it is what the network has learnt, or was given, of where words stand.")
    : say("The same for every photo: it is what the network has learnt, or was given, of where its patches stand.");

/** @param {string} text */
const words = (text) => h("p", { class: "quiet" }, text);
