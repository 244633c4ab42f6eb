import { ADMINISTRATOR, ApiKeys, type WantedKey } from '../../src/ledger/api-key/api-keys.ts';
import { MemoryStore } from './memory-store.ts';
import { MemoryVault } from './memory-vault.ts';

const NOW = Date.parse('2026-03-02T09:14:07.120Z');
const BY = { reference: 'A'.repeat(22), kind: 'human' };
const BILLING: WantedKey = { name: 'billing', scope: 'emit', sources: ['urn:mailit:billing'], groups: [] };
const KARIN: WantedKey = { name: 'Karins', scope: 'investigate', sources: [], groups: [], person: 'Karin Lind' };

async function started(
  store = new MemoryStore(),
  vault = new MemoryVault(),
  held = [{ id: 'bootstrap', key: 'an-admin-key-of-ours', person: ADMINISTRATOR }],
) {
  const keys = new ApiKeys(store, vault.asVault(), () => now);
  const shownOnce = await keys.start(held, NOW);
  return { keys, store, vault, shownOnce };
}

/** The clock that the keys look at. */
let now = 0;
const aSecondLater = (): void => {
  now += 1001;
};

describe('the first start', () => {
  it('without a key of the environment makes an admin key, once', async () => {
    const { keys, store, vault, shownOnce } = await started(undefined, undefined, []);
    expect(shownOnce).toMatch(/^lig_/);
    expect(await keys.identify(shownOnce as string)).toMatchObject({ scope: 'admin', name: 'admin' });
    expect((await keys.list({ limit: 10, revoked: false })).items).toMatchObject([{ name: 'admin', person: ADMINISTRATOR }]);
    expect((await started(store, vault, [])).shownOnce).toBeUndefined();
  });

  it('with a key of the environment stores nothing, and that key is an admin’s', async () => {
    const { keys, store, shownOnce } = await started();
    expect(shownOnce).toBeUndefined();
    expect(store.events).toEqual([]);
    expect(await keys.identify('an-admin-key-of-ours')).toMatchObject({
      keyId: 'bootstrap',
      scope: 'admin',
      personReference: expect.any(String),
    });
    expect(await keys.identify('an-admin-key-of-theirs')).toBeUndefined();
  });

  it('makes a new admin key when the last one was revoked under the protection of a key of the environment', async () => {
    const { keys, store, vault } = await started();
    const { id } = await keys.create({ ...KARIN, scope: 'admin' }, BY, NOW);
    await keys.revoke(id, BY, NOW);
    expect((await started(store, vault, [])).shownOnce).toMatch(/^lig_/);
  });
});

