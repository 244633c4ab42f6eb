/** Proofs and receipts over HTTP, checked by whoever has the public key and nothing else of the ledger. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { checkInclusion, leafHash } from '../../src/integrity/merkle.ts';
import { parseVkey, type VerifierKey } from '../../src/integrity/signed-note.ts';
import { entriesOf } from '../../src/integrity/tiles.ts';
import { checkTlogProof } from '../../src/integrity/tlog-proof.ts';
import { parseLeaf } from '../../src/ledger/leaf.ts';
import { checkReceipt, receiptsOf } from '../../src/transparency/receipt.ts';
import { disclosure } from '../support/write-side.ts';
import { type Client, type InProcess, ledgerInProcess, ServiceProcess, SINGLE } from './service.ts';

let ledger: InProcess;
beforeAll(async () => {
  ledger = await ledgerInProcess();
});
afterAll(() => ledger.close());

const source = 'urn:mailit:billing';
const reason = { purpose: 'rights-fulfilment' };
const customer = (value: string) => ({ scheme: 'customer-number', value });
const about = (id: string, value: string, more: object = {}) => disclosure(id, { data: { subjects: [customer(value)], ...more } });
const prove = (question: object, client: Client = ledger) => client.send('POST', '/v1/queries/proof', { reason, ...question });
const exchange = (ids: string[], more: object = {}, client: Client = ledger) =>
  client.send('POST', '/v1/receipts', { items: ids.map((id) => ({ source, id })), wait: true, reason, ...more });
/** Public: nobody needs a key to check. */
async function trusted(): Promise<VerifierKey[]> {
  const { text } = await ledger.with(undefined).send('GET', '/tlog/vkeys');
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map(parseVkey);
}

interface Proven {
  record: Record<string, unknown>;
  leaf: { index: number; bytes: string; hash: string };
  inclusion: { index: number; size: number; hashes: string[] };
  proof: string;
}
/** What somebody does with an answer who does not believe it. */
async function check({ leaf, inclusion, proof }: Proven, treeHead: { size: number; root: string; note: string }) {
  const bytes = Buffer.from(leaf.bytes, 'base64');
  const [hash, root] = [Buffer.from(leaf.hash, 'base64'), Buffer.from(treeHead.root, 'base64')];
  expect(leafHash(bytes)).toEqual(hash);
  const hashes = inclusion.hashes.map((each) => Buffer.from(each, 'base64'));
  expect(checkInclusion(hash, inclusion.index, inclusion.size, hashes, root)).toBe(true);
  const checked = checkTlogProof(proof, bytes, await trusted());
  expect([checked.index, checked.head.size]).toEqual([leaf.index, treeHead.size]);
  return parseLeaf(bytes);
}
/** What was recorded of questions like this one. */
async function recordedOf(question: string): Promise<Record<string, unknown>[]> {
  const { body } = await ledger.record([about(`after-${Math.random()}`, 'nobody')]);
  const answer = await ledger.ask('timeline', { about: { type: 'LedgerQueried' }, after: body.position, limit: 1_000 });
  return answer.body.items.filter((item: { question: string }) => item.question === question);
}

