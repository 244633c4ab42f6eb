import type { NewEvent } from '../../eventstore/event-store.ts';
import type { Problem } from './validate.ts';

export type Outcome = 'recorded' | 'duplicate' | 'conflict' | 'quarantined' | 'refused';

/** One event of a request on its way into the log. */
export interface Draft {
  /** Its place in the request, from 0. */
  index: number;
  event: Record<string, unknown>;
  /** Present where they are well-formed, whatever else is wrong. */
  source?: string;
  id?: string;
  type?: string;
  /** `recordKey` of the pair, present when both are well-formed. */
  key?: Buffer;
  /** SHA-256 of the content. */
  digest: string;
  problems: Problem[];
  forbidden?: boolean;
  /** An earlier event of the same pair in the same request. */
  twin?: Draft;
  /** Of the record that stands in the log under this pair; undefined where its keys are gone. */
  knownDigest?: string;
  outcome?: Outcome;
  position?: number;
}

/** A draft as it will stand in the log. */
export interface Prepared {
  draft: Draft;
  stream: string;
  event: NewEvent;
}
