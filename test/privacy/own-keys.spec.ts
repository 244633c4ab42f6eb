import type { KeyVault } from '../../src/privacy/key-vault.ts';
import { randomKey } from '../../src/privacy/seal.ts';
import { VaultFolder } from './vault.ts';

let folder: VaultFolder;
let vault: KeyVault;
beforeEach(async () => {
  folder = new VaultFolder();
  vault = await folder.open();
});
afterEach(() => folder.clear());

const made = async (name: string, of = vault) => (await of.ownKey(name, { create: true }))?.export() as Buffer;

describe('a key of the ledger’s own', () => {
  it('is made once, kept, and told by its name', async () => {
    expect(await vault.ownKey('sealer/a/1', { create: false })).toBeUndefined();
    const [first, again] = await Promise.all([made('sealer/a/1'), made('sealer/a/1')]);
    const other = await made('sealer/a/2');
    expect([first.length, first.equals(again), first.equals(other)]).toEqual([32, true, false]);
    vault = await folder.reopen(vault);
    expect((await vault.ownKey('sealer/a/1', { create: false }))?.export()).toEqual(first);
    expect(await vault.ownKeyNames('sealer/')).toEqual(['sealer/a/1', 'sealer/a/2']);
    expect(await vault.ownKeyNames('other/')).toEqual([]);
  });

  it('is none of those that the vault itself lives by', async () => {
    for (const name of ['check', 'check.next', 'identities', 'matching', 'suppression']) {
      await expect(vault.ownKey(name, { create: false })).rejects.toThrow(RangeError);
    }
    expect(await vault.ownKeyNames('')).toEqual([]);
  });

  it('stays the same when the master key is replaced, and nothing that the old one wrapped is left, however many there are', async () => {
    const names = Array.from({ length: 120 }, (_, i) => `sealer/liggare/6f1c2d3e4a5b60718293a4b5c6d7e8f9/1/${i}`);
    const before = new Map<string, Buffer>();
    for (const name of names) before.set(name, await made(name));
    const wrapped = folder.inDatabase((db) => db.prepare('SELECT wrapped FROM vault_keys').pluck().all() as Buffer[]);
    const next = randomKey();
    // One that is made meanwhile is made under the next one.
    const rotating = vault.rotateMaster(next);
    before.set('sealer/later/1', await made('sealer/later/1'));
    await rotating;
    const left = Buffer.concat(folder.bytes());
    expect(wrapped.filter((bytes) => left.includes(bytes))).toEqual([]);
    await folder.close(vault);
    vault = await folder.open({ master: next });
    for (const [name, key] of before) expect((await vault.ownKey(name, { create: false }))?.export()).toEqual(key);
  });

  it('opens for nobody under another name', async () => {
    await made('sealer/a/1');
    await made('sealer/a/2');
    await folder.close(vault);
    folder.inDatabase((db) =>
      db.exec("UPDATE vault_keys SET wrapped = (SELECT wrapped FROM vault_keys WHERE name = 'sealer/a/1') WHERE name = 'sealer/a/2'"),
    );
    vault = await folder.open();
    await expect(vault.ownKey('sealer/a/2', { create: false })).rejects.toMatchObject({ name: 'CannotOpen' });
  });

  it('is made by no process whose master key was replaced meanwhile', async () => {
    const next = randomKey();
    const other = await folder.open();
    await other.rotateMaster(next);
    await expect(made('sealer/a/1')).rejects.toMatchObject({ name: 'MasterKeyOutdated' });
    await made('sealer/a/1', other);
    expect(await other.ownKeyNames('sealer/')).toEqual(['sealer/a/1']);
  });
});
