import type { NewEvent } from '../../eventstore/event-store.ts';
import type { Person } from '../../privacy/key-vault.ts';
import type { PeriodKey } from '../sealing.ts';
import type { Problem } from './validate.ts';

export type Outcome = 'recorded' | 'duplicate' | 'conflict' | 'quarantined' | 'refused';

/** The people of one event, as found. */
export interface Cast {
  /** The actor, then the subjects, then whoever stands at `fields`. */
  people: readonly Person[];
  /** `onBehalfOf`, `credentialRef`, `approver` … */
  fields: readonly string[];
}

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
  /** As `Preparer.identify` found them; whole unless it names the event among those with strangers. */
  cast?: Cast;
  /** The key of the case whose file it belongs to. */
  file?: PeriodKey;
  outcome?: Outcome;
  position?: number;
}

/** A draft as it will stand in the log. */
export interface Prepared {
  draft: Draft;
  stream: string;
  /** Its id is drawn when it is appended: ids that come to the log in order are new without a look. */
  event: Omit<NewEvent, 'id'>;
}
