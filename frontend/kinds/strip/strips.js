// Two strips, as the API gives them, reduced to what is drawn.

/**
 * The means over the channels of both strips and of their product. The mean of a product is no product of means, so
 * it comes from the server.
 * @param {{values: (number | null)[][], rows: (number | null)[][], columns: (number | null)[][]}} gate  values: (row,
 * column); rows: (channel, row); columns: (channel, column)
 */
export const meansOf = ({ values, rows, columns }) => ({
  product: Float32Array.from(values.flat(), orNaN),
  rows: meanOf(rows),
  columns: meanOf(columns),
});

/** @param {(number | null)[][]} strip (channel, place) */
function meanOf(strip) {
  return Float32Array.from(strip[0], (_, place) => strip.reduce((sum, channel) => sum + orNaN(channel[place]), 0) / strip.length);
}

/** @param {number | null} value */
const orNaN = (value) => value ?? NaN;