describe('A proof', () => {
  it('is of a record, checked with nothing but the public key, and recorded as a question about its people', async () => {
    const { body: recorded } = await ledger.record([about('a-1', 'A1')]);
    const { status, body } = await prove({ record: { source, id: 'a-1' } });
    expect(status).toBe(200);
    expect(Object.keys(body).sort()).toEqual(['inclusion', 'leaf', 'proof', 'record', 'treeHead']);
    expect(Object.keys(body.treeHead).sort()).toEqual(['note', 'origin', 'root', 'signedAt', 'size', 'witnesses']);
    expect(body.record).toMatchObject({ source, id: 'a-1', position: recorded.position, subjects: [customer('A1')] });
    expect(await check(body, body.treeHead)).toMatchObject({ source, id: 'a-1', type: 'PersonalDataDisclosed' });
    const [asked] = await recordedOf('proof');
    expect(asked).toMatchObject({ axes: ['record'], purpose: 'rights-fulfilment', subjects: [customer('A1')] });
  });

  it('is the same by position, and under an older head what it was then', async () => {
    const { body: recorded } = await ledger.record([about('b-1', 'B1')]);
    const { body: first } = await prove({ position: recorded.position });
    await ledger.record([about('b-2', 'B2')]);
    await prove({ record: { source, id: 'b-2' } });
    const { body: again } = await prove({ position: recorded.position, head: first.treeHead.size });
    expect(again).toEqual({ ...first, record: again.record });
    const { status, body } = await prove({ record: { source, id: 'b-2' }, head: first.treeHead.size });
    expect([status, body.errors]).toEqual([400, [expect.objectContaining({ path: '/head', rule: 'too-small' })]]);
    expect((await prove({ position: recorded.position, head: 1_000_000 })).status).toBe(404);
  });

  it('shows to each what they may see; whoever audits sees references', async () => {
    await ledger.record([about('c-1', 'C1', { note: 'By phone.' })]);
    const of = { record: { source, id: 'c-1' } };
    const as = async (scope: string) => prove(of, ledger.with(await ledger.keyOf(scope)));
    const audit = await as('audit');
    expect(audit.body.record.subjects).toEqual([{ reference: expect.stringMatching(/^[\w-]{22}$/) }]);
    for (const hidden of ['C1', 'anna.berg', 'By phone', 'VAT-2026-02']) expect(audit.text).not.toContain(`"${hidden}`);
    await check(audit.body, audit.body.treeHead);
    expect((await as('ask')).body.record).toMatchObject({ subjects: [customer('C1')], actor: { reference: expect.any(String) } });
    expect((await as('investigate')).body.record).toMatchObject({ note: 'By phone.', actor: { id: 'anna.berg' } });
    const emit = await as('emit');
    expect([emit.status, emit.body.detail]).toEqual([403, expect.stringContaining('The permission prove is needed')]);
  });

  it('of what is not there is 404, and says what is not', async () => {
    const unknown: [object, RegExp][] = [
      [{ record: { source, id: 'never' } }, /no record of this source and id/],
      [{ position: 4_711_000 }, /no event at this position/],
      [{ erasure: '0199f2d1-6f4e-7c1a-9d33-2f5b8a6c4e10' }, /no erasure of this id/],
    ];
    for (const [of, detail] of unknown) {
      const { status, body } = await prove(of);
      expect([status, body.detail]).toEqual([404, expect.stringMatching(detail)]);
    }
  });

  it('of an erasure is everything that makes it up; the proof of an erased record still holds', async () => {
    await ledger.record([about('d-1', 'D1')]);
    const before = (await prove({ record: { source, id: 'd-1' } })).body;
    const erased = await ledger.send('POST', '/v1/subjects/erase', { subject: customer('D1'), ground: '17(1)(b)', reason: 'By letter.' });
    expect(erased.status).toBe(201);
    const { body } = await prove({ erasure: erased.body.id });
    expect(body.erasure).toEqual({ id: erased.body.id, state: 'completed' });
    expect(body.chain.map(({ record }: Proven) => record['type'])).toEqual(['PersonalDataErased', 'SubjectKeyDestroyed']);
    for (const link of body.chain) await check(link, body.treeHead);

    const after = (await prove({ record: { source, id: 'd-1' }, head: before.treeHead.size })).body;
    expect(after.record.subjects).toEqual([{ reference: erased.body.references[0], erased: true }]);
    expect(after).toEqual({ ...before, record: after.record });
    await check(after, after.treeHead);
  });
});

