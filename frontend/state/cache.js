/**
 * Remembers what was asked for by key: one request for many who want it, and the value at hand once it is there.
 * A failure is not remembered, so that asking again tries again.
 */
export class Cache {
  #values = new Map();
  #pending = new Map();

  /** @param {string} key */
  peek(key) {
    return this.#values.get(key);
  }

  /** @template T @param {string} key @param {() => Promise<T>} load @returns {Promise<T>} */
  async get(key, load) {
    if (this.#values.has(key)) return this.#values.get(key);
    if (!this.#pending.has(key)) {
      const settled = load()
        .then((value) => {
          this.#values.set(key, value);
          return value;
        })
        .finally(() => this.#pending.delete(key));
      this.#pending.set(key, settled);
    }
    return this.#pending.get(key);
  }
}
