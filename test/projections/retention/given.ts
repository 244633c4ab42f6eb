/** Logs in memory for retention: said in few words, applied page by page, and what stands afterwards. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sql } from 'kysely';
import { ViewsDatabase } from '../../../projections/database.ts';
import { Retention } from '../../../projections/retention/retention.ts';
import { KINDS } from '../../../projections/retention/tables.ts';
import { Runner } from '../../../projections/runner.ts';
import type { RecordedEvent } from '../../../src/eventstore/event-store.ts';
import type { Policy, RetentionEntry } from '../../../src/policy/document.ts';
import { digestOf } from '../../../src/policy/normal-form.ts';
import { read, SHOP } from '../../policy/given.ts';

/** What is said, before it has a place in the log. */
export interface Told {
  type: string;
  source: string;
  id: string;
  time: string;
  stream?: string;
  data: Record<string, unknown>;
}

let numbers = 0;
export const SOURCE = 'urn:test:crm';

/** An event; its id is drawn where none is given. */
export const told = (type: string, time: string, data: Record<string, unknown> = {}, id = `e${++numbers}`): Told => ({
  ...{ type, source: SOURCE, id, time: time.length === 10 ? `${time}T12:00:00.000Z` : time },
  data: { actor: { reference: 'actor', kind: 'service', capacity: 'controller' }, subjects: [], ...data },
});

export const people = (...references: string[]) => references.map((reference) => ({ reference, category: 'customer', sealed: 'c2VhbGVk' }));

/** Processing of anna's data, unless told otherwise. */
export const used = (time: string, data: Record<string, unknown> = {}, id?: string): Told =>
  told(
    'PersonalDataUsed',
    time,
    { subjects: people('anna'), purpose: 'contract-fulfilment', categories: ['name'], system: 'crm', controller: 'shop', ...data },
    id,
  );
export const erased = (
  time: string,
  scope: string[] | string,
  systems: string[] = ['crm'],
  data: Record<string, unknown> = {},
  id?: string,
) => ({ ...used(time, { ground: '17(1)(a)', scope, systems, ...data }, id), type: 'PersonalDataErased' });
export const hold = (time: string, reviewBy: string, data: Record<string, unknown> = {}, id?: string) =>
  told('LegalHoldPlaced', time, { subjects: people('anna'), ground: 'legal-claims', reviewBy, ...data }, id);
export const pointer = (id: string) => ({ source: SOURCE, id });
export const released = (time: string, target: string, data: Record<string, unknown> = {}, id?: string) =>
  told('LegalHoldReleased', time, { subjects: people('anna'), target: pointer(target), ...data }, id);
export const retracted = (target: string, id?: string) => told('RecordRetracted', '2026-03-01', { target: pointer(target) }, id);
export const corrected = (target: string, replacement: string, id?: string) =>
  told('RecordCorrected', '2026-03-01', { target: pointer(target), replacement: pointer(replacement) }, id);
export const linked = (id: string, ...references: string[]): Told => ({
  ...told('SubjectsMerged', '2026-03-01', { subjects: people(...references) }, id),
  ...{ source: 'urn:liggare:people', stream: 'ledger-people' },
});
export const separated = (id: string): Told => ({
  ...told('RecordRetracted', '2026-03-01', { target: { source: 'urn:liggare:people', id } }),
  ...{ source: 'urn:liggare:people', stream: 'ledger-people' },
});
export const destroyed = (reference: string): Told => ({
  ...told('SubjectKeyDestroyed', '2026-03-01', { subjects: [{ reference }], reference }),
  ...{ source: 'urn:liggare:erasures', stream: 'ledger-erasures' },
});

type Rules = Record<string, Omit<RetentionEntry, 'clauses'> & { clauses?: number[] }>;
const CITED = { clauses: [1] };

/** The shop's policy with other rules of retention, and purposes that it lacks. @param words codes of further purposes */
export function published(
  rules: Rules,
  { version = '1', effectiveFrom = '2018-05-25', ends = '', controller = 'shop', words = [] as string[] } = {},
): Told {
  const shop = read(SHOP);
  const other = { about: 'For the examples.', bases: {}, data: {}, ...CITED };
  const policy: Policy = {
    ...{ ...shop, version, effectiveFrom },
    controller: { ...shop.controller, id: controller, ...(ends !== '' && { financialYearEnds: ends }) },
    purposes: { ...shop.purposes, recruitment: other, payment: other, ...Object.fromEntries(words.map((word) => [word, other])) },
    storage: { clauses: [2] },
    retention: Object.fromEntries(Object.entries(rules).map(([id, rule]) => [id, { ...CITED, ...rule }])),
  };
  const data = { policy: policy.policy, policyVersion: version, effectiveFrom, documentDigest: digestOf(policy), document: policy };
  return { ...told('PolicyPublished', '2018-05-25', data), source: 'urn:liggare:policies', stream: 'ledger-policies' };
}

