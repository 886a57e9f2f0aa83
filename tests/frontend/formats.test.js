// The binary formats, built by hand byte by byte.

import assert from "node:assert/strict";
import { test } from "node:test";

import { parseNpy } from "../../frontend/api/npy.js";
import { parseSafetensors } from "../../frontend/api/safetensors.js";

function npy(descr, shape, bytes, { version = 1, fortran = "False" } = {}) {
  const header = `{'descr': '${descr}', 'fortran_order': ${fortran}, 'shape': (${shape.join(", ")}${shape.length === 1 ? "," : ""}), }\n`;
  const size = version === 1 ? 2 : 4;
  const out = new Uint8Array(8 + size + header.length + bytes.byteLength);
  out.set([0x93, ...Buffer.from("NUMPY"), version, 0]);
  const view = new DataView(out.buffer);
  if (version === 1) view.setUint16(8, header.length, true);
  else view.setUint32(8, header.length, true);
  out.set(Buffer.from(header), 8 + size);
  out.set(new Uint8Array(bytes), 8 + size + header.length);
  return out.buffer;
}

function safetensors(entries, bytes, metadata = {}) {
  const header = Buffer.from(JSON.stringify({ __metadata__: metadata, ...entries }));
  const out = new Uint8Array(8 + header.length + bytes.byteLength);
  new DataView(out.buffer).setBigUint64(0, BigInt(header.length), true);
  out.set(header, 8);
  out.set(new Uint8Array(bytes), 8 + header.length);
  return out.buffer;
}

test("npy: shape and values, versions 1 and 2, float32, float64, float16", () => {
  for (const version of [1, 2]) {
    const { shape, data } = parseNpy(
      npy("<f4", [2, 3], Float32Array.of(1, 2, 3, 4, 5, NaN).buffer, { version }),
    );
    assert.deepEqual(shape, [2, 3]);
    assert.deepEqual([...data], [1, 2, 3, 4, 5, NaN]);
  }
  assert.deepEqual([...parseNpy(npy("<f8", [2], Float64Array.of(0.5, -1).buffer)).data], [0.5, -1]);
  const halves = Uint16Array.of(0x3c00, 0xc000, 0x0001, 0x7c00, 0x7e00);
  assert.deepEqual([...parseNpy(npy("<f2", [5], halves.buffer)).data], [1, -2, 2 ** -24, Infinity, NaN]);
});

test("npy: what it cannot read is said", () => {
  assert.throws(() => parseNpy(new ArrayBuffer(64)), /not a .npy/);
  assert.throws(() => parseNpy(npy("<c8", [1], new ArrayBuffer(8))), /<f4/);
  assert.throws(() => parseNpy(npy("<f4", [1], new ArrayBuffer(4), { fortran: "True" })), /Fortran/);
});

test("safetensors: named tensors at any offset, with metadata", () => {
  const bytes = new Uint8Array(10);
  bytes.set(new Uint8Array(Uint16Array.of(0x3800).buffer), 0);
  bytes.set(new Uint8Array(Float32Array.of(3, -4).buffer), 2);
  const entries = {
    half: { dtype: "F16", shape: [1], data_offsets: [0, 2] },
    query: { dtype: "F32", shape: [1, 2], data_offsets: [2, 10] },
  };
  const { tensors, metadata } = parseSafetensors(safetensors(entries, bytes.buffer, { scale: "0.125" }));
  assert.equal(metadata.scale, "0.125");
  assert.deepEqual([...tensors.half.data], [0.5]);
  assert.deepEqual(tensors.query.shape, [1, 2]);
  assert.deepEqual([...tensors.query.data], [3, -4]);
});

test("safetensors: a lying header is refused", () => {
  const lying = safetensors({}, new ArrayBuffer(0));
  new DataView(lying).setBigUint64(0, 10_000n, true);
  assert.throws(() => parseSafetensors(lying), /longer than the file/);
  const short = { a: { dtype: "F32", shape: [3], data_offsets: [0, 8] } };
  assert.throws(() => parseSafetensors(safetensors(short, new ArrayBuffer(8))), /does not fill/);
});
