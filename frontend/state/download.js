// A download in a model's card: how much came, how fast, how long still, and an end to it.

import { say } from "../language/language.js";
import { h } from "../ui/dom.js";
import { icon } from "../ui/icons.js";
import { duration, size } from "../ui/format.js";

export const GOES_ON = ["queued", "running"];

/** @param {Job} job @param {() => void} cancel @param {() => void} again */
export function download(job, cancel, again) {
  const { state, received_bytes: received, total_bytes: total } = job;
  const goesOn = GOES_ON.includes(state);
  const bar = h("progress", { max: 1, "aria-label": say("Download") });
  if (total) bar.value = received / total;
  return h(
    "div",
    { class: "download", role: "status" },
    goesOn && bar,
    h(
      "span",
      { class: "number quiet" },
      words(job).map((part) => h("span", {}, part)),
    ),
    goesOn
      ? h("button", { type: "button", class: "button small", onclick: cancel }, icon("close"), say("Cancel"))
      : state !== "done" && h("button", { type: "button", class: "button small", onclick: again }, say("Try again")),
  );
}

/** @param {Job} job @returns {string[]} */
function words({ state, received_bytes: received, total_bytes: total, bytes_per_s: rate, seconds_left: left, queue_position: place, problem }) {
  if (state === "queued") return [place ? say("waits, number {place}", { place }) : say("begins…")];
  if (state === "done") return [say("downloaded")];
  if (state === "cancelled") return [say("cancelled; what came is kept")];
  if (state === "failed") return [problem?.detail ?? problem?.title ?? say("It failed."), problem?.hint ?? ""];
  const came = total ? say("{received} of {total}", { received: size(received), total: size(total) }) : size(received);
  return [came, rate ? `${size(rate)}/s` : "", left == null ? "" : say("{duration} left", { duration: duration(left) })].filter(Boolean);
}
