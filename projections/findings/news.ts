import type { Kysely } from 'kysely';
import { type Document, documentsAt } from '../entries/walk.ts';
import { iso } from '../moment.ts';
import type { Schema } from '../schema.ts';
import { type At, type FoundRow, findingsAfter, KEPT, type Place, rowsAt } from './places.ts';

/** What is told of a finding to whoever waits for it. Nobody is named, not even by reference. */
export interface Notice {
  finding: string;
  rule: string;
  what: string;
  severity: string;
  clause: number | null;
  article: string;
  policyVersion: string | null;
  detectedAt: string;
  event: { source: string; id: string; type: string; time: string };
}

/** How far somebody was told: what was recorded up to a position, and in effect at a moment. */
export interface Horizon extends At {
  /** `recordedAt` at the position or before it, milliseconds since 1970: nothing recorded later was detected earlier. */
  recordedAt: number;
}

/** Where a notice stands among those between two horizons. */
export interface NoticePlace {
  place: Place;
  /** Of the finding: where the read models were made anew, something else may stand there. */
  finding: string;
}

/** Everything that became a critical finding between two horizons, in the order of detection. */
export interface Span {
  from: Horizon;
  to: At;
  /** The last of them that was told. */
  last?: NoticePlace;
}

export interface Told {
  notice: Notice;
  at: NoticePlace;
}

/** What is asked: what was found, and the events that it was found on. */
export const TELLING: readonly string[] = ['entries', ...KEPT.map(({ projection }) => projection)];

/**
 * The next critical findings of a span. It is a function of its two ends and of what was recorded: however late the read side is, each is in
 * one of the spans that follow each other, and in one alone.
 */
export async function newCritical(db: Kysely<Schema>, { from, to, last }: Span, limit: number): Promise<Told[]> {
  const wanted = {
    sought: { values: new Map(), codes: new Map() },
    severity: ['critical'],
    detectedFrom: Math.min(from.recordedAt, from.moment),
    newSince: from,
  };
  const rows = await findingsAfter(db, wanted, { ...to, order: 'asc', last: last && (await placeAfter(db, last)) }, limit);
  if (rows.length === 0) return [];
  const documents = await documentsAt(db, [...new Set(rows.map(({ position }) => position))]);
  return rows.map((row) => ({ notice: noticeOf(row, documents.get(row.position) as Document), at: placeOf(row) }));
}

/** Where the rows were made anew, what was detected in the same millisecond is told once more. */
async function placeAfter(db: Kysely<Schema>, { place, finding }: NoticePlace): Promise<Place> {
  const [row] = await rowsAt(db, [place]);
  const [at] = place;
  return row && row.at === at && idOf(row) === finding ? place : [at, -1, -1];
}

const placeOf = (row: FoundRow): NoticePlace => ({ place: [row.at, row.kept, row.row], finding: idOf(row) });
const idOf = ({ finding }: FoundRow): string => Buffer.from(finding).toString('base64url');

function noticeOf(row: FoundRow, { type, entry: { source, id, time } }: Document): Notice {
  return {
    finding: idOf(row),
    ...{ rule: row.rule, what: String(row.what), severity: String(row.severity) },
    ...{ clause: row.clause, article: row.article, policyVersion: row.policy_version, detectedAt: iso(row.at) },
    event: { source, id, type, time },
  };
}
