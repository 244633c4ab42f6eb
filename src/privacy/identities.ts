/**
 * From identifiers to references: which person is meant, and a new reference and key for whoever is not known yet.
 * The key store holds a keyed digest of each identifier; scheme and value stand beside it sealed under the person's key.
 */
import { createHmac, type KeyObject } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import type { Held } from './held.ts';
import { type Claim, type IdentityRow, type KeyStore, KeyStoreUnavailable } from './key-store.ts';
import type { MasterKeys } from './master-keys.ts';
import { fillRandom, lengthPrefixed, openBytes, randomKey, sealBytes } from './seal.ts';

export interface Identifier {
  scheme: string;
  value: string;
}

export interface DatedIdentifier extends Identifier {
  /** ISO 8601 time of the event, which completes a ten-digit personal identity number. */
  at?: string;
}

export interface PersonIdentifiers extends DatedIdentifier {
  /** Other identifiers of the same person. */
  also?: readonly Identifier[];
  /**
   * For a session or credential: the person it belongs to, by reference or by the index of an *earlier* one of the same
   * call. It gets a reference of its own, but no key: it is sealed under the owner's and ends with them.
   */
  owner?: string | number;
}

export interface Person {
  /** Random 128 bits in base64url. */
  readonly reference: string;
  /** What their values are sealed under; of a session or credential, its owner's. */
  readonly key: KeyObject;
  /** Drawn in this call. */
  readonly created: boolean;
}

/** How an identifier is written so that one person is one reference. */
export type Normalise = (scheme: string, value: string, at: string | undefined) => string;

/** What is in memory of the key store; replaced as a whole when somebody was erased. */
export interface Caches {
  /** By scheme and value, so that a known person costs neither an HMAC nor a read. */
  people: Held<Known>;
  /** By reference. */
  keys: Held<KeyObject>;
  /** All identifiers of somebody, by reference. */
  identifiers: Held<readonly Identifier[]>;
}

export interface Known extends Person {
  /** Reference of whose key it is. */
  readonly owner: string;
}

export const REFERENCE_BYTES = 16;
/** 128 bits: among a thousand million identifiers two meet with a chance of 2^-69. */
const DIGEST_BYTES = 16;

/** New people of one claim, and so of one commit, at most. */
const PEOPLE_A_CLAIM = 1_000;
/** Looked up or prepared before others get a turn, at most: each costs a read, an HMAC and a decryption or more. */
const PEOPLE_A_TURN = 100;
/** Each round but the last means that somebody else stored one of the identifiers meanwhile. */
const ROUNDS = 8;

const NEVER: readonly Identifier[] = [];

export const referenceText = (bytes: Buffer): string => bytes.toString('base64url');
export const referenceBytes = (reference: string): Buffer => Buffer.from(reference, 'base64url');

/** One identifier in the form in which it is looked up. */
interface Name extends Identifier {
  /** Scheme and value in one text: no scheme holds a NUL. */
  text: string;
  digest?: Buffer;
}

interface Wanted {
  index: number;
  /** The primary one first. */
  names: Name[];
  owner: string | number | undefined;
}

/** A claim in the making: of somebody new, or of new identifiers for somebody known. */
interface Draft {
  person: Known;
  names: Name[];
  claim: Claim;
  /** Of those wanted whose results rest on it. */
  indexes: number[];
}

/** What one round of settling knows. */
interface Round {
  /** By identifier: from the store, and from the drafts. */
  known: Map<string, Known>;
  /** By reference. */
  drafts: Map<string, Draft>;
  ownerKeys: ReadonlyMap<string, KeyObject>;
  results: (Known | undefined)[];
}

export class Identities {
  readonly #store: KeyStore;
  readonly #masters: MasterKeys;
  readonly #digestKey: KeyObject;
  readonly #normalise: Normalise;

  constructor(store: KeyStore, masters: MasterKeys, digestKey: KeyObject, normalise: Normalise) {
    this.#store = store;
    this.#masters = masters;
    this.#digestKey = digestKey;
    this.#normalise = normalise;
  }

  async resolve(people: readonly PersonIdentifiers[], create: boolean, caches: Caches): Promise<(Person | undefined)[]> {
    const results: (Known | undefined)[] = new Array(people.length).fill(undefined);
    for (let start = 0; start < people.length; start += PEOPLE_A_CLAIM) {
      if (start > 0) await setImmediate();
      const unsettled = this.#fromMemory(people, start, results, caches);
      if (unsettled.length > 0) await this.#settleAll(unsettled, create, results, caches);
    }
    return results;
  }

