/** What the specifications of the questions about findings share: recorded events, and findings on them that are given by hand. */
import { join } from 'node:path';
import { sql } from 'kysely';
import { ViewsDatabase } from '../../../projections/database.ts';
import { Entries } from '../../../projections/entries/entries.ts';
import { findingId, outcomeKey } from '../../../projections/findings/items.ts';
import {
  FindingNow,
  FindingNowHandler,
  Findings,
  FindingsHandler,
  type FindingsQuestion,
  FindingsSummary,
  FindingsSummaryHandler,
  type SummaryQuestion,
} from '../../../projections/findings/query.ts';
import { FindingRemarks } from '../../../projections/findings/remarks.ts';
import type { Viewer } from '../../../projections/question.ts';
import { Runner } from '../../../projections/runner.ts';
import type { Views } from '../../../projections/views.ts';
import type { Author } from '../../../src/ledger/author.ts';
import { RemarkOnFinding, RemarkOnFindingHandler } from '../../../src/ledger/finding/commands.ts';
import { People } from '../../../src/ledger/people/people.ts';
import { Policies } from '../../../src/ledger/policy/policies.ts';
import { LedgerSettings } from '../../../src/ledger/settings.ts';
import { openWriteSide } from '../../support/write-side.ts';
import { viewers } from '../read-side.ts';

/** Everything that a finding by hand may say; what it leaves out is that of a critical one on the event's own detection. */
export interface GivenFinding {
  /** Index of the event among those given, from 0. */
  on: number;
  in?: 'findings' | 'retention';
  rule?: string;
  what?: string | null;
  severity?: string | null;
  clause?: number | null;
  article?: string;
  missing?: string[] | null;
  recipient?: string | null;
  version?: string | null;
  due?: string;
  /** Position at which it appeared; that of the event when absent. */
  since?: number;
  until?: number;
  why?: string;
  /** Those alone; absent: everybody on the event. */
  whom?: readonly string[];
}

const PREFIX = { findings: 'findings_rows', retention: 'retention_findings' } as const;
const OUTCOMES = { findings: 'findings_outcomes', retention: 'retention_outcomes' } as const;
const WHOM = { findings: 'findings_whom', retention: 'retention_whom' } as const;

/** The tables of findings, with the indexes that the projections give them. */
export async function createFindings(db: ViewsDatabase['db']): Promise<void> {
  for (const kept of ['findings', 'retention'] as const) {
    const [rows, outcomes, whom] = [PREFIX[kept], OUTCOMES[kept], WHOM[kept]];
    const statements = [
      `create table ${rows} ("row" integer primary key, finding blob not null, outcome integer not null, position integer not null, time bigint not null,
        due_at bigint, at bigint not null, is_partial integer not null, since integer not null, detected_at bigint not null, until integer,
        cleared_at bigint, cleared_why text)`,
      `create table ${outcomes} (id integer primary key, digest text not null unique, rule text not null, what text, verdict text not null, severity text,
        clause integer, article text not null, missing text, recipient text, policy_version text)`,
      `create table ${whom} ("row" integer not null, reference text not null, primary key ("row", reference)) without rowid`,
      `create index ${rows}_at on ${rows} (at, "row")`,
      `create index ${rows}_outcome on ${rows} (outcome, at, "row")`,
      `create index ${rows}_position on ${rows} (position, "row")`,
      `create index ${rows}_finding on ${rows} (finding)`,
      `create index ${rows}_time on ${rows} (time, "row")`,
    ];
    for (const statement of statements) await sql.raw(statement).execute(db);
  }
  await sql`create table findings_counts (rule text not null, policy_version text not null, week text not null, recorded_on text not null,
    conforms integer not null, violates integer not null, undeterminable integer not null, dated integer not null)`.execute(db);
}

