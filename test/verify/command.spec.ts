import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { liggare } from '../cli/fake-ledger.ts';
import { Folders, ledgerOf, serving, tamper } from './given.ts';

const folders = new Folders();
let folder: string;
let changed: string;
let note: string;
let vkey: string;

beforeAll(async () => {
  folder = folders.new();
  [note = ''] = await ledgerOf(folder, [40]);
  vkey = await serving(folder, async (client) => (await client.with(undefined).send('GET', '/tlog/vkey')).text.trim());
  changed = folders.copy(folder);
  tamper(changed, 'ledger.db', (db) => void db.prepare("UPDATE events SET type = 'ComplaintReceived' WHERE position = 20").run());
});
afterAll(() => folders.remove());

const verify = (...argv: string[]) => liggare(['verify', ...argv], { env: { LIGGARE_DATA: folder } });

/** A file beside the folder. */
function file(name: string, text: string): string {
  const path = join(folder, '..', name);
  writeFileSync(path, text);
  return path;
}

test('without a name it is the data folder; intact is 0, and the first line says so', async () => {
  const { code, stdout, stderr } = await verify();
  expect(code).toBe(0);
  expect(stdout).toMatch(/^Intact: \d+ events of liggare\/[0-9a-f]{32}\/1 are as sealed\n/);
  expect(stderr).toBe(`Verifying ${folder}.\n`);
});

test('tampered with is 4; the first line names the place', async () => {
  const { code, stdout } = await verify(changed, '--workers', '1');
  expect(code).toBe(4);
  expect(stdout).toMatch(
    /^TAMPERED WITH: leaf 19 \(position 20, stream processing-urn:mailit:\w+, revision \d+, ComplaintReceived, urn:mailit:\w+ part-0-\d+\): it is not as it was sealed/,
  );
});

test('what cannot be told is 5, with the reason', async () => {
  const { code, stdout } = await verify(join(folder, 'nowhere'));
  expect(code).toBe(5);
  expect(stdout).toMatch(/^Could not tell: there is no folder /);
});

test('as JSON it is one object, whatever was found', async () => {
  for (const [what, verdict] of [
    [folder, 'intact'],
    [changed, 'tampered'],
    [join(folder, 'nowhere'), 'could-not-tell'],
  ] as const) {
    const { stdout } = await verify(what, '--json');
    expect(JSON.parse(stdout)).toMatchObject({
      verdict,
      findings: expect.any(Array),
      found: expect.any(Object),
      hindrances: expect.any(Array),
      milliseconds: expect.any(Number),
    });
  }
});

test('a head that was kept, the key and a state file are taken', async () => {
  const state = file('state.json', '');
  const ran = await verify('--since', file('head', note), '--vkey', vkey, '--state', state);
  expect(ran.code).toBe(0);
  expect(ran.stdout).toContain('the ledger goes on from there');
  expect(existsSync(state)).toBe(false);
});

test('with --resume, an interrupted run says so, and keeps its state beside the folder', async () => {
  const running = verify('--resume');
  while (process.listenerCount('SIGINT') === 0) await new Promise((resolve) => setImmediate(resolve));
  process.emit('SIGINT');
  const { code, stdout } = await running;
  expect(code).toBe(5);
  expect(stdout).toContain('interrupted');
  expect(process.listenerCount('SIGINT')).toBe(0);
  expect((await verify('--resume')).code).toBe(0);
  expect(existsSync(`${folder}.verify.json`)).toBe(false);
});

describe('wrong usage is 2, and nothing is verified', () => {
  test.each([
    ['a key that is none', () => ['--vkey', 'none'], /--vkey: a verifier key is/],
    ['a witness that is none', () => ['--witness', 'none'], /--witness: a verifier key is/],
    ['a head that is not there', () => ['--since', join(folder, 'nothing')], /cannot be read \(ENOENT\)/],
    [
      'a head that is none',
      () => ['--since', file('no-head', 'nothing')],
      /Nothing was verified: the head to go on from is no signed tree head/,
    ],
    ['a head of another ledger', () => ['--since', file('other', note.replace(/^[^\n]+/, 'elsewhere/1'))], /is of another log/],
    ['a size that the ledger does not have', () => ['--since', '99999999'], /Nothing was verified: the size to go on from is 99999999/],
    ['no threads', () => ['--workers', '0'], /whole number from 1/],
    ['an option of files', () => ['--least', '1'], /--least is for evidence bundles/],
  ] as const)('%s', async (_, argv, said) => {
    const { code, stderr, stdout } = await verify(...argv());
    expect(code).toBe(2);
    expect(stderr).toMatch(said);
    expect(stdout).toBe('');
  });

  test('an option of folders, on a file', async () => {
    const { code, stderr } = await verify(file('bundle.zip', ''), '--resume');
    expect([code, stderr]).toEqual([2, expect.stringContaining('--resume is for data folders')]);
  });
});

describe('a file', () => {
  test('that is no bundle, or no receipts, cannot be told of', async () => {
    for (const name of ['bundle.zip', 'receipts.json']) expect((await verify(file(name, 'nothing'))).code).toBe(5);
    expect((await verify(join(folder, 'nothing.zip'))).code).toBe(5);
  });

  test('with receipts is verified with the key alone, and one that was changed is tampered with', async () => {
    const receipts = await serving(folder, async (client) => {
      const items = [{ source: 'urn:mailit:billing', id: 'part-0-1' }];
      return (await client.send('POST', '/v1/receipts', { items, reason: { purpose: 'rights-fulfilment' } })).text;
    });
    const whole = await verify(file('receipts.json', receipts), '--vkey', vkey);
    expect(whole.code).toBe(0);
    const other = await verify(file('receipts.json', receipts.replace('part-0-1', 'part-0-2')), '--vkey', vkey);
    expect(other.code).toBe(4);
  });

  test('a folder whose name ends like one is a folder', async () => {
    const odd = join(folder, '..', 'data.zip');
    mkdirSync(odd);
    expect((await verify(odd)).stdout).toMatch(/^Could not tell: .*ledger\.db is missing/);
    rmSync(odd, { recursive: true });
  });
});

test('the help tells the exit codes', async () => {
  const { stdout } = await verify('--help');
  for (const line of ['0  intact', '2  wrong usage', '4  tampered', '5  it could not be told']) expect(stdout).toContain(line);
});