describe('a key', () => {
  it('works as soon as it was made', async () => {
    const { keys } = await started();
    const { key, id } = await keys.create(BILLING, BY, NOW);
    expect(await keys.identify(key)).toMatchObject({ keyId: id, scope: 'emit', sources: ['urn:mailit:billing'] });
  });

  it('stops working as soon as it was revoked', async () => {
    const { keys } = await started();
    const { key, id } = await keys.create(KARIN, BY, NOW);
    await keys.revoke(id, BY, NOW);
    expect(keys.identifyFresh(key)).toBeUndefined();
    expect(await keys.identify(key)).toBeUndefined();
  });

  it('of a person who was erased can be revoked', async () => {
    const { keys, store, vault } = await started();
    const { key, id } = await keys.create(KARIN, BY, NOW);
    store.fenced.add(vault.erase('Karin Lind'));
    await keys.revoke(id, BY, NOW);
    expect(await keys.identify(key)).toBeUndefined();
  });

  it('made or revoked by another process is noticed within a second', async () => {
    const here = await started();
    const there = await started(here.store, here.vault);
    const { key, id } = await there.keys.create(KARIN, BY, NOW);
    aSecondLater();
    expect(here.keys.identifyFresh(key)).toBeUndefined();
    expect(await here.keys.identify(key)).toMatchObject({ keyId: id });
    await there.keys.revoke(id, BY, NOW);
    aSecondLater();
    expect(await here.keys.identify(key)).toBeUndefined();
  });

  it('is not believed when nobody can tell whether it was revoked', async () => {
    const { keys, store } = await started();
    const { key } = await keys.create(KARIN, BY, NOW);
    store.unavailable = true;
    aSecondLater();
    await expect(keys.identify(key)).rejects.toMatchObject({ name: 'StoreUnavailable' });
  });

  it('costs no reading of the log within the second', async () => {
    const { keys, store } = await started();
    const { key } = await keys.create(KARIN, BY, NOW);
    const reads = store.reads;
    for (let i = 0; i < 100; i++) await keys.identify(key);
    expect(store.reads).toBe(reads);
  });

  it('and its person stand in the log as a digest and a reference only', async () => {
    const { keys, store } = await started();
    const { key } = await keys.create(KARIN, BY, NOW);
    const log = JSON.stringify(store.events);
    expect(log).not.toContain(key);
    expect(log).not.toContain(key.slice(-43));
    expect(log).not.toContain('Karin Lind');
    expect(store.events[0]).toMatchObject({ stream: 'ledger-keys', type: 'ApiKeyCreated' });
  });

  it('with another secret behind its id is nobody’s', async () => {
    const { keys } = await started();
    const { key, id } = await keys.create(KARIN, BY, NOW);
    const { key: other } = await keys.create(BILLING, BY, NOW);
    expect(await keys.identify(`lig_${id}_${other.slice(-43)}`)).toBeUndefined();
    expect(await keys.identify(key)).toBeDefined();
  });

  it('is made again for a person who was erased at that moment', async () => {
    const { keys, store, vault } = await started();
    await vault.resolve([{ scheme: 'actor', value: 'Karin Lind' }]);
    store.beforeAppend = () => void store.fenced.add(vault.erase('Karin Lind'));
    const { key } = await keys.create(KARIN, BY, NOW);
    expect(await keys.identify(key)).toBeDefined();
  });

  it('is made although somebody else wrote to the stream at that moment', async () => {
    const { keys, store, vault } = await started();
    const other = await started(store, vault);
    store.beforeAppend = async () => void (await other.keys.create(BILLING, BY, NOW));
    const { key } = await keys.create(KARIN, BY, NOW);
    expect(await keys.identify(key)).toBeDefined();
    expect(store.events.map((event) => event.revision)).toEqual([0, 1]);
  });
});

describe('the list of keys', () => {
  it('shows whose they are and no secrets', async () => {
    const { keys } = await started();
    const { key, ...shown } = await keys.create(KARIN, BY, NOW);
    expect(shown).toMatchObject({ person: 'Karin Lind', createdAt: '2026-03-02T09:14:07.120Z' });
    const { items } = await keys.list({ limit: 10, revoked: false });
    expect(items).toEqual([shown]);
    expect(JSON.stringify(items)).not.toContain(key);
    expect(items[0]).not.toHaveProperty('digest');
  });

  it('shows former staff for a person who was erased', async () => {
    const { keys, vault } = await started();
    await keys.create(KARIN, BY, NOW);
    vault.erase('Karin Lind');
    expect((await keys.list({ limit: 10, revoked: false })).items[0]).toMatchObject({ person: 'former staff', erased: true });
  });

  it('says so where nobody knows any more who a person was, and nobody erased them', async () => {
    const { keys, vault } = await started();
    await keys.create(KARIN, BY, NOW);
    vault.lose();
    expect((await keys.list({ limit: 10, revoked: false })).items[0]).toMatchObject({ person: null, keyMissing: true });
  });

  it('goes page by page, and shows revoked ones on request', async () => {
    const { keys } = await started();
    const ids: string[] = [];
    for (let i = 0; i < 5; i++) ids.push((await keys.create(BILLING, BY, NOW)).id);
    await keys.revoke(ids[1] as string, BY, NOW);
    const first = await keys.list({ limit: 2, revoked: false });
    expect(first.items.map((key) => key.id)).toEqual([ids[0], ids[2]]);
    const second = await keys.list({ limit: 2, revoked: false, after: first.next as string });
    expect(second).toMatchObject({ items: [{ id: ids[3] }, { id: ids[4] }] });
    expect(second.next).toBeUndefined();
    expect((await keys.list({ limit: 10, revoked: true })).items.map((key) => key.id)).toEqual(ids);
  });
});

it('keys of the environment cannot be revoked here', async () => {
  const { keys } = await started();
  await expect(keys.revoke('bootstrap', BY, NOW)).rejects.toMatchObject({ name: 'ApiKeyUnknown' });
});

it.each(['', ' ', 'a\u0000b', 'x'.repeat(201), '\ud800'])('a person named %j is refused', async (person) => {
  const { keys } = await started();
  await expect(keys.create({ ...KARIN, person }, BY, NOW)).rejects.toMatchObject({ name: 'InvalidApiKey' });
});
