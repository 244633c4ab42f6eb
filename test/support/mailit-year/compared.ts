/** What was expected of a year beside what was found in it, both on lines. */
import type { RecordedEvent } from '../../../src/eventstore/event-store.ts';
import { type ExpectedFinding, lineOf, recordOf } from './expectations.ts';
import type { FoundRow } from './projected.ts';

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

/**
 * How a row stands at a moment. What was cleared before it was in effect was never a finding: somebody did in time what had to be done.
 * @returns undefined of what never was one
 */
export function stateOf({ dueAt, clearedAt, detectedAt }: FoundRow, moment: number): ExpectedFinding['state'] | undefined {
  if (clearedAt !== undefined) return clearedAt > Math.max(detectedAt, dueAt ?? 0) ? 'cleared' : undefined;
  return dueAt !== undefined && dueAt > moment ? 'pending' : 'open';
}

export function foundLines(rows: readonly FoundRow[], moment: number, nameOf: (position: number) => string): Lines {
  const lines: Lines = { open: [], cleared: [], pending: [] };
  for (const row of rows) {
    const state = stateOf(row, moment);
    if (state !== undefined) lines[state].push(lineOf({ ...(row as Omit<ExpectedFinding, 'state'>), record: nameOf(row.position), state }));
  }
  for (const each of Object.values(lines)) each.sort();
  return lines;
}
