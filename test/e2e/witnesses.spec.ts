import { spawn } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { readCheckpoint, readKey } from '../support/tlog-client.ts';
import { TestWitness } from '../support/witness.ts';
import { disclosure } from '../support/write-side.ts';
import { type InProcess, ledgerInProcess } from './service.ts';

const pathOf = (file: string) => fileURLToPath(new URL(file, import.meta.url));

let witnesses: TestWitness[] = [];
let ledger: InProcess | undefined;
let copies: string;

beforeEach(async () => {
  copies = mkdtempSync(join(tmpdir(), 'liggare-copies-'));
  witnesses = await Promise.all(['one', 'two'].map((name) => TestWitness.start(`witness.example/${name}`)));
});
afterEach(async () => {
  await ledger?.close();
  ledger = undefined;
  for (const witness of witnesses) await witness.stop();
  rmSync(copies, { recursive: true, force: true });
});

/** A ledger whose heads go to the first `count` witnesses. They know it by its key. */
async function witnessed(count: number): Promise<InProcess> {
  const named = witnesses.slice(0, count);
  ledger = await ledgerInProcess({
    LIGGARE_TREE_HEAD_MS: '100',
    LIGGARE_WITNESSES: named.map(({ vkey, url }) => `${vkey} ${url}`).join(', '),
  });
  for (const witness of named) witness.trust(await vkeyOf(ledger));
  return ledger;
}

const vkeyOf = async ({ url }: InProcess) => (await (await fetch(`${url}/tlog/vkey`)).text()).trimEnd();
const checkpointOf = async ({ url }: InProcess) => (await fetch(`${url}/tlog/checkpoint`)).text();
const metricsOf = async (of: InProcess) => (await of.send('GET', '/metrics')).text;
let recorded = 0;
const recordOne = async (to: InProcess) => expect((await to.record([disclosure(`witnessed-${++recorded}`)])).status).toBe(200);

async function until(holds: () => Promise<boolean>): Promise<void> {
  for (let i = 0; i < 600; i++) {
    if (await holds()) return;
    await sleep(50);
  }
  throw new Error('it did not happen');
}

/** Until the newest head covers all that is recorded and has this many cosignatures. Answers the names. */
async function cosignedBy(of: InProcess, count: number): Promise<string[]> {
  let names: string[] = [];
  await until(async () => {
    const { status, body } = await of.send('POST', '/v1/tree-heads');
    if (status !== 200) return false;
    names = body.witnesses;
    return names.length === count;
  });
  return names;
}

/** Why no head is signed; undefined where heads are signed. */
async function refusalOf(of: InProcess): Promise<string | undefined> {
  const { status, text } = await of.send('GET', '/health/ready');
  const { transparency } = JSON.parse(text).details as { transparency?: { state: string; reason?: string } };
  return status === 503 && transparency?.state === 'refusing' ? transparency.reason : undefined;
}

it('heads are cosigned, and published with what the witnesses signed', async () => {
  const watched = await witnessed(2);
  await recordOne(watched);
  expect(await cosignedBy(watched, 2)).toEqual(['witness.example/one', 'witness.example/two']);
  const keys = [await vkeyOf(watched), ...witnesses.map(({ vkey }) => vkey)].map(readKey);
  const { signedBy, size } = readCheckpoint(await checkpointOf(watched), keys);
  expect(signedBy.map(({ name }) => name)).toEqual(keys.map(({ name }) => name));
  const metrics = await metricsOf(watched);
  expect(metrics).toContain(`liggare_witness_cosigned_size{witness="witness.example/two"} ${size}`);
  expect(metrics).toContain('liggare_witness_failing{witness="witness.example/two"} 0');
});

it('a witness that is away delays no head, and is heard again when it is back', async () => {
  const [one, two] = witnesses as [TestWitness, TestWitness];
  two.behaviour = 'slow';
  const watched = await witnessed(2);
  await recordOne(watched);
  expect(await cosignedBy(watched, 1)).toEqual([one.name]);
  expect(await refusalOf(watched)).toBeUndefined();
  await watched.restart();
  two.behaviour = 'error';
  await recordOne(watched);
  await until(async () => (await metricsOf(watched)).includes(`liggare_witness_failing{witness="${two.name}"} 1`));
  expect(await metricsOf(watched)).toContain(`liggare_witness_failing{witness="${one.name}"} 0`);
  two.behaviour = 'well';
  await watched.restart();
  await recordOne(watched);
  expect(await cosignedBy(watched, 2)).toEqual([one.name, two.name]);
});

