/**
 * The half of R28 that no event tells: whether records of a source are missing, and whether it went silent. Both are of the moment of the
 * question, as the completeness of sources is (`GET /v1/sources`): a gap closes when what was missing comes, and what is missing has no time.
 * One finding for each source and what is wrong with it; there is no event to name.
 */
import type { Outcome } from './rule.ts';

/** What was heard of a source. */
export interface Heard {
  source: string;
  /** Null where the source does not count its records. */
  highestSequence: number | null;
  /** Numbers between the lowest and the highest that never came; those in quarantine came. */
  missingCount: number;
  /** When anything of it was last recorded, milliseconds since 1970. */
  lastHeardAt: number;
  /** By when it said that it would be heard again. */
  nextBy: number | null;
}

/** They belong to this rule, and to nobody's clause. */
const RULE = 'R28';
const [clause, article] = [null, '5(2)'];

/** A source that counts nothing, or says nothing of when it comes, leaves nothing to hold it to. */
export function judgeSource(heard: Heard, at: number): { rule: string; outcomes: Outcome[] } {
  const { highestSequence, missingCount, lastHeardAt, nextBy } = heard;
  const outcomes: Outcome[] = [];
  if (missingCount > 0) outcomes.push({ verdict: 'violates', what: 'sequence-gap', clause, article, severity: 'low' });
  if (nextBy !== null && lastHeardAt <= nextBy && at > nextBy) {
    outcomes.push({ verdict: 'violates', what: 'source-silent', clause, article, severity: 'low', dueAt: nextBy + 1 });
  }
  const missing = [...(highestSequence === null ? ['sequence'] : []), ...(nextBy === null ? ['SourceHeartbeat.nextBy'] : [])];
  if (missing.length > 0) outcomes.push({ verdict: 'undeterminable', missing, clause, article });
  return { rule: RULE, outcomes: outcomes.length > 0 ? outcomes : [{ verdict: 'conforms' }] };
}
