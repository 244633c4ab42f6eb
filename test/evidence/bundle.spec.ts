import { generateKeyPairSync } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { buffer } from 'node:stream/consumers';
import { EvidenceTooBroad } from '../../projections/evidence/query.ts';
import { verifyBundle } from '../../src/evidence/check.ts';
import { problemOf } from '../../src/http/problem.ts';
// How what the tree throws is answered.
import '../../src/http/proofs.controller.ts';
import { COSIGNATURE, cosignNote, ED25519, formatNote, parseNote, verifierKey, vkeyOf } from '../../src/integrity/signed-note.ts';
import { SCOPES } from '../../src/ledger/api-key/permissions.ts';
import { viewers } from '../projections/read-side.ts';
import { checkBundle } from '../support/bundle-checker.ts';
import { disclosure } from '../support/write-side.ts';
import { type Exporting, filesOf, linesOf, openExporting } from './bundles.ts';

let ledger: Exporting;
beforeAll(async () => {
  ledger = await openExporting();
});
afterAll(() => ledger.close());

const customer = (value: string) => ({ scheme: 'customer-number', value });
const about = (id: string, value: string, more: Record<string, unknown> = {}, data: object = {}) =>
  disclosure(id, { ...more, data: { subjects: [{ ...customer(value), category: 'customer' }], ...data } });
const manifestIn = (files: ReadonlyMap<string, Buffer>) => JSON.parse(String(files.get('manifest.json')));
const jsonLines = (files: ReadonlyMap<string, Buffer>, name: string) => linesOf(files.get(name) as Buffer).map((line) => JSON.parse(line));
const queried = async () => (await ledger.entries()).filter(({ type }) => type === 'LedgerQueried').map(({ entry }) => entry.data);

