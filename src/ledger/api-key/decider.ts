/**
 * API keys: made, revoked, never changed. The stream holds who may do what and the digest of each secret; the secret itself
 * exists only in the answer to the command that made it.
 */
import { hasPersonalIdentityNumber } from '../../vocabulary/identifiers.ts';
import { isLedgersOwn, isSource } from '../../vocabulary/source.ts';
import type { StoredActor, StoredData } from '../entry.ts';
import { upcast } from '../events.ts';
import type { Decider, Fact, OwnStream } from '../handle.ts';
import { GRANTED_GROUPS, type KeyHolder, SCOPES, type Scope } from './permissions.ts';

interface CreatedData extends StoredData {
  keyId: string;
  name: string;
  scope: Scope;
  sources: string[];
  groups: string[];
  /** Reference of the person to whom the key belongs; absent with `emit`. */
  person?: string;
  /** SHA-256 of the whole key text, hexadecimal. */
  digest: string;
}

interface RevokedData extends StoredData {
  keyId: string;
}

export type KeyFact = Fact<'ApiKeyCreated', CreatedData> | Fact<'ApiKeyRevoked', RevokedData>;

/** A key as the stream tells of it. */
export interface ApiKey extends KeyHolder {
  digest: string;
  createdAt: string;
  revokedAt?: string;
}

/** Every key ever made, by id. */
export type Keys = Map<string, ApiKey>;

export type KeyCommand =
  | ({ do: 'create'; at: string; by: StoredActor; digest: string } & KeyHolder)
  /** `lockoutPossible`: no other admin key exists outside the stream. */
  | { do: 'revoke'; at: string; by: StoredActor; id: string; lockoutPossible: boolean };

/** What is wrong with a key that somebody wants made; never holds a value. */
export interface KeyProblem {
  path: string;
  rule: string;
  message: string;
}

export class InvalidApiKey extends Error {
  override name = 'InvalidApiKey';
  constructor(readonly problems: readonly KeyProblem[]) {
    super('the API key cannot be made like this');
  }
}

export class ApiKeyUnknown extends Error {
  override name = 'ApiKeyUnknown';
}

/** Nobody would be left who can make keys. */
export class LastAdminKey extends Error {
  override name = 'LastAdminKey';
}

/** The key stands in the environment and not in the ledger, which cannot revoke it. */
export class ApiKeyHeld extends Error {
  override name = 'ApiKeyHeld';
}

/** Nobody erases themselves: somebody else has to be there who answers for it. */
export class OwnErasure extends Error {
  override name = 'OwnErasure';
}

/** Erasing revokes keys, which only an admin may. */
export class AdminNeeded extends Error {
  override name = 'AdminNeeded';
}

export class TooManyApiKeys extends Error {
  override name = 'TooManyApiKeys';
}

export const MAX_ACTIVE_KEYS = 10_000;
export const MAX_SOURCES = 100;
export const KEY_NAME = /^[A-Za-z0-9 ._-]{1,100}$/;

export const KEYS: OwnStream<KeyFact> = {
  name: 'ledger-keys',
  source: 'urn:liggare:keys',
  read: (type, { time, version, data }) => ({ type, time, data: upcast(type, version, data) }) as unknown as KeyFact,
};

export const apiKeys: Decider<KeyCommand, KeyFact, Keys> = {
  initial: () => new Map(),
  decide: (command, keys) => (command.do === 'create' ? create(command, keys) : revoke(command, keys)),
  evolve,
};

type Create = Extract<KeyCommand, { do: 'create' }>;
type Revoke = Extract<KeyCommand, { do: 'revoke' }>;

function create(command: Create, keys: Keys): KeyFact[] {
  const problems = problemsOf(command);
  if (problems.length > 0) throw new InvalidApiKey(problems);
  if (active(keys).length >= MAX_ACTIVE_KEYS) throw new TooManyApiKeys(`there are ${MAX_ACTIVE_KEYS} active keys: revoke some first`);
  if (keys.has(command.id)) throw new Error('an API key with this id exists');
  const { at, by, id, name, scope, sources, groups, person, digest } = command;
  const data: CreatedData = {
    actor: by,
    subjects: person === undefined ? [] : [{ reference: person }],
    keyId: id,
    name,
    scope,
    sources: [...sources],
    groups: [...groups],
    ...(person !== undefined && { person }),
    digest,
  };
  return [{ type: 'ApiKeyCreated', time: at, data }];
}

