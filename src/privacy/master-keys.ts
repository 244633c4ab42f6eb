/**
 * Master keys by their generation. Mostly there is one; while it is replaced there are two, and each row says which of them
 * wrapped it. How one replaces the other stands in this folder's README.
 */
import type { KeyObject } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { type KeyStore, KeyStoreUnavailable, type NamedKey, type WrappedKey } from './key-store.ts';
import { type KeyKind, MasterKeyRefused, opens, rewrapKey, unwrapKey, wrapKey } from './master-key.ts';
import { randomKey } from './seal.ts';

/** Tells a wrong master key from a damaged row; while the master key is replaced, `NEXT_CHECK` beside it tells the next one. */
export const CHECK = 'check';
const NEXT_CHECK = 'check.next';

/** Rows wrapped anew in one write, and so before others get a turn: each costs a decryption and an encryption. */
const ROWS_A_PAGE = 200;

/** The key store's master key was replaced by another process: this one can neither open nor make keys until it starts with the new one. */
export class MasterKeyOutdated extends KeyStoreUnavailable {
  override name = 'MasterKeyOutdated';
  constructor() {
    super('its master key was replaced: start again with the new one', 60);
  }
}

export class MasterKeys {
  readonly #keys = new Map<number, KeyObject>();
  #generation: number;
  #isOutdated = false;

  /** @param generation of the rows that are written from now on */
  constructor(generation: number, keys: Iterable<readonly [number, KeyObject]>) {
    for (const [of, key] of keys) this.#keys.set(of, key);
    this.#generation = generation;
  }

  get generation(): number {
    return this.#generation;
  }

