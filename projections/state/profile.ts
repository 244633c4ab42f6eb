/**
 * Events as rules see them. What rules look at comes from short lists and many events share it: that is their profile. With it, a few
 * references and a time an event is judged again, and always from these alone, so that it makes no difference when it is judged.
 */
import type { Reference, StoredData, StoredSubject } from '../../src/ledger/entry.ts';
import type { JudgedEvent } from '../findings/rules/rule.ts';
import { pointerOf, type Told } from './facts.ts';

/** Fields that rules look at, as they are. */
const TEXTS = [
  ...['controller', 'purpose', 'legalBasis', 'system', 'country', 'origin', 'channel', 'mode', 'outcome', 'consideration'],
  ...['statuteRef', 'assessmentRef', 'transferTool', 'ground', 'kind', 'right', 'result'],
] as const;
const LISTS = ['categories', 'purposes', 'scope', 'systems'] as const;
/** Fields of which rules look only whether they are there. */
const PRESENT = ['caseRef', 'requestRef', 'decisionRef', 'contractRef', 'consentRef', 'agreementRef', 'noticeRef', 'releasedBy'] as const;
/** Names of sealed fields that rules look for. */
const SEALED = 'grounds';

/** In place of what is there and nobody looks at: no reference or digest is so short. */
const THERE = '*';

/** Of the few types whose events say what no other does. */
const OWN: Readonly<Record<string, readonly string[]>> = {
  RecordCorrected: ['target', 'replacement', 'approver'],
  RecordRetracted: ['target', 'approver'],
  ObjectionDecided: ['target'],
  RecruitmentProcessOpened: ['caseRef'],
  RightsRequestReceived: ['requestRef'],
  PolicyPublished: ['policyVersion', 'effectiveFrom', 'textDigest'],
  PolicyReviewed: ['policyVersion', 'textDigest'],
  RecordQuarantined: ['problems'],
};

/** Everything that rules look at and that many events share. */
export interface Profile {
  type: string;
  source: string;
  actor: { kind: string; role?: string; capacity?: string };
  /** Categories of the people on it, each once, in the order in which they are named; null: none was said. */
  people: (string | null)[];
  data: Partial<StoredData>;
}

/** Profiles with the same key are the same. Cheap: it is made for every event. */
export function profileKeyOf({ type, source, data }: Told): string {
  const { actor, recipient, categories, resultCount } = data;
  let key = `${type}\0${source}\0${actor.kind}\0${actor.role}\0${actor.capacity}\0${recipient === undefined ? '' : `${recipient.role}\x01${recipient.id}\x01${recipient.country}`}\0${resultCount === 0}`;
  for (const name of TEXTS) key += `\0${data[name] ?? ''}`;
  key += `\0${categories === undefined ? '' : `${categories.join('\x01')}\x02`}`;
  for (let i = 1; i < LISTS.length; i++) {
    const value = data[LISTS[i] as string];
    key += value === undefined ? '\0' : `\0${Array.isArray(value) ? value.join('\x01') : `${value}\x02`}`;
  }
  let present = 0;
  for (const name of PRESENT) present = present * 2 + (data[name] === undefined ? 0 : 1);
  key += `\0${present}\0${data.sealedFields?.includes(SEALED) ?? ''}`;
  return `${key}\0${data.subjects.length === 1 ? categoryOf(data.subjects[0] as StoredSubject) : peopleOn(data.subjects).map(categoryOf).join('\x01')}`;
}

const categoryOf = ({ category = '' }: { category?: string | null }): string => category ?? '';

/** One of each category, in the order in which they are named. */
function peopleOn(subjects: readonly StoredSubject[]): StoredSubject[] {
  if (subjects.length < 2) return [...subjects];
  const found = new Map<string | undefined, StoredSubject>();
  for (const each of subjects) if (!found.has(each.category)) found.set(each.category, each);
  return [...found.values()];
}

export function profileOf({ type, source, data }: Told): Profile {
  const { actor, subjects } = data;
  const shared: Record<string, unknown> = {};
  for (const name of [...TEXTS, ...LISTS]) if (data[name] !== undefined) shared[name] = data[name];
  for (const name of PRESENT) if (data[name] !== undefined) shared[name] = THERE;
  if (data.recipient !== undefined) shared['recipient'] = data.recipient;
  if (data.resultCount === 0) shared['resultCount'] = 0;
  if (data.sealedFields?.includes(SEALED)) shared['sealedFields'] = [SEALED];
  return {
    type,
    source,
    actor: {
      kind: actor.kind,
      ...(actor.role !== undefined && { role: actor.role }),
      ...(actor.capacity !== undefined && { capacity: actor.capacity }),
    },
    people: peopleOn(subjects).map(({ category }) => category ?? null),
    data: shared,
  };
}

/** What is an event's own, as JSON; null where there is nothing. */
export function ownOf({ type, data }: Told): string | null {
  const fields = OWN[type];
  const { onBehalfOf } = data.actor;
  if (fields === undefined) return null;
  const own: Record<string, unknown> = {};
  for (const name of fields) {
    const value = data[name];
    if (value !== undefined) own[name] = name === 'target' || name === 'replacement' ? pointerOf(value) : value;
  }
  // Of what was wrong only the rule is looked at.
  if (Array.isArray(own['problems'])) own['problems'] = own['problems'].map(({ rule }: { rule?: unknown }) => ({ rule }));
  if (onBehalfOf !== undefined) own['onBehalfOf'] = onBehalfOf;
  return JSON.stringify(own);
}

/** Whether events of the type say what is theirs alone. */
export const hasOwn = (type: string): boolean => OWN[type] !== undefined;

/** What of an event is in no profile. */
export interface Particulars {
  id: string;
  time: number;
  recordedAt: number;
  actor: Reference;
  /** With the place of their category among the profile's. */
  subjects: readonly { reference: Reference; place: number }[];
  own: string | null;
}

/** The event as rules see it. */
export function judgedOf({ type, source, actor, people, data }: Profile, particulars: Particulars): JudgedEvent & { id: string } {
  const { id, time, recordedAt, own } = particulars;
  const { onBehalfOf, ...said } = own === null ? {} : (JSON.parse(own) as { onBehalfOf?: Reference });
  return {
    ...{ type, source, id, time, recordedAt },
    data: {
      ...data,
      ...said,
      actor: { ...actor, reference: particulars.actor, ...(onBehalfOf !== undefined && { onBehalfOf }) },
      subjects: particulars.subjects.map(({ reference, place }) => {
        const category = people[place] ?? null;
        return category === null ? { reference } : { reference, category };
      }),
    } as StoredData,
  };
}
