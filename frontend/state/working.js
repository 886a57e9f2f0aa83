// Long work on the shown analysis, measurements and sweeps: a job of the server, with its news and what it found.

import * as api from "../api/api.js";

/** @typedef {"evidence" | "sweeps"} Work */
/** How far some work is: passes of the network. @typedef {{done: number, total: number | null, waits: number | null}} Progress */

/** @param {() => string} current  the id of the shown analysis @param {<T>(load: () => Promise<T>) => Promise<T>} remembering */
export const working = (current, remembering) => ({
  /**
   * What some work finds; a Problem where it fails, null where it was cancelled.
   * @param {Work} what @param {Record<string, any>} body @param {(progress: Progress) => void} tell @param {AbortSignal} signal  cancels it
   * @returns {Promise<any>}
   */
  async work(what, body, tell, signal) {
    try {
      const job = await remembering(() => api.startWork(current(), what, body));
      const cancel = () => void api.cancelJob(job.links.self).catch(() => null);
      if (signal.aborted) cancel();
      signal.addEventListener("abort", cancel, { once: true });
      const ended = await api.followJob(job, ({ done, total, queue_position: waits }) => tell({ done: done ?? 0, total, waits }));
      signal.removeEventListener("abort", cancel);
      if (signal.aborted) return null;
      return ended.state === "done" ? await api.foundAt(ended.result) : new api.Problem(ended.problem ?? {});
    } catch (error) {
      return signal.aborted ? null : api.asProblem(error);
    }
  },
});
