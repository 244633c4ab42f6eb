/** The writing side of `keys.db`, for the writer's thread: what it is asked to write, and how it writes it. */
import Database from 'better-sqlite3';
import type { Claimed } from './key-store.ts';
import type { KeyKind } from './master-key.ts';
import { DESTROYED, emptyWal, forWriting } from './sqlite-key-file.ts';

/** The writer's messages. Bytes travel as Latin-1 text: a cloned `Buffer` would take its whole pool along. */
export type Bytes = string;

export interface WrappedMessage {
  wrapped: Bytes;
  generation: number;
}

export interface ClaimMessage {
  reference: Bytes;
  owner: Bytes;
  isNew: boolean;
  key?: WrappedMessage;
  identities: { digest: Bytes; sealed: Bytes }[];
}

export type KeyWrite =
  | { do: 'claim'; claims: ClaimMessage[] }
  | { do: 'addVaultKey'; name: string; key: WrappedMessage }
  | { do: 'addPeriodKey'; name: string; key: WrappedMessage; endsAt: string }
  | { do: 'addPeriodItems'; rows: { item: string; period: string; secret: Bytes }[] }
  | { do: 'endPeriodItems'; items: string[] }
  | { do: 'endPeriods'; names: string[] }
  | { do: 'erase'; references: Bytes[]; at: string }
  | { do: 'setErasuresReplayed'; revision: number }
  | { do: 'suppress'; digests: Bytes[] }
  | { do: 'confirm'; references: Bytes[]; position: number }
  | { do: 'addLost'; references: Bytes[] }
  | { do: 'removeUnconfirmed' }
  | { do: 'beginRotation'; name: string; key: WrappedMessage }
  | { do: 'rewrap'; kind: KeyKind; rows: { name: string; key: WrappedMessage }[] }
  | { do: 'finishRotation'; check: string; next: string }
  | { do: 'overwrite' };

/** What an erasure destroyed of one reference, then or now. */
export interface ErasedMessage {
  at: string;
  keys: number;
  identifiers: number;
  sessions: number;
}

export interface EraseAnswer {
  erased: ErasedMessage[];
  epoch: number;
}

export type ToWriter = { call: number; write: KeyWrite } | 'close';

/** Calls of one commit, or those of them that waited until what they destroyed was overwritten in the files (or for too long). */
export type FromWriter =
  | { calls: number[]; answers: unknown[]; overwritten: boolean }
  | { calls: number[]; failed: string }
  /** Whether something destroyed still stands in the write-ahead log, because somebody reads it there. */
  | { residue: boolean };

export interface KeyWriterData {
  file: string;
  busyTimeoutMs: number;
  /** How long who destroys something waits for others that still read it. */
  overwriteWaitMs: number;
}

/** Writes after which the write-ahead log is emptied before they are answered. */
const DESTROYING: ReadonlySet<KeyWrite['do']> = new Set([
  'erase',
  'endPeriods',
  'endPeriodItems',
  'removeUnconfirmed',
  'finishRotation',
  'overwrite',
]);

export const isDestroying = (write: KeyWrite): boolean => DESTROYING.has(write.do);

export const text = (bytes: Buffer): Bytes => bytes.toString('latin1');
export const bytes = (latin1: Bytes): Buffer => Buffer.from(latin1, 'latin1');

/** Rows that a write has, about. */
export function rowsOf(write: KeyWrite): number {
  switch (write.do) {
    case 'claim':
      return write.claims.length;
    case 'addPeriodItems':
    case 'rewrap':
      return write.rows.length;
    case 'endPeriodItems':
      return write.items.length;
    case 'endPeriods':
      return write.names.length;
    case 'suppress':
      return write.digests.length;
    case 'erase':
    case 'confirm':
    case 'addLost':
      return write.references.length;
    default:
      return 1;
  }
}

/** How long emptying the log waits at once: longer waits are for between the commits, because others wait meanwhile. */
const OVERWRITE_TIMEOUT_MS = 5;

export class KeyTables {
  readonly #db: Database.Database;
  readonly #sql: ReturnType<typeof writeStatements>;
  readonly #busyTimeoutMs: number;

