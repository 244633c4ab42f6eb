import { recordKey } from '../../eventstore/record-key.ts';
import { isLedgersOwn, isSource } from '../../vocabulary/source.ts';
import type { Author } from '../author.ts';
import { contentOf } from '../content.ts';
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
    const draft = draftOf(event, index);
    const forbidden = permission(draft, author);
    if (forbidden) return { ...draft, forbidden: true, outcome: 'refused', problems: [forbidden] };
    const content = contentOf(event, MAX_EVENT_BYTES);
    if (content === undefined) return refused(index, TOO_LARGE, draft);
    draft.digest = content.digest;
    draft.problems = this.validator.validate(event, now);
    if (content.bytes > MAX_CLEAR_BYTES && draft.problems.length === 0 && clearBytes(draft) > MAX_CLEAR_BYTES) {
      return refused(index, CLEAR_TOO_LARGE, draft);
    }
    return draft;
  }
}

function refused(index: number, problem: Problem, draft?: Draft): Draft {
  return { index, event: {}, digest: '', ...draft, outcome: 'refused', problems: [problem] };
}

/** What would stand in clear, the people's references aside; a category counts once, however many people are of it. */
function clearBytes({ event, type }: Draft): number {
  const { data, ...envelope } = event;
  const { sealed } = fieldsOf(type as string, versionOf(event) as number);
  const clear = Object.entries(data as Record<string, unknown>).filter(([field]) => field !== 'subjects' && !sealed.has(field));
  const categories = new Set((data as { subjects: { category?: string }[] }).subjects?.map(({ category }) => category));
  return Buffer.byteLength(JSON.stringify([envelope, clear, ...categories]));
}

function draftOf(event: Record<string, unknown>, index: number): Draft {
  const { source, id, type } = event;
  const draft: Draft = { index, event, source: undefined, id: undefined, type: undefined, key: undefined, digest: '', problems: [] };
  if (typeof source === 'string' && isSource(source)) draft.source = source;
  if (typeof id === 'string' && id.length > 0 && id.length <= 1024) draft.id = id;
  if (typeof type === 'string' && type.length <= 100) draft.type = type;
  if (draft.source !== undefined && draft.id !== undefined) draft.key = recordKey(draft.source, draft.id);
  return draft;
}

/** What the ledger says of itself nobody else can say; a source and a group of types belong to keys that were given them. */
export function permission({ source, type, event }: Pick<Draft, 'source' | 'type' | 'event'>, author: Author): Problem | undefined {
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
  const target = group === 'source' ? targetOf(event)?.source : undefined;
  if (typeof target === 'string' && !author.maySource(target)) {
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

/** What a record says that it is about, as it came. */
function targetOf({ data }: Record<string, unknown>): { source?: unknown; id?: unknown } | null | undefined {
  return (data as { target?: { source?: unknown; id?: unknown } } | null | undefined)?.target;
}

/** The `recordKey` of the record that a valid correction or retraction points at; undefined for every other event. */
export function correctedBy({ event, type, problems, outcome }: Draft): Buffer | undefined {
  if (outcome || problems.length > 0 || (type !== 'RecordCorrected' && type !== 'RecordRetracted')) return undefined;
  const { source, id } = targetOf(event) as { source: string; id: string };
  return recordKey(source, id);
}

/** Whoever may not write a group's types may not take away what they say either: a hold, a right that was asked for. */
export function forbidTarget(draft: Draft, group: string): void {
  const message = `what it points at is of the group ${group}, which this key was not given`;
  Object.assign(draft, { forbidden: true, outcome: 'refused', problems: [{ path: '/data/target', rule: 'group-not-permitted', message }] });
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
