import { type IQueryHandler, Query, QueryHandler } from '@nestjs/cqrs';
import { EventStore, type RecordedEvent } from '../../src/eventstore/event-store.ts';
import { recordKey } from '../../src/eventstore/record-key.ts';
import { chainOf, type ErasureChain } from '../../src/ledger/erasure/facts.ts';
import { People } from '../../src/ledger/people/people.ts';
import { KeyVault } from '../../src/privacy/key-vault.ts';
import { type PublishedHead, TransparencyLog } from '../../src/transparency/transparency-log.ts';
import { itemsOf, type TimelineItem } from '../entries/items.ts';
import { Opening } from '../entries/opening.ts';
import { documentOf } from '../entries/walk.ts';
import { Asking, type Viewer } from '../question.ts';
import { Views } from '../views.ts';
import { type Proven, peopleOf, prove } from './proving.ts';

/** What is to be proven: one record, or all that makes up an erasure. */
export type ToProve = { record: { source: string; id: string } } | { position: number } | { erasure: string };

export interface ProofQuestion {
  of: ToProve;
  /** Size of an older published head to prove under; absent: of one that covers it. */
  head?: number;
  viewer: Viewer;
  /** How long to wait at most for a head that covers it. */
  waitMs: number;
}

/** One event as it is answered, and as it was proven. */
export interface ProvenItem extends Proven {
  record: TimelineItem;
}

export interface ProofAnswer {
  head: PublishedHead;
  /** In the order of the log. */
  items: ProvenItem[];
  /** Of an erasure. */
  state?: ErasureChain['state'];
  /** References of the people of the records. */
  people: string[];
  correlationId: string;
}

/**
 * That what was recorded stands in the signed tree (Q12).
 * @throws RecordUnknown, HeadUnknown, HeadTooSmall, NotSealedYet, SealingRefused, NotThereYet, LeafDiffers, TileMissing
 */
export class Proof extends Query<ProofAnswer> {
  constructor(readonly question: ProofQuestion) {
    super();
  }
}

/** The log knows no such record, position or erasure. */
export class RecordUnknown extends Error {
  override name = 'RecordUnknown';
  constructor(
    /** By what it was named. */
    readonly by: 'record' | 'position' | 'erasure',
  ) {
    super(`the log knows no such ${by}`);
  }
}

/** No head of this size was published. */
export class HeadUnknown extends Error {
  override name = 'HeadUnknown';
}

/** The head is older than what is to be proven under it. */
export class HeadTooSmall extends Error {
  override name = 'HeadTooSmall';
}

@QueryHandler(Proof)
export class ProofHandler implements IQueryHandler<Proof> {
  readonly #asking: Asking;

  constructor(
    private readonly store: EventStore,
    private readonly log: TransparencyLog,
    private readonly views: Views,
    private readonly vault: KeyVault,
    people: People,
  ) {
    this.#asking = new Asking(views, store, vault, people, 'entries');
  }

  async execute({ question }: Proof): Promise<ProofAnswer> {
    const { state, events } = await this.find(question.of);
    const last = (events.at(-1) as RecordedEvent).position;
    const head = await this.headFor(last, question);
    const proven = await prove(this.log, events, head);
    const { records, correlationId } = await this.show(events, last, question.viewer);
    return {
      head,
      items: proven.map((each, i) => ({ ...each, record: records[i] as TimelineItem })),
      ...(state && { state }),
      people: peopleOf(events),
      correlationId,
    };
  }

  private async find(of: ToProve): Promise<{ state?: ErasureChain['state']; events: RecordedEvent[] }> {
    if ('erasure' in of) {
      const chain = await chainOf(this.store, of.erasure);
      if (!chain) throw new RecordUnknown('erasure');
      return chain;
    }
    const position = 'position' in of ? of.position : (await this.store.find([recordKey(of.record.source, of.record.id)]))[0];
    const event = position === undefined ? undefined : await this.store.at(position);
    if (!event) throw new RecordUnknown('position' in of ? 'position' : 'record');
    return { events: [event] };
  }

  private async headFor(position: number, { head: size, waitMs }: ProofQuestion): Promise<PublishedHead> {
    if (size === undefined) return this.log.covering(position, waitMs);
    const head = await this.log.reader.headCovering(size);
    if (head?.size !== size) throw new HeadUnknown('no tree head of this size was published');
    if (head.position < position) throw new HeadTooSmall('the tree head is older than the record');
    return this.log.published(head);
  }

  /** As on a timeline of now: what was corrected since is told. */
  private async show(events: readonly RecordedEvent[], last: number, viewer: Viewer) {
    const frame = await this.#asking.frame('proof', { after: last, viewer });
    const records = await itemsOf({ documents: events.map(documentOf), hasCorrections: true }, new Opening(viewer, undefined), {
      ...{ db: this.views.db, vault: this.vault, position: frame.position },
      groupsOf: this.#asking.groupsOf(frame),
    });
    return { records, correlationId: frame.correlationId };
  }
}
