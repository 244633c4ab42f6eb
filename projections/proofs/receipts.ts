import { setImmediate as othersTurn } from 'node:timers/promises';
import { type IQueryHandler, Query, QueryHandler } from '@nestjs/cqrs';
import { v7 as uuidv7 } from 'uuid';
import { EventStore, type RecordedEvent } from '../../src/eventstore/event-store.ts';
import { recordKey } from '../../src/eventstore/record-key.ts';
import type { Entry } from '../../src/ledger/entry.ts';
import type { Receipt } from '../../src/transparency/receipt.ts';
import { type PublishedHead, TransparencyLog } from '../../src/transparency/transparency-log.ts';
import { LeafDiffers } from '../entries/leaves.ts';
import { type Proven, peopleOf, prove, TURN } from './proving.ts';

/** A record of which a receipt is wanted. */
export interface Wanted {
  /** Its place in what was asked. */
  index: number;
  source: string;
  id: string;
}

export type GivenReceipt = Receipt & {
  /** Its place in what was asked. */
  index: number;
  position: number;
};

/** Why there is no receipt. */
export type WithoutReceipt = Wanted & { why: string };

/** Whatever was wanted stands in one of the three. */
export interface ReceiptsAnswer {
  receipts: GivenReceipt[];
  /** Recorded, and not covered by a tree head yet: asked for again later. */
  pending: WithoutReceipt[];
  /** Not recorded. */
  unknown: WithoutReceipt[];
  /** References of the people of the records of which there are receipts. */
  people: string[];
  correlationId: string;
}

/**
 * Receipts of records.
 * @throws LeafDiffers, TileMissing, StoreUnavailable
 */
export class Receipts extends Query<ReceiptsAnswer> {
  constructor(
    readonly wanted: readonly Wanted[],
    /** How long to wait at most until all of it is covered by a tree head; 0: what is covered already. */
    readonly waitMs: number,
  ) {
    super();
  }
}

/** Bytes of the leaves of one answer, about: 1,000 of the largest would be 62 MiB. */
const MAX_BYTES = 16 * 1024 * 1024;
/** People on the records of one answer, about: each is named in what is recorded of the question. */
const MAX_PEOPLE = 10_000;

const NOT_RECORDED = 'no record with this source and id stands in the log; what is in quarantine has no receipt before it is released';
const FULL = 'one answer holds no more: ask for these again';
const NOT_COVERED = 'no tree head covers it yet: ask again in some seconds, or with "wait": true';

@QueryHandler(Receipts)
export class ReceiptsHandler implements IQueryHandler<Receipts> {
  constructor(
    private readonly store: EventStore,
    private readonly log: TransparencyLog,
  ) {}

  async execute({ wanted, waitMs }: Receipts): Promise<ReceiptsAnswer> {
    const found = await this.store.find(wanted.map(({ source, id }) => recordKey(source, id)));
    const known = wanted.flatMap((each, i) => (found[i] === undefined ? [] : [{ ...each, position: found[i] }]));
    const unknown = wanted.filter((_, i) => found[i] === undefined).map((each) => ({ ...each, why: NOT_RECORDED }));
    const { head, why } = known.length > 0 ? await this.head(Math.max(...known.map(({ position }) => position)), waitMs) : {};
    const [covered, pending] = divided(known, ({ position }) => position <= (head?.position ?? 0));
    const events = await this.fitting(covered.map(({ position }) => position));
    const proven = head ? await prove(this.log, events, head) : [];
    return {
      receipts: proven.map((each, i) => receiptOf(each, covered[i] as Wanted)),
      pending: [
        ...covered.slice(events.length).map((each) => without(each, FULL)),
        ...pending.map((each) => without(each, why ?? NOT_COVERED)),
      ],
      unknown,
      people: peopleOf(events),
      correlationId: uuidv7(),
    };
  }

  /** The events at these positions, as many of them as one answer holds. */
  private async fitting(positions: readonly number[]): Promise<RecordedEvent[]> {
    const events: RecordedEvent[] = [];
    let [bytes, people] = [0, 0];
    for (const position of positions) {
      const event = await this.store.at(position);
      if (!event) throw new LeafDiffers(position);
      // A leaf is hardly longer than its entry, and mostly much shorter.
      bytes += event.data.length;
      people += (JSON.parse(event.data) as Entry).data.subjects.length;
      if (events.length > 0 && (bytes > MAX_BYTES || people > MAX_PEOPLE)) break;
      events.push(event);
      if (events.length % TURN === 0) await othersTurn();
    }
    return events;
  }

  /** A head that covers all of it; else the newest one, and why it does not. */
  private async head(position: number, waitMs: number): Promise<{ head?: PublishedHead | undefined; why?: string }> {
    if (waitMs === 0) return { head: await this.log.head() };
    try {
      return { head: await this.log.covering(position, waitMs) };
    } catch (error) {
      const why = WHY[(error as Error).name];
      if (why === undefined) throw error;
      return { head: await this.log.head(), why };
    }
  }
}

const WHY: Readonly<Record<string, string>> = {
  NotSealedYet: 'no tree head covered it in the time that is waited: ask again in some seconds',
  SealingRefused: 'no tree head is signed now, because what is stored is not what was published: whoever runs the ledger has to look',
};

const without = ({ index, source, id }: Wanted, why: string): WithoutReceipt => ({ index, source, id, why });

function divided<T>(all: readonly T[], isFirst: (each: T) => boolean): [T[], T[]] {
  return [all.filter(isFirst), all.filter((each) => !isFirst(each))];
}

function receiptOf({ event, index: leafIndex, bytes, proof }: Proven, { index, source, id }: Wanted): GivenReceipt {
  const { type, position } = event;
  return { index, source, id, type, position, leafIndex, leaf: bytes.toString('base64'), proof };
}
