import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { parseVkey } from '../../src/integrity/signed-note.ts';
import { liggare } from '../cli/fake-ledger.ts';
import { disclosure } from '../support/write-side.ts';
import { apart, Folders, grow, INTACT, ledgerOf, record, serving, signed, verified } from './given.ts';

const folders = new Folders();
afterAll(() => folders.remove());

describe('given a data folder that nobody touched', () => {
  let folder: string;
  beforeAll(async () => {
    folder = folders.new();
    await ledgerOf(folder, [300, 1, 299]);
  });

  test('it is intact: every leaf, head and key was looked at, and read models have what the log has', async () => {
    const found = await verified(folder);
    expect(found).toMatchObject({ ...INTACT, generation: 1, generations: 1, keys: 1, unsigned: 0, unsealed: 0, from: 0 });
    expect(found.leaves).toBe(found.size);
    expect(found.size).toBeGreaterThan(600);
    expect(found.heads).toBeGreaterThanOrEqual(3);
    expect(found.newestHead).toMatchObject({ number: found.heads, size: found.size });
    expect(found.projections.map(({ name, state }) => [name, state])).toEqual([
      ['entries', 'agrees'],
      ['completeness', 'agrees'],
      ['quarantine', 'agrees'],
      ['holds', 'agrees'],
      // What was found is made by judging, not by counting.
      ['findings', 'not-compared'],
      ['remarks', 'not-compared'],
      ['retention', 'not-compared'],
    ]);
    // Read models may have been a little behind when the service was stopped.
    expect(found.projections[0]?.counted).toBe(found.projections[0]?.position);
  });

  test('with one thread it is the same', async () => {
    expect(await verified(folder, { workers: 1 })).toMatchObject(INTACT);
  });

  test('nothing is written to it', async () => {
    const state = () => readdirSync(folder).map((name) => [name, readFileSync(join(folder, name)).toString('base64')]);
    const before = state();
    await verified(folder);
    expect(state()).toEqual(before);
  });

  test('a file of write-ahead log beside it, as a crash leaves it, is read too', async () => {
    await serving(folder, async (client) => {
      await record(client, 'crash', 20);
      await signed(client);
      const crashed = folders.copy(folder);
      expect(readdirSync(crashed)).toContain('ledger.db-wal');
      const { size } = await client.send('POST', '/v1/tree-heads').then(({ body }) => body);
      expect(await verified(crashed)).toMatchObject({ ...INTACT, size });
    });
  });

  test('beside a running service that records and signs all the while it is intact, every time', async () => {
    await serving(folder, async (client) => {
      let isDone = false;
      const recording = (async () => {
        for (let n = 0; !isDone; n++) {
          await record(client, `beside-${n}`, 200);
          if (n % 2) await signed(client);
        }
      })();
      for (let i = 0; i < 4; i++) expect(await apart(folder)).toMatchObject({ code: 0, found: INTACT });
      isDone = true;
      await recording;
    });
  });

  test('without keys.db, master key and read models it can be verified all the same', async () => {
    const bare = folders.copy(folder);
    for (const name of readdirSync(bare)) if (!/^(ledger|tree)\.db/.test(name)) rmSync(join(bare, name));
    const found = await verified(bare);
    expect(found).toMatchObject({ ...INTACT, projections: [] });
    expect(found.notes).toEqual([expect.stringContaining('no read models')]);
  });

  test('a backup of it is intact, by the folder of the backup and by that of its log', async () => {
    const backup = folders.new();
    expect(await liggare(['backup', backup], { env: { LIGGARE_DATA: folder } })).toMatchObject({ code: 0 });
    for (const each of [backup, join(backup, 'log')]) expect(await verified(each)).toMatchObject(INTACT);
  });

  test('events that are no leaf yet, and leaves that no head covers, are told and are no difference', async () => {
    const grown = folders.copy(folder);
    await grow(grown, 10);
    const { size = 0 } = await verified(folder);
    expect(await verified(grown)).toMatchObject({ ...INTACT, size, unsealed: 10 });
  });
});