export async function openFindings() {
  const write = await openWriteSide();
  const { store, vault, folder } = write;
  const file = new ViewsDatabase(join(folder, 'views.db'));
  const runner = new Runner(file, store, [new Entries(), new FindingRemarks()]);
  await runner.prepare();
  await createFindings(file.db);
  const status = { position: 0, recordedAt: undefined as string | undefined };
  const views = {
    db: file.db,
    reached: async () => status.position,
    position: () => status.position,
    recordedAt: () => status.recordedAt,
    isReady: () => true,
    isClosed: false,
  } as unknown as Views;
  const follow = async () => {
    while ((await runner.round()) || !runner.isCaughtUp) if (runner.lastFailure) throw runner.lastFailure;
  };
  const caughtUp = async () => {
    await follow();
    status.position = await store.head();
    status.recordedAt = (await store.at(status.position))?.recordedAt;
  };
  const people = new People(store);
  const policies = new Policies(store);
  const settings = new LedgerSettings({ controller: 'mailit', unboundDays: 365_000, quarantineDays: 365, caseDays: 365_000 });
  const asked = new FindingsHandler(views, store, vault, people, policies);
  const summary = new FindingsSummaryHandler(views, store, vault, people, policies);
  const now = new FindingNowHandler(views);
  const remarking = new RemarkOnFindingHandler(store, vault, settings);
  const recorded = async () => (await store.readAll(0, 1_000)).filter(({ stream }) => stream.startsWith('processing-'));
  let rows = 0;

  /** @returns its id */
  const found = async (given: GivenFinding): Promise<string> => {
    const { on, in: kept = 'findings', rule = 'R7', article = '5(1)(b)', recipient = null, version = '1', why = 'retracted' } = given;
    const event = (await recorded())[on];
    if (!event) throw new Error('no such event');
    const subjects: { reference: string }[] = JSON.parse(event.data).data.subjects;
    // What is kept too long is always told of one by name.
    const whom = given.whom ?? (kept === 'retention' ? subjects.map(({ reference }) => reference) : undefined);
    const severity = given.severity === undefined ? 'critical' : given.severity;
    const what = given.what === undefined ? (severity === null ? null : 'recipient-not-registered') : given.what;
    const missing = given.missing ? JSON.stringify(given.missing) : null;
    const clause = given.clause === undefined ? 21 : given.clause;
    const outcome = {
      rule,
      what,
      verdict: severity === null ? 'undeterminable' : 'violates',
      severity,
      clause,
      article,
      missing,
      recipient,
    };
    const digest = JSON.stringify([outcome, version]);
    await sql`insert into ${sql.table(OUTCOMES[kept])} (digest, rule, what, verdict, severity, clause, article, missing, recipient, policy_version)
        values (${digest}, ${rule}, ${what}, ${outcome.verdict}, ${severity}, ${clause}, ${article}, ${missing}, ${recipient}, ${version})
        on conflict (digest) do nothing`.execute(file.db);
    const since = given.since ?? event.position;
    const at = async (position: number) => Date.parse((await store.at(position))?.recordedAt as string);
    const detected = await at(since);
    const due = given.due === undefined ? null : Date.parse(given.due);
    const cleared = given.until === undefined ? null : await at(given.until);
    const finding = findingId(event.position, outcomeKey({ rule, what, article, missing, recipient }));
    const row = ++rows;
    const { rows: ids } = await sql<{ id: number }>`select id from ${sql.table(OUTCOMES[kept])} where digest = ${digest}`.execute(file.db);
    await sql`insert into ${sql.table(PREFIX[kept])} (row, finding, outcome, position, time, due_at, at, is_partial, since, detected_at, until, cleared_at, cleared_why)
        values (${row}, ${finding}, ${ids[0]?.id}, ${event.position}, ${Date.parse(JSON.parse(event.data).time)}, ${due}, ${Math.max(detected, due ?? 0)},
          ${whom ? 1 : 0}, ${since}, ${detected}, ${given.until ?? null}, ${cleared}, ${cleared === null ? null : why})`.execute(file.db);
    for (const reference of whom ?? []) {
      await sql`insert into ${sql.table(WHOM[kept])} values (${row}, ${reference})`.execute(file.db);
    }
    return finding.toString('base64url');
  };

  return {
    ...write,
    ...{ views, db: file.db, people, policies, caughtUp, recorded, status },
    given: async (...events: unknown[]) => {
      const answer = await write.record(events);
      if (answer.items.some(({ outcome }) => outcome !== 'recorded')) throw new Error(JSON.stringify(answer.items));
      await caughtUp();
    },
    found,
    /** Records an event and a finding on it, which appear together as they do when a projection finds it. */
    givenFound: async (event: unknown, finding: Omit<GivenFinding, 'on'> = {}): Promise<string> => {
      await write.record([event]);
      await follow();
      const id = await found({ ...finding, on: (await recorded()).length - 1 });
      await caughtUp();
      return id;
    },
    ask: (question: Omit<FindingsQuestion, 'viewer'> = {}, viewer: Viewer = viewers.investigate) =>
      asked.execute(new Findings({ ...question, viewer })),
    summary: (question: Omit<SummaryQuestion, 'viewer'> = {}) =>
      summary.execute(new FindingsSummary({ ...question, viewer: viewers.audit })),
    /** Events on which a rule found nothing. */
    conforms: async (rule: string, week: string, on: string, count: number) => {
      await sql`insert into findings_counts values (${rule}, '1', ${week}, ${on}, ${count}, 0, 0, 0)`.execute(file.db);
    },
    now: (finding: string) => now.execute(new FindingNow(finding)),
    /** Says something of a finding, as the HTTP side does, and waits until it is read. */
    remark: async (
      what: 'acknowledge' | 'explain',
      finding: string,
      { reason = 'It is seen to.', again = false, author = maria }: { reason?: string; again?: boolean; author?: Author } = {},
    ) => {
      const seen = await now.execute(new FindingNow(finding));
      const remarked = await remarking.execute(
        new RemarkOnFinding({ do: what, finding, seen, reason, again, author: await author, now: Date.now() }),
      );
      await caughtUp();
      return remarked;
    },
    close: async () => {
      file.close();
      await write.close();
    },
  };
}

/** A member of staff. */
export const maria: Author = { keyId: 'maria', scope: 'case', maySource: () => false, mayGroup: () => false };

export type GivenFindings = Awaited<ReturnType<typeof openFindings>>;
