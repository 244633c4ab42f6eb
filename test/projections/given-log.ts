/** Logs in memory, in the stored form. */
import fc from 'fast-check';
import type { RecordedEvent } from '../../src/eventstore/event-store.ts';
import type { Entry, StoredData } from '../../src/ledger/entry.ts';

const START = Date.parse('2026-03-01T00:00:00.000Z');
const reference = (name: string) => name.padEnd(22, '_');

interface Given {
  type: string;
  source: string;
  id: string;
  minutes: number;
  sequence?: number;
  data: Partial<StoredData>;
}

/** What the random logs are made of: few values, so that they meet. */
const person = fc.constantFrom('p1', 'p2', 'p3').map(reference);
const actor = fc.record(
  {
    reference: fc.constantFrom('a1', 'a2', 'p1').map(reference),
    kind: fc.constant('human'),
    onBehalfOf: fc.constantFrom('a1', 'a2').map(reference),
  },
  { requiredKeys: ['reference', 'kind'] },
);
const subjects = fc.array(
  person.map((name) => ({ reference: name, sealed: 'c2VhbGVk' })),
  { maxLength: 3 },
);
const data = fc.record(
  {
    actor,
    subjects,
    categories: fc.subarray(['name', 'phone', 'tax']),
    purpose: fc.constantFrom('payment', 'newsletter'),
    legalBasis: fc.constantFrom('6(1)(a)', '6(1)(b)'),
    system: fc.constantFrom('crm', 'billing'),
    country: fc.constantFrom('SE', 'US'),
    caseRef: fc.constantFrom('c1', 'c2').map(reference),
    recipient: fc.constantFrom({ id: 'bank', role: 'processor', country: 'SE' }, { role: 'data-subject' }),
    mode: fc.constantFrom('view', 'search'),
    outcome: fc.constantFrom('ok', 'denied'),
  },
  { requiredKeys: ['actor', 'subjects'] },
);
const source = fc.constantFrom('urn:test:a', 'urn:test:b');
const pair = fc.record({ source, id: fc.nat(40).map(String) });

const processed: fc.Arbitrary<Given> = fc.record(
  {
    type: fc.constantFrom('PersonalDataAccessed', 'PersonalDataDisclosed', 'PersonalDataUsed'),
    source,
    id: fc.nat(40).map(String),
    minutes: fc.integer({ min: -4_000, max: 400 }),
    sequence: fc.nat(12),
    data,
  },
  { requiredKeys: ['type', 'source', 'id', 'minutes', 'data'] },
);
const revised: fc.Arbitrary<Given> = fc
  .record({ of: processed, target: pair, replacement: pair, isRetracted: fc.boolean() })
  .map(({ of, target, replacement, isRetracted }) => ({
    ...of,
    type: isRetracted ? 'RecordRetracted' : 'RecordCorrected',
    data: { ...of.data, target, ...(!isRetracted && { replacement }) },
  }));
const quarantined: fc.Arbitrary<Given> = fc
  .record({ number: fc.nat(5), of: pair, sequence: fc.nat(12) })
  .map(({ number, of, sequence }) => ({
    type: 'RecordQuarantined',
    source: 'urn:liggare:quarantine',
    id: `q${number}`,
    minutes: 0,
    data: {
      actor: { reference: reference('a1'), kind: 'service' },
      subjects: [],
      quarantineId: `q${number}`,
      recordSource: of.source,
      recordId: of.id,
      recordSequence: sequence,
      problems: [],
    },
  }));
const released: fc.Arbitrary<Given> = fc.nat(5).map((number) => ({
  type: 'RecordReleased',
  source: 'urn:liggare:releases',
  id: `q${number}`,
  minutes: 0,
  data: { actor: { reference: reference('a1'), kind: 'human' }, subjects: [], quarantineId: `q${number}` },
}));

const held: fc.Arbitrary<Given> = fc
  .record({ of: processed, target: pair, isReleased: fc.boolean() })
  .map(({ of, target, isReleased }) => ({
    ...of,
    type: isReleased ? 'LegalHoldReleased' : 'LegalHoldPlaced',
    data: { ...of.data, ...(isReleased ? { target } : { ground: 'legal-claims', reviewBy: '2026-12-31' }) },
  }));

/** Logs in which everything that the projections look at happens, in any order; positions have gaps. */
export function randomLog({ minLength = 0 } = {}): fc.Arbitrary<RecordedEvent[]> {
  const event = fc.oneof({ arbitrary: processed, weight: 5 }, revised, quarantined, released, held);
  return fc.array(fc.tuple(event, fc.integer({ min: 1, max: 3 })), { minLength, maxLength: 40 }).map((given) => {
    let position = 0;
    return given.map(([each, step]) => {
      position += step;
      return recorded(each, position);
    });
  });
}

/** So many plain events; `name` makes them another log's. */
export function logOf(count: number, name = 'log'): RecordedEvent[] {
  const subject = { reference: reference('p1'), sealed: 'c2VhbGVk' };
  return Array.from({ length: count }, (_, i) =>
    recorded(
      {
        type: 'PersonalDataUsed',
        source: 'urn:test:a',
        id: String(i),
        minutes: i,
        data: { actor: { reference: reference('a1'), kind: 'human' }, subjects: [subject] },
      },
      i + 1,
      name,
    ),
  );
}

function recorded({ type, source, id, minutes, sequence, data }: Given, position: number, log = 'log'): RecordedEvent {
  const time = new Date(START + minutes * 60_000).toISOString();
  const entry: Entry = { format: 1, source, id, time, ...(sequence !== undefined && { sequence }), version: 1, data: data as StoredData };
  return {
    ...{ position, stream: `processing-${source}`, revision: position - 1, id: `${log}-${position}`, type },
    data: JSON.stringify(entry),
    metadata: '{}',
    recordedAt: new Date(START + position * 1_000).toISOString(),
  };
}