/** What the examples follow, where they do not say otherwise. */
export const RULES = {
  orders: { purposes: ['contract-fulfilment'], trigger: 'last-processing', period: 'P24M' },
  letters: { purposes: ['newsletter'], trigger: 'ConsentWithdrawn', period: 'P30D' },
  recruiting: { purposes: ['recruitment'], trigger: 'RecruitmentProcessClosed', same: 'case', period: 'P12M', openAtMost: 'P12M' },
  books: { purposes: ['payment'], trigger: 'last-processing', countedFrom: 'end-of-financial-year', period: 'P7Y' },
} satisfies Rules;
export const POLICY = published(RULES);

export const NOW = Date.parse('2026-03-02T12:00:00.000Z');

/** The log: a position each, and recorded a second apart. */
export const logOf = (events: readonly Told[], recordedAt = (i: number) => NOW + i * 1_000): RecordedEvent[] =>
  events.map(({ type, source, id, time, data, stream = `processing-${source}` }, i) => ({
    ...{ position: i + 1, stream, revision: i, id: `event-${i}-${id}`, type, metadata: '{}' },
    data: JSON.stringify({ format: 1, source, id, time, version: 1, data }),
    recordedAt: new Date(recordedAt(i)).toISOString(),
  }));

const folder = mkdtempSync(join(tmpdir(), 'liggare-retention-'));
let files = 0;
export const removeFiles = () => rmSync(folder, { recursive: true });

/**
 * Applies a log. `ends`: where the log ended when it was looked at before; each time the process starts anew. `rounds`: after so many of them
 * it does so, too.
 */
export async function applied<T>(
  log: readonly RecordedEvent[],
  look: (views: ViewsDatabase) => Promise<T>,
  { ends = [] as number[], pageEvents = 10_000, step = 50_000, rounds = Number.POSITIVE_INFINITY } = {},
): Promise<T> {
  const file = join(folder, `views-${++files}.db`);
  for (let left = [...ends, log.length]; ; ) {
    const end = left[0] as number;
    const views = new ViewsDatabase(file);
    try {
      const part = log.slice(0, end);
      const readAll = (position: number, limit: number) => part.filter((event) => event.position > position).slice(0, limit);
      const runner = new Runner(views, { readAll, head: () => part.at(-1)?.position ?? 0 }, [new Retention({ step })], { pageEvents });
      await runner.prepare();
      for (let round = 0; round < rounds && ((await runner.round()) || !runner.isCaughtUp); round++) {
        if (runner.lastFailure !== undefined) throw runner.lastFailure;
      }
      if (!runner.isCaughtUp) continue;
      if (left.length === 1) return await look(views);
      left = left.slice(1);
    } finally {
      views.close();
    }
  }
}

const day = (time: number | null) => (time === null ? null : new Date(time).toISOString().slice(0, 10));
const KIND = Object.fromEntries(Object.entries(KINDS).map(([name, kind]) => [kind, name]));

/** Items as they stand: who, for what, by which rule of which version, from which event until when. */
export async function itemsIn({ db }: ViewsDatabase) {
  const rows = await db
    .selectFrom('retention_items as i')
    .innerJoin('retention_keys as k', 'k.id', 'i.person')
    .leftJoin('retention_keys as c', (join) => join.onRef('c.id', '=', 'i.case_ref').on('i.purpose', '<>', ''))
    .where('i.until', 'is', null)
    .selectAll('i')
    .select(['k.value as reference', 'c.value as inCase'])
    .execute();
  const items = rows.map((row) => ({
    ...{ whom: row.reference, purpose: row.purpose, rule: row.rule, inCase: row.inCase, is: KIND[row.kind], version: row.version },
    ...{ missing: row.missing, since: day(row.time), position: row.position, dueOn: day(row.due_at) },
    ...{ hold: row.hold, review: day(row.review_at) },
  }));
  return items.sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
}

export async function findingsIn({ db }: ViewsDatabase) {
  const rows = await db
    .selectFrom('retention_findings as f')
    .innerJoin('retention_outcomes as o', 'o.id', 'f.outcome')
    .innerJoin('retention_whom as w', 'w.row', 'f.row')
    .selectAll('f')
    .select(['o.what', 'o.missing', 'o.severity', 'o.clause', 'w.reference'])
    .orderBy('f.row')
    .execute();
  return rows.map((row) => ({
    ...{ finding: Buffer.from(row.finding).toString('hex'), position: row.position, whom: row.reference },
    ...{
      what: row.what ?? JSON.parse(row.missing ?? '[]')[0],
      dueAt: row.due_at,
      at: row.at,
      detectedAt: row.detected_at,
      since: row.since,
      until: row.until,
      why: row.cleared_why,
    },
  }));
}

/** Every row of every table. */
export async function rowsIn(views: ViewsDatabase): Promise<Record<string, unknown[]>> {
  const dump: Record<string, unknown[]> = {};
  for (const table of new Retention().tables) {
    const { rows } = await sql`select * from ${sql.table(table)}`.execute(views.db);
    dump[table] = rows.map((row) => JSON.stringify(row)).sort();
  }
  return dump;
}