it('the log of the service says when a witness begins to fail and why, and when it cosigns again; no address, nothing that it answered', async () => {
  const [one] = witnesses as [TestWitness];
  one.behaviour = 'error';
  const env = {
    ...{ PATH: process.env['PATH'] ?? '', LIGGARE_DATA: join(copies, 'data'), LIGGARE_PORT: '0', LIGGARE_LOG_LEVEL: 'info' },
    ...{ LIGGARE_TREE_HEAD_MS: '100', LIGGARE_WITNESSES: `${one.vkey} ${one.url}` },
  };
  const child = spawn(process.execPath, ['--import', pathOf('../support/from-source.mjs'), pathOf('../../src/main.ts')], { env });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  try {
    const [printed, lines] = [[] as string[], [] as string[]];
    createInterface(child.stdout).on('line', (line) => printed.push(line));
    createInterface(child.stderr).on('line', (line) => lines.push(line));
    const ofWitnesses = () => lines.filter((line) => line.includes('"witness":'));
    const url = () => /listens on (http:\S+?);/.exec(printed.join('\n'))?.[1];
    await until(async () => ofWitnesses().length === 1 && url() !== undefined);
    one.trust((await (await fetch(`${url()}/tlog/vkey`)).text()).trimEnd());
    one.behaviour = 'well';
    await until(async () => ofWitnesses().length === 2);
    expect(ofWitnesses().map((line) => JSON.parse(line))).toEqual([
      {
        level: 'warn',
        time: expect.any(String),
        witness: one.name,
        cause: 'answers 500',
        msg: 'a witness does not cosign tree heads for now',
      },
      { level: 'info', time: expect.any(String), witness: one.name, msg: 'a witness cosigns tree heads again' },
    ]);
  } finally {
    child.kill('SIGTERM');
    await ended;
  }
}, 60_000);

it('a witness learns the next key with the head that both sign, or does without', async () => {
  const [one] = witnesses as [TestWitness];
  const watched = await witnessed(1);
  await recordOne(watched);
  await cosignedBy(watched, 1);
  await watched.send('POST', '/v1/sealer-key/rotate');
  // It trusts the old key alone, and that has signed this head too.
  await cosignedBy(watched, 1);
  one.trust(await vkeyOf(watched));
  await recordOne(watched);
  await cosignedBy(watched, 1);
});

describe('a ledger that was rolled back to an old copy, as a whole', () => {
  const copyTo = (name: string) => (folder: string) => cpSync(folder, join(copies, name), { recursive: true });
  const putBack = (name: string) => (folder: string) => {
    rmSync(folder, { recursive: true });
    cpSync(join(copies, name), folder, { recursive: true });
  };

  it('is told by a witness, and signs no more until the files are put right', async () => {
    const watched = await witnessed(1);
    await recordOne(watched);
    await cosignedBy(watched, 1);
    await watched.restart(copyTo('old'));
    await recordOne(watched);
    await cosignedBy(watched, 1);
    const published = await checkpointOf(watched);

    await watched.restart((folder) => {
      copyTo('new')(folder);
      putBack('old')(folder);
    });
    await until(async () => (await refusalOf(watched)) === 'witness-ahead');
    const old = await checkpointOf(watched);
    expect(old).not.toBe(published);
    // Recording goes on, and nothing of it is signed.
    await recordOne(watched);
    const { status, body } = await watched.send('POST', '/v1/tree-heads');
    expect([status, body.type, body.detail]).toEqual([503, 'urn:liggare:problem:not-as-sealed', expect.stringContaining('witness-ahead')]);
    expect(await checkpointOf(watched)).toBe(old);
    // Nor after another start.
    await watched.restart();
    await until(async () => (await refusalOf(watched)) === 'witness-ahead');

    await watched.restart(putBack('new'));
    expect(await refusalOf(watched)).toBeUndefined();
    await recordOne(watched);
    expect(await cosignedBy(watched, 1)).toEqual(['witness.example/one']);
  });

  it('is told also where it has grown past what the witness saw before the witness was asked', async () => {
    const [one] = witnesses as [TestWitness];
    const watched = await witnessed(1);
    await recordOne(watched);
    await cosignedBy(watched, 1);
    await watched.restart(copyTo('old'));
    for (let i = 0; i < 3; i++) await recordOne(watched);
    await cosignedBy(watched, 1);
    one.behaviour = 'down';
    await watched.restart(putBack('old'));
    for (let i = 0; i < 6; i++) await recordOne(watched);
    expect((await watched.send('POST', '/v1/tree-heads')).status).toBe(200);
    one.behaviour = 'well';
    await until(async () => (await refusalOf(watched)) === 'witness-ahead');
  });
});
