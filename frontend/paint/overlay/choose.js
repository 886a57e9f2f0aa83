// Who draws the overlay: WebGL2 where a GPU runs it, Canvas2D everywhere else. A browser without a GPU offers WebGL2 in
// software too, and does not refuse it to who asks it not to; that is several times slower than Canvas2D.

/** Renderers that are programs: Chromium's, Mesa's, Windows', Apple's. */
const SOFTWARE = /swiftshader|llvmpipe|softpipe|lavapipe|swrast|basic render|software/i;

/** Longer than a draw may take, in milliseconds: half a frame. */
const SLOW_MS = 8;

/** So many draws are timed; the first compiles the program and does not count. */
export const TIMED = 5;

/** Whether WebGL with this renderer runs on the processor. @param {string} renderer as the driver calls itself */
export const isSoftware = (renderer) => SOFTWARE.test(renderer);

/** Whether draws that took so long are better done by Canvas2D: their median after the first. @param {number[]} times in milliseconds */
export function isSlow([, ...times]) {
  const sorted = times.sort((a, b) => a - b);
  return sorted.length > 0 && sorted[Math.floor(sorted.length / 2)] > SLOW_MS;
}

/** Whether a GPU runs WebGL2 here, by what its driver says of itself; a canvas of its own is asked. */
export function hasGpu() {
  const gl = document.createElement("canvas").getContext("webgl2", { failIfMajorPerformanceCaveat: true });
  if (!gl) return false;
  const names = gl.getExtension("WEBGL_debug_renderer_info");
  const renderer = String(gl.getParameter(names ? names.UNMASKED_RENDERER_WEBGL : gl.RENDERER));
  gl.getExtension("WEBGL_lose_context")?.loseContext(); // contexts are few: this one is not kept
  return !isSoftware(renderer);
}
