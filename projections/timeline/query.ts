import { type IQueryHandler, Query, QueryHandler } from '@nestjs/cqrs';
import { EventStore } from '../../src/eventstore/event-store.ts';
import { recordKey } from '../../src/eventstore/record-key.ts';
import { People } from '../../src/ledger/people/people.ts';
import { KeyVault } from '../../src/privacy/key-vault.ts';
import { driverOf, type Sought } from '../entries/about.ts';
import { Opening, type ShownData } from '../entries/opening.ts';
import { type Correction, correctionsOf, type Document, type Walked, walk } from '../entries/walk.ts';
import { iso, LATE_MS, SKEW_MS } from '../moment.ts';
import { type Answer, Asking, type Frame, type Question } from '../question.ts';
import { Views } from '../views.ts';

/** People shown on a page, at most: each is a key to fetch and a part to open. */
const MAX_SHOWN = 10_000;
const DEFAULT_LIMIT = 50;
const NOTHING: Walked = { documents: [], isEnd: true, hasCorrections: false };

/** Said of a record by a later one. */
export interface Revision {
  by: { source: string; id: string; position: number; recordedAt: string };
  /** The record that stands in its place. */
  replacement?: { source: string; id: string };
}

/** An entry as it is answered: envelope, what the ledger found, and the data under the names of domain.md §1. */
export type TimelineItem = {
  position: number;
  recordedAt: string;
  source: string;
  id: string;
  type: string;
  time: string;
  /** As CloudEvents writes it: a decimal number in a string. */
  sequence?: string;
  /** Of the type's schema, as recorded. */
  version: number;
  /** Recorded more than a day after it happened. */
  late: boolean;
  /** By its source's clock it happened more than five minutes after it was recorded. */
  skew: boolean;
  corrected?: Revision;
  retracted?: Revision;
} & ShownData;

/** Who processed what, of whom, when and why (Q9), on any axes, as the ledger knew it on a day. */
export class Timeline extends Query<Answer<TimelineItem>> {
  constructor(readonly question: Question) {
    super();
  }
}

@QueryHandler(Timeline)
export class TimelineHandler implements IQueryHandler<Timeline> {
  readonly #asking: Asking;

  constructor(
    private readonly views: Views,
    store: EventStore,
    private readonly vault: KeyVault,
    people: People,
  ) {
    this.#asking = new Asking(views, store, vault, people, 'entries');
  }

  /** @throws NotThereYet, InvalidCursor, InvalidMoment, QuestionTooLong, TooManyQuestions */
  async execute({ question }: Timeline): Promise<Answer<TimelineItem>> {
    const frame = await this.#asking.frame('timeline', question);
    const sought = await this.#asking.sought(question, frame);
    const asked = sought?.values.get('subject');
    if (asked) question.onPeople?.(asked, frame.correlationId);
    const opening = new Opening(question.viewer, asked);
    const walked = sought ? await this.read(question, frame, sought, opening) : NOTHING;
    const { documents, isEnd } = walked;
    const last = documents.at(-1);
    return {
      items: await this.show(walked, frame, opening),
      next: isEnd || !last ? null : this.#asking.next('timeline', question, frame, [last.time, last.position]),
      position: frame.position,
      asOf: frame.asOf,
      people: asked ?? peopleOf(documents, opening, sought?.values.get('actor')),
      correlationId: frame.correlationId,
      isFurtherPage: question.cursor !== undefined,
    };
  }

  /** The entries of the page; it ends early where it would show too many people. */
  private async read(question: Question, { position, last }: Frame, sought: Sought, opening: Opening): Promise<Walked> {
    const { order = 'desc', limit = DEFAULT_LIMIT } = question;
    const driver = await driverOf(this.views.db, sought);
    if (!driver) return NOTHING;
    const from = { sought, driver, position, order, last: last as [number, number] | undefined };
    const walked = await walk(this.views.db, from, limit + 1);
    const { documents } = walked;
    let shown = 0;
    const fitting = documents.findIndex(({ entry }, i) => {
      shown += opening.shown(entry).length;
      return i === limit || (i > 0 && shown > MAX_SHOWN);
    });
    return fitting < 0 ? walked : { ...walked, documents: documents.slice(0, fitting), isEnd: false };
  }

  private async show({ documents, hasCorrections }: Walked, frame: Frame, opening: Opening): Promise<TimelineItem[]> {
    const keys = hasCorrections ? documents.map(({ entry }) => recordKey(entry.source, entry.id)) : [];
    const [corrections] = await Promise.all([
      correctionsOf(this.views.db, keys, frame.position),
      opening.fetch(documents, this.vault, this.#asking.groupsOf(frame)),
    ]);
    return documents.map((document, i) => itemOf(document, corrections.get(keys[i]?.toString('latin1') ?? ''), opening.show(document)));
  }
}

/** Whoever is shown, and the actors asked about: they, too, are people whose doings somebody looks at. */
function peopleOf(documents: readonly Document[], opening: Opening, actors: readonly string[] = []): string[] {
  return [...new Set([...actors, ...documents.flatMap(({ entry }) => opening.shown(entry).map(({ reference }) => reference))])];
}

function itemOf({ position, recordedAt, time, type, entry }: Document, correction: Correction | undefined, data: ShownData): TimelineItem {
  const { source, id, sequence, version } = entry;
  const envelope = {
    ...{ position, recordedAt: iso(recordedAt), source, id, type, time: entry.time },
    ...(sequence !== undefined && { sequence: String(sequence) }),
    version,
    late: recordedAt - time > LATE_MS,
    skew: time - recordedAt > SKEW_MS,
    ...(correction && revisionOf(correction)),
  };
  // Once for the order in which it reads, once because no field of the data stands in for the envelope's.
  return { ...envelope, ...data, ...envelope };
}

function revisionOf({ by, replacement }: Correction): Pick<TimelineItem, 'corrected' | 'retracted'> {
  const said = { by: { ...by, recordedAt: iso(by.recordedAt) } };
  return replacement ? { corrected: { ...said, replacement } } : { retracted: said };
}
