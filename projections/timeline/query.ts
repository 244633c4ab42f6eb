import { type IQueryHandler, Query, QueryHandler } from '@nestjs/cqrs';
import { EventStore } from '../../src/eventstore/event-store.ts';
import { People } from '../../src/ledger/people/people.ts';
import { KeyVault } from '../../src/privacy/key-vault.ts';
import { TransparencyLog } from '../../src/transparency/transparency-log.ts';
import { driverOf, type Sought } from '../entries/about.ts';
import { type Completeness, completenessOf } from '../entries/concerning.ts';
import { itemsOf, type TimelineItem } from '../entries/items.ts';
import { Opening } from '../entries/opening.ts';
import { type Document, type Walked, walk } from '../entries/walk.ts';
import { type Answer, Asking, type Frame, type Question } from '../question.ts';
import { Views } from '../views.ts';

const DEFAULT_LIMIT = 50;
const NOTHING: Walked = { documents: [], isEnd: true, hasCorrections: false, characters: 0 };

export interface TimelineAnswer extends Answer<TimelineItem & { leafIndex?: number | null }> {
  /** Of one person, with `leaves`, on the first page; absent where no tree head had been published by then. */
  completeness?: Completeness;
}

/** Who processed what, of whom, when and why (Q9), on any axes, as the ledger knew it on a day. */
export class Timeline extends Query<TimelineAnswer> {
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
    private readonly log: TransparencyLog,
  ) {
    this.#asking = new Asking(views, store, vault, people, 'entries');
  }

  /** @throws NotThereYet, InvalidCursor, InvalidMoment, QuestionTooLong, TooManyQuestions */
  async execute({ question }: Timeline): Promise<TimelineAnswer> {
    const frame = await this.#asking.frame('timeline', await this.afterHead(question));
    const sought = await this.#asking.sought(question, frame);
    const asked = sought?.values.get('subject');
    if (asked) question.onPeople?.(asked, frame.correlationId);
    const opening = new Opening(question.viewer, asked);
    const walked = sought ? await this.read(question, frame, sought, opening) : NOTHING;
    const { documents, isEnd } = walked;
    const last = documents.at(-1);
    const items = await itemsOf(walked, opening, {
      ...{ db: this.views.db, vault: this.vault, position: frame.position },
      groupsOf: this.#asking.groupsOf(frame),
    });
    return {
      items: question.leaves ? await this.withLeaves(items) : items,
      ...(question.leaves && asked && (await this.completeness(question, frame, asked))),
      next: isEnd || !last ? null : this.#asking.next('timeline', question, frame, [last.time, last.position]),
      position: frame.position,
      asOf: frame.asOf,
      people: asked ?? peopleOf(documents, opening, sought?.values.get('actor')),
      correlationId: frame.correlationId,
      isFurtherPage: question.cursor !== undefined,
    };
  }

  /** A tree head says nothing of an answer that has less in it. */
  private async afterHead(question: Question): Promise<Question> {
    if (!question.leaves || question.cursor !== undefined) return question;
    const head = await this.log.head();
    return { ...question, after: Math.max(question.after ?? 0, head?.position ?? 0) };
  }

  private async withLeaves(items: readonly TimelineItem[]): Promise<TimelineAnswer['items']> {
    const indexes = await this.log.indexesOf(items.map(({ position }) => position));
    return items.map((item, i) => ({ ...item, leafIndex: indexes[i] ?? null }));
  }

  private async completeness({ cursor }: Question, frame: Frame, asked: readonly string[]): Promise<Pick<TimelineAnswer, 'completeness'>> {
    if (cursor !== undefined) return {};
    const [person = []] = await this.#asking.groupsOf(frame)(asked.slice(0, 1));
    // Whoever else was asked about is another person.
    if (person.length !== asked.length) return {};
    const completeness = await completenessOf({ db: this.views.db, log: this.log }, asked, frame.position);
    return completeness ? { completeness } : {};
  }

  /** The entries of the page; it ends early where it would show too many people. */
  private async read(question: Question, { position, last }: Frame, sought: Sought, opening: Opening): Promise<Walked> {
    const { order = 'desc', limit = DEFAULT_LIMIT } = question;
    const driver = await driverOf(this.views.db, sought);
    if (!driver) return NOTHING;
    const from = { sought, driver, position, order, last: last as [number, number] | undefined };
    const walked = await walk(this.views.db, from, limit + 1);
    const { documents } = walked;
    const fitting = Math.min(limit, opening.fitting(documents));
    return fitting === documents.length ? walked : { ...walked, documents: documents.slice(0, fitting), isEnd: false };
  }
}

/** Whoever is shown, and the actors asked about: they, too, are people whose doings somebody looks at. */
function peopleOf(documents: readonly Document[], opening: Opening, actors: readonly string[] = []): string[] {
  return [...new Set([...actors, ...documents.flatMap(({ entry }) => opening.shown(entry).map(({ reference }) => reference))])];
}
