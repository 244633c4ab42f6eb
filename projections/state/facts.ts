/**
 * What an event says that others are judged by: facts on keys, each with its own time. Pure; who is meant by a reference, what stands, and
 * whose controller it was is for whoever asks (`state.ts`).
 */
import type { StoredData } from '../../src/ledger/entry.ts';
import { groupOf } from '../../src/ledger/events.ts';
import { CASES, isContact, isDisclosureToAnother, isHandingOver, isProcessor, peopleOf, textOf, textsOf } from '../findings/rules/rule.ts';
import { momentOf } from '../moment.ts';
import type { Key, KeyKind } from './keys.ts';

/** Sorts of facts, as rows have them. */
export const FACT_KINDS = {
  ...{ consent: 1, objection: 2, decision: 3, restriction: 4, lifting: 5, erasure: 6, notice: 7, notification: 8 },
  ...{ collection: 9, contact: 10, disclosure: 11, delivery: 12 },
  ...{ grant: 13, revocation: 14, instruction: 15, agreement: 16, termination: 17, review: 18, ending: 19 },
} as const;

export type FactKind = keyof typeof FACT_KINDS;

/** What a fact says; of each sort only some of it. Codes, times and digests: nothing that is sealed. */
export interface Said {
  /** Whose processing it is about; absent: the one's whose policy it is. */
  controller?: string;
  /** Of a consent. */
  state?: 'given' | 'refused' | 'withdrawn' | 'expired';
  purposes?: readonly string[];
  /** Of an objection: its article. */
  kind?: string;
  outcome?: string;
  /** Whether a decision names grounds. */
  hasGrounds?: boolean;
  /** The record that it is about. */
  target?: { source: string; id: string };
  scope?: readonly string[];
  systems?: readonly string[];
  categories?: readonly string[];
  countries?: readonly string[];
  purpose?: string;
  recipient?: string;
  role?: string;
  right?: string;
  result?: string;
  /** Digest of an agreement's reference. */
  ref?: string;
  /** First and last moment, milliseconds since 1970. */
  from?: number;
  until?: number;
  /** Of an ending: the type of its event. */
  type?: string;
}

export interface Fact {
  kind: FactKind;
  key: Key;
  /** When it happened, milliseconds since 1970. */
  time: number;
  /** The record that says so. */
  source: string;
  id: string;
  fact: Said;
}

/** An event, recorded or not, as far as facts go. */
export interface Told {
  type: string;
  source: string;
  /** Absent of what is only asked about. */
  id?: string;
  /** Milliseconds since 1970. */
  time: number;
  data: StoredData;
}

const CONSENTS: Readonly<Record<string, NonNullable<Said['state']>>> = {
  ConsentGiven: 'given',
  ConsentRefused: 'refused',
  ConsentWithdrawn: 'withdrawn',
  ConsentExpired: 'expired',
};

/** What happens on a key of its own. */
type Saying = [kind: FactKind, fact: Said];

/**
 * Everything that an event says which others are judged by. For which controller it was done stands in each of them.
 */
export function factsOf(event: Told): Fact[] {
  const { data } = event;
  if (isForAnother(data)) return [];
  const say = SAYINGS[event.type];
  const ends = ENDS.get(event.type);
  if (say === undefined && ends === undefined) return [];
  const facts: Fact[] = [];
  const add = (key: Key, [kind, fact]: Saying) => {
    const { time, source, id = '' } = event;
    facts.push({ kind, key, time, source, id, fact: data.controller === undefined ? fact : { controller: data.controller, ...fact } });
  };
  if (say) for (const { key, saying } of say(event)) add(key, saying);
  if (ends) for (const value of casesEndedBy(data, ends)) add({ kind: 'case', value }, ['ending', { type: event.type }]);
  return facts;
}

/** Done as a processor, and for nobody knows whom; where it names the controller, whoever asks tells whether that is theirs. */
const isForAnother = ({ actor, controller }: StoredData): boolean => controller === undefined && isProcessor(actor);

type Say = (event: Told) => { key: Key; saying: Saying }[];

/** The same of everybody on the event. */
const ofPeople =
  (say: (event: Told) => Saying[]): Say =>
  (event) => {
    const sayings = say(event);
    if (sayings.length === 0) return [];
    return peopleOf(event.data).flatMap((value) => sayings.map((saying) => ({ key: { kind: 'person' as const, value }, saying })));
  };

const of =
  (kind: 'actor' | 'recipient' | 'policy', whom: (data: StoredData) => string | undefined, say: (event: Told) => Saying): Say =>
  (event) => {
    const value = whom(event.data);
    return value === undefined ? [] : [{ key: { kind, value }, saying: say(event) }];
  };

const consent = ofPeople(({ type, data }) => [
  ['consent', { state: CONSENTS[type] as NonNullable<Said['state']>, purposes: textsOf(data['purposes']) ?? [] }],
]);

const grantee = (data: StoredData) => textOf(data['grantee']);