describe('Receipts', () => {
  it('come with the answer to a batch that waits for them', async () => {
    const { status, body } = await ledger.record([about('e-1', 'E1'), about('e-2', 'E2')], '?receipt=wait');
    expect([status, body.recorded]).toEqual([200, 2]);
    expect(body).not.toHaveProperty('receiptsPending');
    expect(body.receipts.map(({ index, id }: { index: number; id: string }) => [index, id])).toEqual([
      [0, 'e-1'],
      [1, 'e-2'],
    ]);
    const keys = await trusted();
    // The answer is a file of receipts as it is.
    for (const receipt of receiptsOf(JSON.stringify(body))) expect(checkReceipt(receipt, keys).leaf.source).toBe(source);
  });

  it('come with the answer to a single event', async () => {
    const { body } = await ledger.send('POST', '/v1/events?receipt=wait', about('f-1', 'F1'), { 'content-type': SINGLE });
    expect(checkReceipt(body.receipts[0], await trusted()).leaf.id).toBe('f-1');
  });

  it('are of records, new or known, and of nothing else', async () => {
    await ledger.record([about('g-1', 'G1'), about('g-2', 'G2')]);
    const { body } = await ledger.record(
      [about('g-1', 'G1'), about('g-2', 'G2', { note: 'Changed.' }), about('g-3', 'G3', { purpose: 'no-such' }), about('g-4', 'G4'), 7],
      '?receipt=wait',
    );
    expect(body).toMatchObject({ recorded: 1, duplicates: 1, conflicts: 1, quarantined: 1, refused: 1 });
    expect(body.receipts.map(({ index }: { index: number }) => index)).toEqual([0, 3]);
    const none = await ledger.record([about('g-5', 'G5', { purpose: 'no-such' })], '?receipt=wait');
    expect(none.body).toMatchObject({ quarantined: 1, receipts: [] });
  });

  it('are refused with a dry run and for a stream, before anything is recorded', async () => {
    const dry = await ledger.record([about('h-1', 'H1')], '?receipt=wait&dryRun=true');
    expect([dry.status, dry.body.errors[0].rule]).toEqual([400, 'not-of-a-dry-run']);
    const lines = `${JSON.stringify(about('h-1', 'H1'))}\n`;
    const stream = await ledger.send('POST', '/v1/events?receipt=wait', lines, { 'content-type': 'application/x-ndjson' });
    expect([stream.status, stream.body.errors[0].message]).toEqual([400, expect.stringContaining('POST /v1/receipts')]);
    expect((await ledger.record([], '?receipt=now')).status).toBe(400);
    expect((await exchange(['h-1'])).body).toMatchObject({ receipts: [], unknown: [{ id: 'h-1' }] });
  });

  it('are exchanged later, by the system that reported, for its own sources alone', async () => {
    const emitter = ledger.with(await ledger.keyOf('emit'));
    const before = await recordedOf('receipts');
    await emitter.record([about('i-1', 'I1')]);
    await ledger.record([disclosure('i-2', { source: 'urn:mailit:crm' })]);
    const own = await exchange(['i-1', 'never'], { reason: undefined }, emitter);
    expect(own.body).toMatchObject({ receipts: [{ index: 0, id: 'i-1' }], pending: [], unknown: [{ index: 1, id: 'never' }] });
    checkReceipt(own.body.receipts[0], await trusted());
    const items = [
      { source, id: 'i-1' },
      { source: 'urn:mailit:crm', id: 'i-2' },
      { source: 'urn:liggare:questions', id: 'x' },
    ];
    const others = await emitter.send('POST', '/v1/receipts', { items });
    expect([others.status, others.body.errors.map(({ path }: { path: string }) => path)]).toEqual([
      403,
      ['/items/1/source', '/items/2/source'],
    ]);
    expect(await recordedOf('receipts')).toEqual(before);
  });

  it('are given to whoever may prove, for a reason, and that is recorded', async () => {
    await ledger.record([about('j-1', 'J1')]);
    const before = await recordedOf('receipts');
    for (const scope of ['audit', 'ask', 'admin']) {
      const asker = ledger.with(await ledger.keyOf(scope));
      const without = await exchange(['j-1'], { reason: undefined }, asker);
      expect([without.status, without.body.errors[0].path]).toEqual([400, '/reason']);
      const { body } = await exchange(['j-1'], {}, asker);
      expect(checkReceipt(body.receipts[0], await trusted()).leaf.id).toBe('j-1');
    }
    const recorded = (await recordedOf('receipts')).slice(0, -before.length || undefined);
    expect(recorded.map(({ subjects, axes }) => ({ subjects, axes }))).toEqual(
      Array(3).fill({ subjects: [customer('J1')], axes: ['record'] }),
    );
  });

  it('of somebody erased are what they were', async () => {
    await ledger.record([about('k-1', 'K1')]);
    const [before] = (await exchange(['k-1'])).body.receipts;
    await ledger.send('POST', '/v1/subjects/erase', { subject: customer('K1'), ground: '17(1)(b)', reason: 'By letter.' });
    const [after] = (await exchange(['k-1'])).body.receipts;
    expect(after.leaf).toBe(before.leaf);
    for (const receipt of [before, after]) checkReceipt(receipt, await trusted());
  });
});

