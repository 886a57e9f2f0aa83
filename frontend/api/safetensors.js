// Reads the safetensors format: a little-endian u64 header length, a JSON header, then the raw tensors.

import { halfToFloat } from "./half.js";

/**
 * @param {ArrayBuffer} buffer
 * @returns {{tensors: Record<string, {shape: number[], data: Float32Array}>, metadata: Record<string, string>}}
 */
export function parseSafetensors(buffer) {
  const headerBytes = Number(new DataView(buffer).getBigUint64(0, true));
  if (headerBytes > buffer.byteLength - 8) throw new Error("safetensors: the header is longer than the file");
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 8, headerBytes)));
  const { __metadata__: metadata = {}, ...entries } = header;
  /** @type {Record<string, {shape: number[], data: Float32Array}>} */
  const tensors = {};
  for (const [
    name,
    {
      dtype,
      shape,
      data_offsets: [start, end],
    },
  ] of Object.entries(entries)) {
    // A slice rather than a view: offsets need not be aligned to the element size.
    const bytes = buffer.slice(8 + headerBytes + start, 8 + headerBytes + end);
    tensors[name] = { shape, data: toFloat32(dtype, bytes) };
    const expected = shape.reduce((/** @type {number} */ a, /** @type {number} */ b) => a * b, 1);
    if (tensors[name].data.length !== expected)
      throw new Error(`safetensors: ${name} does not fill its shape`);
  }
  return { tensors, metadata };
}

/** @param {string} dtype @param {ArrayBuffer} bytes */
function toFloat32(dtype, bytes) {
  switch (dtype) {
    case "F32":
      return new Float32Array(bytes);
    case "F64":
      return Float32Array.from(new Float64Array(bytes));
    case "F16":
      return Float32Array.from(new Uint16Array(bytes), halfToFloat);
    default:
      throw new Error(`safetensors: dtype ${dtype} is not one of F16, F32, F64`);
  }
}
