/** Chance that is none: the same seed gives the same numbers on every machine. */

export const SECOND_MS = 1_000;
export const MINUTE_MS = 60 * SECOND_MS;
export const HOUR_MS = 60 * MINUTE_MS;
export const DAY_MS = 24 * HOUR_MS;

/** Milliseconds since 1970 of a time as it is read. */
export const at = (time: string): number => {
  const found = Date.parse(time);
  if (Number.isNaN(found)) throw new Error(`${time} is no time`);
  return found;
};

/** Mulberry32: small, and good enough to shuffle a company's days. */
export class Chance {
  private state: number;

  constructor(seed: number) {
    this.state = seed | 0;
  }

  /** From 0, below 1. */
  next(): number {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000;
  }

  below(limit: number): number {
    return Math.floor(this.next() * limit);
  }

  /** From `least` to `most`, whole. */
  between(least: number, most: number): number {
    return least + this.below(most - least + 1);
  }

  of<T>(list: readonly T[]): T {
    return list[this.below(list.length)] as T;
  }

  /** So often in a hundred. */
  percent(share: number): boolean {
    return this.next() * 100 < share;
  }

  /** Up to `most` different ones of a list, at least one where the list has any. */
  several<T>(list: readonly T[], most: number): T[] {
    const wanted = this.between(1, most);
    return [...new Set(Array.from({ length: wanted }, () => this.of(list)))].filter((each) => each !== undefined);
  }
}
