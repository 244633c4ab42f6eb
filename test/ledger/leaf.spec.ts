import { createHash, randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { leafHash } from '../../src/integrity/merkle.ts';
import type { Entry } from '../../src/ledger/entry.ts';
import { type Leaf, leafBytes, MAX_LEAF_BYTES, NoLeaf, NotALeaf, parseLeaf } from '../../src/ledger/leaf.ts';

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

const sha256 = (base64: string) => createHash('sha256').update(Buffer.from(base64, 'base64')).digest();

describe('what stands in the bytes of a leaf', () => {
  it('is read without any key: all that is in clear, and of what is sealed the digest', () => {
    expect(parseLeaf(leafBytes(recorded()))).toEqual({
      source: 'urn:mailit:billing',
      id: '2026-03-02-000412',
      type: 'PersonalDataDisclosed',
      time: '2026-03-02T09:14:07.120Z',
      recordedAt: '2026-03-02T09:14:08.001Z',
      stream: 'processing-urn:mailit:billing',
      version: 1,
      revision: 6,
      sequence: 412,
      data: {
        actor: { reference: BO, kind: 'human', role: 'accountant', capacity: 'controller' },
        controller: 'mailit',
        categories: ['name'],
        purpose: 'tax-reporting',
        legalBasis: '6(1)(c)',
      },
      sealed: { under: 'subjects', digest: sha256('BQYHCA==') },
      subjects: [{ reference: ANNA, category: 'customer', digest: sha256('AQIDBA==') }, { reference: BO }],
    });
  });

  const sealedPart = fc.uint8Array({ maxLength: 40 }).map((part) => Buffer.from(part).toString('base64'));
  // What is written as UTF-8 has no lone surrogates.
  const text = fc.string({ unit: 'binary', maxLength: 30 });
  const subject = fc.record(
    {
      reference: fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => Buffer.from(bytes).toString('base64url')),
      category: fc.constantFrom('customer', 'employee', ''),
      sealed: sealedPart,
    },
    { requiredKeys: ['reference'] },
  );
  const events = fc.record({
    ...{ position: fc.nat(), stream: text, type: text, recordedAt: text },
    revision: fc.maxSafeNat(),
    entry: fc.record(
      {
        ...{ format: fc.constant(1 as const), source: text, id: text, time: text },
        version: fc.nat(2 ** 32 - 1),
        sequence: fc.maxSafeNat(),
        clear: fc.dictionary(text, fc.jsonValue({ maxDepth: 4 }), { maxKeys: 5 }),
        subjects: fc.array(subject, { maxLength: 4 }),
        sealed: fc.record({ under: fc.constantFrom('subjects', 'unbound-2026-03'), part: sealedPart }),
      },
      { requiredKeys: ['format', 'source', 'id', 'time', 'version', 'clear', 'subjects'] },
    ),
  });

  it('is what was written, whatever the event', () => {
    fc.assert(
      fc.property(events, ({ entry: { clear, subjects, ...envelope }, ...event }) => {
        const { subjects: _, ...fields } = clear;
        const data = JSON.stringify({ ...envelope, data: { ...fields, subjects } });
        const { format, sealed, ...rest } = envelope;
        const expected = {
          ...rest,
          ...{ type: event.type, stream: event.stream, revision: event.revision, recordedAt: event.recordedAt },
          data: JSON.parse(JSON.stringify(fields)),
          ...(sealed && { sealed: { under: sealed.under, digest: sha256(sealed.part) } }),
          subjects: subjects.map(({ sealed: part, ...named }) => ({ ...named, ...(part !== undefined && { digest: sha256(part) }) })),
        };
        expect(parseLeaf(leafBytes({ ...event, data }))).toEqual(expected);
      }),
    );
  });

  /** A leaf put together by hand, where this program would not. */
  const made = (parts: (string | Buffer)[]) =>
    Buffer.concat(
      parts.map((part) => (typeof part === 'string' ? Buffer.concat([uint(Buffer.byteLength(part), 4), Buffer.from(part)]) : part)),
    );
  const uint = (value: number, bytes: 1 | 2 | 4 | 8) => Buffer.from(value.toString(16).padStart(bytes * 2, '0'), 'hex');
  const parts = {
    ...{ form: uint(1, 1), source: 'urn:a', id: '1', type: 'T', time: 't', recordedAt: 'r', stream: 's' },
    ...{ version: uint(1, 4), revision: uint(0, 8), sequence: '7', clear: '{"a":1,"b":[2]}', under: 'x', digest: randomBytes(32) },
    ...{
      categories: uint(1, 2),
      category: 'customer',
      subjects: uint(1, 4),
      reference: randomBytes(16),
      place: uint(1, 2),
      part: uint(0, 1),
    },
  };
  const withPart = (changed: Partial<Record<keyof typeof parts | 'behind', string | Buffer>>) =>
    made(Object.values({ ...parts, ...changed }));

  it('is read where it is well-formed', () => {
    expect(parseLeaf(withPart({}))).toMatchObject({
      source: 'urn:a',
      sequence: 7,
      data: { a: 1, b: [2] },
      subjects: [{ category: 'customer' }],
    });
  });

  it.each<[string, Parameters<typeof withPart>[0]]>([
    ['another form', { form: uint(2, 1) }],
    ['something behind it', { behind: uint(0, 1) }],
    ['text that is no UTF-8', { id: Buffer.from('00000001ff', 'hex') }],
    ['members out of order', { clear: '{"b":[2],"a":1}' }],
    ['a member twice', { clear: '{"a":1,"a":1,"b":[2]}' }],
    ['spaces', { clear: '{"a":1, "b":[2]}' }],
    ['a number written otherwise', { clear: '{"a":1.0}' }],
    ['no JSON', { clear: '{"a":' }],
    ['a list in place of data', { clear: '[]' }],
    ['nothing in place of data', { clear: 'null' }],
    ['subjects among the data', { clear: '{"subjects":[]}' }],
    ['data that is nested too deep', { clear: `${'['.repeat(30_000)}` }],
    ['data that is nested too deep, and closed', { clear: `{"a":${'['.repeat(5_000)}${']'.repeat(5_000)}}` }],
    ['a sequence that is none', { sequence: 'NaN' }],
    ['a sequence without end', { sequence: 'Infinity' }],
    ['a sequence with a zero in front', { sequence: '07' }],
    ['a sequence below zero', { sequence: '-7' }],
    ['a revision beyond counting', { revision: Buffer.alloc(8, 0xff) }],
    ['a digest of nothing', { under: '' }],
    ['a category that nobody has', { place: uint(0, 2) }],
    ['a category twice', { categories: made([uint(2, 2), 'customer']) }],
    ['a subject of a category that is not there', { place: uint(2, 2) }],
    ['a subject sealed by another mark', { part: Buffer.concat([uint(2, 1), randomBytes(32)]) }],
    ['fewer subjects than it says', { subjects: uint(2 ** 32 - 1, 4) }],
    ['more bytes than a leaf has', { id: 'i'.repeat(MAX_LEAF_BYTES) }],
  ])('is refused with %s', (_, changed) => {
    expect(() => parseLeaf(withPart(changed))).toThrow(NotALeaf);
  });

  it('is never another than it seems: any bytes are refused by name, or are the only ones with just this in them', () => {
    const whole = leafBytes(recorded());
    const changed = fc
      .tuple(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 }))
      .map(([at, by]) => Buffer.from(whole.map((byte, i) => (i === at ? byte ^ by : byte))));
    const cut = fc.nat(whole.length - 1).map((length) => whole.subarray(0, length));
    const any = fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.concat([Buffer.of(1), bytes]));
    fc.assert(
      fc.property(fc.oneof(changed, cut, any), (bytes) => {
        const leaf = read(bytes);
        if (leaf !== undefined) expect(leaf).not.toEqual(parseLeaf(whole));
      }),
      { numRuns: 2_000 },
    );
    function read(bytes: Buffer): Leaf | undefined {
      try {
        return parseLeaf(bytes);
      } catch (error) {
        expect(error).toBeInstanceOf(NotALeaf);
        return undefined;
      }
    }
  });

  it('is told by no refusal', () => {
    const secret = leafBytes(recorded({ ...entry, id: 'kund-48211' })).subarray(0, -1);
    expect(() => parseLeaf(secret)).toThrow(expect.not.objectContaining({ message: expect.stringContaining('48211') }));
  });
});
