/**
 * Follows the log: reads a page after the checkpoint, applies it, commits rows and checkpoint together, again and again.
 * Projections that stand at the same position share the page and the transaction.
 */
import { concatMap, defer, filter, race, repeat, Subject, type Subscription, take, timer } from 'rxjs';
import type { RecordedEvent } from '../src/eventstore/event-store.ts';
import type { ViewsDatabase } from './database.ts';
import { latestOf } from './latest.ts';
import type { Page, Projection, ProjectionStatus } from './projection.ts';

/** The log, as far as a follower needs it. `SqliteLogReader` is one. */
export interface Log {
  /** Events after `position`, in order; only an empty page is the end of the log. */
  readAll(position: number, limit: number, maxBytes?: number): RecordedEvent[] | Promise<RecordedEvent[]>;
  /** The highest position, 0 in an empty log. */
  head(): number | Promise<number>;
}

export interface RunnerOptions {
  /** Events of a page, at most; 10,000 by default: far behind, large pages are written in fewer places. */
  pageEvents?: number;
  /** Characters of a page, at most; 16 Mi by default. */
  pageBytes?: number;
  /** How long the end of the log is left alone when nobody wakes the runner. */
  pollMs?: number;
  /** After the first failure; doubled with each further one, to half a minute. */
  retryMs?: number;
  /** Called after every round in which something changed. */
  onProgress?: (status: ProjectionStatus[]) => void;
}

interface Follower {
  projection: Projection;
  position: number;
  recordedAt: number;
  eventId: string;
  loading: boolean;
  /** `recordedAt` of the oldest event known not to be applied, milliseconds since 1970. */
  ahead: number | undefined;
  failures: number;
  error: string | undefined;
  retryAt: number;
}

/** Where something stands in the log. */
type At = Pick<Follower, 'position' | 'recordedAt' | 'eventId'>;

/** A page of the log, and where it ends. */
interface Read {
  page: Page;
  at: At;
  /** Where an event of the page stands. */
  standsAt(position: number): At;
}

/** Pages that are committed together while the runner is behind. */
const PAGES_A_COMMIT = 5;
const LONGEST_RETRY_MS = 30_000;
/** After being woken the runner lets this much time pass, so that a burst of single events becomes one page. */
const GATHER_MS = 50;
/** The same where somebody waits for what was recorded. */
const AWAITED_GATHER_MS = 4;
/**
 * While events stream in, the runner rests three times as long as the last round took: recording has the processor first, and
 * what has gathered meanwhile makes a larger page, whose sorted rows cost a fraction of those of many small ones.
 */
const REST = 3;
const LONGEST_REST_MS = 400;

/** The rows belong to another log, or to a later state of this one: they are of no use here. */
export class OtherLog extends Error {
  override name = 'OtherLog';
}

export class UnknownProjection extends Error {
  override name = 'UnknownProjection';
  constructor(known: readonly string[]) {
    super(`there is no projection of this name; there are ${known.join(', ')}`);
  }
}

export class Runner {
  readonly #views: ViewsDatabase;
  readonly #log: Log;
  readonly #followers: Follower[];
  readonly #options: Required<RunnerOptions>;
  readonly #wake = new Subject<{ isAwaited: boolean }>();
  #head = 0;
  #restMs = 0;
  #running: Subscription | undefined;
  #round: Promise<unknown> = Promise.resolve();

  constructor(views: ViewsDatabase, log: Log, projections: readonly Projection[], options: RunnerOptions = {}) {
    this.#views = views;
    this.#log = log;
    this.#options = { pageEvents: 10_000, pageBytes: 16 * 1024 * 1024, pollMs: 200, retryMs: 100, onProgress: () => {}, ...options };
    this.#followers = projections.map((projection) => follower(projection));
  }

  /**
   * Finds out where every projection stands and makes the tables of those that are new or of another version, which are
   * then rebuilt by following.
   * @throws OtherLog
   */
  async prepare(): Promise<void> {
    await this.#views.db.schema
      .createTable('checkpoints')
      .ifNotExists()
      .addColumn('name', 'text', (column) => column.primaryKey())
      .addColumn('version', 'integer', (column) => column.notNull())
      .addColumn('position', 'bigint', (column) => column.notNull())
      .addColumn('recorded_at', 'bigint', (column) => column.notNull())
      .addColumn('event_id', 'text', (column) => column.notNull())
      .addColumn('loading', 'integer', (column) => column.notNull())
      .execute();
    const rows = await this.#views.db.selectFrom('checkpoints').selectAll().execute();
    for (const each of this.#followers) {
      const row = rows.find(({ name }) => name === each.projection.name);
      if (row?.version !== each.projection.version) {
        await this.#startOver(each);
        continue;
      }
      await this.#checkSameLog(row.position, row.event_id);
      Object.assign(each, { position: row.position, recordedAt: row.recorded_at, eventId: row.event_id, loading: row.loading === 1 });
    }
  }

