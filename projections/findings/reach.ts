/** How far something that is learnt reaches: which events it may change the judgement of. */
import { type FactKind, MARKS } from '../state/facts.ts';
import type { Held } from '../state/held.ts';

/** Of no time at all, and as JSON has them. */
export const [EARLIEST, LATEST] = [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER];

/** Events under a key. */
export interface Range {
  key: number;
  /** Those that mark it alone; null: all of them. */
  mark: number | null;
  from: number;
  to: number;
}

/** Events of everybody. */
export interface Scan {
  /** Only what happened from here on. */
  from: number;
  /** Only what was recorded behind this position. */
  after: number;
  types?: readonly string[];
  source?: string;
}

/** What may have to be judged otherwise. Written as JSON where it takes several steps. */
export class Reach {
  positions: number[] = [];
  ranges: Range[] = [];
  scans: Scan[] = [];

  get isEmpty(): boolean {
    return this.positions.length + this.ranges.length + this.scans.length === 0;
  }

  /** Whatever depends on a fact of this sort on these keys, wherever else it stands in time. */
  ofFact(kind: FactKind, time: number, held: readonly Held[]): void {
    const { mark, from, to } = reachOf(kind, time);
    for (const { id } of held) this.ranges.push({ key: id, mark, from, to });
  }

  /** The same of a fact that is new: what happened last on these keys leaves out most of it, and mostly everything. */
  ofNewFact(kind: FactKind, time: number, held: readonly Held[]): void {
    const { mark, from, to } = reachOf(kind, time);
    const lastAt = (of: number) => Math.max(...held.map(({ last }) => last?.[of] ?? LATEST));
    if (mark === null) {
      if (from === EARLIEST || held.some((each) => each.lastAt >= from)) this.ofFact(kind, time, held);
      return;
    }
    const last = lastAt(mark);
    if (last < from) return;
    const next = NEXT_OF[kind];
    const before = next === undefined ? Number.NEGATIVE_INFINITY : Math.max(...held.map((each) => each.lastOwn(next)));
    // What came before the last one of its kind had its next already; another controller's is none.
    const since = before <= time ? before : Number.NEGATIVE_INFINITY;
    if (last < since) return;
    for (const { id } of held) this.ranges.push({ key: id, mark, from: Math.max(from, since, EARLIEST), to });
  }

  everythingOf(held: readonly Held[]): void {
    for (const { id } of held) this.ranges.push({ key: id, mark: null, from: EARLIEST, to: LATEST });
  }
}

/** Facts of which only the next after an event counts, by the mark under which they are found. */
const NEXT_OF: Partial<Record<FactKind, number>> = { contact: MARKS.contact, disclosure: MARKS.disclosed };

function reachOf(kind: FactKind, time: number): Omit<Range, 'key'> {
  switch (kind) {
    case 'notice':
      return { mark: MARKS.elsewhere, from: EARLIEST, to: LATEST };
    case 'contact':
    case 'disclosure':
      return { mark: MARKS.elsewhere, from: EARLIEST, to: time };
    case 'delivery':
      return { mark: MARKS.obliging, from: time, to: LATEST };
    case 'notification':
      return { mark: MARKS.obliging, from: EARLIEST, to: time };
    // Whichever side of them it lies on.
    case 'agreement':
    case 'termination':
    case 'review':
    case 'ending':
      return { mark: null, from: EARLIEST, to: LATEST };
    default:
      return { mark: null, from: time, to: LATEST };
  }
}
