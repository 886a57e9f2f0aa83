// Reads NumPy's .npy format, versions 1 to 3, C order.

import { halfToFloat } from "./half.js";

/** @type {Record<string, (bytes: ArrayBuffer) => Float32Array>} */
const READERS = {
  "<f2": (bytes) => Float32Array.from(new Uint16Array(bytes), halfToFloat),
  "<f4": (bytes) => new Float32Array(bytes),
  "<f8": (bytes) => Float32Array.from(new Float64Array(bytes)),
  "|u1": (bytes) => Float32Array.from(new Uint8Array(bytes)),
  "<i4": (bytes) => Float32Array.from(new Int32Array(bytes)),
  "<i8": (bytes) => Float32Array.from(new BigInt64Array(bytes), Number),
};

/** @param {ArrayBuffer} buffer @returns {{shape: number[], data: Float32Array}} */
export function parseNpy(buffer) {
  const bytes = new Uint8Array(buffer);
  const magic = String.fromCharCode(...bytes.subarray(1, 6));
  if (bytes[0] !== 0x93 || magic !== "NUMPY") throw new Error("npy: not a .npy file");
  const view = new DataView(buffer);
  const wide = bytes[6] >= 2; // version 1 counts the header in 16 bits, later ones in 32
  const start = wide ? 12 : 10;
  const length = wide ? view.getUint32(8, true) : view.getUint16(8, true);
  const header = new TextDecoder().decode(bytes.subarray(start, start + length));
  const descr = /'descr':\s*'([^']+)'/.exec(header)?.[1] ?? "";
  const shape = (/'shape':\s*\(([^)]*)\)/.exec(header)?.[1] ?? "")
    .split(",")
    .filter((s) => s.trim())
    .map(Number);
  if (/'fortran_order':\s*True/.test(header)) throw new Error("npy: Fortran order is not read");
  const read = READERS[descr];
  if (!read) throw new Error(`npy: dtype ${descr} is not one of ${Object.keys(READERS).join(", ")}`);
  return { shape, data: read(buffer.slice(start + length)) };
}
