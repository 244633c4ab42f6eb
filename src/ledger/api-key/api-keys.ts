/** The API keys of this ledger as this process knows them: folded from their stream at the start and followed. */
import { EventStore } from '../../eventstore/event-store.ts';
import { KeyVault } from '../../privacy/key-vault.ts';
import { ACTOR, type Author, FORMER_STAFF } from '../author.ts';
import type { StoredActor } from '../entry.ts';
import { type Folded, fold, handle, PersonErased } from '../handle.ts';
import {
  AdminNeeded,
  type ApiKey,
  ApiKeyHeld,
  ApiKeyUnknown,
  active,
  apiKeys,
  InvalidApiKey,
  KEYS,
  type KeyCommand,
  type Keys,
  LastAdminKey,
  OwnErasure,
  problemsOf,
} from './decider.ts';
import { type Caller, callerOf, type KeyHolder, type Scope } from './permissions.ts';
import { digestOfKey, idOf, newSecret, sameDigest } from './secret.ts';

/** Who holds the keys that nobody was named for. */
export const ADMINISTRATOR = 'administrator';
/** A revocation by another process is seen after at most this long. */
const FRESH_MS = 1000;
/** A person may be erased between the look-up and the append; more than this often in a row is no coincidence. */
const MAX_LOOKUPS = 4;

/** A key of the environment: an admin's, held in memory and never stored. */
export interface HeldKey {
  id: string;
  key: string;
  person: string;
}

export interface WantedKey {
  name: string;
  scope: Scope;
  sources: readonly string[];
  groups: readonly string[];
  /** By name; required with every scope but `emit`. */
  person?: string;
}

/** What may be shown of a key. */
export interface ShownKey {
  id: string;
  name: string;
  scope: Scope;
  sources: readonly string[];
  groups: readonly string[];
  /** Absent with `emit`; `former staff` where the person was erased, null where nobody knows any more who it was. */
  person?: string | null;
  erased?: true;
  /** The person has neither key nor erasure: the key store is older than the log, or was damaged. */
  keyMissing?: true;
  createdAt: string;
  revokedAt?: string;
}

export interface CreatedKey extends ShownKey {
  /** The whole text; this is the only time it exists outside its holder's hands. */
  key: string;
}

export class ApiKeys {
  private known: Folded<Keys> = { state: apiKeys.initial(), revision: -1 };
  private readAt = Number.NEGATIVE_INFINITY;
  private reading: Promise<void> | undefined;
  private callers = new Map<string, Caller>();
  private held: { digest: string; caller: Caller }[] = [];

  constructor(
    private readonly store: EventStore,
    private readonly vault: KeyVault,
    /** Milliseconds of a clock that does not run backwards. */
    private readonly clock: () => number = () => performance.now(),
  ) {}

  /**
   * Reads the stream. Where nobody could administer this ledger (no key held, no admin key stored), makes an admin key.
   * @param held keys of the environment, such as LIGGARE_ADMIN_KEY.
   * @returns the text of the admin key that was made, to be shown once.
   */
  async start(held: readonly HeldKey[], now: number): Promise<string | undefined> {
    for (const { id, key, person } of held) await this.hold(id, key, person);
    await this.refresh();
    if (held.length > 0 || active(this.known.state).some((key) => key.scope === 'admin')) return undefined;
    const wanted: WantedKey = { name: 'admin', scope: 'admin', sources: [], groups: [], person: ADMINISTRATOR };
    const by: StoredActor = { reference: await this.referenceOf(ADMINISTRATOR), kind: 'human', role: 'admin' };
    return (await this.create(wanted, by, now)).key;
  }

  private async hold(id: string, key: string, person: string): Promise<void> {
    const holder: KeyHolder = { id, name: id, scope: 'admin', sources: [], groups: [], person: await this.referenceOf(person) };
    this.held.push({ digest: digestOfKey(key), caller: callerOf(holder) });
  }

