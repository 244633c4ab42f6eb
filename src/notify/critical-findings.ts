import { type Horizon, type Notice, newCritical, type Span, TELLING } from '../../projections/findings/news.ts';
import type { Views } from '../../projections/views.ts';
import type { EventStore } from '../eventstore/event-store.ts';
import type { Cursor } from './cursor.ts';

/** What is told next, or, without a notice, that there is nothing up to the cursor. */
export interface Told {
  /** Whoever goes on from it is told what follows. */
  cursor: Cursor;
  notice?: Notice;
}

export interface Options {
  /** Milliseconds since 1970. */
  now?: () => number;
  /** Between two looks at whether anything is new; 1 s. */
  tickMs?: number;
}

const TICK_MS = 1_000;
/** Notices held at once for each who is told. */
const PAGE = 100;

/**
 * New critical findings, for whoever wants to be told: those that were detected, and those that became one by time passing. Everybody goes on at
 * their own pace from a cursor of their own, and a page of notices is all that is held for them.
 */
export class CriticalFindings {
  readonly #views: Pick<Views, 'db' | 'position' | 'recordedAt' | 'isReady' | 'isClosed'>;
  readonly #store: Pick<EventStore, 'head' | 'at'>;
  readonly #now: () => number;
  readonly #tickMs: number;
  #onFailing: (cause: string | undefined) => void = () => undefined;
  /** Up to here it is known whether anything is new. */
  #seen: Horizon | undefined;
  /** Counts the looks that found something. */
  #found = 0;
  readonly #waiting = new Set<() => void>();
  #looking: NodeJS.Timeout | undefined;
  #failing = false;

  constructor(
    views: Pick<Views, 'db' | 'position' | 'recordedAt' | 'isReady' | 'isClosed'>,
    store: Pick<EventStore, 'head' | 'at'>,
    { now = Date.now, tickMs = TICK_MS }: Options = {},
  ) {
    this.#views = views;
    this.#store = store;
    this.#now = now;
    this.#tickMs = tickMs;
  }

  /** Told once when findings cannot be read, by the name of the error, and once when they can again. */
  onFailing(listener: (cause: string | undefined) => void): void {
    this.#onFailing = listener;
  }

  /** Told what is recorded from now on, and what is in effect from now on. @throws StoreUnavailable */
  async fromNow(): Promise<Cursor> {
    const moment = this.#now();
    const position = await this.#store.head();
    const last = position === 0 ? undefined : await this.#store.at(position);
    return { from: { position, moment, recordedAt: last ? Date.parse(last.recordedAt) : 0 } };
  }

  /** Without end, until the signal is given. Whoever does not ask for the next is told nothing, and holds up nobody. */
  async *from(start: Cursor, signal: AbortSignal): AsyncGenerator<Told, void> {
    let cursor = start;
    while (!signal.aborted && !this.#views.isClosed) {
      const found = this.#found;
      const step = await this.#step(cursor);
      if (step === undefined) {
        await this.#tick(signal);
        continue;
      }
      for (const told of step.told) {
        yield told;
        if (signal.aborted) return;
      }
      cursor = step.next;
      if (step.isMore) continue;
      yield { cursor };
      while (found === this.#found && !signal.aborted && !this.#views.isClosed) await this.#tick(signal);
    }
  }

  /** Undefined where it cannot be told now. */
  async #step(cursor: Cursor): Promise<{ told: Told[]; next: Cursor; isMore: boolean } | undefined> {
    try {
      const horizon = this.#horizon();
      const { from, last } = cursor;
      const to = cursor.to ?? horizon;
      if (horizon === undefined || to === undefined || horizon.position < Math.max(from.position, to.position)) return undefined;
      const span: Span = { from, to, ...(last && { last }) };
      const page = await newCritical(this.#views.db, span, PAGE);
      this.#succeeded();
      const told = page.map(({ notice, at }): Told => ({ notice, cursor: { from, to, last: at } }));
      const isMore = page.length === PAGE;
      // What is left of a span that was begun earlier ends where that had ended.
      const next = isMore ? (told.at(-1) as Told).cursor : { from: { ...to, recordedAt: recordedIn(to, horizon, from) } };
      return { told, next, isMore: isMore || cursor.to !== undefined };
    } catch (error) {
      this.#failed(error);
      return undefined;
    }
  }

  /** What all of them have reached; undefined while one is made anew. */
  #horizon(): Horizon | undefined {
    if (!TELLING.every((name) => this.#views.isReady(name))) return undefined;
    const slowest = TELLING.reduce((least, name) => (this.#views.position(name) < this.#views.position(least) ? name : least));
    const recordedAt = this.#views.recordedAt(slowest);
    return {
      position: this.#views.position(slowest),
      // Never back: what was told as in effect is not told again where a clock is set.
      moment: Math.max(this.#now(), this.#seen?.moment ?? 0),
      recordedAt: recordedAt === undefined ? 0 : Date.parse(recordedAt),
    };
  }

  /** Waits for the next look. One look is for all who wait. */
  #tick(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        this.#waiting.delete(done);
        signal.removeEventListener('abort', done);
        resolve();
      };
      this.#waiting.add(done);
      signal.addEventListener('abort', done);
      this.#looking ??= setTimeout(() => void this.#look(), this.#tickMs);
      // Waiting for findings keeps no process alive.
      this.#looking.unref();
    });
  }

  async #look(): Promise<void> {
    try {
      if (await this.#isAnythingNew()) this.#found++;
    } catch (error) {
      this.#failed(error);
    } finally {
      this.#looking = undefined;
      for (const done of [...this.#waiting]) done();
    }
  }

  async #isAnythingNew(): Promise<boolean> {
    if (this.#views.isClosed) return false;
    const to = this.#horizon();
    const from = this.#seen;
    // Where it was not looked before, or the read models were made anew, everybody looks for themselves.
    if (to === undefined) return false;
    if (from === undefined || from.position > to.position) {
      this.#seen = to;
      return true;
    }
    const [first] = await newCritical(this.#views.db, { from, to }, 1);
    this.#succeeded();
    this.#seen = to;
    return first !== undefined;
  }

  #succeeded(): void {
    if (this.#failing) this.#onFailing(undefined);
    this.#failing = false;
  }

  #failed(error: unknown): void {
    if (this.#views.isClosed || this.#failing) return;
    this.#failing = true;
    this.#onFailing(error instanceof Error ? error.name : 'Error');
  }
}

/** Of a span that ended earlier than now, no more is known than that nothing after its begin was recorded before it. */
function recordedIn(to: Span['to'], horizon: Horizon, from: Horizon): number {
  return to.position === horizon.position ? horizon.recordedAt : from.recordedAt;
}
