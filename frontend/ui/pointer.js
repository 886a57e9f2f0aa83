// The pointer over the photo. A mouse asks by moving, a finger by a long press; a click or a tap pins.

const LONG_PRESS_MS = 350;
// pointermove waits for the browser's next frame, pointerrawupdate does not: the frame then shows the newer place.
const MOVE = "onpointerrawupdate" in window ? "pointerrawupdate" : "pointermove";

/**
 * @param {HTMLElement} frame
 * @param {{ask: (event: PointerEvent) => void, leave: () => void, pin: (event: PointerEvent) => void}} on
 */
export function watchPointer(frame, on) {
  let pressing = false;
  let pressTimer = 0;
  let held = false;
  frame.addEventListener(MOVE, (/** @type {any} */ event) => {
    if (event.pointerType === "mouse" || pressing) on.ask(event);
    else clearTimeout(pressTimer); // a finger that moves scrolls
  });
  frame.addEventListener("pointerleave", (event) => {
    if (event.pointerType === "mouse") on.leave();
  });
  frame.addEventListener("pointerdown", (event) => {
    held = false;
    clearTimeout(pressTimer);
    if (event.pointerType === "mouse" || !event.isPrimary) return; // a second finger zooms
    pressTimer = setTimeout(() => {
      pressing = held = true;
      frame.setPointerCapture(event.pointerId);
      on.ask(event);
    }, LONG_PRESS_MS);
  });
  for (const end of ["pointerup", "pointercancel"]) {
    frame.addEventListener(end, () => {
      clearTimeout(pressTimer);
      pressing = false;
    });
  }
  frame.addEventListener("touchmove", (event) => pressing && event.preventDefault(), { passive: false });
  frame.addEventListener("contextmenu", (event) => held && event.preventDefault());
  frame.addEventListener("click", (/** @type {any} */ event) => {
    if (!held) on.pin(event);
  });
}
