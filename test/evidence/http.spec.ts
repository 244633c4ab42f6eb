/** Evidence over HTTP and from the command line, with a sealer of its own behind it. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { verifyBundle } from '../../src/evidence/check.ts';
import { verifyReceipts } from '../../src/evidence/receipts.ts';
import { parseVkey, vkeyOf } from '../../src/integrity/signed-note.ts';
import { FakeLedger, KEY, liggare } from '../cli/fake-ledger.ts';
import { Client, type InProcess, ledgerInProcess } from '../e2e/service.ts';
import { checkBundle } from '../support/bundle-checker.ts';
import { disclosure } from '../support/write-side.ts';
import { filesOf, linesOf, ofLines, zipped } from './bundles.ts';

let ledger: InProcess;
let folder: string;
let env: NodeJS.ProcessEnv;
beforeAll(async () => {
  ledger = await ledgerInProcess();
  folder = mkdtempSync(join(tmpdir(), 'liggare-bundles-'));
  env = { LIGGARE_URL: ledger.url, LIGGARE_KEY: ledger.key };
});
afterAll(async () => {
  await ledger.close();
  rmSync(folder, { recursive: true });
});

const customer = (value: string) => ({ scheme: 'customer-number', value });
const about = (id: string, value: string) => disclosure(id, { data: { subjects: [customer(value)], note: `Secret of ${value}` } });
const reason = { purpose: 'rights-fulfilment' };
let count = 0;
const path = () => join(folder, `${++count}.zip`);

/** Exports over HTTP. */
async function exported(client: Client, body: object): Promise<string> {
  const answer = await fetch(`${client.url}/v1/exports/evidence`, {
    method: 'POST',
    headers: { authorization: `Bearer ${client.key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ reason, ...body }),
  });
  expect(answer.status).toBe(200);
  expect(answer.headers.get('content-type')).toBe('application/zip');
  const file = path();
  writeFileSync(file, Buffer.from(await answer.arrayBuffer()));
  return file;
}
const trusted = async () => {
  const { text } = await ledger.with(undefined).send('GET', '/tlog/vkeys');
  return text.trim().split('\n').map(parseVkey);
};
const export_ = (...argv: string[]) => liggare(['export', 'evidence', '--purpose', 'rights-fulfilment', ...argv], { env });

describe('A bundle over HTTP', () => {
  it('holds what was recorded just now, and is checked by the key that the ledger publishes', async () => {
    await ledger.record([about('h-1', 'H1'), about('h-2', 'H1'), about('h-3', 'H2')]);
    const file = await exported(ledger, { about: { subject: customer('H1') } });
    expect(await verifyBundle(file, { vkeys: await trusted() })).toMatchObject({ verdict: 'intact', problems: [], events: 2 });
    expect(await checkBundle(file, (await ledger.send('GET', '/tlog/vkey')).text.trim())).toBe(2);
  });

  it('is recorded in the name of whoever asked, about the person concerned, and shows in their timeline', async () => {
    await ledger.record([about('n-1', 'N1')]);
    const auditor = ledger.with(await ledger.keyOf('case'));
    await exported(auditor, { about: { subject: customer('N1') }, reason: { ...reason, caseRef: 'DSAR-N1' } });
    const { body } = await ledger.ask('timeline', { about: { subject: customer('N1'), type: 'LedgerQueried' }, after: await head() });
    expect(body.items[0]).toMatchObject({
      ...{ type: 'LedgerQueried', question: 'evidence', axes: ['subject'], purpose: 'rights-fulfilment', caseRef: 'DSAR-N1' },
      ...{ actor: { id: 'Holder of case' }, subjects: [customer('N1')] },
    });
  });

  it('is refused where it is not permitted, not asked for well, or not understood', async () => {
    const send = async (key: string | undefined, body: object) =>
      (await ledger.with(key).send('POST', '/v1/exports/evidence', body)).status;
    expect(await send(undefined, { reason })).toBe(401);
    expect(await send(await ledger.keyOf('emit'), { reason })).toBe(403);
    expect(await send(ledger.key, {})).toBe(400);
    expect(await send(ledger.key, { reason: { purpose: 'curiosity' } })).toBe(400);
    expect(await send(ledger.key, { reason, opened: 'yes' })).toBe(400);
    expect(await send(ledger.key, { reason, cursor: 'x' })).toBe(400);
    const audit = ledger.with(await ledger.keyOf('audit'));
    const refused = await audit.send('POST', '/v1/exports/evidence', { reason, about: { subject: customer('H1') } });
    expect(refused).toMatchObject({ status: 403, body: { detail: expect.stringContaining('ask') } });
    expect(refused.body.detail).not.toContain('H1');
  });

  it('that nobody takes in to the end leaves the ledger as it was', async () => {
    await ledger.record(Array.from({ length: 400 }, (_, i) => about(`big-${i}`, 'BIG')));
    for (let i = 0; i < 4; i++) {
      await new Promise<void>((resolve, reject) => {
        const sent = request(`${ledger.url}/v1/exports/evidence`, {
          ...{ method: 'POST', agent: false },
          headers: { authorization: `Bearer ${ledger.key}`, 'content-type': 'application/json' },
        });
        sent.on('response', (answer) => answer.once('data', () => answer.destroy()));
        sent.once('error', reject).once('close', () => resolve());
        sent.end(JSON.stringify({ reason }));
      });
    }
    expect(await verifyBundle(await retried(() => exported(ledger, {})))).toMatchObject({ verdict: 'intact' });
  });

  it('breaks off where an event is not the one that was sealed, and what has come is no archive', async () => {
    const other = await ledgerInProcess();
    await other.record([about('x-1', 'X1'), about('x-2', 'X1'), about('x-3', 'X2')]);
    await exported(other, { about: { subject: customer('X1') } });
    // As somebody would who may write the file: the log itself never updates an event.
    const db = new Database(join(other.folder, 'ledger.db'), { timeout: 5000 });
    for (const name of db.prepare("select name from sqlite_master where type = 'trigger'").pluck().all()) db.exec(`drop trigger "${name}"`);
    const changed = db
      .prepare('update events set data = replace(data, ?, ?) where data like ?')
      .run('"tax-reporting"', '"tax-reportinG"', '%"id":"x-2"%');
    db.close();
    expect(changed.changes).toBe(1);
    const parts: Buffer[] = [];
    const ended = await new Promise<string>((resolve, reject) => {
      const sent = request(`${other.url}/v1/exports/evidence`, {
        ...{ method: 'POST', agent: false },
        headers: { authorization: `Bearer ${other.key}`, 'content-type': 'application/json' },
      });
      sent.on('response', (answer) => {
        answer.on('data', (part: Buffer) => parts.push(part));
        answer.once('end', () => resolve(String(answer.statusCode)));
        answer.once('error', ({ code }: NodeJS.ErrnoException) => resolve(code ?? 'error'));
      });
      sent.once('error', reject);
      sent.end(JSON.stringify({ reason, about: { subject: customer('X1') } }));
    });
    // Where the sealer has noticed it before, nothing is answered at all.
    expect(ended).toMatch(/^(ECONNRESET|503)$/);
    const file = path();
    writeFileSync(file, Buffer.concat(parts));
    expect(await verifyBundle(file)).toMatchObject({ verdict: 'could-not-tell' });
    const at = path();
    const argv = ['export', 'evidence', '--purpose', 'security', '--about', 'customer-number:X1', at];
    expect(await liggare(argv, { env: { LIGGARE_URL: other.url, LIGGARE_KEY: other.key } })).toMatchObject({ code: 3 });
    expect(existsSync(at)).toBe(false);
    await other.close();
  }, 120_000);

  it('of somebody who is erased afterwards still verifies, and a new one shows them as erased', async () => {
    await ledger.record([about('e-1', 'E1'), about('e-2', 'E1')]);
    const question = { about: { subject: customer('E1'), type: 'PersonalDataDisclosed' } };
    const [old, sealed] = [await exported(ledger, question), await exported(ledger, { ...question, opened: false })];
    const erased = await ledger.send('POST', '/v1/subjects/erase', {
      subject: customer('E1'),
      ground: '17(1)(b)',
      reason: 'Asked for by letter.',
    });
    const [reference] = erased.body.references;
    const vkeys = await trusted();
    for (const file of [old, sealed]) {
      expect(await verifyBundle(file, { vkeys })).toMatchObject({ verdict: 'intact', events: 2 });
      expect(await checkBundle(file)).toBe(2);
    }
    const none = await exported(ledger, question);
    expect(await verifyBundle(none, { vkeys })).toMatchObject({ verdict: 'intact', events: 0 });
    const again = await exported(ledger, { about: { subject: { reference }, type: 'PersonalDataDisclosed' } });
    expect(await verifyBundle(again, { vkeys })).toMatchObject({ verdict: 'intact', events: 2 });
    const files = await filesOf(again);
    const [item] = linesOf(files.get('opened.ndjson') as Buffer).map((line) => JSON.parse(line));
    expect(item.subjects).toEqual([{ reference, erased: true }]);
    expect(String(files.get('summary.html'))).toContain(`${reference} (erased)`);
    // The events themselves are the same, sealed parts included.
    expect(files.get('events.ndjson')).toEqual((await filesOf(old)).get('events.ndjson'));
  });

  it('verifies with the keys of before and after another key took over', async () => {
    await ledger.record([about('k-1', 'K1')]);
    const [before, file] = [await trusted(), await exported(ledger, { about: { subject: customer('K1') } })];
    expect((await ledger.send('POST', '/v1/sealer-key/rotate', {})).status).toBeLessThan(300);
    const after = await trusted();
    expect(after.length).toBe(before.length + 1);
    expect(await verifyBundle(file, { vkeys: after })).toMatchObject({ verdict: 'intact' });
    const later = await exported(ledger, { about: { subject: customer('K1') } });
    expect(await verifyBundle(later, { vkeys: after })).toMatchObject({ verdict: 'intact' });
    expect(await verifyBundle(later)).toMatchObject({ verdict: 'intact' });
    expect((await verifyBundle(later, { vkeys: before })).verdict).toBe('could-not-tell');
  });
});

describe('liggare export evidence', () => {
  beforeAll(() => ledger.record([about('c-1', 'C-100271'), about('c-2', 'C-100271')]));

  it('writes a file for its owner alone, once it is whole and was verified', async () => {
    const file = path();
    const ran = await export_('--about', 'customer-number:C-100271', '--type', 'PersonalDataDisclosed', '--from', '2026-03-01', file);
    expect(ran).toMatchObject({ code: 0, stdout: '', stderr: expect.stringMatching(/2 events, sealed and opened.*It verifies\./) });
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(await verifyBundle(file, { vkeys: await trusted() })).toMatchObject({ verdict: 'intact', events: 2 });
    expect(readdirSync(folder).filter((name) => name.includes('part'))).toEqual([]);
  });

  it('leaves what exists as it is, unless it is told otherwise', async () => {
    const file = path();
    writeFileSync(file, 'mine');
    const argv = ['--about', 'customer-number:C-100271', file];
    expect(await export_(...argv)).toMatchObject({ code: 2, stderr: expect.stringContaining('--force') });
    expect(readFileSync(file, 'utf8')).toBe('mine');
    expect(await export_('--force', ...argv)).toMatchObject({ code: 0 });
    expect(await verifyBundle(file)).toMatchObject({ verdict: 'intact' });
  });

  it('leaves out what could be opened', async () => {
    const file = path();
    expect(await export_('--about', 'customer-number:C-100271', '--sealed-only', file)).toMatchObject({ code: 0 });
    expect((await filesOf(file)).has('opened.ndjson')).toBe(false);
    const all = [...(await filesOf(file)).values()].join('\n');
    for (const secret of ['C-100271', 'Secret of', 'anna.berg']) expect(all).not.toContain(secret);
  });

  it('reads what it is about from standard input', async () => {
    const file = path();
    const stdin = JSON.stringify({ subject: customer('C-100271'), type: 'PersonalDataDisclosed' });
    const ran = await liggare(['export', 'evidence', '--purpose', 'rights-fulfilment', '--about', '-', file], { env, stdin });
    expect(ran.code).toBe(0);
    expect(await verifyBundle(file)).toMatchObject({ events: 2 });
  });

  it.each([
    ['no purpose', ['--about', 'customer-number:C-100271', 'x.zip'], '--purpose'],
    ['no person', ['--purpose', 'security', '--about', 'nobody', 'x.zip'], '--about'],
    ['a folder that is not there', ['--purpose', 'security', '/not/there/x.zip'], '/not/there'],
  ])('%s', async (_, argv, said) => {
    expect(await liggare(['export', 'evidence', ...argv], { env })).toMatchObject({ code: 2, stderr: expect.stringContaining(said) });
  });

  it.each([
    ['is no bundle', 'PK and nothing else', 'does not verify'],
    ['breaks off', 'hang up', 'No answer'],
  ])('keeps nothing of an answer that %s', async (_, body, said) => {
    const fake = await FakeLedger.start(() => (body === 'hang up' ? 'hang up' : { status: 200, body }));
    const file = path();
    const ran = await liggare(['export', 'evidence', '--purpose', 'security', file], { env: { LIGGARE_URL: fake.url, LIGGARE_KEY: KEY } });
    await fake.stop();
    expect(ran).toMatchObject({ code: 3, stderr: expect.stringContaining(said) });
    expect(existsSync(file)).toBe(false);
    expect(readdirSync(folder).filter((name) => name.includes('part'))).toEqual([]);
  });
});

describe('liggare verify, of a bundle', () => {
  let file: string;
  beforeAll(async () => {
    file = path();
    await ledger.record([about('v-1', 'V1'), about('v-2', 'V1')]);
    await export_('--about', 'customer-number:V1', '--type', 'PersonalDataDisclosed', file);
  });
  /** Without a ledger, a data folder or an environment. */
  const verify = (...argv: string[]) => liggare(['verify', ...argv], { env: {} });

  it('says that it is intact, and which key it believed', async () => {
    const ran = await verify(file);
    expect(ran).toMatchObject({ code: 0, stdout: expect.stringMatching(/^Intact: 2 events, each proven\n/) });
    expect(ran.stdout).toContain('This key came from the bundle itself');
    expect(ran.stdout).toContain('--vkey');
  });

  it('believes the key that it is given, and no other', async () => {
    const keys = (await ledger.send('GET', '/tlog/vkeys')).text.trim().split('\n');
    const ran = await verify(file, ...keys.flatMap((vkey) => ['--vkey', vkey]));
    expect(ran.code).toBe(0);
    expect(ran.stdout).not.toContain('came from the bundle');
    const other = await ledgerInProcess();
    await other.record([about('o-1', 'O1')]);
    const foreign = await exported(other, {});
    await other.close();
    const refused = await verify(foreign, '--vkey', keys.at(-1) as string);
    expect(refused).toMatchObject({ code: 5, stdout: expect.stringMatching(/^Could not tell/) });
  });

  it('names the first thing that is wrong, with its file and line', async () => {
    const files = await filesOf(file);
    const changed = path();
    const [first, second] = linesOf(files.get('events.ndjson') as Buffer);
    files.set('events.ndjson', ofLines([first as string, (second as string).replace('tax-reporting', 'payment')]));
    await zipped(changed, files);
    const ran = await verify(changed);
    expect(ran).toMatchObject({ code: 4, stdout: expect.stringContaining('TAMPERED WITH') });
    expect(ran.stdout.split('\n')[1]).toMatch(/^ {2}events\.ndjson line 2: /);
    const json = await verify(changed, '--json');
    expect(JSON.parse(json.stdout)).toMatchObject({ verdict: 'tampered', problems: [{ file: 'events.ndjson', line: 2 }] });
  });

  it('cannot tell of what is cut off, or not there', async () => {
    const half = path();
    writeFileSync(half, readFileSync(file).subarray(0, 2000));
    expect(await verify(half)).toMatchObject({ code: 5 });
    expect(await verify(path())).toMatchObject({ code: 5, stderr: expect.stringContaining('ENOENT') });
    expect(await verify(join(folder, 'not-there.json'))).toMatchObject({ code: 5, stderr: expect.stringContaining('ENOENT') });
  });
});

describe('Receipts in a file', () => {
  const written = (content: unknown): string => {
    const file = join(folder, `${++count}.json`);
    writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content));
    return file;
  };
  // biome-ignore lint/suspicious/noExplicitAny: an answer as it comes
  let answer: any;
  beforeAll(async () => {
    await ledger.record([about('q-1', 'Q1'), about('q-2', 'Q1')]);
    const items = ['q-1', 'q-2'].map((id) => ({ source: 'urn:mailit:billing', id }));
    answer = (await ledger.send('POST', '/v1/receipts', { items, wait: true, reason })).body;
    expect(answer.receipts).toHaveLength(2);
  });

  it('hold by the key of the ledger, and cannot be told without one', async () => {
    const file = written(answer);
    expect(await liggare(['verify', file], { env: {} })).toMatchObject({ code: 5, stdout: expect.stringContaining('0 of 2 receipts') });
    const keys = (await trusted()).flatMap((key) => ['--vkey', vkeyOf(key)]);
    expect(await liggare(['verify', file, ...keys], { env: {} })).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('2 of 2 receipts hold'),
    });
    expect(await verifyReceipts(file, { vkeys: await trusted() })).toMatchObject({ verdict: 'intact', receipts: 2, all: 2 });
    expect(await verifyReceipts(file)).toMatchObject({ verdict: 'could-not-tell', receipts: 0, all: 2 });
    const vkeys = (await ledger.send('GET', '/tlog/vkeys')).text.trim().split('\n');
    expect(await verifyReceipts(written({ ...answer, vkeys }))).toMatchObject({ verdict: 'intact', trust: { from: 'file' } });
  });

  it.each<[string, (receipt: Record<string, string>) => void]>([
    ['in its leaf', (receipt) => (receipt['leaf'] = Buffer.from('another').toString('base64'))],
    ['in what it says it is', (receipt) => (receipt['id'] = 'q-9')],
    ['in its signature', (receipt) => (receipt['proof'] = String(receipt['proof']).replace(/.{6}=*\n$/, 'AAAAAA==\n'))],
    ['into something else', (receipt) => delete receipt['proof']],
  ])('changed %s are named', async (_, change) => {
    const changed = structuredClone(answer);
    change(changed.receipts[1]);
    const checked = await verifyReceipts(written(changed), { vkeys: await trusted() });
    expect(checked).toMatchObject({ verdict: 'tampered', receipts: 1, problems: [{ line: 2 }] });
  });

  it.each(['', '{', '[]', '{"receipts":1}', 'null'])('that are %j are none', async (text) => {
    expect(await verifyReceipts(written(text))).toMatchObject({ verdict: 'could-not-tell', problems: [{}] });
  });
});

async function head(): Promise<number> {
  return (await ledger.record([about(`head-${++count}`, 'HEAD')])).body.position;
}

/** A bundle whose reader has gone ends a moment later. */
async function retried<T>(work: () => Promise<T>): Promise<T> {
  for (let i = 0; ; i++) {
    try {
      return await work();
    } catch (error) {
      if (i === 20) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}
