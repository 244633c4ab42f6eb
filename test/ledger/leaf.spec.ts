import { randomBytes } from 'node:crypto';
import { leafHash } from '../../src/integrity/merkle.ts';
import type { Entry } from '../../src/ledger/entry.ts';
import { leafBytes, MAX_LEAF_BYTES, NoLeaf } from '../../src/ledger/leaf.ts';

const ANNA = 'AAECAwQFBgcICQoLDA0ODw';
const BO = 'EBESExQVFhcYGRobHB0eHw';

const entry: Entry = {
  format: 1,
  source: 'urn:mailit:billing',
  id: '2026-03-02-000412',
  time: '2026-03-02T09:14:07.120Z',
  sequence: 412,
  version: 1,
  data: {
    actor: { reference: BO, kind: 'human', role: 'accountant', capacity: 'controller' },
    controller: 'mailit',
    categories: ['name'],
    purpose: 'tax-reporting',
    legalBasis: '6(1)(c)',
    subjects: [{ reference: ANNA, category: 'customer', sealed: 'AQIDBA==' }, { reference: BO }],
  },
  sealed: { under: 'subjects', part: 'BQYHCA==' },
};

const recorded = (of: Entry = entry) => ({
  position: 7,
  stream: 'processing-urn:mailit:billing',
  revision: 6,
  type: 'PersonalDataDisclosed',
  data: JSON.stringify(of),
  recordedAt: '2026-03-02T09:14:08.001Z',
});

describe('the bytes of a leaf', () => {
  it('are stable for ever: this event always makes this leaf', () => {
    expect(leafHash(leafBytes(recorded())).toString('hex')).toBe('042a241d78d5ab73c7394650a09ffb609e752479b28a8d1b08d2372f832dee41');
    expect(leafBytes(recorded()).subarray(0, 27).toString('latin1')).toBe('\x01\0\0\0\x12urn:mailit:billing\0\0\0\x11');
  });

  it('do not depend on the position, nor on the order of the members of data', () => {
    const { data } = entry;
    const turned = Object.fromEntries(Object.entries(data).reverse()) as Entry['data'];
    expect(leafBytes({ ...recorded({ ...entry, data: turned }), position: 99 })).toEqual(leafBytes(recorded()));
  });

  it.each([
    ['source', { ...entry, source: 'urn:mailit:crm' }],
    ['id', { ...entry, id: '2026-03-02-000413' }],
    ['time', { ...entry, time: '2026-03-02T09:14:07.121Z' }],
    ['sequence', { ...entry, sequence: 413 }],
    ['version', { ...entry, version: 2 }],
    ['a code', { ...entry, data: { ...entry.data, purpose: 'payment' } }],
    ['the actor', { ...entry, data: { ...entry.data, actor: { ...entry.data.actor, reference: ANNA } } }],
    ['a subject', { ...entry, data: { ...entry.data, subjects: entry.data.subjects.slice(0, 1) } }],
    ['the order of subjects', { ...entry, data: { ...entry.data, subjects: entry.data.subjects.toReversed() } }],
    ['a category', { ...entry, data: { ...entry.data, subjects: entry.data.subjects.map((s) => ({ ...s, category: 'employee' })) } }],
    ["a subject's sealed part", { ...entry, data: { ...entry.data, subjects: [{ ...entry.data.subjects[0], sealed: 'AQIDBQ==' }] } }],
    ["the event's sealed part", { ...entry, sealed: { under: 'subjects', part: 'BQYHCQ==' } }],
    ['what it is sealed under', { ...entry, sealed: { under: 'unbound-2026-03', part: 'BQYHCA==' } }],
  ])('are others for another %s', (_, changed) => {
    expect(leafBytes(recorded(changed as Entry))).not.toEqual(leafBytes(recorded()));
  });

  it.each([
    ['stream', { stream: 'processing-urn:mailit:crm' }],
    ['revision', { revision: 7 }],
    ['type', { type: 'PersonalDataUsed' }],
    ['recordedAt', { recordedAt: '2026-03-02T09:14:08.002Z' }],
  ])('are others for another %s', (_, changed) => {
    expect(leafBytes({ ...recorded(), ...changed })).not.toEqual(leafBytes(recorded()));
  });

  it('of the largest event that is recorded fit into an entry bundle', () => {
    const sealed = randomBytes(150).toString('base64');
    const subjects = Array.from({ length: 1_000 }, () => ({
      reference: randomBytes(16).toString('base64url'),
      category: 'customer',
      sealed,
    }));
    const largest = { ...entry, id: 'i'.repeat(1_024), data: { ...entry.data, note: 'n'.repeat(7_900), subjects } };
    expect(leafBytes(recorded(largest)).length).toBeLessThanOrEqual(MAX_LEAF_BYTES);
  });

  it('are refused where they would not fit, or somebody is named by what is no reference', () => {
    const huge = { ...entry, data: { ...entry.data, note: 'n'.repeat(70_000) } };
    expect(() => leafBytes(recorded(huge))).toThrow(NoLeaf);
    const named = { ...entry, data: { ...entry.data, subjects: [{ reference: 'anna' }] } };
    expect(() => leafBytes(recorded(named))).toThrow('the event at 7 names somebody by what is no reference');
  });
});
