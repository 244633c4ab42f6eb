/**
 * `keys.db`: the key store of an embedded ledger, and the only file here that knows SQLite. Reads run on a read-only
 * connection in the calling thread; writes go to `key-writer.ts`, a worker thread, where all that wait share one
 * transaction and one sync.
 */
import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { Worker } from 'node:worker_threads';
import Database from 'better-sqlite3';
import {
  type Claim,
  type IdentityRow,
  KeyStore,
  type KeyStoreStatus,
  KeyStoreUnavailable,
  type KnownIdentity,
  type PeriodItemRow,
  type PeriodKeyRow,
} from './key-store.ts';
import { syncFolder } from './master-key.ts';

/** Of the tables below. A store of another format is not opened. */
const FORMAT = 1;

/**
 * `generation` counts master keys: rows of an older one are still to be wrapped anew.
 * Identities end with their owner's key, items with their period's. A person in the fence was erased, and the
 * database itself refuses a key for them for ever after. An ended item keeps its row, with an empty secret.
 * `identities.reference` is that of a session or credential; null stands for the owner's own.
 * References and digests are random, so each index on them costs a page a row: the wide rows stand in order of arrival.
 */
const SCHEMA = `
  CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE vault_keys (
    name TEXT PRIMARY KEY, wrapped BLOB NOT NULL, generation INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE people (
    person INTEGER PRIMARY KEY,
    reference BLOB NOT NULL UNIQUE CHECK (length(reference) = 16),
    wrapped BLOB NOT NULL, generation INTEGER NOT NULL, created_at TEXT NOT NULL
  ) STRICT;
  CREATE TABLE identities (
    identity INTEGER PRIMARY KEY,
    digest BLOB NOT NULL UNIQUE CHECK (length(digest) = 16),
    owner INTEGER NOT NULL REFERENCES people ON DELETE CASCADE,
    reference BLOB CHECK (length(reference) = 16),
    sealed BLOB NOT NULL
  ) STRICT;
  CREATE INDEX identities_by_owner ON identities (owner);
  CREATE INDEX identities_by_reference ON identities (reference) WHERE reference IS NOT NULL;
  CREATE TABLE unconfirmed (reference BLOB PRIMARY KEY) STRICT, WITHOUT ROWID;
  CREATE TABLE fence (reference BLOB PRIMARY KEY, erased_at TEXT NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TRIGGER fence_holds BEFORE INSERT ON people
    WHEN EXISTS (SELECT 1 FROM fence WHERE reference = NEW.reference)
    BEGIN SELECT RAISE(ABORT, 'an erased reference never gets a key again'); END;
  CREATE TABLE period_keys (
    name TEXT PRIMARY KEY, wrapped BLOB NOT NULL, generation INTEGER NOT NULL, ends_at TEXT NOT NULL, created_at TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE period_items (
    item TEXT PRIMARY KEY, period TEXT NOT NULL REFERENCES period_keys ON DELETE CASCADE, secret BLOB NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX period_items_by_period ON period_items (period);
`;

/** The file is a key store of another version of this program, or no key store. Nothing was touched. */
export class UnknownKeyStoreFormat extends Error {
  override name = 'UnknownKeyStoreFormat';
}

/** The writer's messages. Bytes travel as Latin-1 text: a cloned `Buffer` would take its whole pool along. */
type Bytes = string;

interface ClaimMessage {
  reference: Bytes;
  owner: Bytes;
  isNew: boolean;
  wrapped?: Bytes;
  identities: { digest: Bytes; sealed: Bytes }[];
}

export type KeyWrite =
  | { do: 'claim'; claims: ClaimMessage[] }
  | { do: 'addPeriodKey'; name: string; wrapped: Bytes; endsAt: string }
  | { do: 'addPeriodItems'; rows: { item: string; period: string; secret: Bytes }[] }
  | { do: 'endPeriodItems'; items: string[] }
  | { do: 'confirm'; references: Bytes[]; position: number }
  | { do: 'removeUnconfirmed' };

export type ToWriter = { call: number; write: KeyWrite } | 'close';

/** One message a commit. */
export type FromWriter = { calls: number[]; answers: unknown[] } | { calls: number[]; failed: string };

export interface KeyWriterData {
  file: string;
  generation: number;
  busyTimeoutMs: number;
}

