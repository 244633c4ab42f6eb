/**
 * The key vault: who a reference is, and the keys that personal values are sealed under. It decides and encrypts; a
 * `KeyStore` keeps the rows. What is promised, and in which order things are written, stands in this folder's README.
 */
import { createHmac, type KeyObject } from 'node:crypto';
import { Held } from './held.ts';
import {
  type Caches,
  type DatedIdentifier,
  type Identifier,
  Identities,
  inTurns,
  loadKeys,
  type Normalise,
  type Person,
  type PersonIdentifiers,
  REFERENCE_BYTES,
  referenceBytes,
  referenceText,
} from './identities.ts';
import { type EndedPeriod, type Erased, type KeyStore, type KeyStoreStatus, KeyStoreUnavailable, type WrappedKey } from './key-store.ts';
import { wrapKey } from './master-key.ts';
import { CHECK, type MasterKeys, masterKeysOf, rotate } from './master-keys.ts';
import { derive, fillRandom, KEY_BYTES, lengthPrefixed, randomKey } from './seal.ts';
import { createKeyStore, hasKeys, readVaultKeys, upgradeKeyStore } from './sqlite-key-file.ts';
import { SqliteKeyStore, type SqliteKeyStoreOptions } from './sqlite-key-store.ts';

export type { DatedIdentifier, Identifier, Person, PersonIdentifiers } from './identities.ts';
export { type EndedPeriod, KeyStoreUnavailable } from './key-store.ts';
export { MasterKeyOutdated } from './master-keys.ts';

/** Bytes of a match digest: as many as a reference has. */
const DIGEST_BYTES = 16;
/** Match digests held in memory. */
const DIGESTS_HELD = 10_000;
/** Keys of periods held in memory; of cases there may be many. */
const PERIODS_HELD = 1_000;
/** References of one page of the fence. */
const FENCE_PAGE = 4_000;
/** References confirmed in one commit during a sweep, about. */
const REFERENCES_A_COMMIT = 4_000;

/**
 * The vault's own keys. `check` is the one that tells a wrong master key from a damaged row; `identities` makes the
 * digests by which people are found; `matching` those by which case and contract references match; `suppression` those of people
 * who must not be contacted again.
 */
const VAULT_KEYS = [CHECK, 'identities', 'matching', 'suppression'] as const;

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
  /** Whatever may be one: match digests look alike, and confirming one of those does nothing. */
  references: Iterable<string>;
  /** Those that certainly are people, sessions or credentials: who of them is nowhere in the key store was lost. */
  named?: Iterable<string>;
}

/** What the sweep at the start found. */
export interface Swept {
  /** References that no event uses. */
  removed: number;
  /** References that the swept part of the log names and that the key store knows nothing of: it is older than the log. */
  lost: number;
}

/** What became of one reference that was erased. */
export interface ErasedReference extends Erased {
  reference: string;
}

export interface Erasure {
  /** What went of all of them together, now or when they were erased before. */
  keys: number;
  identifiers: number;
  sessions: number;
  /** In the order asked for. */
  people: ErasedReference[];
  /**
   * Whether the bytes are overwritten in every file. False where another process (a backup, say) still read them after
   * `overwriteWaitMs`: then it is tried again until it succeeds, at the next start at the latest, and `status().residue` tells.
   */
  overwritten: boolean;
}

export interface KeyVaultOptions {
  master: KeyObject;
  /** The master key that is to replace `master`: needed where that was interrupted, or done before anybody noted it. */
  nextMaster?: KeyObject;
  normalise: Normalise;
  /** People and keys held in memory, each. */
  cacheSize?: number;
}

export type EmbeddedKeyVaultOptions = KeyVaultOptions & SqliteKeyStoreOptions;

export interface KeyVaultStatus extends KeyStoreStatus {
  cachedPeople: number;
  cachedKeys: number;
  /** `rotating`: it is being replaced; `outdated`: another process replaced it, and this one can make and open no keys until it starts anew. */
  masterKey: 'in-force' | 'rotating' | 'outdated';
  /** Counts master keys, each one more than the one before: of the one that is in force, or is replacing the one that was. */
  masterKeyGeneration: number;
}

