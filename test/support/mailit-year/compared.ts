/** What was expected of a year beside what was found in it, both on lines. */
import type { RecordedEvent } from '../../../src/eventstore/event-store.ts';
import { Chance, DAY_MS } from './chance.ts';
import { type ExpectedFinding, lineOf, recordOf } from './expectations.ts';
import type { FoundRow } from './projected.ts';

type Lined = Parameters<typeof lineOf>[0];
export type Lines = Record<ExpectedFinding['state'], string[]>;

/** @param isOf which of them; all unless told */
export function expectedLines(findings: readonly ExpectedFinding[], isOf: (finding: ExpectedFinding) => boolean = () => true): Lines {
  const lines = (state: ExpectedFinding['state']) =>
    findings
      .filter((finding) => finding.state === state && isOf(finding))
      .map(lineOf)
      .sort();
  return { open: lines('open'), cleared: lines('cleared'), pending: lines('pending') };
}

/** By source and id, or the label of what the ledger drew the id of. */
export function namer(log: readonly RecordedEvent[], labels: ReadonlyMap<string, string>): (position: number) => string {
  return (position) => {
    const { source, id } = JSON.parse(log[position - 1]?.data ?? '{}') as { source: string; id: string };
    const record = recordOf(source, id);
    return labels.get(record) ?? record;
  };
}

/** Rows of findings on a log as they stand at a moment, each with its line. */
export function foundAt(
  rows: readonly FoundRow[],
  moment: number,
  log: readonly RecordedEvent[],
  labels: ReadonlyMap<string, string>,
): Found[] {
  const nameOf = namer(log, labels);
  return rows.flatMap((row) => {
    const state = stateOf(row, moment, log);
    if (state === undefined) return [];
    const { severity, ...rest } = row;
    const line = lineOf({ ...rest, ...(severity && { severity }), record: nameOf(row.position), state } as Lined);
    return [{ row, state, line }];
  });
}

export interface Found {
  row: FoundRow;
  state: ExpectedFinding['state'];
  line: string;
}

export const linesOf = (found: readonly Found[], state: ExpectedFinding['state']): string[] =>
  found
    .filter((each) => each.state === state)
    .map(({ line }) => line)
    .sort();

/** @returns undefined of what never was a finding: it was gone before it was in effect, or within what was recorded at once. */
function stateOf({ dueAt = 0, clearedAt, since }: FoundRow, moment: number, log: readonly RecordedEvent[]): Found['state'] | undefined {
  if (clearedAt === undefined) return dueAt > moment ? 'pending' : 'open';
  const appeared = Date.parse(log[since - 1]?.recordedAt ?? '');
  return clearedAt > Math.max(appeared, dueAt) ? 'cleared' : undefined;
}

/**
 * The same log, had it arrived otherwise: half of what sources report comes up to two months later. What the ledger says of itself stays where
 * it is, since nobody else can say it, and nothing comes before it happened.
 */
export function reordered(log: readonly RecordedEvent[], seed: number): RecordedEvent[] {
  const chance = new Chance(seed);
  const arrived = log.map((event) => {
    const isOwn = event.stream.startsWith('ledger-') || event.stream.startsWith('quarantine-');
    const delay = isOwn || chance.percent(50) ? 0 : chance.below(60 * DAY_MS);
    return { event, at: Date.parse(event.recordedAt) + delay };
  });
  const streams = new Map<string, number>();
  return arrived
    .sort((a, b) => a.at - b.at || a.event.position - b.event.position)
    .map(({ event, at }, i) => {
      const revision = streams.get(event.stream) ?? 0;
      streams.set(event.stream, revision + 1);
      return { ...event, position: i + 1, revision, recordedAt: new Date(at).toISOString() };
    });
}
