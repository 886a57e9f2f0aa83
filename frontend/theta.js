/**
 * What an affine theta (2×3) does, in words a person can check on the picture: it turns by `rotation` degrees
 * (clockwise on screen), reads a window `scale` times the picture wide and high, and moves its centre by `shift`.
 * @param {number[][]} theta
 */
export function decompose([[a, b, tx], [c, d, ty]]) {
  return {
    rotation: (Math.atan2(c, a) * 180) / Math.PI,
    scale: [Math.hypot(a, c), Math.hypot(b, d)],
    shift: [tx, ty],
  };
}