export class KeyVault {
  readonly #store: KeyStore;
  readonly #masters: MasterKeys;
  #isRotating = false;
  readonly #identities: Identities;
  readonly #matchingKey: KeyObject;
  readonly #purposeKeys = new Map<string, KeyObject>();
  readonly #cacheSize: number;
  #caches: Caches;
  readonly #suppressionKey: KeyObject;
  readonly #normalise: Normalise;
  #periods = new Held<Period>(PERIODS_HELD);
  /** The same case comes with many events. */
  #digests = new Held<string>(DIGESTS_HELD);
  #epoch = -1;
  #hasCreated = false;

  /**
   * Opens `keys.db`, or makes it where there is none.
   * @throws MasterKeyRefused when it was made under another master key (`wrong`), or when that is being replaced and the next one was
   *   not given (`rotating`); then nothing was touched.
   * @throws UnknownKeyStoreFormat
   */
  static async openEmbedded(options: EmbeddedKeyVaultOptions): Promise<KeyVault> {
    const { file, master, nextMaster } = options;
    if (!hasKeys(file)) {
      createKeyStore(file, new Map(VAULT_KEYS.map((name) => [name, wrapKey(master, 'vault', name, randomKey())])));
    }
    let masters = masterKeysOf(readVaultKeys(file), master, nextMaster);
    const missing = VAULT_KEYS.filter((name) => !readVaultKeys(file).has(name));
    if (missing.length > 0) {
      upgradeKeyStore(file, new Map(missing.map((name) => [name, masters.wrap('vault', name, randomKey())])));
      masters = masterKeysOf(readVaultKeys(file), master, nextMaster);
    }
    const store = new SqliteKeyStore(options);
    try {
      return new KeyVault(store, masters, await openVaultKeys(store, masters), options);
    } catch (error) {
      await store.close();
      throw error;
    }
  }