  /** Follows until `stop`. */
  start(): void {
    const round = defer(() => {
      this.#round = this.round();
      return this.#round as Promise<boolean>;
    });
    let isBehind = false;
    const pause = () => {
      const afterWaking = (gatherMs: number) => timer(Math.max(gatherMs, this.#restMs));
      return isBehind
        ? timer(0)
        : race(
            timer(Math.max(this.#options.pollMs, this.#restMs)),
            this.#wake.pipe(
              take(1),
              concatMap(() => afterWaking(GATHER_MS)),
            ),
            this.#wake.pipe(
              filter(({ isAwaited }) => isAwaited),
              take(1),
              concatMap(() => afterWaking(AWAITED_GATHER_MS)),
            ),
          );
    };
    this.#running = round
      .pipe(
        concatMap(async (more) => {
          isBehind = more;
        }),
        repeat({ delay: pause }),
      )
      .subscribe();
  }

  /** Finishes the page at hand. */
  async stop(): Promise<void> {
    this.#running?.unsubscribe();
    this.#running = undefined;
    await this.#round;
  }

  /** Something was appended: no need to wait for the next poll. `isAwaited`: and somebody waits for it. */
  wake({ isAwaited = false } = {}): void {
    this.#wake.next({ isAwaited });
  }

  /**
   * Drops the rows of one projection, so that following makes them anew.
   * @throws UnknownProjection
   */
  async startOver(name: string): Promise<void> {
    const each = this.#followers.find(({ projection }) => projection.name === name);
    if (!each) throw new UnknownProjection(this.#followers.map(({ projection }) => projection.name));
    await this.#startOver(each);
  }

  /**
   * One page for every group of projections that stand at the same position; a failure stops only the one that failed,
   * and is kept for `status`.
   * @returns whether there may be more at once
   */
  async round(): Promise<boolean> {
    let isChanged = false;
    let isBehind = false;
    const startedAt = performance.now();
    try {
      this.#head = await this.#log.head();
    } catch (error) {
      for (const each of this.#followers) this.#failed(each, error);
      this.#options.onProgress(this.status());
      return false;
    }
    for (const group of this.#groups()) {
      const failures = group.reduce((sum, each) => sum + each.failures, 0);
      const applied = await this.#follow(group);
      const failed = group.reduce((sum, each) => sum + each.failures, 0) > failures;
      isChanged ||= applied > 0 || failed;
      isBehind ||= applied > 0 && !failed && group.some((each) => each.position < this.#head);
    }
    this.#restMs = Math.min(LONGEST_REST_MS, REST * (performance.now() - startedAt));
    if (isChanged) this.#options.onProgress(this.status());
    return isBehind;
  }

  /** Whether every projection has everything that the log held at the last round. */
  get isCaughtUp(): boolean {
    return this.#followers.every((each) => !each.loading && each.position >= this.#head);
  }

  /** The error of a projection that fails now, as it was thrown. */
  lastFailure: unknown;

  status(): ProjectionStatus[] {
    return this.#followers.map(({ projection: { name, version }, position, recordedAt, ahead, loading, error }) => ({
      name,
      version,
      position: loading ? 0 : position,
      ...(recordedAt > 0 && { recordedAt: new Date(recordedAt).toISOString() }),
      state: error !== undefined ? 'failing' : loading ? 'rebuilding' : 'following',
      lagEvents: Math.max(0, this.#head - position),
      lagSeconds: position < this.#head && ahead !== undefined ? Math.max(0, Date.now() - ahead) / 1000 : 0,
      ...(error !== undefined && { error }),
    }));
  }

  /** How far a rebuild has come: the position of whoever is furthest behind. */
  get progress(): { name: string; done: number; total: number } {
    const last = this.#followers.reduce((behind, each) => (each.position < behind.position ? each : behind));
    return { name: last.projection.name, done: last.position, total: this.#head };
  }

  /** Where one projection stands, loading or not. */
  progressOf(name: string): { name: string; done: number; total: number; loading: boolean } {
    const each = this.#followers.find(({ projection }) => projection.name === name) as Follower;
    return { name, done: each.position, total: this.#head, loading: each.loading };
  }

  /** Those whose next attempt is due, grouped by position. */
  #groups(): Follower[][] {
    const groups = new Map<number, Follower[]>();
    const now = Date.now();
    for (const each of this.#followers) {
      if (each.retryAt > now) continue;
      const group = groups.get(each.position);
      if (group) group.push(each);
      else groups.set(each.position, [each]);
    }
    return [...groups.values()];
  }

  /** Applies what follows, in one transaction. @returns how many events that were */
  async #follow(group: Follower[]): Promise<number> {
    let first: Read | undefined;
    try {
      first = await this.#read((group[0] as Follower).position);
    } catch (error) {
      for (const each of group) this.#failed(each, error);
      return 0;
    }
    for (const each of group) each.ahead = first?.page[0]?.recordedAt;
    const applied = first ? await this.#apply(group, first) : 0;
    // Nothing is left behind: what is made of all rows at once can be made.
    for (const each of group) if (each.loading && each.failures === 0 && each.position >= this.#head) await this.#finishLoading(each);
    return applied;
  }

  /** The page after `position`, parsed; undefined at the end of the log. */
  async #read(position: number): Promise<Read | undefined> {
    const events = await this.#log.readAll(position, this.#options.pageEvents, this.#options.pageBytes);
    const last = events.at(-1);
    return (
      last && {
        page: events.map(parsed),
        at: whereIs(last),
        standsAt: (done) => whereIs(events.find((event) => event.position === done) as RecordedEvent),
      }
    );
  }

  /**
   * Applies a page, and, as long as there is more, those after it, one at a time. Far behind, a transaction of several pages
   * saves writing: each writes every part of the index that it touches, and many pages touch the same ones.
   */
  async #apply(group: Follower[], first: Read): Promise<number> {
    let current: Follower | undefined;
    let applied = 0;
    const reached = new Map<Follower, At>();
    try {
      await this.#views.transaction(async (tx) => {
        for (let read: Read | undefined = first, pages = 1; read; pages++) {
          let isWhole = true;
          for (current of group) {
            const done = await current.projection.apply(tx, read.page, { loading: current.loading });
            isWhole &&= done === undefined;
            if (done === undefined) reached.set(current, read.at);
            else if (done >= (read.page[0] as Page[number]).position) reached.set(current, read.standsAt(done));
          }
          current = undefined;
          applied += read.page.length;
          read = isWhole && pages < PAGES_A_COMMIT && read.at.position < this.#head ? await this.#read(read.at.position) : undefined;
        }
        for (const [each, at] of reached) await this.#saveCheckpoint({ ...each, ...at });
      });
    } catch (error) {
      // All of the group was rolled back; without the one that failed the others go on in the next round.
      for (const each of group) each.projection.forget();
      for (const each of current ? [current] : group) this.#failed(each, error);
      return 0;
    }
    for (const each of group) {
      const at = reached.get(each);
      Object.assign(each, { ...at, ...(at && { ahead: at.recordedAt }), failures: 0, error: undefined, retryAt: 0 });
    }
    return applied;
  }

