/**
 * What is held in memory of the key store: at most so many entries, the oldest let go of first. An empty one costs nothing, because
 * with every erasure all of it is replaced: a cache that lays out its room beforehand took longer than the erasure.
 */
export class Held<V> {
  readonly #max: number;
  readonly #entries = new Map<string, V>();
  /** Stands before the oldest entry: whatever it has passed was let go of. */
  readonly #oldest = this.#entries.keys();

  constructor(max: number) {
    this.#max = max;
  }

  get size(): number {
    return this.#entries.size;
  }

  get(key: string): V | undefined {
    return this.#entries.get(key);
  }

  set(key: string, value: V): void {
    this.#entries.set(key, value);
    if (this.#entries.size > this.#max) this.#entries.delete(this.#oldest.next().value as string);
  }

  delete(key: string): void {
    this.#entries.delete(key);
  }
}