describe('A timeline with leaves', () => {
  it('tells how many concern the person, which whoever reads the log counts again', async () => {
    await ledger.record([about('l-1', 'L1'), about('l-2', 'L1'), about('l-3', 'L1')]);
    await ledger.ask('timeline', { about: { subject: customer('L1') } });
    const { body: signed } = await ledger.send('POST', '/v1/tree-heads');
    const { body } = await ledger.ask('timeline', { about: { subject: customer('L1') }, leaves: true, after: signed.position });
    const { subjects, leaves, treeHead } = body.completeness;
    expect(leaves).toBe(4);
    expect(
      body.items.filter(({ leafIndex }: { leafIndex: number | null }) => leafIndex !== null && leafIndex < treeHead.size),
    ).toHaveLength(4);

    const auditor = await ledger.keyOf('audit');
    const url = `${ledger.url}/tlog/tile/entries/000.p/${treeHead.size}`;
    const bundle = await fetch(url, { headers: { authorization: `Bearer ${auditor}` } });
    const entries = entriesOf(Buffer.from(await bundle.arrayBuffer())) ?? [];
    expect(entries).toHaveLength(treeHead.size);
    const naming = entries.filter((bytes) => parseLeaf(bytes).subjects.some(({ reference }) => subjects.includes(reference)));
    expect(naming).toHaveLength(leaves);
  });

  it('has a column for the leaf, and in other forms than JSON nothing beside the items', async () => {
    const question = { about: { subject: customer('L1') }, leaves: true, limit: 1 };
    const csv = await ledger.ask('timeline', question, { accept: 'text/csv' });
    expect(csv.text.split('\r\n')[0]).toMatch(/,leafIndex,\(further\)$/);
    const ndjson = await ledger.ask('timeline', question, { accept: 'application/x-ndjson' });
    expect(ndjson.text.trim().split('\n')).toHaveLength(1);
    expect(JSON.parse(ndjson.text)).toHaveProperty('leafIndex');
  });
});

describe('Whatever is sent', () => {
  const record = { source, id: 'a-1' };
  const long = 'x'.repeat(2_000);
  const wrongProofs: unknown[] = [
    ...[
      {},
      { reason },
      { record },
      { reason, record, position: 1 },
      { reason, position: 1, erasure: '0199f2d1-6f4e-7c1a-9d33-2f5b8a6c4e10' },
    ],
    ...[0, -1, 1.5, '1', 1e300, [], {}, true].map((position) => ({ reason, position })),
    ...[[], 'a', { source }, { id: 'a' }, { source: '', id: 'a' }, { source, id: long }, { source: 7, id: 7 }, { ...record, more: 1 }].map(
      (one) => ({ reason, record: one }),
    ),
    ...['', 'x', long, '../x', 7, {}].map((erasure) => ({ reason, erasure })),
    ...[0, -1, 'x', 1e17].map((head) => ({ reason, record, head })),
    ...[{ purpose: 'no-such' }, {}, 'why', []].map((why) => ({ reason: why, record })),
    ...[{ reason, record, about: {} }, { reason, record, __proto__: null, constructor: 1 }, [], 7, null, 'x'],
  ];
  it.each(wrongProofs.map((body) => [JSON.stringify(body).slice(0, 100), body]))('a proof is refused by field: %s', async (_, body) => {
    const { status, text } = await ledger.send('POST', '/v1/queries/proof', JSON.stringify(body), { 'content-type': 'application/json' });
    expect(status).toBe(400);
    expect(text).not.toContain(long);
  });

  it.each(['a\u0000b', '💣', '%00', "' or 1=1 --", 'urn:mailit:billing\u0000a-1'])('a record that is none is 404: %j', async (id) => {
    expect((await prove({ record: { source: id, id } })).status).toBe(404);
    expect((await exchange([id])).body).toMatchObject({ receipts: [], unknown: [{ index: 0 }] });
  });

  const wrongReceipts: unknown[] = [
    ...[
      {},
      { reason },
      { reason, items: [] },
      { reason, items: {} },
      { reason, items: [7] },
      { reason, items: [[]] },
      { reason, items: [null] },
    ],
    { reason, items: Array.from({ length: 1_001 }, (_, n) => ({ source, id: String(n) })) },
    ...[{ source }, { ...record, position: 1 }, { source: long, id: 'a' }].map((one) => ({ reason, items: [one] })),
    ...['yes', 1, []].map((wait) => ({ reason, items: [record], wait })),
  ];
  it.each(wrongReceipts.map((body) => [JSON.stringify(body).slice(0, 100), body]))('receipts are refused by field: %s', async (_, body) => {
    const { status } = await ledger.send('POST', '/v1/receipts', JSON.stringify(body), { 'content-type': 'application/json' });
    expect(status).toBe(400);
  });

  it('of timelines only a timeline has leaves', async () => {
    expect((await ledger.ask('disclosures', { leaves: true })).status).toBe(400);
    expect((await ledger.ask('timeline', { leaves: 'yes' })).status).toBe(400);
    expect((await ledger.ask('timeline', { leaves: null })).status).toBe(200);
  });
});

