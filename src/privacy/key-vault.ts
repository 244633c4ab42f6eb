/**
 * The key vault: who a reference is, and the keys that personal values are sealed under. It decides and encrypts; a
 * `KeyStore` keeps the rows. What is promised, and in which order things are written, stands in this folder's README.
 */
import { createHmac, type KeyObject } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import {
  type Caches,
  type Identifier,
  Identities,
  inTurns,
  loadKeys,
  type Normalise,
  type Person,
  type PersonIdentifiers,
  referenceBytes,
  referenceText,
} from './identities.ts';
import { type KeyStore, type KeyStoreStatus, KeyStoreUnavailable } from './key-store.ts';
import { MasterKeyRefused, unwrapKey, wrapKey } from './master-key.ts';
import { CannotOpen, derive, fillRandom, KEY_BYTES, lengthPrefixed, randomKey } from './seal.ts';
import { createKeyStore, hasKeys, SqliteKeyStore, type SqliteKeyStoreOptions } from './sqlite-key-store.ts';

export type { Identifier, Person, PersonIdentifiers } from './identities.ts';
export { KeyStoreUnavailable } from './key-store.ts';

/** Bytes of a match digest: as many as a reference has. */
const DIGEST_BYTES = 16;
/** Match digests held in memory. */
const DIGESTS_HELD = 10_000;
/** References confirmed in one commit during a sweep, about. */
const REFERENCES_A_COMMIT = 4_000;

/**
 * The vault's own keys. `check` is the one that tells a wrong master key from a damaged row; `identities` makes the
 * digests by which people are found; `matching` those by which case and contract references match.
 */
const VAULT_KEYS = ['check', 'identities', 'matching'] as const;

/** The period is over: nothing is sealed under its key any more. */
export class PeriodEnded extends Error {
  override name = 'PeriodEnded';
  constructor(period: string) {
    super(`the period ${period} has ended: nothing new is sealed under its key`);
  }
}

/** References that the events of a page of the log name. */
export interface UsedReferences {
  /** Of the page's last event. */
  position: number;
  references: Iterable<string>;
}

export interface KeyVaultOptions {
  master: KeyObject;
  normalise: Normalise;
  /** People and keys held in memory, each. */
  cacheSize?: number;
}

export type EmbeddedKeyVaultOptions = KeyVaultOptions & SqliteKeyStoreOptions;

export interface KeyVaultStatus extends KeyStoreStatus {
  cachedPeople: number;
  cachedKeys: number;
}

export class KeyVault {
  readonly #store: KeyStore;
  readonly #master: KeyObject;
  readonly #identities: Identities;
  readonly #matchingKey: KeyObject;
  readonly #purposeKeys = new Map<string, KeyObject>();
  readonly #cacheSize: number;
  #caches: Caches;
  #periods = new Map<string, KeyObject>();
  /** The same case comes with many events. */
  readonly #digests = new LRUCache<string, string>({ max: DIGESTS_HELD });
  #epoch = -1;
  #hasCreated = false;

  /**
   * Opens `keys.db`, or makes it where there is none.
   * @throws MasterKeyRefused (`wrong`) when it was made under another master key; then nothing was touched.
   * @throws UnknownKeyStoreFormat
   */
  static async openEmbedded(options: EmbeddedKeyVaultOptions): Promise<KeyVault> {
    if (!hasKeys(options.file)) {
      createKeyStore(options.file, new Map(VAULT_KEYS.map((name) => [name, wrapKey(options.master, 'vault', name, randomKey())])));
    }
    const store = new SqliteKeyStore(options);
    try {
      return new KeyVault(store, await openVaultKeys(store, options.master), options);
    } catch (error) {
      await store.close();
      throw error;
    }
  }

  private constructor(store: KeyStore, vaultKeys: ReadonlyMap<string, KeyObject>, options: KeyVaultOptions) {
    this.#store = store;
    this.#master = options.master;
    this.#matchingKey = vaultKeys.get('matching') as KeyObject;
    this.#identities = new Identities(store, options.master, vaultKeys.get('identities') as KeyObject, options.normalise);
    this.#cacheSize = options.cacheSize ?? 100_000;
    this.#caches = this.#emptyCaches();
  }

  /**
   * The people meant, in the order asked for. Someone is found by the primary identifier, else by one of `also`; where
   * these name different people the primary one's stands and nothing is merged.
   *
   * With `create`, whoever is unknown gets a reference and a key, and unknown identifiers of a known person are added to
   * theirs; all of it is durable when this resolves, and callers that race get the same reference. Undefined then is
   * only something whose owner has no key. Without, undefined is whoever is unknown, and nothing is stored.
   * @throws KeyStoreUnavailable
   */
  resolve(people: readonly PersonIdentifiers[], { create }: { create: boolean }): Promise<(Person | undefined)[]> {
    if (create) this.#hasCreated = true;
    return this.#identities.resolve(people, create, this.#caches);
  }