export interface SqliteKeyStoreOptions {
  file: string;
  /** Rows that may wait for the writer; beyond that, calls are refused. */
  maxWaiting?: number;
  /** How long a write waits for another process that writes. */
  busyTimeoutMs?: number;
  startWriter?: (data: KeyWriterData) => Worker;
}

function startWriter(workerData: KeyWriterData): Worker {
  return new Worker(new URL(import.meta.url.endsWith('.ts') ? './key-writer.ts' : './key-writer.js', import.meta.url), { workerData });
}

/**
 * Whether `file` holds a key store already. An empty one, left by a first start that was cut short, does not.
 * @throws UnknownKeyStoreFormat when it holds something else
 */
export function hasKeys(file: string): boolean {
  if (!existsSync(file)) return false;
  const tables = tablesOf(file);
  if (tables.length > 0 && !tables.includes('vault_keys')) throw new UnknownKeyStoreFormat(`${file} is not a key store`);
  return tables.length > 0;
}

function tablesOf(file: string): string[] {
  const db = new Database(file, { readonly: true, fileMustExist: true });
  try {
    return db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").pluck().all() as string[];
  } catch (error) {
    if ((error as { code?: string }).code !== 'SQLITE_NOTADB') throw error;
    throw new UnknownKeyStoreFormat(`${file} is not a key store`);
  } finally {
    db.close();
  }
}

/** Makes the tables with the vault's own keys, in one transaction. */
export function createKeyStore(file: string, vaultKeys: ReadonlyMap<string, Buffer>): void {
  const db = new Database(file);
  try {
    forWriting(db, 5_000);
    db.transaction(() => {
      db.exec(SCHEMA);
      const meta = db.prepare('INSERT INTO meta VALUES (?, ?)');
      meta.run('format', FORMAT);
      meta.run('masterKeyGeneration', 1);
      meta.run('erasureEpoch', 0);
      meta.run('sweptPosition', 0);
      const key = db.prepare('INSERT INTO vault_keys VALUES (?, ?, 1)');
      for (const [name, wrapped] of vaultKeys) key.run(name, wrapped);
    })();
  } finally {
    db.close();
  }
  syncFolder(dirname(file));
}

function forWriting(db: Database.Database, busyTimeoutMs: number): void {
  db.pragma(`busy_timeout = ${busyTimeoutMs}`);
  db.pragma('journal_mode = WAL');
  db.pragma('synchronous = FULL');
  // On macOS only these make a sync reach the disk; elsewhere they do nothing.
  db.pragma('fullfsync = ON');
  db.pragma('checkpoint_fullfsync = ON');
  db.pragma('foreign_keys = ON');
  // Random pages are written again and again: checkpointed every 32 MiB rather than every 4.
  db.pragma('wal_autocheckpoint = 8000');
  // What is deleted is overwritten: deleting a key is what erasure means.
  db.pragma('secure_delete = ON');
}

interface Call {
  rows: number;
  resolve(answer: unknown): void;
  reject(error: Error): void;
}

export class SqliteKeyStore extends KeyStore {
  readonly #db: Database.Database;
  readonly #sql: ReturnType<typeof readStatements>;
  readonly #options: SqliteKeyStoreOptions;
  readonly #calls = new Map<number, Call>();
  #writer: Worker | undefined;
  #lastCall = 0;
  #waiting = 0;
  #stopped: string | undefined;
  #closing: Promise<void> | undefined;

  /**
   * Opens for reading; the writer starts with the first write, so that a refused start leaves every byte as it was.
   * @throws UnknownKeyStoreFormat
   */
  constructor(options: SqliteKeyStoreOptions) {
    super();
    this.#options = options;
    this.#db = new Database(options.file, { readonly: true, fileMustExist: true });
    // Every commit of the writer empties this connection's own cache; mapped pages stay.
    this.#db.pragma('mmap_size = 1073741824');
    const format = this.#db.prepare("SELECT value FROM meta WHERE name = 'format'").pluck().get();
    if (format !== FORMAT) {
      this.#db.close();
      throw new UnknownKeyStoreFormat(`${options.file} has format ${String(format)}; this program knows format ${FORMAT}`);
    }
    this.#sql = readStatements(this.#db);
  }

