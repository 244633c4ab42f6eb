import { setTimeout } from 'node:timers/promises';
import Database from 'better-sqlite3';
import type { KeyVault } from '../../src/privacy/key-vault.ts';
import { open, seal } from '../../src/privacy/seal.ts';
import { customer, email, references, VaultFolder } from './vault.ts';

let folder: VaultFolder;
let vault: KeyVault;
beforeEach(async () => {
  folder = new VaultFolder();
  vault = await folder.open();
});
afterEach(() => folder.clear());

const AT = '2026-03-02T09:14:07.120Z';
const LATER = '2026-04-02T09:14:07.120Z';
const UNKNOWN = 'A'.repeat(22);
const place = { source: 'urn:a', id: '1', reference: '', part: 'subject' };

/** What the key store holds of somebody that must not be left anywhere. */
function secretsOf(reference: string): Buffer[] {
  return folder.inDatabase((db) => {
    const person = db.prepare('SELECT person, wrapped FROM people WHERE reference = ?').get(Buffer.from(reference, 'base64url')) as {
      person: number;
      wrapped: Buffer;
    };
    const rows = db.prepare('SELECT digest, sealed FROM identities WHERE owner = ?').all(person.person) as Record<string, Buffer>[];
    return [person.wrapped, ...rows.flatMap((row) => Object.values(row))];
  });
}

const stillThere = (secrets: readonly Buffer[]) => secrets.filter((secret) => folder.bytes().some((bytes) => bytes.includes(secret)));

describe('An erased person', () => {
  it('has neither key nor identifiers, nor have their sessions; others keep theirs', async () => {
    const session = { scheme: 'session', value: 's1', owner: 0 };
    const [anna, hers, bo] = (await references(vault, [{ ...customer('1'), also: [email('a@b.se')] }, session, customer('2')])) as string[];
    const erasure = await vault.erase([anna as string], AT);
    const went = { keys: 1, identifiers: 2, sessions: 1 };
    expect(erasure).toEqual({ ...went, people: [{ reference: anna, at: AT, ...went }], overwritten: true });
    for (const later of [async () => vault, () => folder.open(), () => folder.reopen(vault)]) {
      const one = await later();
      expect([...(await one.keys([anna, bo] as string[])).keys()]).toEqual([bo]);
      expect([...(await one.identifiers([anna, hers, bo] as string[])).keys()]).toEqual([bo]);
      expect(await references(one, [customer('1'), email('a@b.se'), { scheme: 'session', value: 's1' }, customer('2')], false)).toEqual([
        undefined,
        undefined,
        undefined,
        bo,
      ]);
      expect(await one.erased([anna, hers, bo, UNKNOWN, 'no reference'] as string[])).toEqual(new Set([anna, hers]));
    }
  });

  it('leaves neither wrapped key nor sealed identifiers nor digests in any file', async () => {
    const [anna, bo] = (await references(vault, [
      { ...customer('1'), also: [email('a@b.se')] },
      customer('2'),
      { scheme: 'session', value: 's1', owner: 0 },
    ])) as [string, string];
    const [hers, his] = [secretsOf(anna), secretsOf(bo)];
    expect(stillThere(hers)).toHaveLength(7);
    await vault.erase([anna], AT);
    expect(stillThere(hers)).toEqual([]);
    expect(stillThere(his)).toEqual(his);
  });

  it('leaves no wrapped key in any file, whoever stood beside them, even where the database has moved rows', async () => {
    const people = Array.from({ length: 1_000 }, (_, i) => ({ ...customer(String(i)), also: [email(`${i}@b.se`)] }));
    const all = (await references(vault, people)) as string[];
    const secrets = folder.inDatabase((db) => db.prepare('SELECT wrapped FROM people ORDER BY person').pluck().all() as Buffer[]);
    const bytes = () => Buffer.concat(folder.bytes());
    expect(secrets.every((secret) => bytes().includes(secret))).toBe(true);
    // Whole pages of neighbours, most of a page, and some here and there.
    const gone = all.map((_, i) => i < 150 || (i < 500 && i % 4 !== 0) || i % 17 === 0);
    for (let i = 0; i < all.length; i += 100) {
      await vault.erase(
        all.filter((_, j) => gone[j] && j >= i && j < i + 100),
        AT,
      );
    }
    await vault.erase(
      all.filter((_, i) => !gone[i] && i < 700),
      AT,
    );
    const left = bytes();
    expect(secrets.map((secret) => left.includes(secret))).toEqual(all.map((_, i) => !gone[i] && i >= 700));
  });

  it('gets a new reference when the same identifiers come again, also where memory knew them, and never a key again', async () => {
    const other = await folder.open();
    const [anna] = (await references(other, [customer('1')])) as [string];
    await vault.erase([anna], AT);
    for (const later of [async () => other, async () => vault, () => folder.reopen(vault)]) {
      const one = await later();
      const [again] = await one.resolve([{ ...customer('1'), also: [email('a@b.se')] }], { create: true });
      expect(again?.reference).not.toBe(anna);
      expect(await references(one, [customer('1'), email('a@b.se')])).toEqual([again?.reference, again?.reference]);
      expect(await one.keys([anna])).toEqual(new Map());
    }
  });

  it('gets no session and no further identifier, also where another process still holds their key', async () => {
    const other = await folder.open();
    const [anna] = (await references(other, [customer('1')])) as [string];
    await vault.erase([anna], AT);
    expect(await references(other, [{ scheme: 'session', value: 's1', owner: anna }])).toEqual([undefined]);
    expect(await references(other, [{ ...customer('1'), also: [customer('2')] }, customer('2')])).not.toContain(anna);
    expect(await other.identifiers([anna])).toEqual(new Map());
  });

  it('is refused a key by the database itself', async () => {
    const [anna] = (await references(vault, [customer('1')])) as [string];
    const row = folder.inDatabase((db) => db.prepare('SELECT reference, wrapped, generation, created_at FROM people').raw().get());
    await vault.erase([anna], AT);
    folder.inDatabase((db) => {
      db.prepare('DELETE FROM people').run();
      const restore = db.prepare('INSERT INTO people (reference, wrapped, generation, created_at) VALUES (?, ?, ?, ?)');
      expect(() => restore.run(row as unknown[])).toThrow(/erased reference/);
    });
  });

  it('takes what was sealed for several people together along, and leaves each other’s own', async () => {
    const [anna, bo] = await vault.resolve([customer('1'), customer('2')], { create: true });
    const [hers, his] = [anna, bo].map((person) => seal(person?.key as never, 'content', place));
    await vault.erase([anna?.reference as string], AT);
    const keys = await (await folder.open()).keys([anna, bo].map((person) => person?.reference as string));
    expect(keys.size).toBe(1);
    const key = keys.get(bo?.reference as string) as never;
    expect(open(key, his as string, place).toString()).toBe('content');
    expect(() => open(key, hers as string, place)).toThrow();
  });
});