describe('A bundle', () => {
  beforeAll(() => ledger.given(...[1, 2, 3, 4, 5].map((i) => about(`a-${i}`, 'A1', { sequence: String(i) })), about('a-6', 'A2')));

  it('is intact, also for a checker that was written from the page about the format alone', async () => {
    const file = await ledger.export('case', { about: { subject: [customer('A1')] } });
    expect(await verifyBundle(file)).toMatchObject({ verdict: 'intact', problems: [], events: 5, trust: { from: 'bundle' } });
    expect(await checkBundle(file)).toBe(5);
    const vkeys = [ledger.log.key];
    const checked = await verifyBundle(file, { vkeys });
    expect(checked).toMatchObject({ verdict: 'intact', trust: { from: 'caller', keys: [vkeyOf(ledger.log.key)] } });
    expect(await checkBundle(file, vkeyOf(ledger.log.key))).toBe(5);
  });

  it('holds what the page about the format names, in that order, and the manifest last', async () => {
    const files = await filesOf(await ledger.export('case', { about: { subject: [customer('A1')] } }));
    expect([...files.keys()]).toEqual([
      ...['README.txt', 'tree-head.note', 'events.ndjson', 'proofs.ndjson', 'opened.ndjson', 'coverage.json', 'completeness.json'],
      ...['summary.txt', 'summary.html', 'vkeys.txt', 'manifest.json', 'manifest.note'],
    ]);
    const page = readFileSync(new URL('../../src/evidence/README.md', import.meta.url), 'utf8');
    for (const name of files.keys()) expect(page).toContain(`\`${name}\``);
  });

  it('says what was asked, and by which scope, but not by whom', async () => {
    const before = (await queried()).length;
    const files = await filesOf(
      await ledger.export('case', { about: { subject: [customer('A1')], from: '2026-03-01' }, asOf: '2099-01-01' }),
    );
    const { question, asked, counts } = manifestIn(files);
    const reference = expect.stringMatching(/^[\w-]{22}$/);
    expect(question.about).toEqual({ subject: [reference], from: '2026-03-01T00:00:00.000Z' });
    expect(question.asAsked).toEqual({ subject: [customer('A1')], from: '2026-03-01' });
    expect(question.asOf).toBe('2099-01-01T23:59:59.999Z');
    const { length } = jsonLines(files, 'events.ndjson');
    expect(counts).toEqual({ events: length, opened: length });
    const [record] = (await queried()).slice(before);
    expect(asked).toEqual({ scope: 'case', purpose: 'rights-fulfilment', correlationId: record?.['correlationId'] });
    expect(record).toMatchObject({ question: 'evidence', axes: ['subject', 'from'], subjects: [{ reference: question.about.subject[0] }] });
  });

  it('counts how many leaves of the tree concern the person, where one was asked about', async () => {
    const file = await filesOf(await ledger.export('case', { about: { subject: [customer('A1')] } }));
    const { leaves, subjects, treeHead } = JSON.parse(String(file.get('completeness.json')));
    const { ledger: head, counts, question } = manifestIn(file);
    expect({ leaves, subjects }).toEqual({ leaves: counts.events, subjects: question.about.subject });
    expect(treeHead).toMatchObject({ origin: head.origin, size: head.treeSize, root: head.root });
    const two = await filesOf(await ledger.export('case', { about: { subject: [customer('A1'), customer('A2')] } }));
    expect(two.has('completeness.json')).toBe(false);
  });

  it('holds everything that was recorded before it was asked for', async () => {
    await ledger.record([about('late-1', 'A9')]);
    const { stream } = await ledger.begin('case', { about: { subject: [customer('A9')] } });
    expect((await buffer(stream)).length).toBeGreaterThan(1000);
    const files = await filesOf(await ledger.export('case', { about: { subject: [customer('A9')] } }));
    expect(jsonLines(files, 'events.ndjson').map(({ entry }) => entry.id)).toContain('late-1');
  });

  it('is of the state of a day, where one is asked for', async () => {
    const files = await filesOf(await ledger.export('case', { about: { subject: [customer('A1')] }, asOf: '2026-01-01' }));
    expect(manifestIn(files)).toMatchObject({ counts: { events: 0, opened: 0 }, question: { position: 0 } });
  });

  it('of nothing is a bundle too', async () => {
    const file = await ledger.export('case', { about: { subject: [customer('nobody')] } });
    expect(await verifyBundle(file)).toMatchObject({ verdict: 'intact', events: 0 });
    expect(await checkBundle(file)).toBe(0);
    expect(manifestIn(await filesOf(file)).question.about).toEqual({ subject: [] });
  });

  it('stands under one head, in the order of its leaves, with the proofs and opened entries in the same order', async () => {
    const file = await ledger.export('investigate', {});
    const files = await filesOf(file);
    const indexes = jsonLines(files, 'events.ndjson').map(({ leafIndex }) => leafIndex);
    expect(indexes).toEqual([...indexes].sort((a, b) => a - b));
    for (const name of ['proofs.ndjson', 'opened.ndjson'])
      expect(jsonLines(files, name).map(({ leafIndex }) => leafIndex)).toEqual(indexes);
    expect(indexes).toHaveLength(manifestIn(files).ledger.treeSize);
  });

  it('shows what was said of a record later, on the record', async () => {
    const retraction = {
      ...{ specversion: '1.0', source: 'urn:test:c', id: 'c-2', type: 'RecordRetracted', time: '2026-03-02T10:00:00Z' },
      data: {
        actor: { id: 'anna.berg', kind: 'human', role: 'accountant', capacity: 'controller' },
        ...{ subjects: [customer('C1')], target: { source: 'urn:test:c', id: 'c-1' }, reason: 'said twice', approver: 'maria.ek' },
      },
    };
    await ledger.given(about('c-1', 'C1', { source: 'urn:test:c' }), retraction);
    const file = await ledger.export('investigate', { about: { source: ['urn:test:c'] } });
    expect(await verifyBundle(file)).toMatchObject({ verdict: 'intact', events: 2 });
    expect(jsonLines(await filesOf(file), 'opened.ndjson')[0]).toMatchObject({ id: 'c-1', retracted: { by: { id: 'c-2' } } });
  });
});

