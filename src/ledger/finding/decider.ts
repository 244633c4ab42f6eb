/**
 * What staff say of a finding: that somebody has seen it and sees to it, and how it came about. Nothing of that makes it go: a
 * finding goes when what it was found on is corrected, retracted or judged otherwise. Each finding has a stream of its own.
 */
import type { Entry, StoredActor, StoredData, StoredSubject } from '../entry.ts';
import { upcast } from '../events.ts';
import type { Decider, Fact, OwnStream } from '../handle.ts';

interface FindingData extends StoredData {
  finding: string;
  rule: string;
}

export type FindingFact = Fact<'FindingAcknowledged' | 'FindingExplained', FindingData> & {
  /** Absent where the fact was decided and is not recorded yet. */
  recordedAt?: string;
};

/** The finding as whoever speaks of it sees it. */
export interface SeenFinding {
  rule: string;
  /** When it appeared, last where it went and came back: milliseconds since 1970, by the log's clock. */
  appearedAt: number;
  isCleared: boolean;
}

/** What was said of one finding, and when last: milliseconds since 1970, by the log's clock. */
export interface Remarks {
  acknowledgedAt?: number;
  explainedAt?: number;
  count: number;
}

export interface FindingCommand {
  do: 'acknowledge' | 'explain';
  finding: string;
  /** Undefined where nothing was ever found by this name. */
  seen: SeenFinding | undefined;
  /** Whether an explanation that stands is known, and this one is added to it. */
  again: boolean;
  at: string;
  by: StoredActor;
  /** Of the entry: what is sealed is sealed to it. */
  id: string;
  subjects: StoredSubject[];
  sealed?: Entry['sealed'];
}

/** Nothing was ever found by this name. */
export class FindingUnknown extends Error {
  override name = 'FindingUnknown';
}

/** The finding was cleared: there is nothing to see to, or to explain. */
export class FindingCleared extends Error {
  override name = 'FindingCleared';
}

/** Somebody has acknowledged it already, or explained it. */
export class FindingAcknowledgedAlready extends Error {
  override name = 'FindingAcknowledgedAlready';
}

/** Somebody has explained it already: an explanation is added to another on purpose only. */
export class FindingExplainedAlready extends Error {
  override name = 'FindingExplainedAlready';
}

/** More was said of the finding than anybody reads. */
export class TooManyRemarks extends Error {
  override name = 'TooManyRemarks';
}

/** What may be said of one finding, at most. */
export const MAX_REMARKS = 100;

export const FINDINGS_SOURCE = 'urn:liggare:findings';

/** What was said of one finding. */
export const findingStream = (finding: string): OwnStream<FindingFact> => ({
  name: `finding-${finding}`,
  source: FINDINGS_SOURCE,
  read: (type, { id, time, version, data }, recordedAt) =>
    ({ type, id, time, recordedAt, data: upcast(type, version, data) }) as unknown as FindingFact,
});

export const findings: Decider<FindingCommand, FindingFact, Remarks> = {
  initial: () => ({ count: 0 }),
  decide,
  evolve: ({ count, ...remarks }, { type, time, recordedAt }) => {
    const at = Date.parse(recordedAt ?? time);
    return { ...remarks, count: count + 1, ...(type === 'FindingExplained' ? { explainedAt: at } : { acknowledgedAt: at }) };
  },
};

/** What was said before a finding went and came back is kept, and says nothing of it now. */
function decide({ do: what, seen, again, finding, at, by, id, subjects, sealed }: FindingCommand, remarks: Remarks): FindingFact[] {
  if (!seen) throw new FindingUnknown('nothing was ever found by this name');
  if (seen.isCleared) throw new FindingCleared('the finding was cleared');
  if (remarks.count >= MAX_REMARKS) throw new TooManyRemarks(`more than ${MAX_REMARKS} remarks on one finding`);
  const stands = (moment: number | undefined) => moment !== undefined && moment >= seen.appearedAt;
  const isExplained = stands(remarks.explainedAt);
  if (what === 'acknowledge' && (isExplained || stands(remarks.acknowledgedAt))) {
    throw new FindingAcknowledgedAlready('the finding was acknowledged already');
  }
  if (what === 'explain' && isExplained && !again) throw new FindingExplainedAlready('the finding was explained already');
  const data: FindingData = { actor: by, subjects, finding, rule: seen.rule, sealedFields: ['reason'] };
  const type = what === 'explain' ? 'FindingExplained' : 'FindingAcknowledged';
  return [{ type, id, time: at, data, ...(sealed && { sealed }) }];
}