describe('An erasure', () => {
  it('again changes nothing and tells what went then', async () => {
    const [anna, bo] = (await references(vault, [customer('1'), customer('2')])) as [string, string];
    const first = await vault.erase([anna], AT);
    const epoch = await vault.epoch();
    expect(await vault.erase([anna], LATER)).toEqual(first);
    expect(await vault.epoch()).toBe(epoch);
    expect(await (await folder.reopen(vault)).erase([anna, bo], LATER)).toMatchObject({
      keys: 2,
      people: [
        { reference: anna, at: AT },
        { reference: bo, at: LATER },
      ],
    });
  });

  it('fences the unknown too, and nothing that is no reference', async () => {
    expect(await vault.erase([UNKNOWN], AT)).toMatchObject({ keys: 0, identifiers: 0, sessions: 0, overwritten: true });
    expect(await vault.erased([UNKNOWN])).toEqual(new Set([UNKNOWN]));
    const [anna] = (await references(vault, [customer('1')])) as [string];
    for (const nonsense of ['', 'no reference', `${UNKNOWN}A`, `${UNKNOWN.slice(1)}!`]) {
      await expect(vault.erase([anna, nonsense], AT)).rejects.toThrow(RangeError);
    }
    expect((await vault.keys([anna])).size).toBe(1);
  });

  it('of a session ends that alone', async () => {
    const [anna, one, two] = (await references(vault, [
      customer('1'),
      { scheme: 'session', value: 's1', owner: 0 },
      { scheme: 'session', value: 's2', owner: 0 },
    ])) as [string, string, string];
    expect((await vault.sessionsOf([anna])).sort()).toEqual([one, two].sort());
    expect(await vault.erase([one], AT)).toMatchObject({ keys: 0, identifiers: 1, sessions: 0 });
    expect(await vault.sessionsOf([anna])).toEqual([two]);
    expect((await vault.keys([anna])).size).toBe(1);
    const [again] = await references(vault, [{ scheme: 'session', value: 's1', owner: anna }]);
    expect(again).toEqual(expect.any(String));
    expect(again).not.toBe(one);
    expect(await vault.erase([anna], AT)).toMatchObject({ keys: 1, identifiers: 1, sessions: 2 });
    expect(await vault.erased([one, two, again as string])).toEqual(new Set([one, two, again]));
  });

  it('of somebody who was drawn and not yet confirmed leaves nothing for the next start to remove', async () => {
    const [anna] = (await references(vault, [customer('1'), { scheme: 'session', value: 's1', owner: 0 }])) as [string];
    await vault.erase([anna], AT);
    const again = await folder.reopen(vault);
    expect(await again.startupSweep(0, async function* () {})).toEqual({ removed: 0, lost: 0 });
    expect(await again.erased([anna])).toEqual(new Set([anna]));
  });

  it('is noticed by another process with its next epoch, which then opens nothing', async () => {
    const other = await folder.open();
    const [anna, bo] = (await references(vault, [customer('1'), customer('2')])) as [string, string];
    const before = await other.epoch();
    await references(other, [customer('1')]);
    expect((await other.keys([anna])).size).toBe(1);
    await vault.erase([anna], AT);
    expect(await other.epoch()).toBe(before + 1);
    expect([...(await other.keys([anna, bo])).keys()]).toEqual([bo]);
    expect(await other.identifiers([anna])).toEqual(new Map());
    expect(await references(other, [customer('1'), customer('2')], false)).toEqual([undefined, bo]);
  });

  it('drops the person from its own process’s memory at once', async () => {
    const [anna] = (await references(vault, [customer('1')])) as [string];
    await vault.epoch();
    await vault.erase([anna], AT);
    expect(await vault.keys([anna])).toEqual(new Map());
    expect(await references(vault, [customer('1')], false)).toEqual([undefined]);
  });

  it('leaves others in memory: an unchanged epoch drops nothing', async () => {
    await vault.epoch();
    await references(vault, [customer('1')]);
    await vault.epoch();
    expect(vault.status().cachedPeople).toBe(1);
  });

  it('racing with callers who create leaves every identifier with one reference that has a key', async () => {
    const other = await folder.open();
    const [anna] = (await references(vault, [customer('0')])) as [string];
    const creating = Array.from({ length: 60 }, (_, i) =>
      references(i % 2 ? vault : other, [{ ...customer('0'), also: [customer(String(i % 5))] }]),
    );
    const [erasure] = await Promise.all([vault.erase([anna], AT), ...creating]);
    expect(erasure.keys).toBe(1);
    await other.epoch();
    for (const one of [vault, other]) {
      const now = (await references(
        one,
        [0, 1, 2, 3, 4].map((i) => customer(String(i))),
      )) as string[];
      expect(now).not.toContain(anna);
      expect((await one.keys(now)).size).toBe(new Set(now).size);
    }
  });

  it('reads back as the fence, page by page', async () => {
    const all = (await references(
      vault,
      Array.from({ length: 4_500 }, (_, i) => customer(String(i))),
    )) as string[];
    await vault.erase(all, AT);
    const pages: string[][] = [];
    for await (const page of vault.fence()) pages.push(page);
    expect(pages.length).toBeGreaterThan(1);
    expect(pages.flat().sort()).toEqual([...all].sort());
  });
});