  constructor({ file, busyTimeoutMs }: KeyWriterData) {
    this.#db = new Database(file, { fileMustExist: true });
    forWriting(this.#db, busyTimeoutMs);
    this.#busyTimeoutMs = busyTimeoutMs;
    this.#sql = writeStatements(this.#db);
  }

  /** All writes in one transaction, synced when this returns. IMMEDIATE: what it reads cannot change under it. */
  commit(writes: readonly KeyWrite[]): unknown[] {
    return this.#db.transaction(() => writes.map((write) => this.#apply(write))).immediate();
  }

  /** Leaves nothing of what was destroyed in the write-ahead log. @returns false where that did not succeed, above all while others read it. */
  overwrite(): boolean {
    this.#db.pragma(`busy_timeout = ${OVERWRITE_TIMEOUT_MS}`);
    try {
      return emptyWal(this.#db);
    } catch {
      // A full disk, say: what was committed stands, and the next attempt may succeed.
      return false;
    } finally {
      this.#db.pragma(`busy_timeout = ${this.#busyTimeoutMs}`);
    }
  }

  close(): void {
    this.overwrite();
    this.#db.close();
  }

  #apply(write: KeyWrite): unknown {
    const now = new Date().toISOString();
    switch (write.do) {
      case 'claim':
        return this.#claims(write.claims, now);
      case 'addVaultKey':
        return this.#addVaultKey(write.name, write.key);
      case 'addPeriodKey':
        return this.#addPeriodKey(write.name, write.key, write.endsAt, now);
      case 'addPeriodItems':
        for (const row of write.rows) this.#sql.addPeriodItem.run({ ...row, secret: bytes(row.secret) });
        return undefined;
      case 'endPeriodItems':
        return write.items.reduce((ended, item) => ended + this.#sql.endPeriodItem.run(item).changes, 0);
      case 'endPeriods':
        return this.#endPeriods(write.names);
      case 'erase':
        return this.#eraseAll(write.references.map(bytes), write.at);
      case 'setErasuresReplayed':
        return void this.#sql.setMeta.run(write.revision, 'erasuresReplayed');
      case 'suppress':
        for (const digest of write.digests) this.#sql.suppress.run(bytes(digest));
        return undefined;
      case 'confirm':
        for (const reference of write.references) this.#sql.confirm.run(bytes(reference));
        return void this.#sql.setMeta.run(write.position, 'sweptPosition');
      case 'addLost':
        for (const reference of write.references) this.#sql.addLost.run(bytes(reference));
        return undefined;
      case 'removeUnconfirmed':
        return this.#removeUnconfirmed();
      case 'beginRotation':
        return this.#beginRotation(write.name, write.key);
      case 'rewrap':
        for (const row of write.rows) this.#rewrap(write.kind, row.name, row.key);
        return undefined;
      case 'finishRotation':
        return this.#finishRotation(write.check, write.next);
      case 'overwrite':
        return undefined;
    }
  }

  #meta(name: string): number {
    return this.#sql.meta.get(name) as number;
  }

  #claims(claims: readonly ClaimMessage[], now: string): Claimed[] {
    const generation = this.#meta('masterKeyGeneration');
    return claims.map((claim) => (claim.key && claim.key.generation !== generation ? 'outdated' : this.#claim(claim, now)));
  }

  #claim(claim: ClaimMessage, now: string): boolean {
    const identities = claim.identities.map(({ digest, sealed }) => ({ digest: bytes(digest), sealed: bytes(sealed) }));
    if (identities.some(({ digest }) => this.#sql.isKnown.get(digest) !== undefined)) return false;
    const own = claim.reference === claim.owner ? null : bytes(claim.reference);
    if (own !== null && this.#sql.fenced.get(own) !== undefined) return false;
    const owner = claim.key === undefined ? this.#sql.person.get(bytes(claim.owner)) : this.#addPerson(claim.owner, claim.key, now);
    if (owner === undefined) return false;
    for (const { digest, sealed } of identities) this.#sql.addIdentity.run(digest, owner, own, sealed);
    if (claim.isNew) this.#sql.addUnconfirmed.run(bytes(claim.reference));
    return true;
  }

  #addPerson(reference: Bytes, { wrapped, generation }: WrappedMessage, now: string): number | bigint {
    return this.#sql.addPerson.run(bytes(reference), bytes(wrapped), generation, now).lastInsertRowid;
  }

  #addVaultKey(name: string, { wrapped, generation }: WrappedMessage): void {
    if (generation === this.#meta('masterKeyGeneration')) this.#sql.addOwnKey.run(name, bytes(wrapped), generation);
  }

  #addPeriodKey(name: string, { wrapped, generation }: WrappedMessage, endsAt: string, now: string): void {
    if (generation !== this.#meta('masterKeyGeneration')) return;
    this.#sql.addPeriodKey.run(name, bytes(wrapped), generation, endsAt, now);
  }

  /** Whoever is first begins it; from here on no key is stored under the master key before. */
  #beginRotation(name: string, { wrapped, generation }: WrappedMessage): void {
    if (generation !== this.#meta('masterKeyGeneration') + 1) return;
    this.#sql.addVaultKey.run(name, bytes(wrapped), generation);
    this.#sql.setMeta.run(generation, 'masterKeyGeneration');
  }

  #rewrap(kind: KeyKind, name: string, { wrapped, generation }: WrappedMessage): void {
    const row = kind === 'person' ? Buffer.from(name, 'base64url') : name;
    this.#sql.rewrap[kind].run(bytes(wrapped), generation, row, generation);
  }

  /** Looks at every row once more: what the old master key alone opens would be lost from here on. */
  #finishRotation(check: string, next: string): boolean {
    const generation = this.#meta('masterKeyGeneration');
    if ((this.#sql.countOlder.get({ generation, check }) as number) > 0) return false;
    if (this.#sql.replaceCheck.run({ check, next }).changes > 0) this.#sql.removeVaultKey.run(next);
    return true;
  }

  /** Who stands in the fence already is passed over: the answer tells what went then. */
  #eraseAll(references: readonly Buffer[], at: string): EraseAnswer {
    let isNew = false;
    const erased = references.map((reference) => {
      const before = this.#sql.fenced.get(reference) as ErasedMessage | undefined;
      isNew ||= before === undefined;
      return before ?? this.#erase(reference, at);
    });
    if (isNew) this.#sql.raiseEpoch.run();
    return { erased, epoch: this.#meta('erasureEpoch') };
  }

  /** Sessions and credentials end with their owner and stand in the fence like them; one may also be erased alone. */
  #erase(reference: Buffer, at: string): ErasedMessage {
    const person = this.#sql.person.get(reference) as number | undefined;
    const sessions = person === undefined ? [] : (this.#sql.sessionsOf.all(person) as Buffer[]);
    const identifiers =
      this.#sql.removeSession.run(reference).changes + (person === undefined ? 0 : this.#sql.removeOwn.run(person).changes);
    if (person !== undefined) this.#sql.endPerson.run(person);
    const erased = { at, keys: person === undefined ? 0 : 1, identifiers, sessions: sessions.length };
    this.#fence(reference, erased);
    for (const session of sessions) {
      this.#sql.removeSession.run(session);
      this.#fence(session, { at, keys: 0, identifiers: 0, sessions: 0 });
    }
    return erased;
  }

  #fence(reference: Buffer, { at, keys, identifiers, sessions }: ErasedMessage): void {
    this.#sql.addFence.run(reference, at, keys, identifiers, sessions);
    this.#sql.confirm.run(reference);
    this.#sql.removeLost.run(reference);
  }

  /** Destroyed keys of periods were held in memory too: the epoch tells. Answers how many of the items had a secret until now. */
  #endPeriods(names: readonly string[]): (number | undefined)[] {
    const ended = names.map((name) => {
      const items = this.#sql.itemsOf.get(name) as number;
      if (this.#sql.endPeriod.run(name).changes === 0) return undefined;
      this.#sql.endItemsOf.run(name);
      return items;
    });
    if (ended.some((items) => items !== undefined)) this.#sql.raiseEpoch.run();
    return ended;
  }

  #removeUnconfirmed(): number {
    this.#sql.removeIdentities.run();
    this.#sql.removeSessions.run();
    this.#sql.endPeople.run();
    return this.#sql.removeUnconfirmed.run().changes;
  }
}

/** Overwritten where it stands: see the schema. */
const DESTROY = `wrapped = zeroblob(length(wrapped)), generation = ${DESTROYED}`;
const DESTROY_SECRET = 'secret = zeroblob(length(secret))';

/** What was destroyed, or wrapped anew already, stays as it is. */
const OLDER = `generation <> ${DESTROYED} AND generation < ?`;

function writeStatements(db: Database.Database) {
  return {
    meta: db.prepare('SELECT value FROM meta WHERE name = ?').pluck(),
    setMeta: db.prepare('UPDATE meta SET value = ? WHERE name = ?'),
    raiseEpoch: db.prepare("UPDATE meta SET value = value + 1 WHERE name = 'erasureEpoch'"),
    isKnown: db.prepare('SELECT 1 FROM identities WHERE digest = ?'),
    person: db.prepare(`SELECT person FROM people WHERE reference = ? AND generation <> ${DESTROYED}`).pluck(),
    addPerson: db.prepare('INSERT INTO people (reference, wrapped, generation, created_at) VALUES (?, ?, ?, ?)'),
    addIdentity: db.prepare('INSERT INTO identities (digest, owner, reference, sealed) VALUES (?, ?, ?, ?)'),
    addUnconfirmed: db.prepare('INSERT INTO unconfirmed VALUES (?)'),
    fenced: db.prepare('SELECT erased_at AS at, keys, identifiers, sessions FROM fence WHERE reference = ?'),
    addFence: db.prepare('INSERT INTO fence VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING'),
    sessionsOf: db.prepare('SELECT DISTINCT reference FROM identities WHERE owner = ? AND reference IS NOT NULL').pluck(),
    removeOwn: db.prepare('DELETE FROM identities WHERE owner = ? AND reference IS NULL'),
    removeSession: db.prepare('DELETE FROM identities WHERE reference = ?'),
    endPerson: db.prepare(`UPDATE people SET ${DESTROY} WHERE person = ?`),
    addPeriodKey: db.prepare(
      'INSERT INTO period_keys (name, wrapped, generation, ends_at, created_at) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING',
    ),
    addPeriodItem: db.prepare(
      `INSERT INTO period_items (item, period, secret)
       SELECT :item, name, :secret FROM period_keys WHERE name = :period AND generation <> ${DESTROYED} ON CONFLICT DO NOTHING`,
    ),
    endPeriodItem: db.prepare(`UPDATE period_items SET ${DESTROY_SECRET} WHERE item = ? AND secret <> zeroblob(length(secret))`),
    itemsOf: db.prepare('SELECT count(*) FROM period_items WHERE period = ? AND secret <> zeroblob(length(secret))').pluck(),
    endPeriod: db.prepare(`UPDATE period_keys SET ${DESTROY} WHERE name = ? AND generation <> ${DESTROYED}`),
    endItemsOf: db.prepare(`UPDATE period_items SET ${DESTROY_SECRET} WHERE period = ?`),
    addVaultKey: db.prepare('INSERT INTO vault_keys VALUES (?, ?, ?)'),
    addOwnKey: db.prepare('INSERT INTO vault_keys VALUES (?, ?, ?) ON CONFLICT DO NOTHING'),
    rewrap: {
      person: db.prepare(`UPDATE people SET wrapped = ?, generation = ? WHERE reference = ? AND ${OLDER}`),
      period: db.prepare(`UPDATE period_keys SET wrapped = ?, generation = ? WHERE name = ? AND ${OLDER}`),
      vault: db.prepare(`UPDATE vault_keys SET wrapped = ?, generation = ? WHERE name = ? AND ${OLDER}`),
    },
    countOlder: db
      .prepare(
        `SELECT EXISTS (SELECT 1 FROM people WHERE generation <> ${DESTROYED} AND generation < :generation)
           + EXISTS (SELECT 1 FROM period_keys WHERE generation <> ${DESTROYED} AND generation < :generation)
           + EXISTS (SELECT 1 FROM vault_keys WHERE name <> :check AND generation < :generation)`,
      )
      .pluck(),
    replaceCheck: db.prepare(
      `UPDATE vault_keys SET (wrapped, generation) = (SELECT wrapped, generation FROM vault_keys WHERE name = :next)
       WHERE name = :check AND EXISTS (SELECT 1 FROM vault_keys WHERE name = :next)`,
    ),
    removeVaultKey: db.prepare('DELETE FROM vault_keys WHERE name = ?'),
    suppress: db.prepare('INSERT INTO suppressed VALUES (?) ON CONFLICT DO NOTHING'),
    confirm: db.prepare('DELETE FROM unconfirmed WHERE reference = ?'),
    addLost: db.prepare('INSERT INTO lost VALUES (?) ON CONFLICT DO NOTHING'),
    removeLost: db.prepare('DELETE FROM lost WHERE reference = ?'),
    removeIdentities: db.prepare(
      'DELETE FROM identities WHERE owner IN (SELECT person FROM people WHERE reference IN (SELECT reference FROM unconfirmed))',
    ),
    removeSessions: db.prepare('DELETE FROM identities WHERE reference IN (SELECT reference FROM unconfirmed)'),
    endPeople: db.prepare(`UPDATE people SET ${DESTROY} WHERE reference IN (SELECT reference FROM unconfirmed)`),
    removeUnconfirmed: db.prepare('DELETE FROM unconfirmed'),
  };
}