/** What a grant, its revocation or an agreement leaves out it does not limit. */
function limitsOf(data: StoredData): Said {
  const { categories } = data;
  const said: Said = {};
  for (const name of ['purposes', 'systems', 'countries'] as const) {
    const texts = textsOf(data[name]);
    if (texts) said[name] = texts;
  }
  if (categories !== undefined) said.categories = categories;
  return said;
}

function validityOf({ time, data }: Told): Said {
  const until = textOf(data['validUntil']);
  const from = textOf(data['validFrom']);
  return { from: from === undefined ? time : momentOf(from, 'start'), ...(until !== undefined && { until: momentOf(until, 'end') }) };
}

const refOf = ({ agreementRef }: StoredData): Said => (typeof agreementRef === 'string' ? { ref: agreementRef } : {});

const delivered = (event: Told): Saying[] => {
  const { recipient, purpose, categories = [] } = event.data;
  const sayings: Saying[] = [];
  if (isContact(event)) sayings.push(['contact', {}]);
  if (isDisclosureToAnother(event)) sayings.push(['disclosure', {}]);
  if (recipient !== undefined && recipient.role !== 'data-subject') {
    const to = recipient.id === undefined ? {} : { recipient: recipient.id };
    sayings.push(['delivery', { ...to, role: recipient.role, ...(purpose !== undefined && { purpose }), categories }]);
  }
  return sayings;
};

const review = of(
  'policy',
  () => '',
  () => ['review', {}],
);

const SAYINGS: Readonly<Record<string, Say>> = {
  ConsentGiven: consent,
  ConsentRefused: consent,
  ConsentWithdrawn: consent,
  ConsentExpired: consent,
  ObjectionRaised: ofPeople(({ data }) => [['objection', { kind: String(data['kind']), purposes: textsOf(data['purposes']) ?? [] }]]),
  ObjectionDecided: ofPeople(({ data }) => {
    const target = pointerOf(data['target']);
    const hasGrounds = data.sealedFields?.includes('grounds') === true;
    return target ? [['decision', { target, outcome: String(data['outcome']), hasGrounds }]] : [];
  }),
  ProcessingRestricted: ofPeople(({ data }) => [['restriction', { scope: textsOf(data['scope']) ?? [] }]]),
  RestrictionLifted: ofPeople(({ data }) => {
    const [target, scope] = [pointerOf(data['target']), textsOf(data['scope'])];
    return [['lifting', { ...(target && { target }), ...(scope && { scope }) }]];
  }),
  PersonalDataErased: ofPeople(({ data }) => [
    ['erasure', { scope: textsOf(data['scope']) ?? [], systems: textsOf(data['systems']) ?? [] }],
  ]),
  PersonalDataCollected: ofPeople(({ data: { categories = [], purpose, noticeRef } }) => [
    ['collection', { categories }],
    ...(noticeRef === undefined ? [] : [['notice', purpose === undefined ? {} : { purpose }] as Saying]),
  ]),
  PersonalDataUsed: ofPeople((event) => (isContact(event) ? [['contact', {}]] : [])),
  PersonalDataDisclosed: ofPeople(delivered),
  PersonalDataTransferred: ofPeople(delivered),
  InformationProvided: ofPeople(({ data: { purpose, right } }) =>
    right === undefined || right === 'information' ? [['notice', purpose === undefined ? {} : { purpose }]] : [],
  ),
  RecipientNotified: ofPeople(({ data: { recipient, right, result } }) => [
    [
      'notification',
      {
        ...(recipient?.id !== undefined && { recipient: recipient.id }),
        ...(typeof right === 'string' && { right }),
        ...(typeof result === 'string' && { result }),
      },
    ],
  ]),
  AccessGranted: of('actor', grantee, (event) => ['grant', { ...limitsOf(event.data), ...validityOf(event) }]),
  AccessRevoked: of('actor', grantee, (event) => ['revocation', limitsOf(event.data)]),
  StaffInstructed: (event) => {
    const staff = textOf(event.data['staff']);
    // Who is not named as staff was instructed as whoever the event is about.
    const whom = staff === undefined ? peopleOf(event.data) : [staff];
    return whom.map((value) => ({ key: { kind: 'actor', value }, saying: ['instruction', {}] }));
  },
  ProcessorEngaged: of(
    'recipient',
    ({ recipient }) => recipient?.id,
    (event) => ['agreement', { ...limitsOf(event.data), ...validityOf(event), ...refOf(event.data) }],
  ),
  ProcessorTerminated: of(
    'recipient',
    ({ recipient }) => recipient?.id,
    ({ data }) => ['termination', refOf(data)],
  ),
  PolicyPublished: review,
  PolicyReviewed: review,
};

type By = (typeof CASES)[string]['by'];

/** How each type of event ends a case. */
const ENDS: ReadonlyMap<string, readonly By[]> = new Map(
  [...new Set(Object.values(CASES).flatMap(({ ends }) => ends))].map((type) => [
    type,
    [
      ...new Set(
        Object.values(CASES)
          .filter(({ ends }) => ends.includes(type))
          .map(({ by }) => by),
      ),
    ],
  ]),
);

