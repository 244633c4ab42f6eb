import { type IQueryHandler, Query, QueryHandler } from '@nestjs/cqrs';
import { sql } from 'kysely';
import { EventStore } from '../../../src/eventstore/event-store.ts';
import { People } from '../../../src/ledger/people/people.ts';
import { Policies } from '../../../src/ledger/policy/policies.ts';
import { dueAfter } from '../../../src/policy/due.ts';
import { inForceAt } from '../../../src/policy/in-force.ts';
import { KeyVault } from '../../../src/privacy/key-vault.ts';

import { driverOf, type Sought } from '../../entries/about.ts';
import { matchedFacts } from '../../entries/count.ts';
import { type ShownWho, whoAmong } from '../../entries/gone.ts';
import type { Document } from '../../entries/walk.ts';
import { textOf } from '../../findings/rules/rule.ts';
import { iso } from '../../moment.ts';
import { type Answer, Asking, type Frame, type Question } from '../../question.ts';
import { QuestionTooLong, Views } from '../../views.ts';
import { type Said, saidBy } from '../agreements.ts';
import { pageOf } from '../paging.ts';
import { PROCESSING_TYPES, personsOf, standingOf } from '../standing.ts';

/** How somebody's instruction stands. */
export type InstructionStanding = 'never' | 'overdue' | 'current';

/** Somebody who processed personal data, and when they were last told how (Art. 29, 39(1)(b)). */
export interface InstructionItem {
  /** By id with the permission to name actors, else by reference. */
  staff: ShownWho;
  standing: InstructionStanding;
  /** Absent where that was never heard of. */
  instructedAt?: string;
  /** The written instruction and its version. */
  textVersion?: string;
  record?: Said;
  /** When the next one is due; absent where the policy asks for none. */
  dueAt?: string;
  /** What was processed in the window. */
  processed: { events: number; firstAt: string; lastAt: string };
}

export interface InstructionQuestion extends Question {
  /** Only those who stand so; all when absent. */
  standing?: InstructionStanding;
}

/** When everybody who processed personal data was last instructed: never, overdue, or not yet due again. */
export class Instruction extends Query<Answer<InstructionItem>> {
  constructor(readonly question: InstructionQuestion) {
    super();
  }
}

const NAME = 'instruction';
/** People, by their references, at most. */
const MAX_STAFF = 50_000;
const ORDER: readonly InstructionStanding[] = ['never', 'overdue', 'current'];

interface Row {
  reference: string;
  events: number;
  first_at: number;
  last_at: number;
}

/** Somebody, before they are named. Times in milliseconds since 1970. */
interface Staff {
  /** The first reference under which they acted. */
  reference: string;
  references: string[];
  events: number;
  firstAt: number;
  lastAt: number;
  instructed?: Document;
  dueAt?: number;
  standing: InstructionStanding;
}

@QueryHandler(Instruction)
export class InstructionHandler implements IQueryHandler<Instruction> {
  readonly #asking: Asking;

  constructor(
    private readonly views: Views,
    private readonly store: EventStore,
    private readonly vault: KeyVault,
    people: People,
    private readonly policies: Policies,
  ) {
    this.#asking = new Asking(views, store, vault, people, 'entries');
  }