describe('Somebody who reads the file during an erasure, as a backup does', () => {
  /** A connection of another process that holds what it began to read. */
  function reader(): Database.Database {
    const db = new Database(folder.file, { readonly: true });
    db.exec('BEGIN');
    db.prepare('SELECT count(*) FROM people').get();
    return db;
  }

  it('does not hold it up for long, and the answer says that bytes are left, until they are overwritten', async () => {
    const hasty = await folder.open({ overwriteWaitMs: 50 });
    const [anna] = (await references(hasty, [customer('1')])) as [string];
    const secrets = secretsOf(anna);
    const db = reader();
    expect(await hasty.erase([anna], AT)).toMatchObject({ keys: 1, overwritten: false });
    expect(hasty.status()).toMatchObject({ residue: true, writer: 'running' });
    expect(await hasty.keys([anna])).toEqual(new Map());
    // Others are served meanwhile.
    expect(await references(hasty, [customer('2')])).toEqual([expect.any(String)]);
    db.close();
    while (hasty.status().residue) await setTimeout(5);
    expect(stillThere(secrets)).toEqual([]);
    expect(await hasty.erase([anna], AT)).toMatchObject({ keys: 1, overwritten: true });
  });

  it('is waited for where it does not take long', async () => {
    const [anna] = (await references(vault, [customer('1')])) as [string];
    const secrets = secretsOf(anna);
    const db = reader();
    const erasing = vault.erase([anna], AT);
    await setTimeout(50);
    db.close();
    expect(await erasing).toMatchObject({ overwritten: true });
    expect(vault.status().residue).toBe(false);
    expect(stillThere(secrets)).toEqual([]);
  });

  it('and a process that ends meanwhile: the next start overwrites', async () => {
    const hasty = await folder.open({ overwriteWaitMs: 1 });
    const [anna] = (await references(hasty, [customer('1')])) as [string];
    const secrets = secretsOf(anna);
    const db = reader();
    await hasty.erase([anna], AT);
    await folder.close(hasty);
    await folder.close(vault);
    expect(stillThere(secrets)).not.toEqual([]);
    db.close();
    const again = await folder.open();
    await again.startupSweep(0, async function* () {});
    expect(stillThere(secrets)).toEqual([]);
  });
});