  /** Keys of people, for opening; absent where unknown or destroyed, and for sessions, which have none of their own. */
  keys(references: readonly string[]): Promise<Map<string, KeyObject>> {
    return loadKeys(references, this.#store, this.#master, this.#caches);
  }

  /**
   * Every identifier of each reference, in normalised form; absent where unknown or erased.
   * @throws CannotOpen when a row was changed.
   */
  async identifiers(references: readonly string[]): Promise<Map<string, Identifier[]>> {
    const identifiers = new Map<string, Identifier[]>();
    const caches = this.#caches;
    await inTurns(references, async (some) => {
      const rows = await this.#store.identities(some.map(referenceBytes));
      const owners = new Set(rows.map(({ owner }) => referenceText(owner)));
      this.#identities.open(rows, await loadKeys([...owners], this.#store, this.#master, caches), identifiers);
    });
    return identifiers;
  }

  /**
   * The key of a period, made and durable at the first call.
   * @param name for example `unbound-2026-11`
   * @param endsAt UTC ISO 8601; counts at the first call
   * @throws PeriodEnded when `endsAt` has passed: a destroyed key is not made again
   */
  async periodKey(name: string, endsAt: string): Promise<KeyObject> {
    if (!(Date.parse(endsAt) > Date.now())) throw new PeriodEnded(name);
    const existing = await this.#openPeriod(name);
    if (existing !== undefined) return existing;
    await this.#store.addPeriodKey({ name, wrapped: wrapKey(this.#master, 'period', name, randomKey()), endsAt });
    const key = await this.#openPeriod(name);
    if (key === undefined) throw new KeyStoreUnavailable('a period key went while it was made');
    return key;
  }

  /** Keys of periods, for opening; absent where unknown or destroyed. */
  async periodKeys(names: readonly string[]): Promise<Map<string, KeyObject>> {
    const keys = new Map<string, KeyObject>();
    for (const name of new Set(names)) {
      const key = await this.#openPeriod(name);
      if (key !== undefined) keys.set(name, key);
    }
    return keys;
  }

  /**
   * One key an item, of the period's key and a random secret of the item's own, durable when this resolves. Whatever
   * destroys either ends the item: `endItems`, or the end of the period. An item that was ended is absent from the answer and
   * never gets a key again: who has the same content anew gives it another name.
   * @throws PeriodEnded as `periodKey`
   */
  async newItemKeys(period: string, endsAt: string, items: readonly string[]): Promise<Map<string, KeyObject>> {
    await this.periodKey(period, endsAt);
    await this.#store.addPeriodItems(items.map((item) => ({ item, period, secret: fillRandom(Buffer.alloc(KEY_BYTES)) })));
    const { keys, ended } = await this.#openItems(items);
    if (items.some((item) => !keys.has(item) && !ended.has(item))) throw new PeriodEnded(period);
    return keys;
  }

  /** Keys of items, for opening; absent where the item or its period was ended. */
  async itemKeys(items: readonly string[]): Promise<Map<string, KeyObject>> {
    return (await this.#openItems(items)).keys;
  }

  /**
   * Destroys the secrets of items: nothing opens their content any more, and none gets a key again while its period lasts.
   * Durable, and overwritten in the files, when this resolves.
   * @returns how many had a secret until now; ended and unknown ones are passed over
   */
  endItems(items: readonly string[]): Promise<number> {
    return this.#store.endPeriodItems(items);
  }

  async #openItems(items: readonly string[]): Promise<{ keys: Map<string, KeyObject>; ended: Set<string> }> {
    const keys = new Map<string, KeyObject>();
    const ended = new Set<string>();
    await inTurns(items, async (some) => {
      const rows = (await this.#store.periodItems(some)).filter((row) => row !== undefined);
      const periods = await this.periodKeys(rows.map(({ period }) => period));
      for (const { item, period, secret } of rows) {
        const key = periods.get(period);
        if (secret.length === 0) ended.add(item);
        else if (key !== undefined) keys.set(item, itemKey(key, secret, item));
      }
    });
    return { keys, ended };
  }

  /**
   * What stands in clear for a value that must be matched but not read: keyed, 128 bits, 22 characters of base64url.
   * @param kind tells apart equal values of different fields, for example `caseRef`
   */
  digest(kind: string, value: string): string {
    const asked = `${kind}\0${value}`;
    let digest = this.#digests.get(asked);
    if (digest === undefined) {
      const full = createHmac('sha256', this.#matchingKey)
        .update(lengthPrefixed([kind, value]))
        .digest();
      digest = full.toString('base64url', 0, DIGEST_BYTES);
      this.#digests.set(asked, digest);
    }
    return digest;
  }

  /** HMAC-SHA256 of a text under a key for this purpose alone (a constant of the program), for example opaque cursors. */
  hmac(purpose: string, text: string): Buffer {
    let key = this.#purposeKeys.get(purpose);
    if (key === undefined) {
      key = derive(this.#matchingKey, ['purpose', purpose]);
      this.#purposeKeys.set(purpose, key);
    }
    return createHmac('sha256', key).update(text).digest();
  }

  /**
   * Counts erasures. Read once a request, before anything is opened: when it has changed, whatever this process holds
   * in memory is dropped, so that nobody erased by another process is opened here.
   */
  async epoch(): Promise<number> {
    const epoch = await this.#store.erasureEpoch();
    if (epoch !== this.#epoch) this.#dropCaches();
    this.#epoch = epoch;
    return epoch;
  }

  /** Up to here in the log, every event's new references have been confirmed. */
  sweptPosition(): Promise<number> {
    return this.#store.sweptPosition();
  }

  /**
   * Confirms what a page of the log uses. Pages must follow each other without a gap from `sweptPosition` on. Done now
   * and then while the ledger runs, it keeps the next start short; it removes nothing.
   */
  async confirm({ position, references }: UsedReferences): Promise<void> {
    await this.#store.confirm([...new Set(references)].map(referenceBytes), position);
  }

  /**
   * Removes references that no event uses: a crash or a refused append left them. Runs before anything is served,
   * because a request between its keys and its append looks the same.
   * @param head the log's last position
   * @param usedAfter pages of the log after a position, in order, up to `head`
   * @returns how many references were removed
   */
  async startupSweep(head: number, usedAfter: (position: number) => AsyncIterable<UsedReferences>): Promise<number> {
    if (this.#hasCreated) throw new Error('the sweep runs before anybody is created');
    const swept = await this.#store.sweptPosition();
    // A log restored from an older copy ends earlier; what it will record from there on has not been seen.
    const from = Math.min(swept, head);
    if (from !== swept) await this.#store.confirm([], from);
    if (await this.#store.hasUnconfirmed()) await this.#confirmAll(usedAfter(from));
    const removed = (await this.#store.hasUnconfirmed()) ? await this.#store.removeUnconfirmed() : 0;
    if (head !== from) await this.#store.confirm([], head);
    this.#dropCaches();
    return removed;
  }

  /** Reads no further than it must: where all are confirmed, the rest of the log says nothing new. */
  async #confirmAll(pages: AsyncIterable<UsedReferences>): Promise<void> {
    let used = new Set<string>();
    let reached = 0;
    for await (const { position, references } of pages) {
      for (const reference of references) used.add(reference);
      reached = position;
      if (used.size < REFERENCES_A_COMMIT) continue;
      await this.confirm({ position, references: used });
      used = new Set();
      if (!(await this.#store.hasUnconfirmed())) return;
    }
    if (used.size > 0) await this.confirm({ position: reached, references: used });
  }

  /** For readiness and metrics. */
  status(): KeyVaultStatus {
    return { ...this.#store.status(), cachedPeople: this.#caches.people.size, cachedKeys: this.#caches.keys.size };
  }

  /** Finishes what was accepted, then lets go of everything. */
  async close(): Promise<void> {
    this.#dropCaches();
    await this.#store.close();
  }

  async #openPeriod(name: string): Promise<KeyObject | undefined> {
    const cached = this.#periods.get(name);
    if (cached !== undefined) return cached;
    const periods = this.#periods;
    const [row] = await this.#store.periodKeys([name]);
    if (row === undefined) return undefined;
    const key = unwrapKey(this.#master, 'period', name, row.wrapped);
    periods.set(name, key);
    return key;
  }

  /** Whatever still runs fills the caches that it began with, which nobody reads any more. */
  #dropCaches(): void {
    this.#caches = this.#emptyCaches();
    this.#periods = new Map();
    this.#digests.clear();
  }

  #emptyCaches(): Caches {
    return { people: new LRUCache({ max: this.#cacheSize }), keys: new LRUCache({ max: this.#cacheSize }) };
  }
}

async function openVaultKeys(store: KeyStore, master: KeyObject): Promise<Map<string, KeyObject>> {
  const wrapped = await store.vaultKeys();
  const keys = new Map<string, KeyObject>();
  for (const name of VAULT_KEYS) {
    try {
      keys.set(name, unwrapKey(master, 'vault', name, wrapped.get(name) ?? Buffer.alloc(0)));
    } catch (error) {
      if (!(error instanceof CannotOpen) || name !== 'check') throw error;
      throw new MasterKeyRefused('wrong', 'the master key is not the one that this key store was made under: nothing was touched');
    }
  }
  return keys;
}

function itemKey(periodKey: KeyObject, secret: Buffer, item: string): KeyObject {
  const material = Buffer.concat([periodKey.export(), secret]);
  const key = derive(material, ['period item', item]);
  material.fill(0);
  return key;
}
