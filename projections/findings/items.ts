/** Findings as rows that say everything of them, for whoever asks. */
import { hash } from 'node:crypto';
import { type Kysely, type RawBuilder, type SqlBool, sql } from 'kysely';
import { listed } from '../database.ts';
import type { Schema } from '../schema.ts';
import { KEY_KINDS } from '../state/keys.ts';

const POSITION_BYTES = 6;
const OUTCOME_BYTES = 10;

/** What tells one finding of an event from another. */
export interface Told {
  rule: string;
  what: string | null;
  article: string;
  missing: string | null;
  recipient: string | null;
}

/** The part of a finding's id that all findings with the same outcome share. */
export function outcomeKey({ rule, what, article, missing, recipient }: Told): Buffer {
  return hash('sha256', [rule, what, article, missing, recipient].map((each) => each ?? '').join('|'), 'buffer').subarray(0, OUTCOME_BYTES);
}

/**
 * The id of a finding: where its event stands in the log, then which promise it is about. It is the same after every rebuild, and however
 * often the finding goes and comes again; findings that were detected together lie together.
 */
export function findingId(position: number, key: Buffer): Buffer {
  const id = Buffer.alloc(POSITION_BYTES + OUTCOME_BYTES);
  id.writeUIntBE(position, 0, POSITION_BYTES);
  key.copy(id, POSITION_BYTES);
  return id;
}

/** Position of the event that a finding is about; an index leads from there to it. Undefined for what is no id of a finding. */
export function positionOf(finding: Buffer): number | undefined {
  return finding.length === POSITION_BYTES + OUTCOME_BYTES ? finding.readUIntBE(0, POSITION_BYTES) : undefined;
}

/** Every finding that ever was, with everything that is said of it. `actor` is a reference. */
export function findingItems(db: Kysely<Schema>) {
  return db
    .selectFrom('findings_rows as f')
    .innerJoin('findings_outcomes as o', 'o.id', 'f.outcome')
    .innerJoin('findings_events as e', 'e.position', 'f.position')
    .innerJoin('findings_profiles as p', 'p.id', 'e.profile')
    .innerJoin('findings_keys as a', 'a.id', 'e.actor')
    .select([
      ...(['f.row', 'f.finding', 'f.position', 'f.time', 'f.due_at', 'f.is_partial', 'f.since', 'f.detected_at', 'f.until'] as const),
      ...(['f.cleared_at', 'f.cleared_why', 'e.id', 'e.recorded_at', 'p.source', 'p.type', 'a.value as actor'] as const),
      ...(['o.rule', 'o.what', 'o.verdict', 'o.severity', 'o.clause', 'o.article', 'o.missing', 'o.policy_version'] as const),
      sql<string | null>`coalesce(o.recipient, p.recipient)`.as('recipient'),
    ]);
}

/** Condition on `findingItems`: open at a position. What is not due yet is a matter of the moment asked about (`due_at`). */
export const openAt = (position: number): RawBuilder<SqlBool> =>
  sql`(f.since <= ${position} and (f.until is null or f.until > ${position}))`;

/** Condition on `findingItems`: about any of these people. Whoever asks about a person names all references that are them. */
export const isAbout = (references: readonly string[]): RawBuilder<SqlBool> => sql`f.position in (
  select d.position from findings_dependents as d where d.key in (
    select id from findings_keys where kind = ${sql.lit(KEY_KINDS.person)} and value in ${listed(references)}))
  and (f.is_partial = 0 or exists (select 1 from findings_whom as w where w.row = f.row and w.reference in ${listed(references)}))`;

/** Condition on `findingItems`: about something that any of these did. */
export const isBy = (references: readonly string[]): RawBuilder<SqlBool> => sql`e.actor in (
  select id from findings_keys where kind = ${sql.lit(KEY_KINDS.actor)} and value in ${listed(references)})`;
