import assert from "node:assert/strict";
import { test } from "node:test";
import { isSlow, isSoftware } from "../../frontend/paint/overlay/choose.js";

test("software is known by its name", () => {
  for (const name of [
    "ANGLE (Google, Vulkan 1.3.0 (SwiftShader Device (Subzero) (0x0000C0DE)), SwiftShader driver)",
    "Google SwiftShader",
    "llvmpipe (LLVM 15.0.7, 256 bits)",
    "ANGLE (Mesa, llvmpipe (LLVM 17.0.6, 256 bits), OpenGL 4.5)",
    "softpipe",
    "ANGLE (Microsoft, Microsoft Basic Render Driver Direct3D11 vs_5_0 ps_5_0)",
    "Apple Software Renderer",
    "Mesa Software Rasterizer",
  ])
    assert.ok(isSoftware(name), name);
  for (const name of [
    "ANGLE (NVIDIA, NVIDIA GeForce RTX 3060 Direct3D11 vs_5_0 ps_5_0, D3D11)",
    "Apple M2",
    "ANGLE (Intel, Mesa Intel(R) UHD Graphics 620 (KBL GT2), OpenGL 4.6)",
    "AMD Radeon RX 6600 (radeonsi, navi23, LLVM 15.0.7)",
    "Mali-G78",
    "WebKit WebGL",
  ])
    assert.ok(!isSoftware(name), name);
});

test("slow draws are known without their first", () => {
  assert.ok(!isSlow([90, 1, 2, 1, 30]));
  assert.ok(isSlow([1, 14, 16, 18, 15]));
  assert.ok(!isSlow([50]));
});