  /** Opens identity rows: identifiers by reference. */
  open(rows: readonly IdentityRow[], ownerKeys: ReadonlyMap<string, KeyObject>): Map<string, Identifier[]> {
    const identifiers = new Map<string, Identifier[]>();
    for (const row of rows) {
      const key = ownerKeys.get(referenceText(row.owner));
      if (key === undefined) continue;
      const reference = referenceText(row.reference);
      const [scheme, value] = JSON.parse(openBytes(key, row.sealed, placeOf(row.digest, reference)).toString()) as [string, string];
      const known = identifiers.get(reference);
      if (known === undefined) identifiers.set(reference, [{ scheme, value }]);
      else known.push({ scheme, value });
    }
    return identifiers;
  }

  /** The common case, without an allocation a person: everybody with one identifier who is in the cache. */
  #fromMemory(people: readonly PersonIdentifiers[], start: number, results: (Known | undefined)[], caches: Caches): Wanted[] {
    const unsettled: Wanted[] = [];
    const end = Math.min(start + PEOPLE_A_CLAIM, people.length);
    for (let index = start; index < end; index++) {
      const { scheme, value, also = NEVER, owner, at } = people[index] as PersonIdentifiers;
      if (typeof owner === 'number' && !(owner >= 0 && owner < index)) throw new RangeError('an owner stands before what belongs to them');
      const primary = this.#name(scheme, value, at);
      const known = also.length === 0 ? caches.people.get(primary.text) : undefined;
      if (known !== undefined) results[index] = known;
      else unsettled.push({ index, names: [primary, ...also.map((other) => this.#name(other.scheme, other.value, at))], owner });
    }
    return unsettled;
  }

  #name(scheme: string, value: string, at: string | undefined): Name {
    const normalised = this.#normalise(scheme, value, at);
    return { scheme, value: normalised, text: `${scheme}\0${normalised}` };
  }

  /**
   * Looks up, then claims what is missing. A claim that lost against another caller's stores nothing, and the next
   * round finds what that one stored.
   */
  async #settleAll(wanted: Wanted[], create: boolean, results: (Known | undefined)[], caches: Caches): Promise<void> {
    let unsettled = wanted;
    for (let round = 0; unsettled.length > 0; round++) {
      if (round === ROUNDS) throw new KeyStoreUnavailable('identifiers kept changing while they were looked up');
      const known = await this.#lookUp(unsettled, caches);
      if (!create) {
        for (const { index, names } of unsettled) results[index] = firstOf(names, known);
        return;
      }
      const turn: Round = { known, drafts: new Map(), ownerKeys: await this.#ownerKeys(unsettled, caches), results };
      await inTurns(unsettled, (some) => {
        for (const one of some) this.#settle(one, turn);
      });
      const lost = await this.#claim([...turn.drafts.values()], caches);
      unsettled = unsettled.filter(({ index }) => lost.has(index));
      // Perhaps somebody was erased whom memory still held: the next round asks the store.
      for (const { names } of unsettled) for (const { text } of names) caches.people.delete(text);
    }
  }

  async #lookUp(wanted: readonly Wanted[], caches: Caches): Promise<Map<string, Known>> {
    const found = new Map<string, Known>();
    const asked = new Map<string, Name>();
    for (const { names } of wanted) {
      for (const name of names) {
        const known = caches.people.get(name.text);
        if (known !== undefined) found.set(name.text, known);
        else if (!asked.has(name.text)) asked.set(name.text, name);
      }
    }
    await inTurns([...asked.values()], (names) => this.#find(names, found, caches));
    return found;
  }

  async #find(names: readonly Name[], found: Map<string, Known>, caches: Caches): Promise<void> {
    const rows = await this.#store.find(names.map((name) => this.#digest(name)));
    rows.forEach((row, index) => {
      if (row === undefined) return;
      const owner = referenceText(row.owner);
      const key = caches.keys.get(owner) ?? this.#masters.unwrap('person', owner, row);
      const known = { reference: referenceText(row.reference), owner, key, created: false };
      const { text } = names[index] as Name;
      remember(caches, text, known);
      found.set(text, known);
    });
  }

  /** Keys of owners that are named by reference. */
  async #ownerKeys(wanted: readonly Wanted[], caches: Caches): Promise<Map<string, KeyObject>> {
    const owners = new Set(wanted.flatMap(({ owner }) => (typeof owner === 'string' ? [owner] : [])));
    return loadKeys([...owners], this.#store, this.#masters, caches);
  }

  /** As if everybody before had been stored already: one call gives what one call each would have given. */
  #settle({ index, names, owner }: Wanted, turn: Round): void {
    const known = firstOf(names, turn.known);
    const draft = known === undefined ? this.#newcomer(owner, turn) : (turn.drafts.get(known.reference) ?? addition(known));
    turn.results[index] = known ?? (draft && { ...draft.person, created: true });
    if (draft === undefined) return;
    for (const name of names) {
      if (turn.known.has(name.text)) continue;
      turn.known.set(name.text, draft.person);
      draft.names.push(name);
      draft.claim.identities.push(this.#identity(name, draft.person));
    }
    if (draft.names.length === 0) return;
    draft.indexes.push(index);
    turn.drafts.set(draft.person.reference, draft);
  }

  /** A new reference: of a person with a key, or of a session under its owner's. Undefined where that owner has none. */
  #newcomer(wantedOwner: string | number | undefined, turn: Round): Draft | undefined {
    const bytes = fillRandom(Buffer.allocUnsafe(REFERENCE_BYTES));
    const reference = referenceText(bytes);
    const isPerson = wantedOwner === undefined;
    const holder = isPerson ? { owner: reference, key: randomKey() } : ownerOf(wantedOwner, turn);
    if (holder === undefined) return undefined;
    const claim: Claim = { reference: bytes, owner: referenceBytes(holder.owner), isNew: true, identities: [] };
    if (isPerson) claim.key = this.#masters.wrap('person', reference, holder.key);
    return { person: { reference, ...holder, created: false }, names: [], claim, indexes: [] };
  }