  async vaultKeys(): Promise<Map<string, Buffer>> {
    return this.#read(() => new Map(this.#sql.vaultKeys.all() as [string, Buffer][]));
  }

  async find(digests: readonly Buffer[]): Promise<(KnownIdentity | undefined)[]> {
    return this.#readEach(digests, (digest) => this.#sql.find.get(digest) as KnownIdentity | undefined);
  }

  async personKeys(references: readonly Buffer[]): Promise<(Buffer | undefined)[]> {
    return this.#readEach(references, (reference) => this.#sql.personKey.get(reference) as Buffer | undefined);
  }

  async identities(references: readonly Buffer[]): Promise<IdentityRow[]> {
    return this.#readEach(references, (reference) => this.#sql.identities.all({ reference }) as IdentityRow[]).flat();
  }

  async periodKeys(names: readonly string[]): Promise<(PeriodKeyRow | undefined)[]> {
    return this.#readEach(names, (name) => this.#sql.periodKey.get(name) as PeriodKeyRow | undefined);
  }

  async periodItems(items: readonly string[]): Promise<(PeriodItemRow | undefined)[]> {
    return this.#readEach(items, (item) => this.#sql.periodItem.get(item) as PeriodItemRow | undefined);
  }

  async erasureEpoch(): Promise<number> {
    return this.#read(() => this.#sql.meta.get('erasureEpoch') as number);
  }

  async sweptPosition(): Promise<number> {
    return this.#read(() => this.#sql.meta.get('sweptPosition') as number);
  }

  async hasUnconfirmed(): Promise<boolean> {
    return this.#read(() => this.#sql.unconfirmed.get() !== undefined);
  }

  async claim(claims: readonly Claim[]): Promise<boolean[]> {
    return (await this.#write({ do: 'claim', claims: claims.map(claimMessage) }, claims.length)) as boolean[];
  }

  async addPeriodKey(row: PeriodKeyRow): Promise<void> {
    await this.#write({ do: 'addPeriodKey', name: row.name, wrapped: text(row.wrapped), endsAt: row.endsAt }, 1);
  }

  async addPeriodItems(rows: readonly PeriodItemRow[]): Promise<void> {
    const messages = rows.map(({ item, period, secret }) => ({ item, period, secret: text(secret) }));
    await this.#write({ do: 'addPeriodItems', rows: messages }, rows.length);
  }

  async endPeriodItems(items: readonly string[]): Promise<number> {
    return (await this.#write({ do: 'endPeriodItems', items: [...items] }, items.length)) as number;
  }

  async confirm(references: readonly Buffer[], position: number): Promise<void> {
    await this.#write({ do: 'confirm', references: references.map(text), position }, references.length);
  }

  async removeUnconfirmed(): Promise<number> {
    return (await this.#write({ do: 'removeUnconfirmed' }, 1)) as number;
  }

  status(): KeyStoreStatus {
    const state: KeyStoreStatus = { writer: this.#stopped === undefined ? 'running' : 'stopped', waiting: this.#waiting };
    return this.#stopped === undefined ? state : { ...state, reason: this.#stopped };
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const writer = this.#stopped === undefined ? this.#writer : undefined;
    // Before the first await: whoever writes from here on is refused, what was accepted is still answered.
    this.#stopped ??= 'it was closed';
    if (writer !== undefined) {
      const gone = new Promise((resolve) => writer.once('exit', resolve));
      writer.postMessage('close' satisfies ToWriter);
      await gone;
    }
    this.#db.close();
  }

  /** Several reads in one transaction: the locks of each alone cost more than the read. */
  #readEach<In, Out>(all: readonly In[], read: (one: In) => Out): Out[] {
    return this.#read(() => (all.length < 2 ? all.map(read) : this.#db.transaction(() => all.map(read))()));
  }

  #read<Out>(read: () => Out): Out {
    if (!this.#db.open) throw new KeyStoreUnavailable('it was closed');
    try {
      return read();
    } catch (error) {
      throw new KeyStoreUnavailable(`a read failed (${codeOf(error)})`);
    }
  }

  #write(write: KeyWrite, rows: number): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.#stopped !== undefined) throw new KeyStoreUnavailable(this.#stopped);
      if (this.#waiting > 0 && this.#waiting + rows > (this.#options.maxWaiting ?? 50_000)) {
        throw new KeyStoreUnavailable('too much is waiting to be written');
      }
      this.#writer ??= this.#start();
      this.#lastCall += 1;
      this.#waiting += rows;
      this.#calls.set(this.#lastCall, { rows, resolve, reject });
      this.#writer.postMessage({ call: this.#lastCall, write } satisfies ToWriter);
    });
  }