describe('How far the log’s erasures were replayed', () => {
  it('is remembered, from nothing on', async () => {
    expect(await vault.erasuresReplayed()).toBe(0);
    await vault.setErasuresReplayed(7);
    const again = await folder.reopen(vault);
    expect(await again.erasuresReplayed()).toBe(7);
    await again.setErasuresReplayed(3);
    expect(await again.erasuresReplayed()).toBe(3);
  });
});

describe('The suppression list', () => {
  const pin = (value: string, at?: string) => ({ scheme: 'personal-identity-number', value, ...(at !== undefined && { at }) });

  it('tells who is on it, in normal form, for every process and after a restart', async () => {
    await vault.suppress([customer(' 1 '), email('a@b.se')]);
    await vault.suppress([customer('1')]);
    for (const later of [async () => vault, () => folder.open(), () => folder.reopen(vault)]) {
      const asked = [customer('1'), customer('2'), email('a@b.se'), customer('a@b.se')];
      expect(await (await later()).suppressed(asked)).toEqual([true, false, true, false]);
    }
    expect(await vault.suppressed([])).toEqual([]);
  });

  it('normalises by the time given', async () => {
    const normalise = (_scheme: string, value: string, at?: string) => (value.length === 10 ? `${at?.slice(0, 2)}${value}` : value);
    const other = await folder.open({ normalise });
    await other.suppress([pin('9507099805', '1999-01-01T00:00:00.000Z')]);
    expect(await other.suppressed([pin('199507099805'), pin('9507099805', '2026-01-01T00:00:00.000Z')])).toEqual([true, false]);
  });

  it('survives the erasure of its person', async () => {
    const [anna] = (await references(vault, [customer('1')])) as [string];
    await vault.suppress([customer('1')]);
    await vault.erase([anna], AT);
    expect(await (await folder.reopen(vault)).suppressed([customer('1')])).toEqual([true]);
  });

  it('keeps a digest and nothing else, and not the one by which people are found', async () => {
    await references(vault, [customer('PLANTED-1')]);
    await vault.suppress([customer('PLANTED-1')]);
    folder.inDatabase((db) => {
      const rows = db.prepare('SELECT * FROM suppressed').all() as { digest: Buffer }[];
      expect(rows).toEqual([{ digest: expect.any(Buffer) }]);
      expect(rows[0]?.digest).toHaveLength(16);
      expect(rows[0]?.digest).not.toEqual(db.prepare('SELECT digest FROM identities').pluck().get());
    });
    for (const bytes of folder.bytes()) expect(bytes.includes('PLANTED-1')).toBe(false);
  });

  it('is asked for thousands at once', async () => {
    await vault.suppress([customer('7'), customer('2500')]);
    const answers = await vault.suppressed(Array.from({ length: 3_000 }, (_, i) => customer(String(i))));
    expect(answers.flatMap((is, i) => (is ? [i] : []))).toEqual([7, 2500]);
  });
});
