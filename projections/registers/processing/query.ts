import { type IQueryHandler, Query, QueryHandler } from '@nestjs/cqrs';
import { sql } from 'kysely';
import { EventStore } from '../../../src/eventstore/event-store.ts';
import { People } from '../../../src/ledger/people/people.ts';
import { Policies, type Published } from '../../../src/ledger/policy/policies.ts';
import type { Policy } from '../../../src/policy/document.ts';
import { effectiveAt, inForceAt } from '../../../src/policy/in-force.ts';
import { KeyVault } from '../../../src/privacy/key-vault.ts';
import { driverOf, type Sought } from '../../entries/about.ts';
import { matchedFacts } from '../../entries/count.ts';
import type { Profile } from '../../entries/tables.ts';
import { textOf } from '../../findings/rules/rule.ts';
import { iso } from '../../moment.ts';
import { type Answer, Asking, type Frame, type Question } from '../../question.ts';
import { QuestionTooLong, Views } from '../../views.ts';
import { AGREEMENT_TYPES, agreementsOf } from '../agreements.ts';
import { pageOf } from '../paging.ts';
import { PROCESSING_TYPES, standingOf } from '../standing.ts';
import { type Activity, activitiesOf, type Observation, type Seen } from './activities.ts';

/** A version of the policy, by what names it. */
export interface VersionName {
  policy: string;
  version: string;
  effectiveFrom: string;
}

/** Who is responsible, and to whom people and authorities turn (Art. 30(1)(a)). */
export type DeclaredController = Omit<Policy['controller'], 'supervisoryAuthority' | 'financialYearEnds' | 'clauses'> & {
  supervisoryAuthority: { id: string; name: string };
};

/** What an answer says beside its activities. */
export interface RegisterHead {
  /** Null as long as no policy was in force. */
  controller: DeclaredController | null;
  policy: (VersionName & { title: string; url: string; digest: string; publishedAt: string }) | null;
  /** Other versions that were in force in the window: what was observed then is compared with the one above all the same. */
  earlierVersions: VersionName[];
  window: { from?: string; to?: string };
  /** Technical and organisational measures (Art. 30(1)(g)): declared, and recorded with how often and when. */
  security: { declared: readonly string[]; recorded: ({ measure: string } & Seen)[] };
  /** Where the policy says that everything lies. */
  territory: { area?: string; countries: readonly string[] };
  /** Titles of the statutes that entries name. */
  statutes: Record<string, string>;
  /** Of all pages. */
  totals: { activities: number; declared: number; observed: number; differences: number };
}

export type RegisterAnswer = Answer<Activity> & { head: RegisterHead };

/** Axes by which a register may be narrowed down. */
export type RegisterQuestion = Omit<Question, 'order' | 'leaves'>;

/**
 * The records of processing activities (Art. 30): what the policy declares beside what was observed, with the differences, as
 * controller and on behalf of others (Q2). What was retracted is not counted, what was corrected once. It counts events and names
 * nobody.
 */
export class ProcessingRegister extends Query<RegisterAnswer> {
  constructor(readonly question: RegisterQuestion) {
    super();
  }
}

/** Combinations of codes, recipient and controller in one answer, at most; beyond, the question is too broad. */
const MAX_COMBINATIONS = 50_000;
/** Measures that are listed. */
const MAX_MEASURES = 1_000;
const DEFAULT_LIMIT = 1_000;
const NAME = 'processing-register';

type Row = Profile & { controller: string | null; recipient: string | null; events: number; first_at: number; last_at: number };

@QueryHandler(ProcessingRegister)
export class ProcessingRegisterHandler implements IQueryHandler<ProcessingRegister> {
  readonly #asking: Asking;

  constructor(
    private readonly views: Views,
    private readonly store: EventStore,
    vault: KeyVault,
    people: People,
    private readonly policies: Policies,
  ) {
    this.#asking = new Asking(views, store, vault, people, 'entries');
  }

