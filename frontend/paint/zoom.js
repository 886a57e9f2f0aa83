// Which part of the photo is shown. Pure.

/**
 * @typedef {object} Zoom
 * @property {number} times  how much larger than the whole photo
 * @property {number} x  where the part begins, as a share of the photo's width
 * @property {number} y  the same of its height
 *
 * @typedef {{left: number, top: number, width: number, height: number}} Part  in pixels of the photo
 */

const MOST = 32;

/** @type {Zoom} */
const WHOLE = { times: 1, x: 0, y: 0 };

/** Nearer or farther, with one point kept where it is. @param {Zoom | null} zoom @param {number} factor @param {[number, number]} point  as shares of the frame @returns {Zoom | null} */
export function zoomed(zoom, factor, [across, down]) {
  const now = zoom ?? WHOLE;
  const times = Math.min(MOST, now.times * factor);
  return held({ times, x: now.x + across / now.times - across / times, y: now.y + down / now.times - down / times });
}

/** @param {Zoom | null} zoom @param {[number, number]} by  how far the photo is pulled, as shares of the frame */
export const pulled = (zoom, [across, down]) => zoom && held({ ...zoom, x: zoom.x - across / zoom.times, y: zoom.y - down / zoom.times });

/** Inside the photo; null where that is all of it. @param {Zoom} zoom @returns {Zoom | null} */
function held({ times, x, y }) {
  if (times < 1.01) return null;
  const inside = (/** @type {number} */ start) => Math.min(1 - 1 / times, Math.max(0, start));
  return { times, x: inside(x), y: inside(y) };
}

/** @param {Zoom | null} zoom @param {{width: number, height: number}} photo @returns {Part} */
export function partOf(zoom, { width, height }) {
  const { times, x, y } = zoom ?? WHOLE;
  return { left: x * width, top: y * height, width: width / times, height: height / times };
}

/** As the address has it. @param {Zoom} zoom */
export const writeZoom = ({ times, x, y }) => [times, x, y].map((value) => Number(value.toFixed(4))).join(",");

/** @param {string} text @returns {Zoom | undefined} */
export function readZoom(text) {
  const [times, x, y] = text.split(",").map(Number);
  return [times, x, y].every(Number.isFinite) ? (held({ times: Math.min(MOST, times), x, y }) ?? undefined) : undefined;
}
