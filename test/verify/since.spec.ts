import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { parseNote, parseVkey } from '../../src/integrity/signed-note.ts';
import { parseTreeHead } from '../../src/integrity/tree-head.ts';
import { TestWitness } from '../support/witness.ts';
import { Folders, INTACT, ledgerOf, record, serving, signed, tamper, verified } from './given.ts';

const folders = new Folders();
let folder: string;
/** As it was before the last part was recorded. */
let older: string;
let heads: string[];

beforeAll(async () => {
  folder = folders.new();
  heads = await ledgerOf(folder, [300, 200]);
  older = folders.copy(folder);
  heads.push(await recorded(folder, 'later', 200));
});
afterAll(() => folders.remove());

/** Records some more, and answers the head over it. */
const recorded = (of: string, prefix: string, count: number): Promise<string> =>
  serving(of, async (client) => {
    await record(client, prefix, count);
    return signed(client);
  });

const sizeOf = (note: string): number => parseTreeHead(parseNote(note).text).size;
const last = () => heads.at(-1) as string;

describe('given a head that somebody kept', () => {
  test('the ledger goes on from it: what came after it alone is made anew', async () => {
    for (const note of heads) {
      const size = sizeOf(note);
      const found = await verified(folder, { since: { note } });
      expect(found).toMatchObject({ ...INTACT, since: { size, isContinued: true }, from: Math.floor(size / 256) * 256 });
    }
  });

  test('what came before it is believed, and what came after it is not', async () => {
    const size = sizeOf(heads[1] as string);
    for (const [position, verdict] of [
      [20, 'intact'],
      [size + 5, 'tampered'],
    ] as const) {
      const changed = folders.copy(folder);
      tamper(
        changed,
        'ledger.db',
        (db) => void db.prepare("UPDATE events SET type = 'ComplaintReceived' WHERE position = ?").run(position),
      );
      expect(await verified(changed, { since: { note: heads[1] as string } })).toMatchObject({ verdict });
    }
  });

  test('heads and read models before it are not looked at, and that is said', async () => {
    const found = await verified(folder, { since: { note: last() } });
    expect(found.heads).toBeLessThan((await verified(folder)).heads as number);
    expect(new Set(found.projections.map(({ state }) => state))).toEqual(new Set(['not-compared']));
  });

  test('a size alone: what came before it is believed, whatever it is', async () => {
    expect(await verified(folder, { since: { size: 300 } })).toMatchObject({
      ...INTACT,
      from: 256,
      since: { size: 300, isContinued: true },
    });
    expect(await verified(folder, { since: { size: 0 } })).toMatchObject({ ...INTACT, from: 0 });
  });
});

describe('given a folder that was put back to an older copy', () => {
  test('by itself it is intact; whoever has a later head knows that it was rolled back', async () => {
    expect(await verified(older)).toMatchObject(INTACT);
    const found = await verified(older, { since: { note: last() } });
    const { size = 0 } = found;
    expect(found).toMatchObject({
      verdict: 'tampered',
      first: { kind: 'rolled-back', index: size, what: expect.stringContaining('rolled back') },
    });
    expect(found.since).toEqual({ size: sizeOf(last()), isContinued: false });
  });

  test('a size alone is no evidence, and may be mistyped: it does not serve', async () => {
    await expect(verified(older, { since: { size: sizeOf(last()) } })).rejects.toMatchObject({
      name: 'NotUsable',
      message: expect.stringMatching(/this ledger has \d+ leaves/),
    });
  });

  test('and went on from there with other events: the head that was kept is of another history', async () => {
    const other = folders.copy(older);
    await recorded(other, 'other', 400);
    expect(await verified(other)).toMatchObject(INTACT);
    const found = await verified(other, { since: { note: last() } });
    expect(found).toMatchObject({ verdict: 'tampered', first: { kind: 'rolled-back', what: expect.stringContaining('another history') } });
    // All of it was looked at, though the head could not be gone on from.
    expect(found.from).toBe(0);
  });

  test('its tree alone: events that were sealed once look as if they were not; the head tells', async () => {
    const mixed = folders.copy(folder);
    for (const name of ['tree.db', 'tree.db-wal', 'tree.db-shm']) rmSync(join(mixed, name), { force: true });
    cpSync(join(older, 'tree.db'), join(mixed, 'tree.db'));
    expect(await verified(mixed)).toMatchObject({
      verdict: 'tampered',
      first: { kind: 'rolled-back', what: expect.stringContaining('tree-head.note') },
    });
    rmSync(join(mixed, 'tree-head.note'));
    const alone = await verified(mixed);
    expect(alone).toMatchObject(INTACT);
    expect(alone.unsealed).toBeGreaterThanOrEqual(200);
    expect(await verified(mixed, { since: { note: last() } })).toMatchObject({ verdict: 'tampered', first: { kind: 'rolled-back' } });
  });
});

