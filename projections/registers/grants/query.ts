import { type IQueryHandler, Query, QueryHandler } from '@nestjs/cqrs';
import { sql } from 'kysely';
import { EventStore } from '../../../src/eventstore/event-store.ts';
import { People } from '../../../src/ledger/people/people.ts';
import { KeyVault } from '../../../src/privacy/key-vault.ts';
import { listed } from '../../database.ts';
import { driverOf, type Sought } from '../../entries/about.ts';
import { matchedFacts } from '../../entries/count.ts';
import { type ShownWho, whoAmong } from '../../entries/gone.ts';
import { iso } from '../../moment.ts';
import { type Answer, Asking, type Frame, type Question } from '../../question.ts';
import { QuestionTooLong, Views } from '../../views.ts';
import { holdsAt, type Said } from '../agreements.ts';
import { pageOf } from '../paging.ts';
import { personsOf, standingOf } from '../standing.ts';
import { type Accessed, cover, GRANT_TYPES, type Grant, grantsOf, reaches, type Scope, touchesAccess } from './grants.ts';

/** How a grant stands at the day that is asked about. */
export type GrantStanding = 'current' | 'not-yet' | 'ended' | 'revoked';

export interface GrantItem extends Scope {
  /** Who may; by id with the permission to name actors, else by reference. */
  grantee: ShownWho;
  standing: GrantStanding;
  scope?: readonly string[];
  from: string;
  until?: string;
  grantedBy: ShownWho;
  granted: Said;
  revoked?: { at: string; by: ShownWho; record: Said };
  revokedInPart?: ({ at: string } & Scope)[];
  /** Of a current one, where `usage` was asked for: the last access that it covers, alone or with others of theirs; null where there was none since it began. */
  lastUsedAt?: string | null;
}

/** What was looked up and by how many, for which nobody ever had a grant; grants that were never used. */
export interface GrantUsage {
  /** Accesses by people whose grants, current or not, never covered them between them; findings of rule R6 tell the others too. */
  accessesWithoutGrant: number;
  /** By how many people. */
  peopleWithoutGrant: number;
  /** Current grants under which nothing was ever looked up. */
  grantsNeverUsed: number;
}

export interface GrantQuestion extends Question {
  /** Only those that stand so; all when absent. */
  standing?: GrantStanding;
  /** Whether to count what was looked up under each grant, and without any. */
  usage?: boolean;
}

/** Who may see what, for which purpose, in which system, from when until when, and by whom it was granted (Art. 29, 32(4)). */
export class AccessGrants extends Query<Answer<GrantItem> & { usage?: GrantUsage }> {
  constructor(readonly question: GrantQuestion) {
    super();
  }
}

const NAME = 'access-grants';
const MAX_COMBINATIONS = 50_000;

interface Access extends Accessed {
  actor: string;
  categories: string[];
  events: number;
  lastAt: number;
}

@QueryHandler(AccessGrants)
export class AccessGrantsHandler implements IQueryHandler<AccessGrants> {
  readonly #asking: Asking;

  constructor(
    private readonly views: Views,
    private readonly store: EventStore,
    private readonly vault: KeyVault,
    people: People,
  ) {
    this.#asking = new Asking(views, store, vault, people, 'entries');
  }