  private constructor(store: KeyStore, masters: MasterKeys, vaultKeys: ReadonlyMap<string, KeyObject>, options: KeyVaultOptions) {
    this.#store = store;
    this.#masters = masters;
    this.#matchingKey = vaultKeys.get('matching') as KeyObject;
    this.#suppressionKey = vaultKeys.get('suppression') as KeyObject;
    this.#normalise = options.normalise;
    this.#identities = new Identities(store, masters, vaultKeys.get('identities') as KeyObject, options.normalise);
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
    return loadKeys(references, this.#store, this.#masters, this.#caches);
  }

  /**
   * Every identifier of each reference, in normalised form; absent where unknown or erased.
   * @throws CannotOpen when a row was changed.
   */
  async identifiers(references: readonly string[]): Promise<Map<string, readonly Identifier[]>> {
    // Whoever was erased by another process has no name in this one's memory either.
    await this.epoch();
    const identifiers = new Map<string, readonly Identifier[]>();
    const caches = this.#caches;
    const missing: string[] = [];
    for (const reference of references) {
      const known = caches.identifiers.get(reference);
      if (known === undefined) missing.push(reference);
      else identifiers.set(reference, known);
    }
    await inTurns(missing, async (some) => {
      const rows = await this.#store.identities(some.map(referenceBytes));
      const owners = new Set(rows.map(({ owner }) => referenceText(owner)));
      const keys = await loadKeys([...owners], this.#store, this.#masters, caches);
      for (const [reference, opened] of this.#identities.open(rows, keys)) {
        caches.identifiers.set(reference, opened);
        identifiers.set(reference, opened);
      }
    });
    return identifiers;
  }

  /**
   * The key of a period, made and durable at the first call.
   * @param name for example `unbound-2026-11`
   * @param endsAt UTC ISO 8601; counts at the first call
   * @throws PeriodEnded when the end has passed, that of the first call included: a destroyed key is not made again
   */
  async periodKey(name: string, endsAt: string): Promise<KeyObject> {
    if (!(Date.parse(endsAt) > Date.now())) throw new PeriodEnded(name);
    const period = (await this.#openPeriod(name)) ?? (await this.#makePeriod(name, endsAt));
    if (period.key === undefined || period.endsAt <= Date.now()) throw new PeriodEnded(name);
    return period.key;
  }

  async #makePeriod(name: string, endsAt: string): Promise<Period> {
    for (let attempt = 0; attempt < 2; attempt++) {
      await this.#store.addPeriodKey({ name, ...this.#masters.wrap('period', name, randomKey()), endsAt });
      const period = await this.#openPeriod(name);
      if (period !== undefined) return period;
      // The master key was replaced meanwhile: this process may know the next one.
      this.#masters.turnTo(await this.#store.masterKeyGeneration());
    }
    throw new KeyStoreUnavailable('a period key went while it was made');
  }

  /**
   * Destroys the keys of periods (quarantine, unbound, cases) whose end has passed, with all their items: nothing sealed under them
   * opens again. Durable and overwritten as an erasure; other processes notice by `epoch`. Names are not used again.
   * @param now milliseconds since 1970
   * @returns what went; with `dryRun`, what would
   */
  async expirePeriods(now: number, { dryRun = false } = {}): Promise<EndedPeriod[]> {
    const due = await this.#store.endedPeriods(now);
    if (dryRun || due.length === 0) return due;
    const items = await this.#store.endPeriods(due.map(({ name }) => name));
    this.#dropCaches();
    return due.flatMap((period, index) => {
      const count = items[index];
      return count === undefined ? [] : [{ ...period, items: count }];
    });
  }

  /** Keys of periods, for opening; absent where unknown, destroyed, or about to be because the end has passed. */
  async periodKeys(names: readonly string[]): Promise<Map<string, KeyObject>> {
    const keys = new Map<string, KeyObject>();
    for (const name of new Set(names)) {
      const period = await this.#openPeriod(name);
      if (period?.key !== undefined && period.endsAt > Date.now()) keys.set(name, period.key);
    }
    return keys;
  }

  /** When a period ends, UTC ISO 8601, as its first call said; undefined where it is unknown. */
  async periodEndsAt(name: string): Promise<string | undefined> {
    const period = await this.#openPeriod(name);
    return period && new Date(period.endsAt).toISOString();
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

  /** Keys of items, for opening; absent where the item was ended, or its period has ended. */
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
   * A key of the ledger's own that is about nobody, such as the one that signs its tree heads: 32 random bytes, kept as all keys are.
   * @param name of letters, digits, `/` and the like, with a `/` in it: the vault's own have none
   * @param options `create`: made and durable when this resolves, where there is none
   * @throws KeyStoreUnavailable
   */
  async ownKey(name: string, { create }: { create: boolean }): Promise<KeyObject | undefined> {
    if (!name.includes('/')) throw new RangeError('a key of this name is the vault’s own');
    for (let attempt = 0; ; attempt++) {
      const row = (await this.#store.vaultKeys()).get(name);
      if (row !== undefined) return this.#masters.unwrap('vault', name, row);
      if (!create) return undefined;
      if (attempt === 2) throw new KeyStoreUnavailable('a key went while it was made');
      // The master key was replaced meanwhile: this process may know the next one.
      if (attempt > 0) this.#masters.turnTo(await this.#store.masterKeyGeneration());
      await this.#store.addVaultKey({ name, ...this.#masters.wrap('vault', name, randomKey()) });
    }
  }

  /** Names of such keys that begin so. */
  async ownKeyNames(prefix: string): Promise<string[]> {
    return [...(await this.#store.vaultKeys()).keys()].filter((name) => name.includes('/') && name.startsWith(prefix)).sort();
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

  /**
   * Destroys keys and identity rows of these people, with their sessions and credentials, leaves the fence and raises the erasure
   * epoch: in one transaction, durable when this resolves, and overwritten in the files unless the answer says otherwise.
   * Again, it changes nothing and tells what went then. Unknown references are fenced too. Nothing of these people is left in
   * this process's memory but keys that calls under way still hold; other processes notice by `epoch`.
   * @param at when, UTC ISO 8601
   * @throws RangeError for what is no reference; then nothing was erased
   */
  async erase(references: readonly string[], at: string): Promise<Erasure> {
    const { erased, epoch, overwritten } = await this.#store.erase(references.map(checkedReference), at);
    this.#dropCaches();
    this.#epoch = epoch;
    const people = erased.map((one, index) => ({ reference: references[index] as string, ...one }));
    const sum = (of: 'keys' | 'identifiers' | 'sessions') => people.reduce((all, one) => all + one[of], 0);
    return { keys: sum('keys'), identifiers: sum('identifiers'), sessions: sum('sessions'), people, overwritten };
  }

  /** Which of these were erased: they stand in the fence. */
  async erased(references: readonly string[]): Promise<Set<string>> {
    const erased = new Set<string>();
    await inTurns(references, async (some) => {
      const fenced = await this.#store.fenced(some.map(referenceBytes));
      some.forEach((reference, index) => {
        if (fenced[index]) erased.add(reference);
      });
    });
    return erased;
  }

  /** Every erased reference, sessions and credentials included, in pages; who is erased meanwhile may be missing. */
  async *fence(): AsyncGenerator<string[]> {
    for (let after: Buffer = Buffer.alloc(0); ; ) {
      const page = await this.#store.fenceAfter(after, FENCE_PAGE);
      const last = page.at(-1);
      if (last === undefined) return;
      yield page.map(referenceText);
      after = last;
    }
  }

  /** References of the sessions and credentials that belong to these people and would end with them. */
  async sessionsOf(references: readonly string[]): Promise<string[]> {
    return (await this.#store.sessions(references.map(referenceBytes))).map(referenceText);
  }

  /**
   * How far the log's erasures were replayed into this key store: the next revision of their stream to read. A key store that was
   * restored from an older copy says what held for that copy, which is as far as its erasures reach.
   */
  erasuresReplayed(): Promise<number> {
    return this.#store.erasuresReplayed();
  }

  setErasuresReplayed(revision: number): Promise<void> {
    return this.#store.setErasuresReplayed(revision);
  }

  /**
   * Puts identifiers on the suppression list (Art. 21(3)): they must not be contacted again. Kept is a keyed digest (HMAC-SHA256
   * under a key for this alone, 128 bits of it) of scheme and normalised value and nothing else, so the entry survives
   * the erasure of its person and says nothing of them.
   */
  suppress(identifiers: readonly DatedIdentifier[]): Promise<void> {
    return this.#store.suppress(identifiers.map((one) => this.#suppressionDigest(one)));
  }

  /** Whether each of these is on the suppression list, in the order asked for. */
  async suppressed(identifiers: readonly DatedIdentifier[]): Promise<boolean[]> {
    const suppressed: boolean[] = [];
    await inTurns(identifiers, async (some) => {
      suppressed.push(...(await this.#store.suppressed(some.map((one) => this.#suppressionDigest(one)))));
    });
    return suppressed;
  }

  #suppressionDigest({ scheme, value, at }: DatedIdentifier): Buffer {
    const digest = createHmac('sha256', this.#suppressionKey)
      .update(lengthPrefixed([scheme, this.#normalise(scheme, value, at)]))
      .digest();
    return digest.subarray(0, DIGEST_BYTES);
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
   * Reads the log from where the last sweep ended, removes references that no event uses (a crash or a refused append left
   * them) and notes those that events name and the key store does not know. Runs before anything is served, because a
   * request between its keys and its append looks the same, and after the log's erasures were replayed: who was erased is not lost.
   * @param head the log's last position
   * @param usedAfter pages of the log after a position, in order, up to `head`
   * @param options `isWhole`: reads all of the log, where it is not known that this key store is that log's
   */
  async startupSweep(
    head: number,
    usedAfter: (position: number) => AsyncIterable<UsedReferences>,
    { isWhole = false } = {},
  ): Promise<Swept> {
    if (this.#hasCreated) throw new Error('the sweep runs before anybody is created');
    const swept = await this.#store.sweptPosition();
    // A log restored from an older copy ends earlier; what it will record from there on has not been seen.
    const from = isWhole ? 0 : Math.min(swept, head);
    if (from !== swept) await this.#store.confirm([], from);
    const lost = head > from ? await this.#sweep(usedAfter(from)) : 0;
    const removed = (await this.#store.hasUnconfirmed()) ? await this.#store.removeUnconfirmed() : 0;
    if (head !== from) await this.#store.confirm([], head);
    // Where a process ended before what it had destroyed was overwritten.
    await this.#store.overwrite();
    this.#dropCaches();
    return { removed, lost };
  }

  /** How many references the log names that this key store knows nothing of, as found by the sweeps so far. */
  lostReferences(): Promise<number> {
    return this.#store.lostReferences();
  }

  /** Confirms what the pages use, a commit for many of them, and answers how many of those named were lost. */
  async #sweep(pages: AsyncIterable<UsedReferences>): Promise<number> {
    let used = new Set<string>();
    let reached = 0;
    const lost = new Set<string>();
    for await (const { position, references, named = [] } of pages) {
      for (const reference of references) used.add(reference);
      reached = position;
      for (const reference of await this.#missing([...new Set(named)])) lost.add(reference);
      if (used.size < REFERENCES_A_COMMIT) continue;
      await this.confirm({ position, references: used });
      used = new Set();
    }
    if (used.size > 0) await this.confirm({ position: reached, references: used });
    return lost.size;
  }

  /** Noted at once: the next sweep begins behind this page. */
  async #missing(references: readonly string[]): Promise<string[]> {
    const missing = await this.#store.missing(references.map(referenceBytes));
    if (missing.length > 0) await this.#store.addLost(missing);
    return missing.map(referenceText);
  }

  /**
   * Wraps every key anew under another master key, page by page, while this vault goes on serving. New keys are wrapped under
   * `next` from the start on, so a process that knows the old one alone gets `MasterKeyOutdated`. When this resolves the old key opens
   * nothing and `next` is the one to start with. Interrupted, it goes on when called again, also after a start with both keys; where
   * `next` is in force already it does nothing.
   * @param onProgress people done and in all, now and then
   * @returns `overwritten` as of an erasure: false where another process still reads what the old key wrapped
   * @throws MasterKeyRefused when another key is replacing the old one already
   */
  async rotateMaster(next: KeyObject, onProgress: (done: number, total: number) => void = () => {}): Promise<{ overwritten: boolean }> {
    if (this.#isRotating) throw new Error('the master key is being rotated already');
    this.#isRotating = true;
    try {
      return { overwritten: await rotate(this.#store, this.#masters, next, onProgress) };
    } finally {
      this.#isRotating = false;
    }
  }

  /** Whether keys are wrapped under this master key from now on. */
  isUnder(master: KeyObject): boolean {
    return this.#masters.isInForce(master);
  }

  /** For readiness and metrics. */
  status(): KeyVaultStatus {
    const { people, keys } = this.#caches;
    const masterKey = { masterKey: this.#masters.state, masterKeyGeneration: this.#masters.generation };
    return { ...this.#store.status(), cachedPeople: people.size, cachedKeys: keys.size, ...masterKey };
  }

  /** Finishes what was accepted, then lets go of everything. */
  async close(): Promise<void> {
    this.#dropCaches();
    await this.#store.close();
  }

  /** Without a key where it was destroyed; undefined where the period is unknown. */
  async #openPeriod(name: string): Promise<Period | undefined> {
    const cached = this.#periods.get(name);
    if (cached !== undefined) return cached;
    const periods = this.#periods;
    const [row] = await this.#store.periodKeys([name]);
    if (row === undefined) return undefined;
    const isDestroyed = row.wrapped.length === 0;
    const period = { key: isDestroyed ? undefined : this.#masters.unwrap('period', name, row), endsAt: Date.parse(row.endsAt) };
    periods.set(name, period);
    return period;
  }

  /** Whatever still runs fills the caches that it began with, which nobody reads any more. */
  #dropCaches(): void {
    this.#caches = this.#emptyCaches();
    this.#periods = new Held(PERIODS_HELD);
    this.#digests = new Held(DIGESTS_HELD);
  }

  #emptyCaches(): Caches {
    const max = this.#cacheSize;
    return { people: new Held(max), keys: new Held(max), identifiers: new Held(max) };
  }
}

interface Period {
  key: KeyObject | undefined;
  /** Milliseconds since 1970. */
  endsAt: number;
}

async function openVaultKeys(store: KeyStore, masters: MasterKeys): Promise<Map<string, KeyObject>> {
  const rows = await store.vaultKeys();
  return new Map(
    VAULT_KEYS.filter((name) => name !== CHECK).map((name) => [name, masters.unwrap('vault', name, rows.get(name) as WrappedKey)]),
  );
}

/** @throws RangeError for what cannot be a reference: nothing else gets into the fence */
function checkedReference(reference: string): Buffer {
  const bytes = referenceBytes(reference);
  if (bytes.length !== REFERENCE_BYTES || referenceText(bytes) !== reference)
    throw new RangeError('a reference has 22 characters of base64url');
  return bytes;
}

function itemKey(periodKey: KeyObject, secret: Buffer, item: string): KeyObject {
  const material = Buffer.concat([periodKey.export(), secret]);
  const key = derive(material, ['period item', item]);
  material.fill(0);
  return key;
}