  async #finishLoading(each: Follower): Promise<void> {
    try {
      await this.#views.transaction(async (tx) => {
        await each.projection.finish(tx.db);
        await this.#saveCheckpoint({ ...each, loading: false });
      });
      each.loading = false;
    } catch (error) {
      this.#failed(each, error);
    }
  }

  async #startOver(each: Follower): Promise<void> {
    each.projection.forget();
    await this.#views.transaction(async ({ db }) => {
      for (const table of each.projection.tables) await db.schema.dropTable(table).ifExists().execute();
      await each.projection.create(db);
      await this.#saveCheckpoint({ ...each, position: 0, recordedAt: 0, eventId: '', loading: true });
    });
    Object.assign(each, { ...follower(each.projection), loading: true });
  }

  async #saveCheckpoint({ projection: { name, version }, position, recordedAt, eventId, loading }: Follower): Promise<void> {
    const row = { version, position, recorded_at: recordedAt, event_id: eventId, loading: loading ? 1 : 0 };
    await this.#views.db
      .insertInto('checkpoints')
      .values({ name, ...row })
      .onConflict((conflict) => conflict.column('name').doUpdateSet(row))
      .execute();
  }

  /** The event at the checkpoint must be the one that was applied: a log restored from an older copy is another one. */
  async #checkSameLog(position: number, eventId: string): Promise<void> {
    if (position === 0) return;
    const [event] = await this.#log.readAll(position - 1, 1);
    if (event?.position !== position || event.id !== eventId) throw new OtherLog('the read models were made of another log');
  }

  #failed(each: Follower, error: unknown): void {
    this.lastFailure = error;
    each.failures++;
    each.error = describe(error);
    each.retryAt = Date.now() + Math.min(LONGEST_RETRY_MS, this.#options.retryMs * 2 ** Math.min(20, each.failures - 1));
  }
}

function follower(projection: Projection): Follower {
  return {
    projection,
    position: 0,
    recordedAt: 0,
    eventId: '',
    loading: false,
    ahead: undefined,
    failures: 0,
    error: undefined,
    retryAt: 0,
  };
}

const whereIs = ({ position, recordedAt, id }: RecordedEvent): At => ({ position, recordedAt: Date.parse(recordedAt), eventId: id });

function parsed({ position, stream, type, recordedAt, data }: RecordedEvent): Page[number] {
  const entry = latestOf(type, data);
  return { position, stream, type, recordedAt: Date.parse(recordedAt), time: Date.parse(entry.time), entry, text: data };
}

/** What may be shown of an error: its name and code. Its message may quote a value. */
function describe(error: unknown): string {
  const { name, code } = (error ?? {}) as { name?: unknown; code?: unknown };
  return [name, code].filter((part) => typeof part === 'string' && part !== '').join(' ') || 'unknown error';
}
