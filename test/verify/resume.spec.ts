import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { defaultStateFile } from '../../src/verify/state.ts';
import { Folders, grow, INTACT, serving, signed, started, tamper, verified } from './given.ts';

const folders = new Folders();
let folder: string;
let head: string;

beforeAll(async () => {
  folder = folders.new();
  await serving(folder, async (client) => void (await signed(client)));
  await grow(folder, 18_000);
  head = await serving(folder, signed);
});
afterAll(() => folders.remove());

/** Interrupts a run once it has come so far. */
async function interrupted(of: string, stateFile: string, atLeast: number) {
  const interruption = new AbortController();
  const found = await verified(of, {
    workers: 1,
    stateFile,
    signal: interruption.signal,
    onProgress: (done) => done >= atLeast && interruption.abort(),
  });
  expect(found).toMatchObject({ verdict: 'could-not-tell', findings: [], hindrances: [{ obstacle: 'interrupted' }] });
  return found;
}

const stateIn = (file: string) => JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>;

test('given a run that was interrupted, the next one goes on from there, and counts all of it', async () => {
  const state = `${folder}.state`;
  await interrupted(folder, state, 8_000);
  const { size } = stateIn(state);
  expect(size).toBeGreaterThanOrEqual(8_192);
  const seen: number[] = [];
  const found = await verified(folder, { workers: 2, stateFile: state, onProgress: (_, total) => seen.push(total) });
  expect(found).toMatchObject({ ...INTACT, resumedAt: size, from: size });
  expect(seen[0]).toBe((found.size as number) - (size as number));
  const compared = found.projections.filter(({ state: each }) => each !== 'not-compared');
  expect(compared.map(({ name, state: each }) => [name, each])).toEqual(
    ['entries', 'completeness', 'quarantine', 'holds'].map((name) => [name, 'agrees']),
  );
  expect(existsSync(state)).toBe(false);
});

test('interrupted again and again it gets to the end', async () => {
  const state = `${folder}.again`;
  await interrupted(folder, state, 4_000);
  const first = stateIn(state)['size'] as number;
  await interrupted(folder, state, 4_000);
  expect(stateIn(state)['size']).toBeGreaterThan(first);
  expect(await verified(folder, { stateFile: state })).toMatchObject(INTACT);
});

test('a run that was interrupted before anything was done leaves nothing, and begins anew', async () => {
  const state = `${folder}.early`;
  await verified(folder, { stateFile: state, signal: AbortSignal.abort() });
  expect(existsSync(state)).toBe(false);
  expect(await verified(folder, { stateFile: state })).toMatchObject({ ...INTACT, from: 0 });
});

test('a process that was killed is gone on from as well', async () => {
  const state = `${folder}.killed`;
  // It may be through before it can be killed.
  for (let attempt = 0; attempt < 5 && !existsSync(state); attempt++) {
    const child = started(folder, '--state', state, '--workers', '1');
    const ended = new Promise((resolve) => child.once('exit', resolve));
    while (child.exitCode === null && !existsSync(state)) await sleep(1);
    child.kill('SIGKILL');
    await ended;
  }
  const { size } = stateIn(state);
  expect(await verified(folder, { stateFile: state })).toMatchObject({ ...INTACT, resumedAt: size });
});

test('what differs behind the place is found; what was read before is not read again', async () => {
  const copy = folders.copy(folder);
  const state = `${copy}.state`;
  await interrupted(copy, state, 8_000);
  tamper(copy, 'ledger.db', (db) => void db.prepare("UPDATE events SET type = 'ComplaintReceived' WHERE position = 15000").run());
  expect(await verified(copy, { stateFile: state })).toMatchObject({
    verdict: 'tampered',
    first: { kind: 'event-changed', index: 14_999 },
  });
});

test('a difference is found again by the run that goes on: no state is beyond it', async () => {
  const copy = folders.copy(folder);
  const state = `${copy}.state`;
  tamper(copy, 'ledger.db', (db) => void db.prepare("UPDATE events SET type = 'ComplaintReceived' WHERE position = 5000").run());
  const interruption = new AbortController();
  await verified(copy, {
    workers: 1,
    stateFile: state,
    signal: interruption.signal,
    onProgress: (done) => done >= 12_000 && interruption.abort(),
  });
  expect(stateIn(state)['size']).toBe(4_096);
  expect(await verified(copy, { stateFile: state })).toMatchObject({ verdict: 'tampered', first: { index: 4_999 } });
});

test('where what was done is of another tree, it begins anew', async () => {
  const copy = folders.copy(folder);
  const state = `${copy}.state`;
  await interrupted(copy, state, 8_000);
  const left = readFileSync(state, 'utf8');
  tamper(copy, 'tree.db', (db) => {
    const hashes = Buffer.from(db.prepare('SELECT hashes FROM tiles WHERE level = 1 AND tile = 0').pluck().get() as Buffer);
    hashes.fill(7, 0, 32);
    db.prepare('UPDATE tiles SET hashes = ? WHERE level = 1 AND tile = 0').run(hashes);
  });
  expect(await verified(copy, { stateFile: state })).toMatchObject({
    verdict: 'tampered',
    from: 0,
    first: { kind: 'tile', tile: 'tile/1/000' },
  });
  for (const text of [
    '',
    '{',
    '{}',
    'null',
    left.replace(/"origin":"[^"]*"/, '"origin":"elsewhere/1"'),
    left.replace('"format":1', '"format":0'),
  ]) {
    writeFileSync(state, text);
    const found = await verified(folder, { stateFile: state });
    expect(found).toMatchObject({ ...INTACT, from: 0 });
    expect(found.resumedAt).toBeUndefined();
  }
});

test('behind a head that is believed it is kept as well', async () => {
  const state = `${folder}.since`;
  const interruption = new AbortController();
  const since = { size: 5_000 };
  await verified(folder, { workers: 1, stateFile: state, since, signal: interruption.signal, onProgress: () => interruption.abort() });
  expect(stateIn(state)).toMatchObject({ from: 4_864 });
  // A run that believes no head does not believe what came before that one.
  expect(await verified(folder, { stateFile: `${folder}.none` })).toMatchObject({ from: 0 });
  const found = await verified(folder, { stateFile: state, since });
  expect(found).toMatchObject({ ...INTACT, resumedAt: expect.any(Number) });
  expect(found.projections.every(({ state: each }) => each === 'not-compared')).toBe(true);
});

test('the state lies beside the data folder and never in it', () => {
  expect(defaultStateFile('/var/lib/ledger/data/')).toBe(join('/var/lib/ledger', 'data.verify.json'));
  expect(head).toContain('/1\n');
});