  /** @throws NotThereYet, InvalidCursor, InvalidMoment, QuestionTooLong, TooManyQuestions */
  async execute({ question }: Instruction): Promise<Answer<InstructionItem>> {
    // A cursor goes on with the same standing alone.
    const name = `${NAME} ${question.standing ?? 'all'}`;
    const frame = await this.#asking.frame(name, question);
    const sought = await this.#asking.sought(question, frame);
    const all = sought ? await this.staff(sought, frame) : [];
    const wanted = all.filter(({ standing }) => question.standing === undefined || standing === question.standing);
    const { items, ...page } = pageOf(name, wanted, { asking: this.#asking, question, frame });
    const who = await whoAmong(
      this.vault,
      items.map(({ reference }) => reference),
      question.viewer.nameActors,
    );
    return {
      ...page,
      items: items.map((each) => itemOf(each, who)),
      people: sought?.values.get('actor') ?? [
        ...new Set((await this.#asking.groupsOf(frame)(items.flatMap(({ references }) => references))).flat()),
      ],
    };
  }

  /** Everybody who processed: whoever was never instructed first, then by when it is due. */
  private async staff(sought: Sought, frame: Frame): Promise<Staff[]> {
    const at = Date.parse(frame.asOf);
    const [rows, documents, versions, merged] = await Promise.all([
      this.acting(sought, frame),
      standingOf(this.views.db, this.store, ['StaffInstructed'], frame.position),
      this.policies.versions(),
      this.#asking.merged(frame),
    ]);
    const known = versions.filter(({ position }) => position <= frame.position);
    const every = inForceAt(known, at)?.promises.policy.instruction?.every;
    const personOf = personsOf(merged);
    // By time: the last one of each counts.
    const last = new Map(
      documents.filter(({ time }) => time <= at).flatMap((document) => whomOf(document).map((each) => [personOf(each), document])),
    );
    const people = Map.groupBy(rows, ({ reference }) => personOf(reference));
    const staff = [...people].map(([person, of]) => staffOf(of, last.get(person), every, at));
    const place = ({ standing, dueAt = Number.POSITIVE_INFINITY }: Staff) => [ORDER.indexOf(standing), dueAt] as const;
    return staff.sort((a, b) => {
      const [[one, due], [other, later]] = [place(a), place(b)];
      return one - other || (due === later ? 0 : due - later) || (a.reference < b.reference ? -1 : 1);
    });
  }

  private async acting(sought: Sought, frame: Frame): Promise<Row[]> {
    const { db } = this.views;
    const processing: Sought = { ...sought, codes: new Map([...sought.codes, ['type', PROCESSING_TYPES]]) };
    const driver = await driverOf(db, processing, 'count');
    if (!driver) return [];
    const matched = await matchedFacts(db, this.store, { sought: processing, driver, position: frame.position });
    const { rows } = await sql<Row>`with matched as (${matched}), counted as (
        select m.actor, count(*) as events, min(m.time) as first_at, max(m.time) as last_at
        from matched as m join entries_profiles as p on p.id = m.profile
        where p.actor_kind = 'human' and coalesce(p.outcome, 'ok') <> 'denied' group by m.actor
      )
      select v.value as reference, c.events, c.first_at, c.last_at from counted as c join entries_values as v on v.id = c.actor
      order by v.id limit ${MAX_STAFF + 1}`.execute(db);
    if (rows.length > MAX_STAFF) throw new QuestionTooLong();
    // Asked about somebody, what others did on their behalf is found too, and is not theirs.
    const asked = sought.values.get('actor');
    return asked === undefined ? rows : rows.filter(({ reference }) => asked.includes(reference));
  }
}

/** Who was instructed: who is named as staff, else whoever the event is about. */
function whomOf({ entry: { data } }: Document): string[] {
  const staff = textOf(data['staff']);
  return staff === undefined ? data.subjects.map(({ reference }) => reference) : [staff];
}

function staffOf(rows: readonly Row[], instructed: Document | undefined, every: string | undefined, at: number): Staff {
  const dueAt = every !== undefined && instructed ? dueAfter(instructed.time, every) : undefined;
  const standing = instructed === undefined ? 'never' : dueAt !== undefined && dueAt < at ? 'overdue' : 'current';
  return {
    reference: (rows[0] as Row).reference,
    references: rows.map(({ reference }) => reference),
    events: rows.reduce((sum, { events }) => sum + Number(events), 0),
    firstAt: Math.min(...rows.map((row) => Number(row.first_at))),
    lastAt: Math.max(...rows.map((row) => Number(row.last_at))),
    ...(instructed && { instructed }),
    ...(dueAt !== undefined && { dueAt }),
    standing,
  };
}

function itemOf(
  { reference, standing, instructed, dueAt, events, firstAt, lastAt }: Staff,
  who: (reference: string) => ShownWho,
): InstructionItem {
  const textVersion = textOf(instructed?.entry.data['textVersion']);
  return {
    ...{ staff: who(reference), standing },
    ...(instructed && { instructedAt: iso(instructed.time), record: saidBy(instructed) }),
    ...(textVersion !== undefined && { textVersion }),
    ...(dueAt !== undefined && { dueAt: iso(dueAt) }),
    processed: { events, firstAt: iso(firstAt), lastAt: iso(lastAt) },
  };
}