  /** @throws NotThereYet, InvalidCursor, InvalidMoment, QuestionTooLong, TooManyQuestions */
  async execute({ question }: ProcessingRegister): Promise<RegisterAnswer> {
    const frame = await this.#asking.frame(NAME, question);
    const sought = (await this.#asking.sought(question, frame)) as Sought;
    const at = Date.parse(frame.asOf);
    const [observations, engaged, measures, versions] = await Promise.all([
      this.observations(sought, frame),
      standingOf(this.views.db, this.store, AGREEMENT_TYPES, frame.position),
      this.measures(frame),
      this.policies.versions(),
    ]);
    const known = versions.filter(({ position }) => position <= frame.position);
    const published = inForceAt(known, at);
    const agreements = agreementsOf(engaged, published?.promises);
    const all = activitiesOf({ ...(published && { promises: published.promises }), at, observations, agreements }).filter(meeting(sought));
    return {
      ...pageOf(NAME, all, { asking: this.#asking, question, frame, limit: question.limit ?? DEFAULT_LIMIT }),
      people: [],
      head: { ...headOf(published, known, sought, at), security: securityOf(published, measures), totals: totalsOf(all) },
    };
  }

  private async observations(sought: Sought, frame: Frame): Promise<Observation[]> {
    const { db } = this.views;
    const processing: Sought = { ...sought, codes: new Map([...sought.codes, ['type', PROCESSING_TYPES]]) };
    const driver = await driverOf(db, processing, 'count');
    if (!driver) return [];
    const matched = await matchedFacts(db, this.store, { sought: processing, driver, position: frame.position });
    const { rows } = await sql<Row>`with matched as (${matched}), counted as (
        select profile, controller, recipient, count(*) as events, min(time) as first_at, max(time) as last_at
        from matched group by profile, controller, recipient
      )
      select p.*, r.value as recipient, o.value as controller, c.events, c.first_at, c.last_at
      from counted as c join entries_profiles as p on p.id = c.profile
        left join entries_values as r on r.id = c.recipient left join entries_values as o on o.id = c.controller
      where coalesce(p.outcome, 'ok') <> 'denied'
      limit ${MAX_COMBINATIONS + 1}`.execute(db);
    if (rows.length > MAX_COMBINATIONS) throw new QuestionTooLong();
    return rows.map(observationOf);
  }

  private async measures({ position }: Frame): Promise<({ measure: string } & Seen)[]> {
    const documents = await standingOf(this.views.db, this.store, ['SecurityMeasureImplemented'], position);
    const byName = Map.groupBy(documents, ({ entry }) => textOf(entry.data['measure']) ?? '');
    const named = [...byName].filter(([measure]) => measure !== '').slice(0, MAX_MEASURES);
    return named.map(([measure, each]) => {
      const times = each.map(({ time }) => time);
      return { measure, events: each.length, firstAt: iso(Math.min(...times)), lastAt: iso(Math.max(...times)) };
    });
  }
}

function observationOf(row: Row): Observation {
  const texts = { capacity: row.capacity, controller: row.controller, purpose: row.purpose, legalBasis: row.legal_basis };
  const more = { system: row.system, country: row.country, transferTool: row.transfer_tool };
  const given = Object.entries({ ...texts, ...more }).filter(([, value]) => value !== null);
  return {
    type: row.type,
    ...Object.fromEntries(given),
    categories: JSON.parse(row.categories),
    subjectCategories: JSON.parse(row.subject_categories),
    ...(row.recipient_role !== null && {
      recipient: {
        // A recipient without an id is known by its role alone.
        id: row.recipient ?? row.recipient_role,
        role: row.recipient_role,
        ...(row.recipient_country !== null && { country: row.recipient_country }),
      },
    }),
    events: Number(row.events),
    firstAt: Number(row.first_at),
    lastAt: Number(row.last_at),
  };
}

/** Events were narrowed down by axes of their own; what is declared is by its purpose. */
const meeting = ({ codes }: Sought) => {
  const purposes = codes.get('purpose');
  return ({ purpose }: Activity): boolean => purposes === undefined || (purpose !== undefined && purposes.includes(purpose));
};

const nameOf = ({ policy, version, effectiveFrom }: Published): VersionName => ({ policy, version, effectiveFrom });

function headOf(published: Published | undefined, known: readonly Published[], { from, to }: Sought, at: number) {
  const window = { ...(from !== undefined && { from: iso(from) }), ...(to !== undefined && { to: iso(to) }) };
  if (published === undefined)
    return { controller: null, policy: null, earlierVersions: [], window, territory: { countries: [] }, statutes: {} };
  const { promises, url, digest, publishedAt } = published;
  const { policy } = promises;
  const { supervisoryAuthority, financialYearEnds, clauses, ...controller } = policy.controller;
  const authority = { id: supervisoryAuthority, name: policy.recipients[supervisoryAuthority]?.name ?? supervisoryAuthority };
  const { area, countries = [] } = policy.territory;
  const last = Math.min(to ?? at, at);
  const inWindow = new Set(
    [from ?? Number.NEGATIVE_INFINITY, ...known.map(effectiveAt).filter((begins) => begins > (from ?? Number.NEGATIVE_INFINITY))]
      .filter((moment) => moment < last)
      .map((moment) => inForceAt(known, moment)),
  );
  return {
    controller: { ...controller, supervisoryAuthority: authority },
    policy: { ...nameOf(published), title: policy.title, url, digest, publishedAt },
    earlierVersions: known.filter((each) => each !== published && inWindow.has(each)).map(nameOf),
    window,
    territory: { ...(area !== undefined && { area }), countries },
    statutes: Object.fromEntries(Object.entries(policy.statutes ?? {}).map(([name, { title }]) => [name, title])),
  };
}

function securityOf(published: Published | undefined, recorded: RegisterHead['security']['recorded']): RegisterHead['security'] {
  return { declared: published?.promises.policy.security?.measures ?? [], recorded };
}

function totalsOf(activities: readonly Activity[]): RegisterHead['totals'] {
  return {
    activities: activities.length,
    declared: activities.filter(({ declared }) => declared !== null).length,
    observed: activities.filter(({ observed }) => observed !== null).length,
    differences: activities.reduce((sum, { differences, differencesLeftOut = 0 }) => sum + differences.length + differencesLeftOut, 0),
  };
}
