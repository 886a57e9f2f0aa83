// What if: the shown analysis with edits. The page keeps both, the one before and the edited one, and shows either.

import * as api from "../api/api.js";

/** A photo on screen. @typedef {{blob: Blob, bitmap: ImageBitmap} | null} Shown */

/**
 * The edited analysis with the photo that it saw: another one where patches are hidden.
 * @param {Analysis} base @param {Shown} photo @param {Edit[]} edits @param {AbortSignal} signal
 * @returns {Promise<{analysis: Analysis, photo: Shown}>}
 */
export async function lookEdited(base, photo, edits, signal) {
  const analysis = await api.edit(base.id, edits, signal);
  if (!photo || !edits.some(({ edit }) => edit === "hide")) return { analysis, photo };
  const blob = await api.photo(analysis.id);
  return { analysis, photo: { blob, bitmap: await createImageBitmap(blob) } };
}

/**
 * @param {Store} store
 * @param {(analysis: Analysis, photo: Shown, patch: Partial<State>) => void} swap  brings the other of the two on screen
 * @param {<T>(load: () => Promise<T>) => Promise<T>} remembering  tries again where the server has forgotten
 */
export function editing(store, swap, remembering) {
  let controller = new AbortController();
  /** @type {Edit[] | null} */
  let wanted = null; // what was asked for last, while it is on its way

  /** Asks for these edits instead; refused ones change nothing. @param {Edit[]} edits @param {string} group where on the page this was asked for @param {Edit[][]} past */
  async function ask(edits, group, past) {
    const { base, basePhoto } = store.get();
    if (!base) return;
    controller.abort();
    const { signal } = (controller = new AbortController());
    wanted = edits;
    store.set({ editing: group, editProblem: null });
    try {
      const edited = edits.length
        ? await remembering(() => lookEdited(base, basePhoto, edits, signal))
        : null;
      if (signal.aborted || store.get().base !== base) return;
      wanted = null;
      const { analysis, photo } = edited ?? { analysis: base, photo: basePhoto };
      swap(analysis, photo, { edits, edited, past, unedited: false, editing: null });
    } catch (error) {
      if (signal.aborted) return;
      wanted = null;
      store.set({ editing: null, editProblem: { group, problem: api.asProblem(error) } });
    }
  }

  return {
    /** The edits that hold, or are on their way. */
    edits: () => wanted ?? store.get().edits,
    /** @param {Edit[]} edits @param {string} group */
    changeEdits: (edits, group) => ask(edits, group, [...store.get().past, store.get().edits]),
    undoEdit() {
      const { past } = store.get();
      const last = past.at(-1);
      return last && ask(last, "list", past.slice(0, -1));
    },
    /** Where the address has come to hold other edits. */
    restoreEdits() {
      const { edits, base, edited } = store.get();
      const shown = edited?.analysis.edits ?? [];
      return base && JSON.stringify(edits) !== JSON.stringify(shown) ? ask(edits, "list", []) : undefined;
    },
    /** Shows the analysis as it was, or the edited one. @param {boolean} unedited */
    showUnedited(unedited) {
      const { base, basePhoto, edited } = store.get();
      if (!base || !edited) return;
      if (unedited) swap(base, basePhoto, { unedited });
      else swap(edited.analysis, edited.photo, { unedited });
    },
    forgetEditing() {
      controller.abort();
      wanted = null;
    },
  };
}
