import type { KeyObject } from 'node:crypto';
import { type KeyVault, MasterKeyOutdated } from '../../src/privacy/key-vault.ts';
import { wrapKey } from '../../src/privacy/master-key.ts';
import { open, randomKey, seal } from '../../src/privacy/seal.ts';
import { createKeyStore } from '../../src/privacy/sqlite-key-file.ts';
import { customer, email, references, VaultFolder } from './vault.ts';

let folder: VaultFolder;
let vault: KeyVault;
let old: KeyObject;
const next = randomKey();
beforeEach(async () => {
  folder = new VaultFolder();
  old = folder.master;
  vault = await folder.open();
});
afterEach(() => folder.clear());

const AT = '2026-03-02T09:14:07.120Z';
const END = '2999-01-01T00:00:00.000Z';
const place = { source: 'urn:a', id: '1', reference: '', part: 'event' };
const customers = (count: number, from = 0) => Array.from({ length: count }, (_, i) => customer(String(from + i)));

/** Whatever is wrapped by a master key. */
function wrappedKeys(): Buffer[] {
  return folder.inDatabase((db) =>
    ['people', 'period_keys', 'vault_keys'].flatMap((table) => db.prepare(`SELECT wrapped FROM ${table}`).pluck().all() as Buffer[]),
  );
}

/** The start is refused and changes no byte. */
async function refusedWith(options: { master: KeyObject; nextMaster?: KeyObject }, reason: string): Promise<void> {
  const before = folder.data();
  await expect(folder.open(options)).rejects.toMatchObject({ name: 'MasterKeyRefused', reason });
  expect(folder.data()).toEqual(before);
}

describe('After the master key was rotated', () => {
  it('everything opens under the next one, nothing under the old one, and nothing that it wrapped is left in the files', async () => {
    const people = await vault.resolve(customers(450), { create: true });
    const period = await vault.periodKey('unbound-2026-11', END);
    await vault.suppress([email('a@b.se')]);
    const digest = vault.digest('caseRef', 'VAT-2026-02');
    const before = wrappedKeys();
    expect(await vault.rotateMaster(next)).toEqual({ overwritten: true });
    const left = Buffer.concat(folder.bytes());
    expect(before.filter((wrapped) => left.includes(wrapped))).toEqual([]);
    expect(vault.status().masterKey).toBe('in-force');

    await refusedWith({ master: old }, 'wrong');
    for (const later of [async () => vault, () => folder.open({ master: next })]) {
      const one = await later();
      const keys = await one.keys(people.map((person) => person?.reference as string));
      for (const person of people) expect(keys.get(person?.reference as string)?.equals(person?.key as never)).toBe(true);
      expect(await references(one, customers(450), false)).toEqual(people.map((person) => person?.reference));
      expect((await one.periodKey('unbound-2026-11', END)).equals(period)).toBe(true);
      expect(await one.suppressed([email('a@b.se'), email('c@d.se')])).toEqual([true, false]);
      expect(one.digest('caseRef', 'VAT-2026-02')).toBe(digest);
      expect(await references(one, [customer('new')])).toEqual([expect.any(String)]);
    }
  });

  it('a start that still has both keys finds it done, and so does one more rotation to the same key', async () => {
    const [anna] = await references(vault, [customer('1')]);
    await vault.rotateMaster(next);
    const again = await folder.open({ master: old, nextMaster: next });
    expect(await again.rotateMaster(next)).toEqual({ overwritten: true });
    expect(await references(again, [customer('1')], false)).toEqual([anna]);
  });

  it('it can be rotated again and again', async () => {
    const [anna] = await references(vault, customers(3));
    for (const key of [next, randomKey(), randomKey(), old]) await vault.rotateMaster(key);
    expect(await references(await folder.open({ master: old }), [customer('0')], false)).toEqual([anna]);
  });

  it('what was erased and what had ended stays so', async () => {
    const [anna, bo] = (await references(vault, customers(2))) as [string, string];
    await vault.periodKey('unbound-2026-10', new Date(Date.now() + 50).toISOString());
    await vault.erase([anna], AT);
    await vault.expirePeriods(Date.now() + 1_000);
    await vault.rotateMaster(next);
    const again = await folder.open({ master: next });
    expect([...(await again.keys([anna, bo])).keys()]).toEqual([bo]);
    expect(await again.periodKeys(['unbound-2026-10'])).toEqual(new Map());
    expect(await again.erased([anna])).toEqual(new Set([anna]));
  });
});