describe('What a scope gets', () => {
  const RECORDS = { type: ['PersonalDataDisclosed'] };
  const SECRETS = ['B-10027', 'B-10028', 'bertil.by', 'Called about the invoice', 'CASE-B-77'];
  beforeAll(() =>
    ledger.given(
      about(
        'b-1',
        'B-10027',
        { source: 'urn:test:b' },
        {
          actor: { id: 'bertil.by', kind: 'human', role: 'clerk', capacity: 'controller' },
          note: 'Called about the invoice',
          caseRef: 'CASE-B-77',
        },
      ),
      disclosure('b-2', {
        source: 'urn:test:b',
        data: {
          subjects: [customer('B-10027'), customer('B-10028')],
          actor: { id: 'bertil.by', kind: 'human', role: 'clerk', capacity: 'controller' },
        },
      }),
    ),
  );
  const seen = (files: ReadonlyMap<string, Buffer>) => {
    const all = [...files.values()].join('\n');
    return SECRETS.filter((secret) => all.includes(secret));
  };
  const exported = async (scope: (typeof SCOPES)[number], body: object) => {
    const file = await ledger.export(scope, body);
    expect(await verifyBundle(file)).toMatchObject({ verdict: 'intact', events: 2 });
    return filesOf(file);
  };

  it('ask: identifiers, the person asked about alone, actors by reference', async () => {
    expect(seen(await exported('ask', { about: { ...RECORDS, subject: [customer('B-10027')] } }))).toEqual(['B-10027']);
    expect(seen(await exported('ask', { about: { source: ['urn:test:b'] } }))).toEqual(['B-10027', 'B-10028']);
  });

  it('ask: not told back by which actor or case it asked', async () => {
    const files = await exported('ask', { about: { source: ['urn:test:b'], actor: ['bertil.by'] } });
    expect(manifestIn(files).question.asAsked).toEqual({ source: ['urn:test:b'] });
    expect(seen(files)).not.toContain('bertil.by');
  });

  it('case: the sealed details of the person asked about', async () => {
    expect(seen(await exported('case', { about: { ...RECORDS, subject: [customer('B-10027')] } }))).toEqual([
      'B-10027',
      'Called about the invoice',
      'CASE-B-77',
    ]);
  });

  it.each(['investigate', 'admin'] as const)('%s: everything', async (scope) => {
    expect(seen(await exported(scope, { about: { ...RECORDS, subject: [customer('B-10027')] } }))).toEqual(SECRETS);
  });

  it('audit: sealed events and references, and no identity anywhere', async () => {
    const files = await exported('audit', { about: { source: ['urn:test:b'] } });
    expect(seen(files)).toEqual([]);
    expect(files.has('opened.ndjson')).toBe(false);
    expect(manifestIn(files)).toMatchObject({ counts: { events: 2 }, asked: { scope: 'audit' } });
    expect(manifestIn(files).question).not.toHaveProperty('asAsked');
    const [{ entry }] = jsonLines(files, 'events.ndjson');
    const { reference } = entry.data.subjects[0];
    expect(seen(await exported('audit', { about: { ...RECORDS, subject: [{ reference }] } }))).toEqual([]);
    expect(seen(await exported('audit', { about: { ...RECORDS, actor: [entry.data.actor.reference] } }))).toEqual([]);
  });

  it.each([
    ['a subject by identifier', { about: { subject: [customer('B-10027')] } }],
    ['an actor by id', { about: { actor: ['bertil.by'] } }],
    ['entries opened', { opened: true }],
  ])('audit: %s needs another permission, and nothing is recorded', async (_, body) => {
    const before = (await ledger.entries()).length;
    const refused = ledger.begin('audit', body);
    await expect(refused).rejects.toMatchObject({ type: 'forbidden', options: { detail: expect.stringContaining('permission ask') } });
    expect((await ledger.entries()).length).toBe(before);
  });

  it.each(['ask', 'case', 'investigate', 'admin'] as const)('%s: sealed events alone, where that is asked for', async (scope) => {
    const body = { about: { subject: [customer('B-10027')], actor: ['bertil.by'], caseRef: ['CASE-B-77'] }, opened: false };
    const file = await ledger.export(scope, body);
    const files = await filesOf(file);
    expect(await verifyBundle(file)).toMatchObject({ verdict: 'intact', events: 1 });
    expect(seen(files)).toEqual([]);
    // Nor in the archive as it is packed, in its names and headers.
    const packed = readFileSync(file);
    expect(SECRETS.filter((secret) => packed.includes(secret))).toEqual([]);
  });

  it('records everybody in a bundle that is about nobody in particular', async () => {
    await ledger.export('audit', { about: { source: ['urn:test:b'] } });
    const [record] = (await queried()).slice(-1);
    expect(record).toMatchObject({ question: 'evidence', axes: ['source'] });
    expect(record?.subjects).toHaveLength(2);
  });
});