  /**
   * Whose key this is; undefined where it is nobody's. The stream is read again first when it was last read a second ago.
   * @throws StoreUnavailable when the stream cannot be read: a revoked key must not pass because nobody looked.
   */
  async identify(presented: string): Promise<Caller | undefined> {
    if (this.clock() - this.readAt >= FRESH_MS) await this.refresh();
    return this.lookUp(presented);
  }

  /** Like `identify`, but answers at once: undefined also where the stream must be read first. */
  identifyFresh(presented: string): Caller | undefined {
    return this.clock() - this.readAt < FRESH_MS ? this.lookUp(presented) : undefined;
  }

  /** Whether this key still works, for whoever was admitted by it a while ago. @throws StoreUnavailable */
  async holds(id: string): Promise<boolean> {
    if (this.held.some(({ caller }) => caller.keyId === id)) return true;
    if (this.clock() - this.readAt >= FRESH_MS) await this.refresh();
    const key = this.known.state.get(id);
    return key !== undefined && key.revokedAt === undefined;
  }

  private lookUp(presented: string): Caller | undefined {
    const digest = digestOfKey(presented);
    const id = idOf(presented);
    const key = id === undefined ? undefined : this.known.state.get(id);
    if (key && key.revokedAt === undefined && sameDigest(digest, key.digest)) return this.callerOf(key);
    let found: Caller | undefined;
    for (const held of this.held) if (sameDigest(digest, held.digest)) found = held.caller;
    return found;
  }

  private callerOf(key: ApiKey): Caller {
    const caller = this.callers.get(key.id) ?? callerOf(key);
    this.callers.set(key.id, caller);
    return caller;
  }

  /** Reads what came after the last reading; callers meanwhile wait for the same one. */
  private refresh(): Promise<void> {
    this.reading ??= this.readTail().finally(() => {
      this.reading = undefined;
    });
    return this.reading;
  }

  private async readTail(): Promise<void> {
    const startedAt = this.clock();
    this.known = await fold(this.store, KEYS, apiKeys, this.known);
    this.readAt = startedAt;
  }

  /** @throws InvalidApiKey, TooManyApiKeys, StoreUnavailable. */
  async create(wanted: WantedKey, by: StoredActor, now: number): Promise<CreatedKey> {
    const problems = [...problemsOf(wanted), ...personProblems(wanted.person)];
    if (problems.length > 0) throw new InvalidApiKey(problems);
    const at = new Date(now).toISOString();
    const { name, scope, sources, groups } = wanted;
    const { id, text } = await this.withPerson(wanted.person, async (person) => {
      const { digest, ...secret } = newSecret();
      const { id } = secret;
      await this.command({ do: 'create', at, by, digest, id, name, scope, sources, groups, ...(person !== undefined && { person }) });
      if (person === undefined || !(await this.vault.erased([person])).has(person)) return secret;
      // Erased between the look-up and the append: the key is nobody's, and its text was shown to nobody.
      await this.command({ do: 'revoke', at, by, id, lockoutPossible: false });
      throw new PersonErased([person]);
    });
    const shown = { id, name, scope, sources, groups, ...(wanted.person !== undefined && { person: wanted.person }), createdAt: at };
    return { ...shown, key: text };
  }

  /** @throws ApiKeyUnknown, LastAdminKey, StoreUnavailable. */
  async revoke(id: string, by: StoredActor, now: number): Promise<void> {
    const isHeld = this.held.some(({ caller }) => caller.keyId === id);
    if (isHeld) throw new ApiKeyUnknown('a key of the environment is revoked where it was set');
    await this.command({ do: 'revoke', at: new Date(now).toISOString(), by, id, lockoutPossible: this.held.length === 0 });
  }

