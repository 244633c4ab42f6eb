import { recordKey } from '../../eventstore/record-key.ts';
import { isLedgersOwn, isSource } from '../../vocabulary/source.ts';
import type { Author } from '../author.ts';
import { contentOf, digestOf, NestedTooDeep } from '../content.ts';
import { groupOf } from '../events.ts';
import { fieldsOf, versionOf } from './catalogue.ts';
import type { Draft } from './draft.ts';
import type { EventValidator, Problem } from './validate.ts';

/** Of one event in its canonical form. */
export const MAX_EVENT_BYTES = 256 * 1024;
/** Of it what stays in clear, the people's references aside: a leaf of the log's tree must stay under 64 KiB. */
export const MAX_CLEAR_BYTES = 8 * 1024;

/**
 * Looks at one event as it came: may its author report it, is it an event at all, what is wrong with it.
 * Three verdicts: *refused* (no event, or too large: not kept), *forbidden*, and a list of problems (kept in quarantine); none of them: recordable.
 */
export class Inspector {
  constructor(private readonly validator: EventValidator) {}

  inspect(raw: unknown, index: number, author: Author, now: number): Draft {
    if (raw === null || typeof raw !== 'object' || Array.isArray(raw)) return refused(index, NOT_AN_EVENT);
    const event = raw as Record<string, unknown>;
    const draft: Draft = { index, event, digest: '', problems: [], ...pairOf(event) };
    const forbidden = permission(draft, author);
    if (forbidden) return { ...draft, forbidden: true, outcome: 'refused', problems: [forbidden] };
    const content = contentOrNothing(event);
    const bytes = content === undefined ? Number.POSITIVE_INFINITY : Buffer.byteLength(content);
    if (content === undefined || bytes > MAX_EVENT_BYTES) return refused(index, TOO_LARGE, draft);
    draft.digest = digestOf(content);
    draft.problems = this.validator.validate(event, now);
    if (bytes > MAX_CLEAR_BYTES && draft.problems.length === 0 && clearBytes(draft) > MAX_CLEAR_BYTES) {
      return refused(index, CLEAR_TOO_LARGE, draft);
    }
    return draft;
  }
}

function refused(index: number, problem: Problem, draft?: Draft): Draft {
  return { index, event: {}, digest: '', ...draft, outcome: 'refused', problems: [problem] };
}

/** The canonical content, or nothing where it is deeper than an event may be. */
function contentOrNothing(event: Record<string, unknown>): string | undefined {
  try {
    return contentOf(event);
  } catch (error) {
    if (error instanceof NestedTooDeep) return undefined;
    throw error;
  }
}

/** What would stand in clear, the people's references aside; a category counts once, however many people are of it. */
function clearBytes({ event, type }: Draft): number {
  const { data, ...envelope } = event;
  const { sealed } = fieldsOf(type as string, versionOf(event) as number);
  const clear = Object.entries(data as Record<string, unknown>).filter(([field]) => field !== 'subjects' && !sealed.has(field));
  const categories = new Set((data as { subjects: { category?: string }[] }).subjects?.map(({ category }) => category));
  return Buffer.byteLength(JSON.stringify([envelope, clear, ...categories]));
}

function pairOf(event: Record<string, unknown>): Pick<Draft, 'source' | 'id' | 'type' | 'key'> {
  const source = typeof event['source'] === 'string' && isSource(event['source']) ? event['source'] : undefined;
  const id = typeof event['id'] === 'string' && event['id'].length > 0 && event['id'].length <= 1024 ? event['id'] : undefined;
  const type = typeof event['type'] === 'string' && event['type'].length <= 100 ? event['type'] : undefined;
  return {
    ...(source !== undefined && { source }),
    ...(id !== undefined && { id }),
    ...(type !== undefined && { type }),
    ...(source !== undefined && id !== undefined && { key: recordKey(source, id) }),
  };
}

/** What the ledger says of itself nobody else can say; a source and a group of types belong to keys that were given them. */
function permission({ source, type, event }: Draft, author: Author): Problem | undefined {
  if (source !== undefined && isLedgersOwn(source)) {
    return { path: '/source', rule: 'source-of-the-ledger', message: 'sources under urn:liggare: are written by the ledger alone' };
  }
  const group = type === undefined ? undefined : groupOf(type);
  if (group === 'ledger') {
    return { path: '/type', rule: 'type-of-the-ledger', message: 'this type is written by the ledger alone' };
  }
  if (source !== undefined && !author.maySource(source)) {
    return {
      path: '/source',
      rule: 'source-not-permitted',
      message: 'this key may not report for this source; ask for a key that names it',
    };
  }
  const target = targetOf(event);
  if (group === 'source' && target !== undefined && !author.maySource(target)) {
    return {
      path: '/data/target/source',
      rule: 'target-not-permitted',
      message: 'this key may not correct or retract records of this source',
    };
  }
  if (group !== undefined && !author.mayGroup(group)) {
    return { path: '/type', rule: 'group-not-permitted', message: `types of the group ${group} need a key that was given the group` };
  }
  return undefined;
}

/** The source of the record that a correction or retraction points at. */
function targetOf({ data }: Record<string, unknown>): string | undefined {
  const target = (data as { target?: { source?: unknown } } | null | undefined)?.target;
  return typeof target?.source === 'string' ? target.source : undefined;
}

const NOT_AN_EVENT: Problem = { path: '', rule: 'not-an-event', message: 'an event is a JSON object (CloudEvents 1.0)' };
const TOO_LARGE: Problem = {
  path: '',
  rule: 'event-too-large',
  message: 'an event has at most 256 KiB in all and 64 levels; split it into several with one correlationId',
};

const CLEAR_TOO_LARGE: Problem = {
  path: '',
  rule: 'clear-too-large',
  message: 'what stays in clear of an event (everything but its subjects and its sealed texts) has at most 8 KiB; split it into several',
};
