import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { receiptsOf } from '../../src/transparency/receipt.ts';
import { event, FakeLedger, KEY, liggare, type Received } from './fake-ledger.ts';

let ledger: FakeLedger;
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'liggare-cli-proofs-'));
});
afterEach(async () => {
  await ledger?.stop();
  rmSync(folder, { recursive: true });
});

type Answer = (request: Received) => { status: number; body: object | string };
async function run(argv: string[], answer: Answer, stdin?: string) {
  ledger = await FakeLedger.start(answer);
  return liggare(argv, { env: { LIGGARE_URL: ledger.url, LIGGARE_KEY: KEY }, ...(stdin !== undefined && { stdin }) });
}
const sent = () => ledger.received.map(({ body }) => JSON.parse(body));

describe('liggare ask proof', () => {
  const treeHead = {
    origin: 'ledger.example/mailit/1',
    size: 415,
    signedAt: '2026-03-02T09:14:10.000Z',
    witnesses: ['witness.example/w1'],
  };
  const proven = {
    record: { type: 'PersonalDataDisclosed', position: 412, time: '2026-03-02T09:14:07.120Z', actor: { id: 'anna.berg' }, subjects: [] },
    leaf: { index: 411, bytes: 'AQ==', hash: 'PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=' },
    inclusion: { index: 411, size: 415, hashes: ['a', 'b'] },
    proof: 'c2sp.org/tlog-proof@v1',
  };
  const record = () => ({ status: 200, body: { ...proven, treeHead } });
  const WHY = ['--purpose', 'security', '--case', 'case-31'];
  const reason = { purpose: 'security', caseRef: 'case-31' };

  test('shows the record, its leaf, and who signed', async () => {
    const ran = await run(['ask', 'proof', '--record', 'urn:mailit:billing/2026/03', ...WHY], record);
    expect(ran.code).toBe(0);
    expect(ledger.received[0]).toMatchObject({ method: 'POST', path: '/v1/queries/proof' });
    expect(sent()).toEqual([{ reason, record: { source: 'urn:mailit:billing', id: '2026/03' } }]);
    for (const said of ['PersonalDataDisclosed', 'anna.berg', 'Leaf 411', '415 leaves of ledger.example/mailit/1', 'witness.example/w1']) {
      expect(ran.stdout).toContain(said);
    }
  });

  test('shows all of an erasure, and prints the answer as it is with --json', async () => {
    const body = { erasure: { id: 'e', state: 'completed' }, chain: [proven, proven], treeHead: { ...treeHead, witnesses: [] } };
    const ran = await run(['ask', 'proof', '--erasure', 'e', ...WHY], () => ({ status: 200, body }));
    expect(ran.stdout).toMatch(/Erasure +e \(completed\).*Witnesses +none so far/s);
    await ledger.stop();
    const json = await run(['ask', 'proof', '--position', '412', '--head', '413', '--json', ...WHY], record);
    expect(sent()).toEqual([{ reason, position: 412, head: 413 }]);
    expect(JSON.parse(json.stdout)).toEqual(record().body);
  });

  test.each([
    ['nothing to prove', ['proof']],
    ['two things to prove', ['proof', '--position', '1', '--erasure', 'e']],
    ['a record without an id', ['proof', '--record', 'urn:mailit:billing/']],
    ['what narrows down many records', ['proof', '--position', '1', '--subject', 'customer-number:1']],
    ['a page', ['proof', '--position', '1', '--limit', '5']],
    ['another form', ['proof', '--position', '1', '--csv']],
    ['a record in another question', ['timeline', '--record', 'urn:a/1']],
  ])('with %s nothing is sent', async (_, argv) => {
    const ran = await run(['ask', ...argv, '--purpose', 'security'], record);
    expect([ran.code, ran.stdout, ledger.received]).toEqual([2, '', []]);
  });
});

