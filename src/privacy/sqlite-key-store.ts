/**
 * `keys.db`: the key store of an embedded ledger. Reads run on a read-only
 * connection in the calling thread; writes go to `key-writer.ts`, a worker thread, where all that wait share one
 * transaction and one sync.
 */
import { Worker } from 'node:worker_threads';
import Database from 'better-sqlite3';
import {
  type Claim,
  type Claimed,
  type EndedPeriod,
  type Erased,
  type IdentityRow,
  KeyStore,
  type KeyStoreStatus,
  KeyStoreUnavailable,
  type KnownIdentity,
  type NamedKey,
  type PeriodItemRow,
  type PeriodKeyRow,
  type WrappedKey,
} from './key-store.ts';
import type { KeyKind } from './master-key.ts';
import { codeOf, DESTROYED, vaultKeysIn } from './sqlite-key-file.ts';
import {
  type ClaimMessage,
  type EraseAnswer,
  type FromWriter,
  isDestroying,
  type KeyWrite,
  type KeyWriterData,
  rowsOf,
  type ToWriter,
  text,
  type WrappedMessage,
} from './sqlite-key-tables.ts';

export interface SqliteKeyStoreOptions {
  file: string;
  /** Rows that may wait for the writer; beyond that, calls are refused. */
  maxWaiting?: number;
  /** How long a write waits for another process that writes. */
  busyTimeoutMs?: number;
  /** How long who destroys something waits for others that still read its bytes; then the answer says that they are still there. */
  overwriteWaitMs?: number;
  startWriter?: (data: KeyWriterData) => Worker;
}

function startWriter(workerData: KeyWriterData): Worker {
  return new Worker(new URL(import.meta.url.endsWith('.ts') ? './key-writer.ts' : './key-writer.js', import.meta.url), { workerData });
}

interface Call {
  rows: number;
  resolve(done: Done): void;
  reject(error: Error): void;
}

/** What the writer answered; of something destroyed, whether it is overwritten in the files. */
interface Done {
  answer: unknown;
  overwritten: boolean;
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
  #residue = false;
  #closing: Promise<void> | undefined;

  /**
   * Opens a store of this program's format for reading; the writer starts with the first write, so that a refused start leaves
   * every byte as it was.
   */
  constructor(options: SqliteKeyStoreOptions) {
    super();
    this.#options = options;
    this.#db = new Database(options.file, { readonly: true, fileMustExist: true });
    // Every commit of the writer empties this connection's own cache; mapped pages stay.
    this.#db.pragma('mmap_size = 1073741824');
    this.#sql = readStatements(this.#db);
  }

  async vaultKeys(): Promise<Map<string, WrappedKey>> {
    return this.#read(() => vaultKeysIn(this.#db));
  }

  async find(digests: readonly Buffer[]): Promise<(KnownIdentity | undefined)[]> {
    return this.#readEach(digests, (digest) => this.#sql.find.get(digest) as KnownIdentity | undefined);
  }

