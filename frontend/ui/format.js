// Numbers and sizes in words.

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
  if (value > 0 && value < 0.0005) return "< 0.1 %";
  const fine = value < 0.0995 || (value > 0.9905 && value < 0.9995);
  return `${(100 * value).toFixed(fine ? 1 : 0)} %`;
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
  if (parameters < 1e6) return `${Math.round(parameters / 1e3)} k`;
  return `${(parameters / 1e6).toFixed(1)} M`;
}

/** @param {number} seconds */
export function duration(seconds) {
  if (seconds < 60) return `${Math.max(1, Math.round(seconds))} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
