// Numbers and sizes in words.

import { say } from "../language/language.js";

/** Three significant digits, plain where it can be. @param {number} value */
export function number(value) {
  if (!Number.isFinite(value)) return String(value);
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size < 1e-4 || size >= 1e6)
    return value.toExponential(1).replace("e-", "e−").replace("-", "−").replace("e+", "e");
  const digits = Math.max(0, Math.min(6, 2 - Math.floor(Math.log10(size))));
  return value.toFixed(digits).replace("-", "−");
}

/** One decimal where a whole number would say too little. @param {number} value 0…1 */
export function percent(value) {
  if (value > 0 && value < 0.0005) return say("< 0.1 %");
  const fine = value < 0.0995 || (value > 0.9905 && value < 0.9995);
  return say("{n} %", { n: (100 * value).toFixed(fine ? 1 : 0) });
}

/** @param {number | null | undefined} bytes */
export function size(bytes) {
  if (bytes == null) return "";
  if (bytes < 1e6) return `${Math.max(1, Math.round(bytes / 1e3))} kB`;
  return `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB`;
}

/** @param {number | null | undefined} parameters */
export function count(parameters) {
  if (parameters == null) return "";
  if (parameters < 1e6) return say("{n} k", { n: Math.round(parameters / 1e3) });
  return say("{n} M", { n: (parameters / 1e6).toFixed(1) });
}

/** @param {number} seconds */
export function duration(seconds) {
  if (seconds < 60) return say("{n} s", { n: Math.max(1, Math.round(seconds)) });
  const minutes = Math.round(seconds / 60);
  return minutes < 60 ? say("{minutes} min", { minutes }) : say("{hours} h {minutes} min", { hours: Math.floor(minutes / 60), minutes: minutes % 60 });
}
