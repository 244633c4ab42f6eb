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

/** Profiles with the same key are the same. Cheap: it is made for every event. What is absent takes no place, so that each field says which it is. */
export function profileKeyOf({ type, source, data }: Told): string {
  const { actor, recipient, subjects } = data;
  let key = `${type}\0${source}\0${actor.kind}\0${actor.role ?? ''}\0${actor.capacity ?? ''}`;
  for (let i = 0; i < TEXTS.length; i++) {
    const value = data[TEXTS[i] as string];
    if (value !== undefined) key += `\0${i}:${value}`;
  }
  for (let i = 0; i < LISTS.length; i++) {
    const value = data[LISTS[i] as string];
    if (value !== undefined) key += Array.isArray(value) ? `\x01${i}:${value.join('\x02')}` : `\x03${i}:${value}`;
  }
  if (recipient !== undefined) key += `\x04${recipient.role}\0${recipient.id ?? ''}\0${recipient.country ?? ''}`;
  let present = data.resultCount === 0 ? 1 : 0;
  for (let i = 0; i < PRESENT.length; i++) present = present * 2 + (data[PRESENT[i] as string] === undefined ? 0 : 1);
  key += `\x05${present}`;
  if (data.sealedFields?.includes(SEALED)) key += '\x06';
  if (subjects.length === 0) return key;
  return `${key}\x07${subjects.length === 1 ? categoryOf(subjects[0] as StoredSubject) : peopleOn(subjects).map(categoryOf).join('\x01')}`;
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