  /** @throws NotThereYet, InvalidCursor, InvalidMoment, QuestionTooLong, TooManyQuestions */
  async execute({ question }: AccessGrants): Promise<Answer<GrantItem> & { usage?: GrantUsage }> {
    // A cursor goes on with the same standing alone.
    const name = `${NAME} ${question.standing ?? 'all'}`;
    const frame = await this.#asking.frame(name, question);
    const sought = await this.#asking.sought(question, frame);
    const personOf = personsOf(await this.#asking.merged(frame));
    const documents = sought ? await standingOf(this.views.db, this.store, GRANT_TYPES, frame.position) : [];
    const all = grantsOf(documents, personOf);
    const at = Date.parse(frame.asOf);
    const wanted = all.filter((grant) => sought && isWanted(grant, sought, at, question.standing));
    const accesses = sought && question.usage ? await this.accesses(sought, frame, personOf) : undefined;
    const { items, ...page } = pageOf(name, wanted, { asking: this.#asking, question, frame });
    const named = items.flatMap(({ grantee, grantedBy, revoked }) => [grantee, grantedBy, ...(revoked ? [revoked.by] : [])]);
    const who = await whoAmong(this.vault, [...new Set(named)], question.viewer.nameActors);
    const usage = accesses && new Usage(all, accesses, at, personOf);
    return {
      ...page,
      items: items.map((grant) => itemOf(grant, at, who, usage?.lastOf(grant))),
      people: sought?.values.get('actor') ?? [...new Set((await this.#asking.groupsOf(frame)(items.map(({ grantee }) => grantee))).flat())],
      ...(usage && { usage: usage.of(wanted) }),
    };
  }

  /** What people looked up as controller, by person and codes. */
  private async accesses(sought: Sought, frame: Frame, personOf: (reference: string) => string): Promise<Access[]> {
    const { db } = this.views;
    const accessing: Sought = { ...sought, codes: new Map([...sought.codes, ['type', ['PersonalDataAccessed']]]) };
    const driver = await driverOf(db, accessing, 'count');
    if (!driver) return [];
    const matched = await matchedFacts(db, this.store, { sought: accessing, driver, position: frame.position });
    const { rows } = await sql<Access & { categories: string; last_at: number }>`with matched as (${matched}), counted as (
        select m.actor, m.profile, count(*) as events, max(m.time) as last_at from matched as m join entries_profiles as p on p.id = m.profile
        where p.actor_kind = 'human' and p.outcome = 'ok' and coalesce(p.capacity, 'controller') not in ${listed(['processor', 'sub-processor'])}
        group by m.actor, m.profile
      )
      select v.value as actor, p.system, p.purpose, p.categories, c.events, c.last_at
      from counted as c join entries_profiles as p on p.id = c.profile join entries_values as v on v.id = c.actor
      limit ${MAX_COMBINATIONS + 1}`.execute(db);
    if (rows.length > MAX_COMBINATIONS) throw new QuestionTooLong();
    return rows.map(({ actor, categories, events, last_at, ...row }) => ({
      ...row,
      ...{ actor: personOf(actor), categories: JSON.parse(categories), events: Number(events), lastAt: Number(last_at) },
    }));
  }
}

function isWanted(grant: Grant, { values, codes }: Sought, at: number, standing: GrantStanding | undefined): boolean {
  const people = values.get('actor');
  const [purposes, categories, systems] = [codes.get('purpose'), codes.get('category'), codes.get('system')];
  const asked = { ...(purposes && { purposes }), ...(categories && { categories }), ...(systems && { systems }) };
  const isThis = standing === undefined || standingOfGrant(grant, at) === standing;
  return isThis && (people === undefined || people.includes(grant.grantee)) && reaches(grant, asked);
}

function standingOfGrant(grant: Grant, at: number): GrantStanding {
  if (grant.revoked && grant.revoked.at <= at) return 'revoked';
  if (at < grant.from) return 'not-yet';
  return holdsAt(grant, at) ? 'current' : 'ended';
}

function itemOf(grant: Grant, at: number, who: (reference: string) => ShownWho, lastUsedAt: string | null | undefined): GrantItem {
  const { grantee, grantedBy, from, until, revoked, revokedInPart, ...rest } = grant;
  return {
    ...{ grantee: who(grantee), standing: standingOfGrant(grant, at), ...rest, from: iso(from) },
    ...(until !== undefined && { until: iso(until) }),
    grantedBy: who(grantedBy),
    ...(revoked && { revoked: { ...revoked, at: iso(revoked.at), by: who(revoked.by) } }),
    ...(revokedInPart.length > 0 && { revokedInPart: revokedInPart.map((part) => ({ ...part, at: iso(part.at) })) }),
    ...(lastUsedAt !== undefined && { lastUsedAt }),
  };
}

/** What was looked up, by the grants of whoever did. */
class Usage {
  readonly #grants: ReadonlyMap<string, readonly Grant[]>;
  readonly #accesses: ReadonlyMap<string, readonly Access[]>;
  readonly #at: number;
  readonly #personOf: (reference: string) => string;

  constructor(grants: readonly Grant[], accesses: readonly Access[], at: number, personOf: (reference: string) => string) {
    this.#grants = Map.groupBy(grants, ({ grantee }) => personOf(grantee));
    this.#accesses = Map.groupBy(accesses, ({ actor }) => actor);
    this.#at = at;
    this.#personOf = personOf;
  }

  /** Of a current grant: when it was used last, alone or with others of the same person. The last time of each combination tells it. */
  lastOf(grant: Grant): string | null | undefined {
    if (standingOfGrant(grant, this.#at) !== 'current') return undefined;
    const person = this.#personOf(grant.grantee);
    const grants = this.#grants.get(person) ?? [];
    const under = (this.#accesses.get(person) ?? []).filter(
      (access) =>
        access.lastAt >= grant.from &&
        touchesAccess(grant, access) &&
        cover(
          grants.filter((each) => each === grant || holdsAt(each, access.lastAt)),
          access,
        ),
    );
    return under.length === 0 ? null : iso(Math.max(...under.map(({ lastAt }) => lastAt)));
  }

  of(wanted: readonly Grant[]): GrantUsage {
    const without = [...this.#accesses].flatMap(([person, accesses]) =>
      accesses.filter((access) => !cover(this.#grants.get(person) ?? [], access)),
    );
    return {
      accessesWithoutGrant: without.reduce((sum, { events }) => sum + events, 0),
      peopleWithoutGrant: new Set(without.map(({ actor }) => actor)).size,
      grantsNeverUsed: wanted.filter((grant) => this.lastOf(grant) === null).length,
    };
  }
}