describe('While the master key is rotated', () => {
  it('people are found, created, opened and erased as ever', async () => {
    const known = (await references(vault, customers(1_000))) as string[];
    const made: (string | undefined)[] = [];
    const erased: string[] = [];
    let during: Promise<void> = Promise.resolve();
    const serve = async (round: number) => {
      made.push(...(await references(vault, [customer(`new-${round}`)])));
      expect((await vault.periodKey(`unbound-${round}`, END)).symmetricKeySize).toBe(32);
      const alive = known.filter((reference) => !erased.includes(reference));
      expect((await vault.keys(alive)).size).toBe(alive.length);
      expect((await vault.identifiers([alive[0] as string])).size).toBe(1);
      const gone = [alive[1], alive.at(-1)] as string[];
      erased.push(...gone);
      await vault.erase(gone, AT);
    };
    let rounds = 0;
    const rotated = vault.rotateMaster(next, () => {
      expect(vault.status().masterKey).toBe('rotating');
      const round = rounds++;
      during = during.then(() => serve(round)).catch((error) => void made.push(`${error}`));
    });
    // Under way before the rotation is noticed by whoever prepared them.
    const racing = Promise.all(customers(40, 5_000).map((person) => references(vault, [person])));
    await rotated;
    await during;
    expect(rounds).toBeGreaterThan(3);
    const again = await folder.open({ master: next });
    const all = [...customers(40, 5_000), ...Array.from({ length: rounds }, (_, i) => customer(`new-${i}`))];
    expect(await references(again, all, false)).toEqual([...(await racing).flat(), ...made]);
    expect((await again.keys([...made, ...(await racing).flat()] as string[])).size).toBe(all.length);
    expect([...(await again.keys(known)).keys()].sort()).toEqual(known.filter((reference) => !erased.includes(reference)).sort());
  });

  it('it tells how far it is', async () => {
    await references(vault, customers(500));
    const told: [number, number][] = [];
    await vault.rotateMaster(next, (done, total) => told.push([done, total]));
    expect(told.map(([, total]) => total)).toEqual(told.map(() => 500));
    expect(told.map(([done]) => done)).toEqual([...told.map(([done]) => done)].sort((a, b) => a - b));
    expect(told.at(-1)).toEqual([500, 500]);
  });

  it('one rotation runs at a time, and to one key', async () => {
    await references(vault, customers(500));
    const rotating = vault.rotateMaster(next);
    await expect(vault.rotateMaster(next)).rejects.toThrow(/already/);
    await rotating;
  });
});

describe('A process that knows the old master key alone', () => {
  it('says so instead of writing a key that nobody could open, and opens what it had in memory', async () => {
    const other = await folder.open();
    const [anna, bo] = (await references(other, customers(2))) as [string, string];
    const seen = await folder.open();
    await seen.keys([anna]);
    await vault.rotateMaster(next);
    const outdated = { name: 'MasterKeyOutdated', message: expect.stringMatching(/start again/) };
    await expect(seen.resolve([customer('new')], { create: true })).rejects.toMatchObject(outdated);
    await expect(seen.periodKey('unbound-2026-11', END)).rejects.toBeInstanceOf(MasterKeyOutdated);
    await expect(seen.keys([bo])).rejects.toMatchObject(outdated);
    expect((await seen.keys([anna])).size).toBe(1);
    expect(seen.status().masterKey).toBe('outdated');
    expect(await references(vault, [customer('new')], false)).toEqual([undefined]);
    // It may erase all the same: nothing has to be opened for that.
    expect(await seen.erase([bo], AT)).toMatchObject({ keys: 1 });
  });
});