/**
 * Revoking what is revoked already changes nothing. The key's id says whose key it was: named here, somebody erased since
 * would stand in the way, and theirs is the key that has to go.
 */
function revoke({ at, by, id, lockoutPossible }: Revoke, keys: Keys): KeyFact[] {
  const key = keys.get(id);
  if (!key) throw new ApiKeyUnknown('there is no such API key');
  if (key.revokedAt !== undefined) return [];
  const isLastAdmin = key.scope === 'admin' && active(keys).filter((other) => other.scope === 'admin').length === 1;
  if (isLastAdmin && lockoutPossible) throw new LastAdminKey('this is the last admin key: make another one first');
  return [{ type: 'ApiKeyRevoked', time: at, data: { actor: by, subjects: [], keyId: id } }];
}

function evolve(keys: Keys, fact: KeyFact): Keys {
  return keys.set(fact.data.keyId, after(keys.get(fact.data.keyId), fact));
}

function after(key: ApiKey | undefined, fact: KeyFact): ApiKey {
  if (fact.type === 'ApiKeyCreated') {
    const { keyId, name, scope, sources, groups, person, digest } = fact.data;
    return { id: keyId, name, scope, sources, groups, ...(person !== undefined && { person }), digest, createdAt: fact.time };
  }
  if (!key) throw new Error('the stream of API keys revokes a key that it never created');
  return { ...key, revokedAt: fact.time };
}

export function active(keys: Keys): ApiKey[] {
  return [...keys.values()].filter((key) => key.revokedAt === undefined);
}

/** What a new key needs, all at once; `person` may be a name or a reference. */
export function problemsOf(wanted: Omit<KeyHolder, 'id'>): KeyProblem[] {
  const problems: KeyProblem[] = [];
  const add = (path: string, rule: string, message: string) => problems.push({ path, rule, message });
  if (!SCOPES.includes(wanted.scope)) add('/scope', 'unknown-code', `must be one of ${SCOPES.join(', ')}`);
  if (!KEY_NAME.test(wanted.name)) add('/name', 'pattern', 'must be 1 to 100 letters, digits, spaces and . _ -');
  else if (hasPersonalIdentityNumber(wanted.name))
    add('/name', 'personal-identity-number-in-clear', 'names what the key is for, not a person');
  if (wanted.scope === 'emit') addEmitProblems(wanted, add);
  else addPersonProblems(wanted, add);
  return problems;
}

type Add = (path: string, rule: string, message: string) => void;

function addEmitProblems({ sources, groups, person }: Omit<KeyHolder, 'id'>, add: Add): void {
  if (sources.length === 0) add('/sources', 'required', 'a key that emits needs at least one source');
  if (sources.length > MAX_SOURCES) add('/sources', 'too-many', `at most ${MAX_SOURCES} sources`);
  for (const [index, source] of sources.slice(0, MAX_SOURCES).entries()) {
    if (!isSource(source)) add(`/sources/${index}`, 'pattern', 'must be urn: and up to 200 of a-z 0-9 : . _ -');
    else if (isLedgersOwn(source)) add(`/sources/${index}`, 'ledgers-own', 'sources under urn:liggare: are written by the ledger alone');
    else if (hasPersonalIdentityNumber(source))
      add(`/sources/${index}`, 'personal-identity-number-in-clear', 'names a system and stays readable for ever: no person');
  }
  for (const [index, group] of groups.slice(0, MAX_SOURCES).entries()) {
    const isKnown = (GRANTED_GROUPS as readonly string[]).includes(group);
    if (!isKnown) add(`/groups/${index}`, 'unknown-code', `must be one of ${GRANTED_GROUPS.join(', ')}; the others need no grant`);
  }
  if (person !== undefined) add('/person', 'not-allowed', 'a key that emits belongs to a system, not to a person');
}

function addPersonProblems({ sources, groups, person }: Omit<KeyHolder, 'id'>, add: Add): void {
  if (!person) add('/person', 'required', 'a key that asks belongs to one named person');
  if (sources.length > 0) add('/sources', 'not-allowed', 'only a key of scope emit has sources');
  if (groups.length > 0) add('/groups', 'not-allowed', 'only a key of scope emit has groups');
}
