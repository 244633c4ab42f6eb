/** Weight of what is read together, at most; what weighs more by itself is read alone. */
const MOST = 2_000;

interface Waiting<Asked, Found> {
  asked: readonly Asked[];
  weight: number;
  resolve(found: Found): void;
  reject(error: unknown): void;
}

/**
 * Reads for all who wait at once: while one read is under way, whoever comes waits for the next, which is for all of them. So a read costs
 * the same whether one asks or sixty-four, and nobody waits longer than for two of them.
 */
export class Together<Asked, Found> {
  readonly #read: (asked: readonly Asked[]) => Promise<Found>;
  readonly #weigh: (one: Asked) => number;
  #waiting: Waiting<Asked, Found>[] = [];
  #isReading = false;

  /** @param read what it finds serves each of those that it was asked for */
  constructor(read: (asked: readonly Asked[]) => Promise<Found>, weigh: (one: Asked) => number) {
    this.#read = read;
    this.#weigh = weigh;
  }

  /** @returns what a read found that began after this call */
  read(asked: readonly Asked[]): Promise<Found> {
    const weight = asked.reduce((sum, one) => sum + this.#weigh(one), 0);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ asked, weight, resolve, reject });
      if (!this.#isReading) void this.#readAll();
    });
  }

  async #readAll(): Promise<void> {
    this.#isReading = true;
    for (let some = this.#take(); some.length > 0; some = this.#take()) {
      try {
        const found = await this.#read(some.flatMap(({ asked }) => asked));
        for (const { resolve } of some) resolve(found);
      } catch (error) {
        for (const { reject } of some) reject(error);
      }
    }
    this.#isReading = false;
  }

  /** In the order in which they came. */
  #take(): Waiting<Asked, Found>[] {
    let weight = 0;
    const over = this.#waiting.findIndex((each, i) => {
      weight += each.weight;
      return i > 0 && weight > MOST;
    });
    return this.#waiting.splice(0, over < 0 ? this.#waiting.length : over);
  }
}