test('given a ledger in which nothing was recorded, it is intact', async () => {
  const folder = folders.new();
  await serving(folder, async (client) => void (await signed(client)));
  // What the ledger itself recorded at its start may have come before the first head, or after it.
  expect(await verified(folder)).toMatchObject({ ...INTACT, heads: expect.any(Number) });
});

test('given a ledger that was stopped before its first head, nobody vouches for it: that could not be told', async () => {
  const folder = folders.new();
  await serving(folder, async () => undefined, { LIGGARE_TREE_HEAD_MS: '3600000' });
  const found = await verified(folder);
  if (found.newestHead === undefined) expect(found).toMatchObject({ verdict: 'could-not-tell', hindrances: [{ obstacle: 'no-head' }] });
  else expect(found).toMatchObject(INTACT);
});

test('given items in quarantine, holds and their releases, and late records, the read models agree', async () => {
  const folder = folders.new();
  await serving(folder, async (client) => {
    const fact = (id: string, type: string, data: object) => {
      const { actor, subjects } = disclosure(id)['data'] as { actor: object; subjects: object[] };
      return { ...disclosure(id), type, data: { actor, subjects, ...data } };
    };
    const hold = fact('hold', 'LegalHoldPlaced', { ground: 'legal-claims', reviewBy: '2030-01-31' });
    const release = fact('release', 'LegalHoldReleased', {
      target: { source: 'urn:mailit:billing', id: 'hold' },
      reason: 'The claim was settled.',
    });
    await client.record([disclosure('fine'), disclosure('broken', { data: { purpose: 'no-such-purpose' } }), hold, release]);
    await signed(client);
  });
  const found = await verified(folder);
  expect(found).toMatchObject(INTACT);
  const counted = Object.fromEntries(found.projections.map((each) => [each.name, each.counted]));
  expect(counted).toMatchObject({ quarantine: 1, holds: 2 });
});

describe('given a ledger whose sealer key was replaced, twice', () => {
  let folder: string;
  const vkeys: string[] = [];
  beforeAll(async () => {
    folder = folders.new();
    await serving(folder, async (client) => {
      const vkey = async () => (await client.with(undefined).send('GET', '/tlog/vkey')).text.trim();
      vkeys.push(await vkey());
      for (const part of ['b', 'c']) {
        await record(client, `before ${part}`, 30);
        await signed(client);
        const { status, text } = await client.send('POST', '/v1/sealer-key/rotate');
        if (status >= 300) throw new Error(text);
        vkeys.push(await vkey());
      }
      await record(client, 'last', 30);
      await signed(client);
    });
  });

  test('it is intact', async () => {
    expect(await verified(folder)).toMatchObject({ ...INTACT, keys: 3 });
  });

  test('whoever trusts any of its keys is shown how that came to the one in force', async () => {
    expect(new Set(vkeys).size).toBe(3);
    for (const vkey of vkeys) expect(await verified(folder, { vkeys: [parseVkey(vkey)] })).toMatchObject(INTACT);
  });
});

test('given a ledger that went on from an older copy under a new origin, it is intact, heads of the old tree included', async () => {
  const folder = folders.new();
  const env = { LIGGARE_DATA: folder };
  await ledgerOf(folder, [40]);
  const backup = folders.new();
  expect(await liggare(['backup', backup], { env })).toMatchObject({ code: 0 });
  const lost = await serving(folder, async (client) => {
    await record(client, 'lost', 40);
    return signed(client);
  });
  const restored = folders.copy(folder);
  for (const name of readdirSync(restored)) if (/^(ledger|views)\./.test(name)) rmSync(join(restored, name));
  const ran = await liggare(['restore', backup, '--new-generation', '--accept-missing-erasures'], { env: { LIGGARE_DATA: restored } });
  expect(ran.stderr).toContain('Restored');
  await serving(restored, async (client) => {
    await record(client, 'after', 40);
    await signed(client);
  });
  const found = await verified(restored);
  expect(found).toMatchObject({ ...INTACT, generation: 2, generations: 2 });
  // Whoever kept a head of what was lost learns that it is gone on from no more.
  expect(await verified(restored, { since: { note: lost } })).toMatchObject({
    verdict: 'tampered',
    first: { kind: 'rolled-back', what: expect.stringContaining('generation 1') },
  });
});
