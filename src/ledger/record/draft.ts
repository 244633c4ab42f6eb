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
  outcome?: Outcome;
  position?: number;
}

/** The version of the type's schema that a valid event follows: as its `dataschema` ends, 1 where there is none. */
export function versionOf(event: Record<string, unknown>): number {
  const schema = event['dataschema'];
  return typeof schema === 'string' ? Number(schema.slice(schema.lastIndexOf('/') + 1)) : 1;
}