describe('A rotation that was interrupted', () => {
  /** Closes the vault as soon as so many pages are done: what was written stands, the rest is not. */
  async function interrupt(one: KeyVault, pages: number): Promise<void> {
    let closing: Promise<void> | undefined;
    const rotating = one.rotateMaster(next, () => {
      if (--pages === 0) closing = folder.close(one);
    });
    await expect(rotating).rejects.toMatchObject({ name: 'KeyStoreUnavailable' });
    await closing;
  }

  it('after any page goes on where both keys are at hand, and is refused with either alone', async () => {
    const people = await vault.resolve(customers(1_000), { create: true });
    await vault.periodKey('unbound-2026-11', END);
    const before = wrappedKeys();
    let current = vault;
    for (const pages of [1, 3, 5]) {
      await interrupt(current, pages);
      for (const master of [old, next]) await refusedWith({ master }, 'rotating');
      await refusedWith({ master: old, nextMaster: randomKey() }, 'wrong');
      await refusedWith({ master: randomKey(), nextMaster: next }, 'wrong');
      current = await folder.open({ master: old, nextMaster: next });
      expect(current.status().masterKey).toBe('rotating');
      const keys = await current.keys(people.map((person) => person?.reference as string));
      for (const person of people) expect(keys.get(person?.reference as string)?.equals(person?.key as never)).toBe(true);
      await expect(current.rotateMaster(randomKey())).rejects.toMatchObject({ name: 'MasterKeyRefused', reason: 'wrong' });
    }
    await references(current, [customer('meanwhile')]);
    expect(await current.rotateMaster(next)).toEqual({ overwritten: true });
    const left = Buffer.concat(folder.bytes());
    expect(before.filter((wrapped) => left.includes(wrapped))).toEqual([]);
    await folder.close(current);
    await refusedWith({ master: old }, 'wrong');
    const again = await folder.open({ master: next });
    expect(await references(again, customers(1_000), false)).toEqual(people.map((person) => person?.reference));
    expect(await references(again, [customer('meanwhile')], false)).toEqual([expect.any(String)]);
  });

  it('before it began has changed nothing', async () => {
    const [anna] = await references(vault, [customer('1')]);
    const both = await folder.open({ master: old, nextMaster: next });
    expect(both.status().masterKey).toBe('in-force');
    expect(await references(both, [customer('1')], false)).toEqual([anna]);
    expect(await references(await folder.open(), [customer('1')], false)).toEqual([anna]);
  });
});