  /** `rotating`: rows of two generations; `outdated`: the store has gone on to one that is not known here. */
  get state(): 'in-force' | 'rotating' | 'outdated' {
    if (this.#isOutdated) return 'outdated';
    return this.#keys.size > 1 ? 'rotating' : 'in-force';
  }

  /** Under the newest one. */
  wrap(kind: KeyKind, name: string, key: KeyObject): WrappedKey {
    return { wrapped: wrapKey(this.#of(this.#generation), kind, name, key), generation: this.#generation };
  }

  /** @throws MasterKeyOutdated; CannotOpen when the row was changed */
  unwrap(kind: KeyKind, name: string, { wrapped, generation }: WrappedKey): KeyObject {
    return unwrapKey(this.#of(generation), kind, name, wrapped);
  }

  /** What an older one wrapped, under the newest. */
  rewrap(kind: KeyKind, name: string, { wrapped, generation }: WrappedKey): WrappedKey {
    const next = this.#of(this.#generation);
    return { wrapped: rewrapKey(this.#of(generation), next, kind, name, wrapped), generation: this.#generation };
  }

  /** Whether rows are written under this one. */
  isInForce(key: KeyObject): boolean {
    return this.#of(this.#generation).equals(key);
  }

  add(generation: number, key: KeyObject): void {
    this.#keys.set(generation, key);
  }

  /** From now on rows are written under this one. @throws MasterKeyOutdated */
  turnTo(generation: number): void {
    this.#of(generation);
    this.#generation = generation;
  }

  /** The next one was refused. */
  forgetNewer(): void {
    for (const generation of this.#keys.keys()) if (generation > this.#generation) this.#keys.delete(generation);
  }

  /** No row is wrapped under an older one any more. */
  forgetOlder(): void {
    for (const generation of this.#keys.keys()) if (generation < this.#generation) this.#keys.delete(generation);
  }

  #of(generation: number): KeyObject {
    const key = this.#keys.get(generation);
    if (key !== undefined) return key;
    this.#isOutdated = true;
    throw new MasterKeyOutdated();
  }
}

/**
 * The master keys that open this store's rows.
 * @param next the one that is to replace `master`, or has just done so
 * @throws MasterKeyRefused
 */
export function masterKeysOf(vaultKeys: ReadonlyMap<string, WrappedKey>, master: KeyObject, next: KeyObject | undefined): MasterKeys {
  const check = vaultKeys.get(CHECK);
  const begun = vaultKeys.get(NEXT_CHECK);
  const isOf = (key: KeyObject, row: WrappedKey) => opens(key, 'vault', CHECK, row.wrapped);
  if (check !== undefined && isOf(master, check)) {
    if (begun === undefined) return new MasterKeys(check.generation, [[check.generation, master]]);
    if (next === undefined) throw interrupted();
    if (!isOf(next, begun)) throw wrongNext();
    return new MasterKeys(begun.generation, [
      [check.generation, master],
      [begun.generation, next],
    ]);
  }
  if (check !== undefined && next !== undefined && isOf(next, check)) return new MasterKeys(check.generation, [[check.generation, next]]);
  if (begun !== undefined && isOf(master, begun)) throw interrupted();
  throw new MasterKeyRefused('wrong', 'the master key is not the one that this key store was made under: nothing was touched');
}

/**
 * Wraps every key of the store under `next`, page by page, beside whatever else the store is asked for. Where it was interrupted it
 * goes on; where `next` is in force already there is nothing to do.
 * @returns whether what the old key wrapped is overwritten in every file
 * @throws MasterKeyRefused when another key than `next` is replacing the old one already
 */
export async function rotate(
  store: KeyStore,
  masters: MasterKeys,
  next: KeyObject,
  onProgress: (done: number, total: number) => void,
): Promise<boolean> {
  if (!(await begin(store, masters, next))) return store.overwrite();
  await rewrapPeople(store, masters, onProgress);
  await rewrapAll('period', await store.allPeriodKeys(), store, masters);
  const own = [...(await store.vaultKeys())].map(([name, row]) => ({ name, ...row }));
  await rewrapAll(
    'vault',
    own.filter(({ name }) => name !== CHECK && name !== NEXT_CHECK),
    store,
    masters,
  );
  const { isFinished, overwritten } = await store.finishRotation(CHECK, NEXT_CHECK);
  if (!isFinished) throw new KeyStoreUnavailable('rows under the old master key are left: rotate it again');
  masters.forgetOlder();
  return overwritten;
}

/** From here on, whoever knows the old key alone can write no more keys. @returns false where `next` is in force already */
async function begin(store: KeyStore, masters: MasterKeys, next: KeyObject): Promise<boolean> {
  const keys = await store.vaultKeys();
  if (!keys.has(NEXT_CHECK)) {
    if (masters.isInForce(next)) return false;
    const generation = masters.generation + 1;
    // Before it is begun: a call under way may meet the new generation before this one hears of it.
    masters.add(generation, next);
    await store.beginRotation({ name: NEXT_CHECK, wrapped: wrapKey(next, 'vault', CHECK, randomKey()), generation });
  }
  const begun = (await store.vaultKeys()).get(NEXT_CHECK);
  if (begun === undefined || !opens(next, 'vault', CHECK, begun.wrapped)) {
    masters.forgetNewer();
    throw wrongNext();
  }
  masters.add(begun.generation, next);
  masters.turnTo(begun.generation);
  return true;
}

async function rewrapPeople(store: KeyStore, masters: MasterKeys, onProgress: (done: number, total: number) => void): Promise<void> {
  const total = await store.lastPerson();
  for (let after = 0; after < total; ) {
    const page = await store.peopleAfter(after, ROWS_A_PAGE);
    after = page.at(-1)?.person ?? total;
    await rewrapAll('person', page, store, masters);
    // Where a page was done before, nothing was waited for.
    await setImmediate();
    onProgress(Math.min(after, total), total);
  }
}

/** Rows of the newest generation were written meanwhile, or before an interruption. */
async function rewrapAll(kind: KeyKind, rows: readonly NamedKey[], store: KeyStore, masters: MasterKeys): Promise<void> {
  const older = rows.filter(({ generation }) => generation !== masters.generation);
  for (let start = 0; start < older.length; start += ROWS_A_PAGE) {
    const some = older.slice(start, start + ROWS_A_PAGE);
    await store.rewrap(
      kind,
      some.map((row) => ({ name: row.name, ...masters.rewrap(kind, row.name, row) })),
    );
  }
}

function interrupted(): MasterKeyRefused {
  return new MasterKeyRefused(
    'rotating',
    'the change to another master key was interrupted: start with the old key and the next one, and it goes on; nothing was touched',
  );
}

function wrongNext(): MasterKeyRefused {
  return new MasterKeyRefused('wrong', 'the next master key is not the one that is replacing the old one already');
}