  #start(): Worker {
    const writer = (this.#options.startWriter ?? startWriter)({
      file: this.#options.file,
      generation: this.#sql.meta.get('masterKeyGeneration') as number,
      busyTimeoutMs: this.#options.busyTimeoutMs ?? 5_000,
    });
    writer.on('message', (message: FromWriter) => this.#settle(message));
    writer.on('error', (error) => this.#stop(`its writer failed (${codeOf(error)})`));
    writer.on('exit', () => this.#stop('its writer ended'));
    return writer;
  }

  #settle(message: FromWriter): void {
    message.calls.forEach((id, index) => {
      const call = this.#calls.get(id);
      if (call === undefined) return;
      this.#calls.delete(id);
      this.#waiting -= call.rows;
      if ('failed' in message) call.reject(new KeyStoreUnavailable(`the commit failed (${message.failed})`));
      else call.resolve(message.answers[index]);
    });
  }

  /** What was handed over and not answered may or may not be durable; either is right for whoever tries again. */
  #stop(reason: string): void {
    this.#stopped ??= reason;
    for (const call of this.#calls.values()) call.reject(new KeyStoreUnavailable(this.#stopped));
    this.#calls.clear();
    this.#waiting = 0;
  }
}

/** The code alone: a database's messages may quote a statement. */
export function codeOf(error: unknown): string {
  return (error as { code?: string }).code ?? 'no code';
}

function readStatements(db: Database.Database) {
  return {
    meta: db.prepare('SELECT value FROM meta WHERE name = ?').pluck(),
    unconfirmed: db.prepare('SELECT 1 FROM unconfirmed LIMIT 1'),
    vaultKeys: db.prepare('SELECT name, wrapped FROM vault_keys').raw(),
    find: db.prepare(
      `SELECT coalesce(i.reference, p.reference) AS reference, p.reference AS owner, p.wrapped
       FROM identities i JOIN people p ON p.person = i.owner WHERE i.digest = ?`,
    ),
    personKey: db.prepare('SELECT wrapped FROM people WHERE reference = ?').pluck(),
    identities: db.prepare(
      `SELECT i.digest, p.reference, p.reference AS owner, i.sealed
       FROM people p JOIN identities i ON i.owner = p.person WHERE p.reference = :reference AND i.reference IS NULL
       UNION ALL
       SELECT i.digest, i.reference, p.reference, i.sealed
       FROM identities i JOIN people p ON p.person = i.owner WHERE i.reference = :reference`,
    ),
    periodKey: db.prepare('SELECT name, wrapped, ends_at AS endsAt FROM period_keys WHERE name = ?'),
    periodItem: db.prepare('SELECT item, period, secret FROM period_items WHERE item = ?'),
  };
}

const text = (bytes: Buffer): Bytes => bytes.toString('latin1');
const bytes = (latin1: Bytes): Buffer => Buffer.from(latin1, 'latin1');

function claimMessage({ reference, owner, isNew, wrapped, identities }: Claim): ClaimMessage {
  return {
    reference: text(reference),
    owner: text(owner),
    isNew,
    ...(wrapped === undefined ? {} : { wrapped: text(wrapped) }),
    identities: identities.map(({ digest, sealed }) => ({ digest: text(digest), sealed: text(sealed) })),
  };
}

const REMOVING: ReadonlySet<KeyWrite['do']> = new Set(['removeUnconfirmed', 'endPeriodItems']);

/** The writing side, for the writer's thread. */
export class KeyTables {
  readonly #db: Database.Database;
  readonly #sql: ReturnType<typeof writeStatements>;
  readonly #generation: number;