  async personKeys(references: readonly Buffer[]): Promise<(WrappedKey | undefined)[]> {
    return this.#readEach(references, (reference) => this.#sql.personKey.get(reference) as WrappedKey | undefined);
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

  async endedPeriods(now: number): Promise<EndedPeriod[]> {
    const rows = this.#read(() => this.#sql.periods.all() as { name: string; endsAt: string }[]);
    const ended = rows.filter(({ endsAt }) => Date.parse(endsAt) <= now);
    return this.#readEach(ended, (row) => ({ ...row, items: this.#sql.itemsOf.get(row.name) as number }));
  }

  async fenced(references: readonly Buffer[]): Promise<boolean[]> {
    return this.#readEach(references, (reference) => this.#sql.fenced.get(reference) !== undefined);
  }

  async fenceAfter(reference: Buffer, limit: number): Promise<Buffer[]> {
    return this.#read(() => this.#sql.fenceAfter.all(reference, limit) as Buffer[]);
  }

  async sessions(owners: readonly Buffer[]): Promise<Buffer[]> {
    return this.#readEach(owners, (owner) => this.#sql.sessions.all(owner) as Buffer[]).flat();
  }

  async suppressed(digests: readonly Buffer[]): Promise<boolean[]> {
    return this.#readEach(digests, (digest) => this.#sql.suppressed.get(digest) !== undefined);
  }

  async missing(references: readonly Buffer[]): Promise<Buffer[]> {
    const found = this.#readEach(references, (reference) => this.#sql.isThere.get({ reference }) as number);
    return references.filter((_, index) => found[index] === 0);
  }

  async lostReferences(): Promise<number> {
    return this.#read(() => this.#sql.lost.get() as number);
  }

  async erasureEpoch(): Promise<number> {
    return this.#meta('erasureEpoch');
  }

  async erasuresReplayed(): Promise<number> {
    return this.#meta('erasuresReplayed');
  }

  async sweptPosition(): Promise<number> {
    return this.#meta('sweptPosition');
  }

  async hasUnconfirmed(): Promise<boolean> {
    return this.#read(() => this.#sql.unconfirmed.get() !== undefined);
  }

  async claim(claims: readonly Claim[]): Promise<Claimed[]> {
    return (await this.#write({ do: 'claim', claims: claims.map(claimMessage) })).answer as Claimed[];
  }

  async addVaultKey(row: NamedKey): Promise<void> {
    await this.#write({ do: 'addVaultKey', name: row.name, key: wrappedMessage(row) });
  }

  async addPeriodKey(row: PeriodKeyRow): Promise<void> {
    await this.#write({ do: 'addPeriodKey', name: row.name, key: wrappedMessage(row), endsAt: row.endsAt });
  }

  async addPeriodItems(rows: readonly PeriodItemRow[]): Promise<void> {
    await this.#write({ do: 'addPeriodItems', rows: rows.map(({ item, period, secret }) => ({ item, period, secret: text(secret) })) });
  }

  async endPeriodItems(items: readonly string[]): Promise<number> {
    return (await this.#write({ do: 'endPeriodItems', items: [...items] })).answer as number;
  }

  async endPeriods(names: readonly string[]): Promise<(number | undefined)[]> {
    return (await this.#write({ do: 'endPeriods', names: [...names] })).answer as (number | undefined)[];
  }

  async erase(references: readonly Buffer[], at: string): Promise<{ erased: Erased[]; epoch: number; overwritten: boolean }> {
    const { answer, overwritten } = await this.#write({ do: 'erase', references: references.map(text), at });
    return { ...(answer as EraseAnswer), overwritten };
  }

  async setErasuresReplayed(revision: number): Promise<void> {
    await this.#write({ do: 'setErasuresReplayed', revision });
  }

  async suppress(digests: readonly Buffer[]): Promise<void> {
    await this.#write({ do: 'suppress', digests: digests.map(text) });
  }

  async confirm(references: readonly Buffer[], position: number): Promise<void> {
    await this.#write({ do: 'confirm', references: references.map(text), position });
  }

  async addLost(references: readonly Buffer[]): Promise<void> {
    await this.#write({ do: 'addLost', references: references.map(text) });
  }

  async removeUnconfirmed(): Promise<number> {
    return (await this.#write({ do: 'removeUnconfirmed' })).answer as number;
  }

  async masterKeyGeneration(): Promise<number> {
    return this.#meta('masterKeyGeneration');
  }

  async beginRotation(check: NamedKey): Promise<void> {
    await this.#write({ do: 'beginRotation', name: check.name, key: wrappedMessage(check) });
  }

  async lastPerson(): Promise<number> {
    return this.#read(() => this.#sql.lastPerson.get() as number);
  }

  async peopleAfter(person: number, limit: number): Promise<(NamedKey & { person: number })[]> {
    const rows = this.#read(() => this.#sql.peopleAfter.all(person, limit) as (WrappedKey & { person: number; reference: Buffer })[]);
    return rows.map(({ reference, ...row }) => ({ ...row, name: reference.toString('base64url') }));
  }

  async allPeriodKeys(): Promise<NamedKey[]> {
    return this.#read(() => this.#sql.allPeriodKeys.all() as NamedKey[]);
  }

  async rewrap(kind: KeyKind, rows: readonly NamedKey[]): Promise<void> {
    await this.#write({ do: 'rewrap', kind, rows: rows.map((row) => ({ name: row.name, key: wrappedMessage(row) })) });
  }

  async finishRotation(check: string, next: string): Promise<{ isFinished: boolean; overwritten: boolean }> {
    const { answer, overwritten } = await this.#write({ do: 'finishRotation', check, next });
    return { isFinished: answer as boolean, overwritten };
  }

  async overwrite(): Promise<boolean> {
    return (await this.#write({ do: 'overwrite' })).overwritten;
  }

  status(): KeyStoreStatus {
    const state: KeyStoreStatus = {
      writer: this.#stopped === undefined ? 'running' : 'stopped',
      waiting: this.#waiting,
      residue: this.#residue,
    };
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

  #meta(name: string): number {
    return this.#read(() => this.#sql.meta.get(name) as number);
  }

  #write(write: KeyWrite): Promise<Done> {
    return new Promise((resolve, reject) => {
      const rows = rowsOf(write);
      if (this.#stopped !== undefined) throw new KeyStoreUnavailable(this.#stopped);
      // What destroys something is never refused: whoever asked for it may have said so in the log already.
      if (!isDestroying(write) && this.#waiting > 0 && this.#waiting + rows > (this.#options.maxWaiting ?? 50_000)) {
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
      busyTimeoutMs: this.#options.busyTimeoutMs ?? 5_000,
      overwriteWaitMs: this.#options.overwriteWaitMs ?? 2_000,
    });
    writer.on('message', (message: FromWriter) => this.#settle(message));
    writer.on('error', (error) => this.#stop(`its writer failed (${codeOf(error)})`));
    writer.on('exit', () => this.#stop('its writer ended'));
    return writer;
  }

  #settle(message: FromWriter): void {
    if ('residue' in message) {
      this.#residue = message.residue;
      return;
    }
    message.calls.forEach((id, index) => {
      const call = this.#calls.get(id);
      if (call === undefined) return;
      this.#calls.delete(id);
      this.#waiting -= call.rows;
      if ('failed' in message) call.reject(new KeyStoreUnavailable(`the commit failed (${message.failed})`));
      else call.resolve({ answer: message.answers[index], overwritten: message.overwritten });
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

/**
 * `+?` is the value and nothing else. What is bound to a bare `= ?` beside a join SQLite looks at when it plans, and so plans the
 * statement anew at every run, which takes five times as long as the run.
 */
function readStatements(db: Database.Database) {
  return {
    meta: db.prepare('SELECT value FROM meta WHERE name = ?').pluck(),
    unconfirmed: db.prepare('SELECT 1 FROM unconfirmed LIMIT 1'),
    find: db.prepare(
      `SELECT coalesce(i.reference, p.reference) AS reference, p.reference AS owner, p.wrapped, p.generation
       FROM identities i JOIN people p ON p.person = i.owner WHERE i.digest = +?`,
    ),
    personKey: db.prepare(`SELECT wrapped, generation FROM people WHERE reference = ? AND generation <> ${DESTROYED}`),
    identities: db.prepare(
      `SELECT i.digest, p.reference, p.reference AS owner, i.sealed
       FROM people p JOIN identities i ON i.owner = p.person WHERE p.reference = +:reference AND i.reference IS NULL
       UNION ALL
       SELECT i.digest, i.reference, p.reference, i.sealed
       FROM identities i JOIN people p ON p.person = i.owner WHERE i.reference = +:reference`,
    ),
    periodKey: db.prepare(
      `SELECT name, CASE generation WHEN ${DESTROYED} THEN x'' ELSE wrapped END AS wrapped, generation, ends_at AS endsAt
       FROM period_keys WHERE name = ?`,
    ),
    periodItem: db.prepare(
      "SELECT item, period, CASE WHEN secret = zeroblob(length(secret)) THEN x'' ELSE secret END AS secret FROM period_items WHERE item = ?",
    ),
    lastPerson: db.prepare('SELECT coalesce(max(person), 0) FROM people').pluck(),
    peopleAfter: db.prepare(
      `SELECT person, reference, wrapped, generation FROM people WHERE person > ? AND generation <> ${DESTROYED} ORDER BY person LIMIT ?`,
    ),
    allPeriodKeys: db.prepare(`SELECT name, wrapped, generation FROM period_keys WHERE generation <> ${DESTROYED}`),
    periods: db.prepare(`SELECT name, ends_at AS endsAt FROM period_keys WHERE generation <> ${DESTROYED} ORDER BY ends_at, name`),
    itemsOf: db.prepare('SELECT count(*) FROM period_items WHERE period = ? AND secret <> zeroblob(length(secret))').pluck(),
    fenced: db.prepare('SELECT 1 FROM fence WHERE reference = ?'),
    fenceAfter: db.prepare('SELECT reference FROM fence WHERE reference > ? ORDER BY reference LIMIT ?').pluck(),
    sessions: db
      .prepare(
        `SELECT DISTINCT i.reference FROM people p JOIN identities i ON i.owner = p.person
         WHERE p.reference = +? AND i.reference IS NOT NULL`,
      )
      .pluck(),
    suppressed: db.prepare('SELECT 1 FROM suppressed WHERE digest = ?'),
    lost: db.prepare('SELECT count(*) FROM lost').pluck(),
    isThere: db
      .prepare(
        `SELECT EXISTS (SELECT 1 FROM people WHERE reference = :reference AND generation <> ${DESTROYED})
           OR EXISTS (SELECT 1 FROM identities WHERE reference = :reference)
           OR EXISTS (SELECT 1 FROM fence WHERE reference = :reference)`,
      )
      .pluck(),
  };
}

function claimMessage({ reference, owner, isNew, key, identities }: Claim): ClaimMessage {
  return {
    reference: text(reference),
    owner: text(owner),
    isNew,
    ...(key !== undefined && { key: wrappedMessage(key) }),
    identities: identities.map(({ digest, sealed }) => ({ digest: text(digest), sealed: text(sealed) })),
  };
}

function wrappedMessage({ wrapped, generation }: WrappedKey): WrappedMessage {
  return { wrapped: text(wrapped), generation };
}