describe('what serves as a head to go on from', () => {
  test.each([
    ['no note', () => 'nothing'],
    ['a note that is no head', () => last().replace(/\n(\d+)\n/, '\nmany\n')],
    ['a head that was changed', () => last().replace(/\n(\d+)\n/, (_, size) => `\n${Number(size) - 1}\n`)],
    ['the head of another ledger', () => last().replace(/^[^\n]+/, 'elsewhere/1')],
  ])('%s does not', async (_, note) => {
    await expect(verified(folder, { since: { note: note() } })).rejects.toMatchObject({ name: 'NotUsable' });
  });
});

describe('given a key of the ledger', () => {
  test('it vouches for the newest head, or it is another ledger', async () => {
    const own = await serving(folder, async (client) => (await client.with(undefined).send('GET', '/tlog/vkey')).text.trim());
    expect(await verified(folder, { vkeys: [parseVkey(own)] })).toMatchObject(INTACT);
    const other = folders.new();
    const strange = await serving(other, async (client) => (await client.with(undefined).send('GET', '/tlog/vkey')).text.trim());
    expect(await verified(folder, { vkeys: [parseVkey(strange)] })).toMatchObject({ verdict: 'tampered', first: { kind: 'key' } });
    expect(await verified(folder, { vkeys: [parseVkey(strange), parseVkey(own)] })).toMatchObject(INTACT);
  });
});

describe('given a witness', () => {
  test('what it cosigned is checked, and who has its newest head finds a roll-back', async () => {
    const watched = folders.new();
    const witness = await TestWitness.start('witness.example/one');
    try {
      const env = { LIGGARE_WITNESSES: `${witness.vkey} ${witness.url}` };
      const cosigned = async (part: string) =>
        serving(
          watched,
          async (client) => {
            const fetched = async (path: string) => (await client.with(undefined).send('GET', path)).text;
            witness.trust((await fetched('/tlog/vkey')).trim());
            await record(client, part, 100);
            for (let size = sizeOf(await signed(client)); ; ) {
              const note = await fetched('/tlog/checkpoint');
              if (note.includes(witness.name) && sizeOf(note) >= size) return note;
              await new Promise((resolve) => setTimeout(resolve, 100));
            }
          },
          env,
        );
      await cosigned('first');
      const copy = folders.copy(watched);
      const newest = await cosigned('second');
      const witnesses = [parseVkey(witness.vkey)];
      const found = await verified(watched, { witnesses, since: { note: newest } });
      expect(found).toMatchObject({ ...INTACT, witnesses: [{ name: witness.name }] });
      expect(found.witnesses[0]?.size).toBeGreaterThanOrEqual(sizeOf(newest));
      expect(await verified(copy, { witnesses, since: { note: newest } })).toMatchObject({
        verdict: 'tampered',
        first: { kind: 'rolled-back' },
      });
      // A cosignature that was changed, or whose head is gone.
      for (const [sql, kind] of [
        ["UPDATE cosignatures SET line = replace(line, substr(line, -12, 6), 'AAAAAA')", 'cosignature'],
        ['UPDATE cosignatures SET at = at + 1', 'cosignature'],
        ['DELETE FROM heads WHERE number = (SELECT max(number) FROM heads)', 'head'],
      ] as const) {
        const changed = folders.copy(watched);
        tamper(changed, 'tree.db', (db) => void db.prepare(sql).run());
        const other = await verified(changed, { witnesses });
        expect(other).toMatchObject({ verdict: 'tampered', first: { kind } });
        expect(other.found['cosignature']).toBeGreaterThan(0);
      }
      // A head of the witness's that somebody made up does not serve.
      const forged = newest.replace(/(— witness\.example\/one .{20}).{8}/, '$1AAAAAAAA');
      await expect(verified(watched, { witnesses, since: { note: forged } })).rejects.toMatchObject({ name: 'NotUsable' });
    } finally {
      await witness.stop();
    }
  });

  test('that has cosigned nothing is told of', async () => {
    const witness = await TestWitness.start('witness.example/idle');
    await witness.stop();
    const found = await verified(folder, { witnesses: [parseVkey(witness.vkey)] });
    expect(found).toMatchObject({ ...INTACT, witnesses: [{ name: witness.name, size: 0 }] });
  });
});
