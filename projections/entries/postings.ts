import type { Page, ProjectedEvent, Value } from '../projection.ts';

/** The value that every event has. */
export const EVERYTHING = 0;

/** Room for the place of an event within its page; a page has at most 10,000. */
const PLACES = 2 ** 20;

/**
 * The postings of a page in the order in which they stand in the tree, so that what stands together is written together.
 * Each is one number, its value above and the event's place in the order of time below, which sort without comparing rows.
 */
export class Postings {
  readonly #keys: number[] = [];
  /** Indexes into the page, in the order of time, then position. */
  readonly #inOrder: number[];
  /** The place of each event of the page in that order. */
  readonly #placeOf: number[] = [];

  constructor(page: Page) {
    const time = (i: number) => (page[i] as ProjectedEvent).time;
    this.#inOrder = page.map((_, i) => i);
    if (page.some((_, i) => i > 0 && time(i) < time(i - 1))) this.#inOrder.sort((a, b) => time(a) - time(b) || a - b);
    this.#inOrder.forEach((i, place) => {
      this.#placeOf[i] = place;
    });
  }

  /** Takes the values under which the event at `i` is found. */
  of(i: number): (value: number) => void {
    const place = this.#placeOf[i] as number;
    return (value) => this.#keys.push(value * PLACES + place);
  }

  /** Value, time, position, profile. */
  rows(page: Page, profiles: readonly number[]): Value[] {
    const rows: Value[] = [];
    let before = Number.NaN;
    for (const key of Float64Array.from(this.#keys).sort()) {
      // Somebody who acts on their own behalf is found once.
      if (key === before) continue;
      before = key;
      const value = Math.floor(key / PLACES);
      const i = this.#inOrder[key - value * PLACES] as number;
      const { time, position } = page[i] as ProjectedEvent;
      rows.push(value, time, position, profiles[i] as number);
    }
    return rows;
  }
}