describe('What is refused', () => {
  beforeAll(() => ledger.given(about('r-1', 'R1')));

  it('says that no head covers it yet, and records nothing', async () => {
    await ledger.record([about('r-2', 'R1')]);
    const before = (await ledger.entries()).length;
    ledger.log.isSealing = false;
    await expect(ledger.begin('case', { about: { subject: [customer('R1')] } })).rejects.toThrow('no head covers it yet');
    ledger.log.isSealing = true;
    expect((await ledger.entries()).length).toBe(before);
  });

  it('finds no more than one bundle holds', async () => {
    await ledger.given(...[1, 2, 3, 4].map((i) => about(`w-${i}`, 'W1', { source: 'urn:test:w' })));
    const limits = { maxEvents: 4, maxCharacters: 100_000, waitMs: 0 };
    const find = (more: object) => ledger.find({ about: { source: 'urn:test:w' }, viewer: viewers.investigate, ...limits, ...more });
    expect((await find({})).leaves).toHaveLength(4);
    const tooBroad = { name: 'EvidenceTooBroad' };
    await expect(find({ maxEvents: 3 })).rejects.toMatchObject(tooBroad);
    await expect(find({ maxCharacters: 1000 })).rejects.toMatchObject(tooBroad);
    expect(problemOf(new EvidenceTooBroad('a bundle holds at most 3 events'))).toMatchObject({
      ...{ type: 'too-broad', options: { detail: expect.stringContaining('at most 3 events') } },
    });
  });

  it('breaks off where what is stored is not what was sealed, and says so in the log, by position alone', async () => {
    const [first] = await ledger.entries();
    const at = ledger.store.at.bind(ledger.store);
    ledger.store.at = async (position) => {
      const event = await at(position);
      return event && position === first?.position ? { ...event, data: event.data.replace('tax-reporting', 'payment') } : event;
    };
    const { stream, errors } = await ledger.begin('admin');
    await expect(buffer(stream)).rejects.toMatchObject({ name: 'EvidenceBroken' });
    ledger.store.at = at;
    expect(errors).toEqual([
      { reqId: 'r', cause: 'EvidenceBroken', detail: `the event at ${first?.position} is not the one that was sealed` },
    ]);
  });

  it.each(['read', 'sign', 'keys'] as const)('breaks off where the tree does not answer (%s)', async (method) => {
    const asked = (method === 'read' ? ledger.log.reader : ledger.log) as unknown as Record<typeof method, unknown>;
    const answers = asked[method];
    asked[method] = async () => {
      throw new Error('something personal');
    };
    const { stream, errors } = await ledger.begin('admin');
    const parts: Buffer[] = [];
    const read = async () => {
      for await (const part of stream) parts.push(part);
    };
    await expect(read()).rejects.toThrow('something personal');
    asked[method] = answers;
    expect(JSON.stringify(errors)).not.toContain('personal');
    const file = ledger.path();
    writeFileSync(file, Buffer.concat(parts));
    expect(await verifyBundle(file)).toMatchObject({ verdict: 'could-not-tell' });
  });

  it('writes nothing where an event that was found is no leaf: it was put between others that were sealed', async () => {
    const other = await openExporting();
    await other.given(about('i-1', 'I1'), about('i-2', 'I1'), about('i-3', 'I2'));
    await other.log.seal();
    // All that the head covers but one event.
    const [inserted] = other.log.leaves.splice(1, 1);
    const subject = [customer('I1')];
    const refused = await other.begin('case', { about: { subject } }).catch((error: unknown) => error);
    expect(refused).toMatchObject({ name: 'LeafDiffers', message: expect.stringContaining(`at ${inserted?.position} `) });
    expect(problemOf(refused)).toMatchObject({ type: 'not-as-sealed' });
    expect((await other.entries()).some(({ type }) => type === 'LedgerQueried')).toBe(false);
    await other.close();
  });

  it('makes two bundles at a time', async () => {
    const [first, second] = [await ledger.begin('admin'), await ledger.begin('admin')];
    const third = { type: 'unavailable', options: { retryAfterSeconds: 5 } };
    await expect(ledger.begin('admin')).rejects.toMatchObject(third);
    first.stream.destroy();
    await buffer(second.stream);
    await new Promise((resolve) => setImmediate(resolve));
    const [fourth, fifth] = [await ledger.begin('admin'), await ledger.begin('admin')];
    await Promise.all([buffer(fourth.stream), buffer(fifth.stream)]);
  });
});

