// Rows and columns of a site's attention, computed in the page. A row is what one query looks at, a column is
// what looks at one key. With the row's log-normaliser known, either costs one pass over q and k:
//   p[h, i, j] = exp(scale · q[h, i] · k[h, j] − log_normaliser[h, i])          (Vaswani 2017, eq. 1)

/**
 * @typedef {"mean" | "max" | "min" | number} Head
 * @typedef {object} Pair  one score, step by step
 * @property {number} dot
 * @property {number} scaled
 * @property {number} logNormaliser
 * @property {number} probability
 * @typedef {object} AttentionSource
 * @property {number} heads
 * @property {number} queries
 * @property {number} keys
 * @property {(query: number) => Float32Array} row  (head, key)
 * @property {(key: number) => Float32Array} column  (head, query)
 * @property {((head: number, query: number, key: number) => Pair) | null} pair
 * @property {((head: number, query: number) => Float32Array) | null} cosines  of the query with every key
 * @property {{dim: number, scale: number} | null} scores
 */

/**
 * @param {Record<string, {shape: number[], data: Float32Array}>} tensors  query, key (head, token, dim); log_normaliser
 * @param {number} scale
 * @returns {AttentionSource}
 */
export function fromProjections({ query: q, key: k, log_normaliser: normaliser }, scale) {
  const [heads, queries, dim] = q.shape;
  const keys = k.shape[1];
  const logs = normaliser.data;

  /** @param {Float32Array} one @param {number} at @param {Float32Array} many @param {number} from */
  const dot = (one, at, many, from) => {
    let sum = 0;
    for (let d = 0; d < dim; d++) sum += one[at + d] * many[from + d];
    return sum;
  };

  return {
    heads,
    queries,
    keys,
    scores: { dim, scale },
    row(i) {
      const out = new Float32Array(heads * keys);
      for (let h = 0; h < heads; h++) {
        const at = (h * queries + i) * dim;
        const log = logs[h * queries + i];
        for (let j = 0; j < keys; j++) {
          out[h * keys + j] = Math.exp(scale * dot(q.data, at, k.data, (h * keys + j) * dim) - log);
        }
      }
      return out;
    },
    column(j) {
      const out = new Float32Array(heads * queries);
      for (let h = 0; h < heads; h++) {
        const at = (h * keys + j) * dim;
        for (let i = 0; i < queries; i++) {
          const score = scale * dot(k.data, at, q.data, (h * queries + i) * dim);
          out[h * queries + i] = Math.exp(score - logs[h * queries + i]);
        }
      }
      return out;
    },
    pair(h, i, j) {
      const product = dot(q.data, (h * queries + i) * dim, k.data, (h * keys + j) * dim);
      const logNormaliser = logs[h * queries + i];
      const scaled = scale * product;
      return { dot: product, scaled, logNormaliser, probability: Math.exp(scaled - logNormaliser) };
    },
    cosines(h, i) {
      const at = (h * queries + i) * dim;
      const own = Math.sqrt(dot(q.data, at, q.data, at));
      return Float32Array.from({ length: keys }, (_, j) => {
        const from = (h * keys + j) * dim;
        const lengths = own * Math.sqrt(dot(k.data, from, k.data, from));
        return lengths > 0 ? dot(q.data, at, k.data, from) / lengths : 0;
      });
    },
  };
}

/**
 * The same from a whole matrix, for sites that have a mask or build their matrix themselves.
 * @param {{shape: number[], data: Float32Array}} matrix  (head, query, key)
 * @returns {AttentionSource}
 */
export function fromMatrix({ shape: [heads, queries, keys], data }) {
  return {
    heads,
    queries,
    keys,
    scores: null,
    pair: null,
    cosines: null,
    row(i) {
      const out = new Float32Array(heads * keys);
      for (let h = 0; h < heads; h++) {
        const at = (h * queries + i) * keys;
        out.set(data.subarray(at, at + keys), h * keys);
      }
      return out;
    },
    column(j) {
      const out = new Float32Array(heads * queries);
      for (let h = 0; h < heads; h++) {
        for (let i = 0; i < queries; i++) out[h * queries + i] = data[(h * queries + i) * keys + j];
      }
      return out;
    },
  };
}

/**
 * A source that has one row, or one column, alone: what the API says of one token.
 * @param {{values: number[][][], prefix_values: number[][] | null}} answer  (head, row, column); (head, token) before the places
 * @returns {AttentionSource}
 */
export function fromRow({ values, prefix_values: prefix }) {
  const rows = values.map((map, head) => [...(prefix?.[head] ?? []), ...map.flat()]);
  const only = Float32Array.from(rows.flat());
  const [tokens] = rows.map((row) => row.length);
  return { heads: rows.length, queries: tokens, keys: tokens, scores: null, pair: null, cosines: null, row: () => only, column: () => only };
}

/**
 * One map from one a head: a chosen head, or the mean, maximum or minimum over heads.
 * @param {Float32Array} values (head, token)
 * @param {number} heads
 * @param {Head} head
 */
export function fuse(values, heads, head) {
  const tokens = values.length / heads;
  if (typeof head === "number") return values.slice(head * tokens, (head + 1) * tokens);
  const out = values.slice(0, tokens);
  for (let h = 1; h < heads; h++) {
    for (let j = 0; j < tokens; j++) {
      const value = values[h * tokens + j];
      if (head === "mean") out[j] += value;
      else if (head === "max") out[j] = Math.max(out[j], value);
      else out[j] = Math.min(out[j], value);
    }
  }
  if (head === "mean") for (let j = 0; j < tokens; j++) out[j] /= heads;
  return out;
}

/** −Σ p ln p in nats, with 0 ln 0 = 0. @param {Float32Array} row */
export function entropy(row) {
  let sum = 0;
  for (const p of row) if (p > 0) sum -= p * Math.log(p);
  return sum;
}

// The smallest float32 of normal size: what a mask rules out gets less, or nothing.
const SEEN = 2 ** -126;

/**
 * How concentrated a row is: 0 is even attention to all that it may look at, 1 is all on one token; the mean over heads.
 * @param {Float32Array} values (head, token)
 * @param {number} heads
 */
export function focus(values, heads) {
  const tokens = values.length / heads;
  let total = 0;
  for (let h = 0; h < heads; h++) {
    const row = values.subarray(h * tokens, (h + 1) * tokens);
    const seen = row.reduce((count, share) => count + Number(share >= SEEN), 0);
    total += seen > 1 ? 1 - entropy(row) / Math.log(seen) : 1;
  }
  return total / heads;
}

/** The whole matrix of one head or fusion. @param {AttentionSource} source @param {Head} head */
export function matrix(source, head) {
  const out = new Float32Array(source.queries * source.keys);
  for (let i = 0; i < source.queries; i++) out.set(fuse(source.row(i), source.heads, head), i * source.keys);
  return out;
}