  /** Stores the drafts; answers the indexes of those whose draft lost. */
  async #claim(drafts: readonly Draft[], caches: Caches): Promise<Set<number>> {
    const lost = new Set<number>();
    if (drafts.length === 0) return lost;
    const stored = await this.#store.claim(drafts.map(({ claim }) => claim));
    // The next round wraps under the newest master key, where this process has it.
    if (stored.includes('outdated')) this.#masters.turnTo(await this.#store.masterKeyGeneration());
    drafts.forEach(({ person, names, indexes }, index) => {
      caches.identifiers.delete(person.reference);
      if (stored[index] === true) {
        for (const { text } of names) remember(caches, text, person);
      } else {
        for (const one of indexes) lost.add(one);
        caches.keys.delete(person.owner);
      }
    });
    return lost;
  }

  #digest(name: Name): Buffer {
    name.digest ??= createHmac('sha256', this.#digestKey)
      .update(lengthPrefixed([name.scheme, name.value]))
      .digest()
      .subarray(0, DIGEST_BYTES);
    return name.digest;
  }

  #identity(name: Name, { reference, key }: Known): { digest: Buffer; sealed: Buffer } {
    const digest = this.#digest(name);
    return { digest, sealed: sealBytes(key, JSON.stringify([name.scheme, name.value]), placeOf(digest, reference)) };
  }
}

/** Keys by reference, from memory or the store; absent where there is none (any more). */
export async function loadKeys(
  references: readonly string[],
  store: KeyStore,
  masters: MasterKeys,
  caches: Caches,
): Promise<Map<string, KeyObject>> {
  const keys = new Map<string, KeyObject>();
  const missing: string[] = [];
  for (const reference of references) {
    const key = caches.keys.get(reference);
    if (key !== undefined) keys.set(reference, key);
    else missing.push(reference);
  }
  await inTurns(missing, async (some) => {
    const wrapped = await store.personKeys(some.map(referenceBytes));
    some.forEach((reference, index) => {
      const row = wrapped[index];
      if (row === undefined) return;
      const key = masters.unwrap('person', reference, row);
      caches.keys.set(reference, key);
      keys.set(reference, key);
    });
  });
  return keys;
}

/**
 * Does the work for a few at a time and lets the thread serve others in between: an embedded store answers reads at once,
 * so that awaiting one gives nobody else a turn.
 */
export async function inTurns<T>(all: readonly T[], work: (some: readonly T[]) => Promise<void> | void): Promise<void> {
  for (let start = 0; start < all.length; start += PEOPLE_A_TURN) {
    if (start > 0) await setImmediate();
    await work(all.slice(start, start + PEOPLE_A_TURN));
  }
}

/** New identifiers, as yet none, of a person who is known. */
function addition(person: Known): Draft {
  const { reference, owner } = person;
  const claim = { reference: referenceBytes(reference), owner: referenceBytes(owner), isNew: false, identities: [] };
  return { person, names: [], claim, indexes: [] };
}

/** The primary identifier decides, then the others in their order. Nothing is merged. */
function firstOf(names: readonly Name[], found: ReadonlyMap<string, Known>): Known | undefined {
  for (const { text } of names) {
    const known = found.get(text);
    if (known !== undefined) return known;
  }
  return undefined;
}

function ownerOf(owner: string | number, { ownerKeys, results }: Round): { owner: string; key: KeyObject } | undefined {
  if (typeof owner === 'number') {
    const person = results[owner];
    return person === undefined ? undefined : { owner: person.owner, key: person.key };
  }
  const key = ownerKeys.get(owner);
  return key === undefined ? undefined : { owner, key };
}

function remember(caches: Caches, text: string, known: Known): void {
  caches.people.set(text, known);
  caches.keys.set(known.owner, known.key);
}

/** An identity row's sealed part belongs to its digest and its reference. */
function placeOf(digest: Buffer, reference: string) {
  return { source: 'urn:liggare:identities', id: digest.toString('base64url'), reference, part: 'identity' };
}