describe('liggare receipts', () => {
  type Pair = { source: string; id: string };
  const receipt = ({ source, id }: Pair, index: number) => ({
    index,
    source,
    id,
    type: 'T',
    position: 1,
    leafIndex: 0,
    leaf: 'AQ==',
    proof: 'p',
  });
  const itemsIn = ({ body }: Received): Pair[] => JSON.parse(body).items;
  const VKEY = 'ledger.example/mailit/1+2c4f3a1b+Ac2W1oYkYkq8eQWQO0vLZ8mC0jJm4y2d2m0hOq8m8f3N';
  /** Whatever is asked: the keys of the log first. */
  const keysAnd =
    (answer: Answer): Answer =>
    (request) =>
      request.path === '/tlog/vkeys' ? { status: 200, body: `${VKEY}\n` } : answer(request);
  const exchange = (argv: string[], answer: Answer, stdin?: string) => run(['receipts', ...argv], keysAnd(answer), stdin);
  const asked = () => ledger.received.filter(({ path }) => path === '/v1/receipts').map(({ body }) => JSON.parse(body));
  const all: Answer = (request) => ({ status: 200, body: { receipts: itemsIn(request).map(receipt), pending: [], unknown: [] } });
  const out = () => join(folder, 'receipts.json');
  const written = () => receiptsOf(readFileSync(out(), 'utf8')) as Pair[];

  test('writes a receipt of every record, named by source and id or by the event itself', async () => {
    const file = join(folder, 'records');
    writeFileSync(file, `urn:test:one/a/b\n\n${JSON.stringify(event('c'))}\r\n  urn:test:two/d  \n`);
    const ran = await exchange([file, '--out', out()], all);
    expect(ran).toMatchObject({ code: 0, stdout: '' });
    const records = [
      { source: 'urn:test:one', id: 'a/b' },
      { source: 'urn:test:one', id: 'c' },
      { source: 'urn:test:two', id: 'd' },
    ];
    expect(asked()).toEqual([{ items: records, wait: true }]);
    expect(written()).toMatchObject(records);
    expect(JSON.parse(readFileSync(out(), 'utf8')).vkeys).toEqual([VKEY]);
    expect(written()[0]).not.toHaveProperty('index');
    expect(ran.stderr).toContain('3 receipts');
    expect(readdirSync(folder).sort()).toEqual(['receipts.json', 'records']);
  });

  test('asks for as many as a request may have, and says why it asks', async () => {
    const lines = Array.from({ length: 2_001 }, (_, n) => `urn:test:one/${n}\n`).join('');
    const ran = await exchange(['-', '--out', out(), '--purpose', 'security', '--case', 'c'], all, lines);
    expect(ran.code).toBe(0);
    expect(asked().map(({ items }) => items.length)).toEqual([1_000, 1_000, 1]);
    expect(asked()[0].reason).toEqual({ purpose: 'security', caseRef: 'c' });
    expect(written()).toHaveLength(2_001);
  });

  test('asks again for what was not covered yet, or what the answer had no room for', async () => {
    let times = 0;
    const later: Answer = (request) => {
      const [first, ...others] = itemsIn(request) as [Pair, ...Pair[]];
      const body = { receipts: ++times === 2 ? [] : [receipt(first, 0)], pending: times === 2 ? [first] : others, unknown: [] };
      return { status: 200, body: { ...body, pending: body.pending.map((each) => ({ ...each, why: 'not yet' })) } };
    };
    const ran = await exchange(['-', '--out', out()], later, 'urn:test:one/a\nurn:test:one/b\n');
    expect([ran.code, times, written().map(({ id }) => id)]).toEqual([0, 3, ['a', 'b']]);
  });

  test('says of what there is no receipt, and why, and does not wait longer than it is told', async () => {
    const none: Answer = (request) => {
      const [a, b] = itemsIn(request);
      return {
        status: 200,
        body: { receipts: [], pending: [{ ...b, why: 'not covered yet' }], unknown: [{ ...a, why: 'not recorded' }] },
      };
    };
    const ran = await exchange(['-', '--out', out(), '--wait', '0'], none, 'urn:test:one/a\nurn:test:one/b\n');
    expect(ran.code).toBe(1);
    expect(asked()).toHaveLength(1);
    expect(asked()[0].wait).toBe(false);
    expect(ran.stderr).toMatch(/urn:test:one\/a: not recorded.*urn:test:one\/b: not covered yet.*0 receipts.*2 records without/s);
    expect(written()).toEqual([]);
  });

  test.each([
    ['no such file', ['nowhere'], undefined],
    ['a line that names no record', ['-'], 'urn:test:one\n'],
    ['a line that is no event', ['-'], '{"source":"urn:test:one"}\n'],
    ['a line that is no JSON', ['-'], '{"planted\n'],
  ])('with %s nothing is asked, and nothing written', async (_, argv, stdin) => {
    const ran = await exchange([...argv, '--out', out()], all, stdin);
    expect([ran.code, ledger.received, readdirSync(folder)]).toEqual([2, [], []]);
    expect(ran.stderr).not.toContain('planted');
  });

  test('leaves the file that was there as it was, where the ledger refuses', async () => {
    writeFileSync(out(), '{"receipts":["kept"]}');
    const ran = await exchange(['-', '--out', out()], () => ({ status: 403, body: { title: 'no' } }), 'urn:test:one/a\n');
    expect([ran.code, written(), readdirSync(folder)]).toEqual([2, ['kept'], ['receipts.json']]);
  });

  test('where nothing can be written says so', async () => {
    const ran = await exchange(['-', '--out', join(folder, 'nowhere', 'receipts.json')], all, 'urn:test:one/a\n');
    expect([ran.code, ran.stderr]).toEqual([2, expect.stringContaining('cannot be written')]);
  });
});