describe('Whose bundle it is', () => {
  const stranger = verifierKey('ledger.example/test/1', ED25519, generateKeyPairSync('ed25519').publicKey);

  it('cannot be told by the key of somebody else', async () => {
    const file = await ledger.export('admin');
    const checked = await verifyBundle(file, { vkeys: [stranger] });
    expect(checked).toMatchObject({ verdict: 'could-not-tell', trust: { from: 'caller', keys: [] } });
    expect(checked.problems.map((problem) => problem.file)).toEqual(['manifest.note', 'tree-head.note']);
    expect(await verifyBundle(file, { vkeys: [stranger, ledger.log.key] })).toMatchObject({ verdict: 'intact' });
  });

  it('is vouched for by the witnesses that are asked for', async () => {
    const pair = generateKeyPairSync('ed25519');
    const witness = verifierKey('witness.example/w1', COSIGNATURE, pair.publicKey);
    const other = verifierKey('witness.example/w2', COSIGNATURE, generateKeyPairSync('ed25519').publicKey);
    const published = ledger.log.published.bind(ledger.log);
    ledger.log.published = async (head) => {
      const note = parseNote(head.note);
      note.signatures.push(cosignNote(note.text, witness, pair.privateKey, 1_772_446_447));
      return { ...(await published(head)), published: formatNote(note), witnesses: [witness.name] };
    };
    const file = await ledger.export('admin');
    ledger.log.published = published;
    expect(await verifyBundle(file, { witnesses: [witness] })).toMatchObject({
      verdict: 'intact',
      witnesses: [{ name: witness.name, at: 1_772_446_447 }],
    });
    expect(await verifyBundle(file, { witnesses: [witness, other], least: 1 })).toMatchObject({ verdict: 'intact' });
    const checked = await verifyBundle(file, { witnesses: [witness, other] });
    expect(checked).toMatchObject({ verdict: 'could-not-tell', problems: [{ file: 'tree-head.note' }] });
    expect(String((await filesOf(file)).get('summary.txt'))).toContain('witness.example/w1');
    expect(await verifyBundle(await ledger.export('admin'), { witnesses: [witness] })).toMatchObject({ verdict: 'could-not-tell' });
  });
});

it('A bundle is read no faster than it is taken', async () => {
  const events = Array.from({ length: 1500 }, (_, i) => about(`p-${i}`, 'P1', { source: 'urn:test:p' }, { note: 'long '.repeat(200) }));
  for (let from = 0; from < events.length; from += 500) await ledger.given(...events.slice(from, from + 500));
  const at = ledger.store.at.bind(ledger.store);
  let read = 0;
  ledger.store.at = (position) => {
    read++;
    return at(position);
  };
  const { stream, headers } = await ledger.begin('admin', { about: { source: ['urn:test:p'] } });
  expect(headers).toMatchObject({ 'liggare-events': '1500' });
  for (let before = -1; before !== read; await new Promise((resolve) => setTimeout(resolve, 300))) before = read;
  expect(read).toBeLessThan(1000);
  expect((await buffer(stream)).length).toBeGreaterThan(1_000_000);
  expect(read).toBeGreaterThan(3000);
  ledger.store.at = at;
}, 60_000);
