// The overlay by WebGL2: the map is a texture of grid resolution, the colormap a texture of 256 steps, and the
// fragment shader asks which cell its pixel lies in. A new map is one small upload and one triangle.

import { DIM, HATCH } from "../colormap.js";

const VERTEX = `#version 300 es
void main() {
  // One triangle that covers the canvas: (-1,-1), (3,-1), (-1,3).
  gl_Position = vec4(gl_VertexID == 1 ? 3.0 : -1.0, gl_VertexID == 2 ? 3.0 : -1.0, 0.0, 1.0);
}`;

const FRAGMENT = `#version 300 es
precision highp float;
precision highp sampler2D;
uniform sampler2D map;        // (value, defined) a cell
uniform sampler2D colours;
uniform ivec2 grid;           // (columns, rows)
uniform vec4 seen;            // top, left, bottom, right, in cells
uniform vec3 toColumn, toRow;
uniform float height, hatching, hatchWidth;
uniform bool smoothly;
uniform vec4 dim;
uniform vec2 hatch;
out vec4 pixel;

vec2 bilinear(vec2 cell) {
  vec2 at = clamp(cell - 0.5, vec2(0.0), vec2(grid - 1));
  ivec2 first = ivec2(at), last = min(first + 1, grid - 1);
  vec2 part = at - vec2(first);
  vec2 upper = mix(texelFetch(map, first, 0).rg, texelFetch(map, ivec2(last.x, first.y), 0).rg, part.x);
  vec2 lower = mix(texelFetch(map, ivec2(first.x, last.y), 0).rg, texelFetch(map, last, 0).rg, part.x);
  return mix(upper, lower, part.y);
}

void main() {
  vec2 at = vec2(gl_FragCoord.x, height - gl_FragCoord.y);
  vec2 cell = vec2(dot(toColumn, vec3(at, 1.0)), dot(toRow, vec3(at, 1.0)));
  if (cell.x < seen.y || cell.y < seen.x || cell.x >= seen.w || cell.y >= seen.z) {
    pixel = vec4(dim.rgb * dim.a, dim.a);
    return;
  }
  vec2 value = smoothly ? bilinear(cell) : texelFetch(map, clamp(ivec2(floor(cell)), ivec2(0), grid - 1), 0).rg;
  vec4 colour = texelFetch(colours, ivec2(int(value.r * 255.0 + 0.5), 0), 0);
  if (value.g < 1.0) {
    float stripe = mod(floor((floor(at.x) + floor(at.y)) / hatchWidth), 2.0);
    colour = vec4(vec3(mix(hatch.x, hatch.y, stripe)), hatching);
  }
  pixel = vec4(colour.rgb * colour.a, colour.a);
}`;

/**
 * @param {HTMLCanvasElement} canvas
 * @returns {import("./overlay.js").Renderer | null} null without WebGL2
 */
export function createWebglRenderer(canvas) {
  const gl = canvas.getContext("webgl2", {
    alpha: true,
    antialias: false,
    depth: false,
    preserveDrawingBuffer: true,
  });
  if (!gl) return null;
  const program = compile(gl);
  if (!program) return null;
  gl.useProgram(program);
  const at = (/** @type {string} */ name) => gl.getUniformLocation(program, name);
  const places = Object.fromEntries(
    ["grid", "seen", "toColumn", "toRow", "height", "hatching", "smoothly"].map((name) => [name, at(name)]),
  );
  gl.uniform1i(at("map"), 0);
  gl.uniform1i(at("colours"), 1);
  gl.uniform4f(at("dim"), DIM.colour[0] / 255, DIM.colour[1] / 255, DIM.colour[2] / 255, DIM.alpha);
  gl.uniform2f(at("hatch"), HATCH.dark / 255, HATCH.light / 255);
  gl.uniform1f(at("hatchWidth"), HATCH.width);
  for (const unit of [0, 1]) {
    gl.activeTexture(gl.TEXTURE0 + unit);
    gl.bindTexture(gl.TEXTURE_2D, gl.createTexture());
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, gl.NEAREST);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MAG_FILTER, gl.NEAREST);
  }
  /** @type {import("./overlay.js").Frame | null} */
  let before = null;

  return {
    draw(frame) {
      const { values, rows, columns, toCell, hatching, smooth } = frame;
      const seen = frame.seen ?? [0, 0, rows, columns];
      gl.viewport(0, 0, canvas.width, canvas.height);
      gl.activeTexture(gl.TEXTURE0);
      gl.texImage2D(gl.TEXTURE_2D, 0, gl.RG32F, columns, rows, 0, gl.RG, gl.FLOAT, withValidity(values));
      if (frame.table !== before?.table || frame.opacities !== before.opacities) {
        before = frame;
        gl.activeTexture(gl.TEXTURE1);
        gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA8, 256, 1, 0, gl.RGBA, gl.UNSIGNED_BYTE, withOpacities(frame));
      }
      gl.uniform2i(places.grid, columns, rows);
      gl.uniform4f(places.seen, seen[0], seen[1], seen[2], seen[3]);
      gl.uniform3fv(places.toColumn, toCell[0]);
      gl.uniform3fv(places.toRow, toCell[1]);
      gl.uniform1f(places.height, canvas.height);
      gl.uniform1f(places.hatching, hatching);
      gl.uniform1i(places.smoothly, smooth ? 1 : 0);
      gl.drawArrays(gl.TRIANGLES, 0, 3);
    },
    clear() {
      gl.clearColor(0, 0, 0, 0);
      gl.clear(gl.COLOR_BUFFER_BIT);
    },
    finish() {
      gl.readPixels(0, 0, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, new Uint8Array(4)); // gl.finish may return early
    },
  };
}

/** @param {import("./overlay.js").Frame} frame */
function withOpacities({ table, opacities }) {
  const steps = new Uint8Array(4 * opacities.length);
  for (let i = 0; i < opacities.length; i++) {
    steps.set(table.subarray(3 * i, 3 * i + 3), 4 * i);
    steps[4 * i + 3] = Math.round(255 * opacities[i]);
  }
  return steps;
}

/** (value, defined) pairs: a shader cannot be trusted to tell NaN. @param {Float32Array} values */
function withValidity(values) {
  const pairs = new Float32Array(2 * values.length);
  for (let i = 0; i < values.length; i++) {
    const defined = !Number.isNaN(values[i]);
    pairs[2 * i] = defined ? values[i] : 0;
    pairs[2 * i + 1] = defined ? 1 : 0;
  }
  return pairs;
}

/** @param {WebGL2RenderingContext} gl */
function compile(gl) {
  const program = /** @type {WebGLProgram} */ (gl.createProgram());
  for (const [type, source] of /** @type {[number, string][]} */ ([
    [gl.VERTEX_SHADER, VERTEX],
    [gl.FRAGMENT_SHADER, FRAGMENT],
  ])) {
    const shader = /** @type {WebGLShader} */ (gl.createShader(type));
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    gl.attachShader(program, shader);
  }
  gl.linkProgram(program);
  return gl.getProgramParameter(program, gl.LINK_STATUS) ? program : null;
}