  constructor({ file, generation, busyTimeoutMs }: KeyWriterData) {
    this.#db = new Database(file, { fileMustExist: true });
    forWriting(this.#db, busyTimeoutMs);
    this.#generation = generation;
    this.#sql = writeStatements(this.#db);
  }

  /** All writes in one transaction, synced when this returns. IMMEDIATE: what it reads cannot change under it. */
  commit(writes: readonly KeyWrite[]): unknown[] {
    const answers = this.#db.transaction(() => writes.map((write) => this.#apply(write))).immediate();
    // The write-ahead log would keep what was removed until its pages happen to be used again.
    if (writes.some((write) => REMOVING.has(write.do))) this.#db.pragma('wal_checkpoint(TRUNCATE)');
    return answers;
  }

  close(): void {
    this.#db.pragma('wal_checkpoint(TRUNCATE)');
    this.#db.close();
  }

  #apply(write: KeyWrite): unknown {
    const now = new Date().toISOString();
    switch (write.do) {
      case 'claim':
        return write.claims.map((claim) => this.#claim(claim, now));
      case 'addPeriodKey':
        return void this.#sql.addPeriodKey.run(write.name, bytes(write.wrapped), this.#generation, write.endsAt, now);
      case 'addPeriodItems':
        for (const row of write.rows) this.#sql.addPeriodItem.run({ ...row, secret: bytes(row.secret) });
        return undefined;
      case 'endPeriodItems':
        return write.items.reduce((ended, item) => ended + this.#sql.endPeriodItem.run(item).changes, 0);
      case 'confirm':
        for (const reference of write.references) this.#sql.confirm.run(bytes(reference));
        return void this.#sql.setSwept.run(write.position);
      case 'removeUnconfirmed':
        return this.#removeUnconfirmed();
    }
  }

  #claim(claim: ClaimMessage, now: string): boolean {
    const identities = claim.identities.map(({ digest, sealed }) => ({ digest: bytes(digest), sealed: bytes(sealed) }));
    if (identities.some(({ digest }) => this.#sql.isKnown.get(digest) !== undefined)) return false;
    const owner = claim.wrapped === undefined ? this.#sql.person.get(bytes(claim.owner)) : this.#addPerson(claim.owner, claim.wrapped, now);
    if (owner === undefined) return false;
    const own = claim.reference === claim.owner ? null : bytes(claim.reference);
    for (const { digest, sealed } of identities) this.#sql.addIdentity.run(digest, owner, own, sealed);
    if (claim.isNew) this.#sql.addUnconfirmed.run(bytes(claim.reference));
    return true;
  }

  #addPerson(reference: Bytes, wrapped: Bytes, now: string): number | bigint {
    return this.#sql.addPerson.run(bytes(reference), bytes(wrapped), this.#generation, now).lastInsertRowid;
  }

  /** People first: their identities, sessions among them, go with them. */
  #removeUnconfirmed(): number {
    this.#sql.removePeople.run();
    this.#sql.removeIdentities.run();
    return this.#sql.removeUnconfirmed.run().changes;
  }
}

function writeStatements(db: Database.Database) {
  return {
    isKnown: db.prepare('SELECT 1 FROM identities WHERE digest = ?'),
    person: db.prepare('SELECT person FROM people WHERE reference = ?').pluck(),
    addPerson: db.prepare('INSERT INTO people (reference, wrapped, generation, created_at) VALUES (?, ?, ?, ?)'),
    addIdentity: db.prepare('INSERT INTO identities (digest, owner, reference, sealed) VALUES (?, ?, ?, ?)'),
    addUnconfirmed: db.prepare('INSERT INTO unconfirmed VALUES (?)'),
    addPeriodKey: db.prepare('INSERT INTO period_keys VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING'),
    addPeriodItem: db.prepare(
      'INSERT INTO period_items SELECT :item, name, :secret FROM period_keys WHERE name = :period ON CONFLICT DO NOTHING',
    ),
    endPeriodItem: db.prepare("UPDATE period_items SET secret = x'' WHERE item = ? AND length(secret) > 0"),
    confirm: db.prepare('DELETE FROM unconfirmed WHERE reference = ?'),
    setSwept: db.prepare("UPDATE meta SET value = ? WHERE name = 'sweptPosition'"),
    removePeople: db.prepare('DELETE FROM people WHERE reference IN (SELECT reference FROM unconfirmed)'),
    removeIdentities: db.prepare('DELETE FROM identities WHERE reference IN (SELECT reference FROM unconfirmed)'),
    removeUnconfirmed: db.prepare('DELETE FROM unconfirmed'),
  };
}