  /**
   * Whether this author may erase these people, who lose their keys by it, and the ledger can do without them.
   * @throws OwnErasure, AdminNeeded, LastAdminKey, ApiKeyHeld
   */
  async mustBeErasable(references: readonly string[], { scope: authorsScope, personReference }: Author): Promise<void> {
    await this.refresh();
    const theirs = new Set(references);
    if (theirs.has(personReference ?? '')) throw new OwnErasure('nobody erases themselves');
    const isHeld = this.held.some(({ caller }) => theirs.has(caller.personReference ?? ''));
    if (isHeld) throw new ApiKeyHeld('a key of the environment belongs to this person: it is revoked where it was set');
    const holdsKey = active(this.known.state).some(({ person }) => theirs.has(person ?? ''));
    if (holdsKey && authorsScope !== 'admin') throw new AdminNeeded('the person holds an API key that works');
    const admins = active(this.known.state).filter(({ scope }) => scope === 'admin');
    const remain = admins.filter(({ person }) => !theirs.has(person ?? ''));
    if (admins.length > 0 && remain.length === 0 && this.held.length === 0) {
      throw new LastAdminKey('this is the last admin key: make another one first');
    }
  }

  /** Revokes every key of these people that still works, whoever remains: nobody erased may authenticate. */
  async revokeOf(references: readonly string[], by: StoredActor, now: number): Promise<void> {
    await this.refresh();
    const theirs = new Set(references);
    const keys = active(this.known.state).filter(({ person }) => person !== undefined && theirs.has(person));
    for (const { id } of keys) await this.command({ do: 'revoke', at: new Date(now).toISOString(), by, id, lockoutPossible: false });
  }

  /** Keys in the order in which they were made, after the one named; revoked ones on request. */
  async list(options: { after?: string; limit: number; revoked: boolean }): Promise<{ items: ShownKey[]; next?: string }> {
    await this.refresh();
    const keys = [...this.known.state.values()];
    const start = options.after === undefined ? 0 : keys.findIndex((key) => key.id === options.after) + 1;
    if (options.after !== undefined && start === 0) throw new ApiKeyUnknown('the cursor names no API key');
    const rest = keys.slice(start).filter((key) => options.revoked || key.revokedAt === undefined);
    const page = rest.slice(0, options.limit);
    const people = page.flatMap((key) => key.person ?? []);
    const names = await this.namesOf(people);
    const erased = await this.vault.erased(people.filter((person) => !names.has(person)));
    const last = page.at(-1);
    return { items: page.map((key) => shown(key, names, erased)), ...(last && rest.length > page.length && { next: last.id }) };
  }

  private async command(command: KeyCommand): Promise<void> {
    await handle(this.store, KEYS, apiKeys, command);
    // A reading under way may have begun before the append.
    await this.reading?.catch(() => undefined);
    await this.refresh();
  }

  /** Looks the person up and does the work, anew where the person was erased in between. */
  private async withPerson<T>(name: string | undefined, work: (reference: string | undefined) => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await work(name === undefined ? undefined : await this.referenceOf(name));
      } catch (error) {
        if ((error as Error).name !== 'PersonErased' || attempt === MAX_LOOKUPS) throw error;
      }
    }
  }

  private async referenceOf(person: string): Promise<string> {
    const [found] = await this.vault.resolve([{ scheme: ACTOR, value: person }], { create: true });
    return (found as { reference: string }).reference;
  }

  private async namesOf(references: string[]): Promise<Map<string, string>> {
    if (references.length === 0) return new Map();
    const identifiers = await this.vault.identifiers([...new Set(references)]);
    const names = [...identifiers].map(([reference, list]) => [reference, list.find(({ scheme }) => scheme === ACTOR)?.value] as const);
    return new Map(names.filter((entry): entry is [string, string] => entry[1] !== undefined));
  }
}

const MAX_PERSON = 200;

function personProblems(person: string | undefined): { path: string; rule: string; message: string }[] {
  if (person === undefined) return [];
  const isText = person.trim().length > 0 && person.length <= MAX_PERSON && !/\p{Cc}|\p{Cs}/u.test(person);
  return isText
    ? []
    : [{ path: '/person', rule: 'pattern', message: `must be a name of 1 to ${MAX_PERSON} characters without control characters` }];
}

function shown({ digest: _, person, ...key }: ApiKey, names: ReadonlyMap<string, string>, erased: ReadonlySet<string>): ShownKey {
  if (person === undefined) return key;
  if (erased.has(person)) return { ...key, person: FORMER_STAFF, erased: true };
  const name = names.get(person);
  return name === undefined ? { ...key, person: null, keyMissing: true } : { ...key, person: name };
}
