/** What identifies a finding. */
import { hash } from 'node:crypto';

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
