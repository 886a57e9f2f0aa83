// A photo by the camera of this device. Nothing leaves the browser before it is taken.

import { h } from "../ui/dom.js";

/** @param {(key: string) => string} say @param {(photo: Blob) => void} take */
export async function openCamera(say, take) {
  const video = h("video", { playsinline: true, muted: true, "aria-label": say("camera") });
  const told = h("p", { class: "quiet", role: "status" });
  /** @type {MediaStream | null} */
  let stream = null;
  const shoot = h("button", { type: "button", class: "button", disabled: true, onclick: () => keep() }, say("take"));
  const dialog = h(
    "dialog",
    { class: "camera", "aria-label": say("camera"), onclose: () => close() },
    video,
    told,
    h("div", { class: "row" }, shoot, h("button", { type: "button", class: "button", onclick: () => dialog.close() }, say("cancel"))),
  );
  document.getElementById("layers")?.append(dialog);
  dialog.showModal();
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" }, audio: false });
    if (!dialog.open) return close();
    video.srcObject = stream;
    await video.play();
    shoot.disabled = false;
    shoot.focus();
  } catch {
    told.textContent = say("no-camera");
  }

  function keep() {
    const canvas = h("canvas", { width: video.videoWidth, height: video.videoHeight });
    canvas.getContext("2d").drawImage(video, 0, 0);
    canvas.toBlob((/** @type {Blob | null} */ blob) => {
      dialog.close();
      if (blob) take(blob);
    }, "image/jpeg", 0.95);
  }

  function close() {
    for (const track of stream?.getTracks() ?? []) track.stop();
    dialog.remove();
  }
}