describe('After a restart', () => {
  it('every proof and every receipt is what it was, and new ones go on from there', async () => {
    const { body: recorded } = await ledger.record([about('m-1', 'M1')], '?receipt=wait');
    const { body: before } = await prove({ position: recorded.position });
    await ledger.restart();
    const { body: after } = await prove({ position: recorded.position, head: before.treeHead.size });
    expect(after).toEqual(before);
    checkReceipt(recorded.receipts[0], await trusted());
    const { body: next } = await ledger.record([about('m-2', 'M2')], '?receipt=wait');
    expect(next.receipts[0].leafIndex).toBeGreaterThan(recorded.receipts[0].leafIndex);
    checkReceipt(next.receipts[0], await trusted());
  });
});

describe('Where nobody waits for a head', () => {
  let hasty: InProcess;
  beforeAll(async () => {
    hasty = await ledgerInProcess({ LIGGARE_AFTER_MS: '0', LIGGARE_TREE_HEAD_MS: '3600000' });
  });
  afterAll(() => hasty.close());

  it('what was recorded is durable, and its receipt is exchanged later', async () => {
    const { status, body } = await hasty.record([about('n-1', 'N1')], '?receipt=wait');
    expect([status, body.recorded, body.receipts]).toEqual([200, 1, []]);
    expect(body.receiptsPending).toContain('Exchange later at POST /v1/receipts.');
    expect((await exchange(['n-1'], { wait: false }, hasty)).body).toMatchObject({ receipts: [], pending: [{ id: 'n-1' }] });
    const proof = await prove({ record: { source, id: 'n-1' } }, hasty);
    expect([proof.status, Number(proof.headers.get('retry-after'))]).toEqual([503, expect.any(Number)]);

    await hasty.send('POST', '/v1/tree-heads');
    expect((await exchange(['n-1'], { wait: false }, hasty)).body).toMatchObject({ receipts: [{ id: 'n-1' }], pending: [] });
  });
});

describe('Where the log was changed', () => {
  let tampered: InProcess;
  afterAll(() => tampered.close());

  it('nothing is proven of it; what is recorded is acknowledged, and has no receipt', async () => {
    tampered = await ledgerInProcess();
    const { body } = await tampered.record([about('o-1', 'O1'), about('o-2', 'O2')], '?receipt=wait');
    expect(body.receipts).toHaveLength(2);
    await tampered.restart((folder) => {
      const db = new Database(join(folder, 'ledger.db'));
      db.exec('DROP TRIGGER events_never_updated');
      const change = db.prepare("UPDATE events SET data = replace(CAST(data AS TEXT), 'tax-reporting', 'payment') WHERE position = ?");
      expect(change.run(body.receipts[0].position).changes).toBe(1);
      db.close();
    });
    const proof = await prove({ record: { source, id: 'o-1' } }, tampered);
    expect([proof.status, proof.body.type]).toEqual([503, 'urn:liggare:problem:not-as-sealed']);
    const receipts = await exchange(['o-1'], {}, tampered);
    expect([receipts.status, receipts.body.type]).toEqual([503, 'urn:liggare:problem:not-as-sealed']);
    // Of what was not changed everything still holds.
    expect((await exchange(['o-2'], {}, tampered)).body.receipts).toHaveLength(1);
    const { status, body: recorded } = await tampered.record([about('o-3', 'O3')], '?receipt=wait');
    expect([status, recorded.recorded, recorded.receipts]).toEqual([200, 1, []]);
    expect(recorded.receiptsPending).toMatch(/no tree head is signed now.*Exchange later/i);
    const unsealed = await prove({ record: { source, id: 'o-3' } }, tampered);
    expect([unsealed.status, unsealed.body.type]).toEqual([503, 'urn:liggare:problem:not-as-sealed']);
  });
});

describe('Killed at once', () => {
  it('the service keeps every receipt that it gave', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'liggare-receipts-'));
    const service = new ServiceProcess(folder);
    try {
      const client = await service.start();
      const { body } = await client.record([about('p-1', 'P1'), about('p-2', 'P2')], '?receipt=wait');
      const { text: keys } = await client.send('GET', '/tlog/vkey');
      await service.end('SIGKILL');
      const again = await service.start();
      for (const receipt of body.receipts) {
        const { head } = checkReceipt(receipt, [parseVkey(keys.trim())]);
        const kept = await prove({ record: { source, id: receipt.id }, head: head.size }, again);
        expect([kept.status, kept.body.proof]).toEqual([200, receipt.proof]);
      }
      expect((await again.record([about('p-3', 'P3')], '?receipt=wait')).body.receipts).toHaveLength(1);
    } finally {
      await service.end('SIGKILL');
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
