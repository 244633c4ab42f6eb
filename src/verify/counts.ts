/** What the log says that read models should have, counted on the way. */
import type { Entry } from '../ledger/entry.ts';
import { isLedgersOwn, isSource } from '../vocabulary/source.ts';

/** Read models that can be counted, by name. */
export const COUNTED = ['entries', 'completeness', 'quarantine', 'holds'] as const;
export type Counted = (typeof COUNTED)[number];

/** Up to which position each is counted; absent where it is not. */
export type Limits = Partial<Record<Counted, number>>;

/** A source as completeness tells of it: records, and items that came into quarantine. */
export type OfSource = [events: number, quarantined: number];

export interface Counts {
  entries: number;
  quarantine: number;
  /** Holds that were placed, and releases that name what they release. */
  holds: number;
  /** By source. */
  completeness: [source: string, counted: OfSource][];
}

export class Counter {
  #entries = 0;
  #quarantine = 0;
  #holds = 0;
  readonly #completeness = new Map<string, OfSource>();
  readonly #limits: Required<Limits>;

  constructor(limits: Limits) {
    this.#limits = { entries: 0, completeness: 0, quarantine: 0, holds: 0, ...limits };
  }

  add(position: number, type: string, { source, data }: Entry): void {
    const limits = this.#limits;
    if (position <= limits.entries) this.#entries++;
    if (position <= limits.quarantine && type === 'RecordQuarantined') this.#quarantine++;
    if (position <= limits.holds && (type === 'LegalHoldPlaced' || (type === 'LegalHoldReleased' && isPair(data['target'])))) this.#holds++;
    if (position > limits.completeness) return;
    if (type === 'RecordQuarantined') {
      const of = data['recordSource'];
      if (typeof of === 'string' && isSource(of)) this.#of(of)[1]++;
    } else if (!isLedgersOwn(source)) this.#of(source)[0]++;
  }

  addAll({ entries, quarantine, holds, completeness }: Counts): void {
    this.#entries += entries;
    this.#quarantine += quarantine;
    this.#holds += holds;
    for (const [source, [events, quarantined]] of completeness) {
      const of = this.#of(source);
      of[0] += events;
      of[1] += quarantined;
    }
  }

  get counts(): Counts {
    return { entries: this.#entries, quarantine: this.#quarantine, holds: this.#holds, completeness: [...this.#completeness] };
  }

  #of(source: string): OfSource {
    let of = this.#completeness.get(source);
    if (of === undefined) {
      of = [0, 0];
      this.#completeness.set(source, of);
    }
    return of;
  }
}

function isPair(value: unknown): boolean {
  const { source, id } = (value ?? {}) as { source?: unknown; id?: unknown };
  return typeof source === 'string' && typeof id === 'string';
}