describe('A key store of the first format', () => {
  const FIRST = `
    CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE vault_keys (name TEXT PRIMARY KEY, wrapped BLOB NOT NULL, generation INTEGER NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE people (
      person INTEGER PRIMARY KEY, reference BLOB NOT NULL UNIQUE CHECK (length(reference) = 16),
      wrapped BLOB NOT NULL, generation INTEGER NOT NULL, created_at TEXT NOT NULL
    ) STRICT;
    CREATE TABLE identities (
      identity INTEGER PRIMARY KEY, digest BLOB NOT NULL UNIQUE CHECK (length(digest) = 16),
      owner INTEGER NOT NULL REFERENCES people ON DELETE CASCADE,
      reference BLOB CHECK (length(reference) = 16), sealed BLOB NOT NULL
    ) STRICT;
    CREATE INDEX identities_by_owner ON identities (owner);
    CREATE INDEX identities_by_reference ON identities (reference) WHERE reference IS NOT NULL;
    CREATE TABLE unconfirmed (reference BLOB PRIMARY KEY) STRICT, WITHOUT ROWID;
    CREATE TABLE fence (reference BLOB PRIMARY KEY, erased_at TEXT NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TRIGGER fence_holds BEFORE INSERT ON people WHEN EXISTS (SELECT 1 FROM fence WHERE reference = NEW.reference)
      BEGIN SELECT RAISE(ABORT, 'an erased reference never gets a key again'); END;
    CREATE TABLE period_keys (
      name TEXT PRIMARY KEY, wrapped BLOB NOT NULL, generation INTEGER NOT NULL, ends_at TEXT NOT NULL, created_at TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE period_items (
      item TEXT PRIMARY KEY, period TEXT NOT NULL REFERENCES period_keys ON DELETE CASCADE, secret BLOB NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX period_items_by_period ON period_items (period);
    INSERT INTO meta VALUES ('format', 1), ('masterKeyGeneration', 1), ('erasureEpoch', 3), ('sweptPosition', 42);
  `;

  /** As the present store, in the tables of the first format. */
  async function inFirstFormat(): Promise<void> {
    await folder.close(vault);
    folder.inDatabase((db) => {
      const rows = (table: string, columns: string) => db.prepare(`SELECT ${columns} FROM ${table}`).raw().all() as unknown[][];
      const kept: [string, unknown[][]][] = [
        ['vault_keys', rows('vault_keys', 'name, wrapped, 1').filter(([name]) => name !== 'suppression')],
        ['people', rows('people', 'person, reference, wrapped, 1, created_at')],
        ['identities', rows('identities', 'identity, digest, owner, reference, sealed')],
        ['unconfirmed', rows('unconfirmed', 'reference')],
        ['period_keys', rows('period_keys', 'name, wrapped, 1, ends_at, created_at')],
        ['period_items', rows('period_items', "item, period, CASE WHEN secret = zeroblob(32) THEN x'' ELSE secret END")],
      ];
      db.pragma('foreign_keys = OFF');
      const tables = db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").pluck().all() as string[];
      for (const table of tables) db.exec(`DROP TABLE ${table}`);
      db.exec(FIRST);
      for (const [table, all] of kept) {
        for (const row of all) db.prepare(`INSERT INTO ${table} VALUES (${row.map(() => '?').join()})`).run(row);
      }
    });
  }

  it('is brought to this one at its first start, and everything in it opens and can be destroyed', async () => {
    const session = { scheme: 'session', value: 's1', owner: 0 };
    const people = await vault.resolve([{ ...customer('1'), also: [email('a@b.se')] }, session, customer('2')], { create: true });
    const items = await vault.newItemKeys('quarantine-2026-11', END, ['q1', 'q2']);
    const sealed = seal(items.get('q2') as never, 'content', place);
    await vault.endItems(['q1']);
    await inFirstFormat();
    await refusedWith({ master: next }, 'wrong');

    let current = await folder.open();
    expect(await current.sweptPosition()).toBe(42);
    expect(await current.epoch()).toBe(3);
    expect(await references(current, [customer('1'), email('a@b.se'), { scheme: 'session', value: 's1' }, customer('2')], false)).toEqual([
      people[0]?.reference,
      people[0]?.reference,
      people[1]?.reference,
      people[2]?.reference,
    ]);
    const keys = await current.itemKeys(['q1', 'q2']);
    expect([...keys.keys()]).toEqual(['q2']);
    expect(open(keys.get('q2') as never, sealed, place).toString()).toBe('content');
    expect([...(await current.newItemKeys('quarantine-2026-11', END, ['q1', 'q3'])).keys()]).toEqual(['q3']);
    await current.suppress([email('a@b.se')]);
    await current.rotateMaster(next);
    current = await folder.open({ master: next });
    expect(await current.suppressed([email('a@b.se')])).toEqual([true]);
    expect(await current.erase([people[0]?.reference as string], AT)).toMatchObject({ keys: 1, identifiers: 2, sessions: 1 });
    expect([...(await current.itemKeys(['q1', 'q2', 'q3'])).keys()]).toEqual(['q2', 'q3']);
  });

  it('that lacks a key of the vault’s own gets it at its first start', async () => {
    const file = folder.file.replace('keys.db', 'early.db');
    createKeyStore(file, new Map(['check', 'identities', 'matching'].map((name) => [name, wrapKey(old, 'vault', name, randomKey())])));
    const early = await folder.open({ file });
    await early.suppress([customer('1')]);
    expect(await (await folder.open({ file })).suppressed([customer('1'), customer('2')])).toEqual([true, false]);
  });
});
