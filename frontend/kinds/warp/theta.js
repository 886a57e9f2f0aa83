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

/**
 * A window as seen from another: the Δ with θ = before ∘ Δ. Null where the window before has no area.
 * @param {number[][]} before @param {number[][]} theta
 */
export function correction([[a, b, x], [c, d, y]], theta) {
  const area = a * d - b * c;
  if (Math.abs(area) < 1e-9) return null;
  const [top, bottom] = theta.map((line, i) => [line[0], line[1], line[2] - (i ? y : x)]);
  return [
    top.map((value, j) => (d * value - b * bottom[j]) / area),
    top.map((value, j) => (a * bottom[j] - c * value) / area),
  ];
}

/**
 * The corners of the window that a theta reads: top left, top right, bottom right, bottom left, each (x, y) on −1…1.
 * @param {number[][]} theta
 */
export function corners([[a, b, tx], [c, d, ty]]) {
  return [
    [-1, -1],
    [1, -1],
    [1, 1],
    [-1, 1],
  ].map(([x, y]) => [a * x + b * y + tx, c * x + d * y + ty]);
}