function casesEndedBy(data: StoredData, by: readonly By[]): string[] {
  return by.flatMap((field) => {
    if (field !== 'target') return textOf(data[field]) ?? [];
    const target = pointerOf(data['target']);
    return target ? caseOfRecord(target) : [];
  });
}

const caseOfRecord = ({ source, id }: { source: string; id: string }): string => `${source}\0${id}`;

/** The case that an event opens, by what its end will name; undefined for what opens none, or does not say which. */
export function caseOpenedBy({ type, source, id = '', data }: Told): string | undefined {
  const opened = CASES[type];
  if (opened === undefined) return undefined;
  return opened.by === 'target' ? caseOfRecord({ source, id }) : textOf(data[opened.by]);
}

const OF_A_RECORD = new Set(['RecordCorrected', 'RecordRetracted']);

/** The keys that a judgement of the event may depend on. */
export function keysOf(event: Told): Key[] {
  return [...dependenciesOf(event), { kind: 'source', value: event.source }, { kind: 'grants', value: '' }];
}

/** Those of its keys under which the event is found again when something is learnt of them late. */
export function dependenciesOf(event: Told): Key[] {
  const keys: Key[] = peopleOf(event.data).map((value) => ({ kind: 'person', value }));
  visitOthers(event, (kind, value) => keys.push({ kind, value }));
  return keys;
}

/** Visits those of `dependenciesOf` that are no data subjects: for every event that is recorded. */
export function visitOthers(event: Told, visit: (kind: KeyKind, value: string) => void): void {
  const { type, data } = event;
  if (groupOf(type) === 'processing') {
    if (data.actor.kind === 'human') visit('actor', data.actor.reference);
    const { recipient } = data;
    if (isHandingOver(event) && recipient?.id !== undefined && isProcessorRole(recipient.role)) visit('recipient', recipient.id);
    return;
  }
  if (OF_A_RECORD.has(type)) {
    // Who they are decides whether somebody else approved.
    const people = [data.actor.reference, data.actor.onBehalfOf, textOf(data['approver'])];
    for (const value of new Set(people)) if (value !== undefined) visit('actor', value);
  }
  const opened = caseOpenedBy(event);
  if (opened !== undefined) visit('case', opened);
  if (type === 'PolicyPublished' || type === 'PolicyReviewed') visit('policy', '');
}

const isProcessorRole = (role: string): boolean => role === 'processor' || role === 'sub-processor';

/** What an event is to others under its people's keys; 0 for nothing. It leads to facts that happen too often to be kept as such. */
export const MARKS = {
  plain: 0,
  /** Collected from the person, or without saying from whom. */
  collected: 1,
  /** Collected with a notice. */
  noticed: 2,
  /** Collected from elsewhere, without a notice: what informs, contacts or discloses later says how it is judged. */
  elsewhere: 3,
  contact: 4,
  /** To another recipient. */
  disclosed: 5,
  /** To an authority. */
  delivered: 6,
  /** Rectified, erased or restricted: recipients have to be told. */
  obliging: 7,
} as const;

export const MARK_COUNT = 8;

const FROM_THEM = new Set(['subject', 'observed']);

const OBLIGING = new Set(['PersonalDataRectified', 'PersonalDataErased', 'ProcessingRestricted']);

export function markOf(event: Pick<Told, 'type' | 'data'>): number {
  const { type, data } = event;
  if (isForAnother(data)) return MARKS.plain;
  switch (type) {
    case 'PersonalDataCollected':
      if (data['noticeRef'] !== undefined) return MARKS.noticed;
      return data['origin'] === undefined || FROM_THEM.has(data['origin'] as string) ? MARKS.collected : MARKS.elsewhere;
    case 'PersonalDataUsed':
      return isContact(event) ? MARKS.contact : MARKS.plain;
    case 'PersonalDataDisclosed':
    case 'PersonalDataTransferred':
      if (isContact(event)) return MARKS.contact;
      if (isDisclosureToAnother(event)) return MARKS.disclosed;
      return data.recipient === undefined || data.recipient.role === 'data-subject' ? MARKS.plain : MARKS.delivered;
    default:
      return OBLIGING.has(type) ? MARKS.obliging : MARKS.plain;
  }
}

/** What it matters of that it was ever heard of at all: grants to anybody, collections by a source; for each controller on its own. */
export function heardOf({ type, source, data }: Told): HeardKey | undefined {
  if (isForAnother(data)) return undefined;
  const { controller = '' } = data;
  if (type === 'PersonalDataCollected') return { kind: 'source', value: heardValue(source, controller) };
  return type === 'AccessGranted' ? { kind: 'grants', value: heardValue('', controller) } : undefined;
}

export type HeardKey = Key & { kind: 'source' | 'grants' };

/** @param controller empty where none was named */
export const heardValue = (value: string, controller: string): string => `${controller}\0${value}`;

export function pointerOf(value: unknown): { source: string; id: string } | undefined {
  const { source, id } = (value ?? {}) as { source?: unknown; id?: unknown };
  return typeof source === 'string' && typeof id === 'string' ? { source, id } : undefined;
}
