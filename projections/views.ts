import { existsSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { Kysely } from 'kysely';
import { StatementDialect } from './database.ts';
import { isBeyondLimits, isFaultOfStatement, type Rows } from './database-file.ts';
import type { ProjectionStatus } from './projection.ts';
import type { Schema } from './schema.ts';
import type { FromProjector, FromReader, ProjectorData, ToProjector, ToReader } from './threads.ts';

export interface ViewsOptions {
  /** The embedded log, which must exist. */
  log: string;
  /** The read models; made when missing. */
  file: string;
  /** Longest time that a question waits for the position it asks for (`after`); 5 s by default. */
  waitMs?: number;
  /** Longest time that one statement of a question may take; 10 s by default. */
  questionTimeoutMs?: number;
  /** How long the end of the log is left alone when nobody calls `wake`; 200 ms by default. */
  pollMs?: number;
  /** Events and characters of a page, at most. */
  pageEvents?: number;
  pageBytes?: number;
}

/** The projection has not got there in the time given, or is being rebuilt. Asking again later is safe. */
export class NotThereYet extends Error {
  override name = 'NotThereYet';
  constructor(
    /** Where it is now. */
    readonly position: number,
    readonly retryAfterSeconds = 1,
  ) {
    super('the read side has not got there yet');
  }
}

/** The question would take longer than questions may, or is larger than they may be: a narrower one (a window of time, another axis) will not. */
export class QuestionTooLong extends Error {
  override name = 'QuestionTooLong';
  constructor() {
    super('the question takes too long: narrow it down');
  }
}

/** More questions wait than may. Asking again later is safe. */
export class TooManyQuestions extends Error {
  override name = 'TooManyQuestions';
  readonly retryAfterSeconds = 1;
  constructor() {
    super('too many questions are waiting');
  }
}

/** The read models are closed, or the thread or the file behind them failed (`cause`). */
export class ViewsClosed extends Error {
  override name = 'ViewsClosed';
}

/** A statement that cannot be run on the read models: a mistake of the program. */
export class StatementRefused extends Error {
  override name = 'StatementRefused';
  constructor(
    message: string,
    /** SQLite's. */
    readonly code?: string,
  ) {
    super(message);
  }
}

interface Statement extends ToReader {
  resolve(rows: Rows): void;
  reject(error: Error): void;
}

interface Waiter {
  name: string;
  position: number;
  resolve(position: number): void;
  reject(error: Error): void;
  timer: NodeJS.Timeout;
}

/** Between two words to the projector that something was appended. */
const WAKE_MS = 20;
/** Statements that wait for the reader, at most. */
const MAX_WAITING = 1_000;
/** Readers that were given up and still work at their last statement, at most: SQLite cannot be interrupted from outside. */
const MAX_GIVEN_UP = 2;

/**
 * The read models of the embedded ledger: one thread writes them, another runs the questions' statements. Reading is only
 * through `db`, which cannot write.
 */
export class Views {
  readonly db: Kysely<Schema>;
  readonly #options: Required<ViewsOptions>;
  readonly #projector: Worker;
  readonly #projectorEnded: Promise<void>;
  #status: ProjectionStatus[] = [];
  readonly #waiters = new Set<Waiter>();
  #reader: Worker | undefined;
  /** Whether the reader has the file open: until then no statement runs. */
  #isReading = false;
  /** Sent to the reader, in order: the first one runs. */
  #sent: Statement[] = [];
  /** Kept back while there is no file to read. */
  #held: Statement[] | undefined = [];
  #clock: NodeJS.Timeout | undefined;
  #givenUp = 0;
  #numbers = 0;
  #waking: { isCalledAgain: boolean } | undefined;
  #closed: Error | undefined;
  /** The file is about to be replaced: nobody opens it before `ready`. */
  #isLettingGo = false;
  #onDrained: (() => void) | undefined;
  #rebuild: { onProgress: RebuildProgress; resolve(): void; reject(error: Error): void } | undefined;

  /** Resolves as soon as the projector runs; `reached` tells when it has caught up. */
  static async open(options: ViewsOptions): Promise<Views> {
    if (!existsSync(options.log)) throw new Error('there is no log to follow');
    const views = new Views({
      ...{ questionTimeoutMs: 10_000, waitMs: 5_000, pollMs: 200, pageEvents: 10_000, pageBytes: 16 * 1024 * 1024 },
      ...options,
    });
    await new Promise<void>((resolve, reject) => {
      views.#projector.once('online', resolve);
      views.#projector.once('error', reject);
    });
    return views;
  }

  private constructor(options: Required<ViewsOptions>) {
    this.#options = options;
    this.db = new Kysely<Schema>({ dialect: new StatementDialect((sql, parameters) => this.#run(sql, parameters), { isReading: true }) });
    const { log, file, pollMs, pageEvents, pageBytes } = options;
    this.#projector = new Worker(script('projector'), {
      workerData: { log, views: file, pollMs, pageEvents, pageBytes } satisfies ProjectorData,
      name: 'projector',
      // A page lives for a moment only: with room for it, it is never copied to where garbage is dear to collect.
      resourceLimits: { maxYoungGenerationSizeMb: 96 },
    });
    this.#projector.on('message', (message: FromProjector) => this.#hear(message));
    this.#projector.on('error', (cause: Error) => this.#fail(new ViewsClosed('the projector has failed', { cause })));
    this.#projector.on('exit', () => this.#fail(new ViewsClosed('the projector has ended')));
    this.#projectorEnded = new Promise((resolve) => this.#projector.once('exit', () => resolve()));
  }

  /** Something was appended: the projector need not wait for its next look at the log. */
  wake(): void {
    if (this.#closed) return;
    if (this.#waking !== undefined) {
      this.#waking.isCalledAgain = true;
      return;
    }
    const waking = { isCalledAgain: false };
    this.#waking = waking;
    this.#tell({ kind: 'wake', isAwaited: false });
    // The projector gathers: of the calls meanwhile one at the end is enough.
    setTimeout(() => {
      this.#waking = undefined;
      if (waking.isCalledAgain) this.wake();
    }, WAKE_MS).unref();
  }

  /** Everything up to here is in the rows of the projection; 0 while it is rebuilt. */
  position(name: string): number {
    return this.#of(name)?.position ?? 0;
  }

  /** Resolves with the projection's position once it is at `position` or beyond. @throws NotThereYet after `timeoutMs` */
  reached(name: string, position: number, timeoutMs = this.#options.waitMs): Promise<number> {
    if (this.#closed) return Promise.reject(this.#closed);
    const now = this.position(name);
    if (now >= position && this.isReady(name)) return Promise.resolve(now);
    this.#tell({ kind: 'wake', isAwaited: true });
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiters.delete(waiter);
        reject(new NotThereYet(this.position(name)));
      }, timeoutMs);
      const waiter: Waiter = { name, position, resolve, reject, timer };
      this.#waiters.add(waiter);
    });
  }

  /** Whether the projection can be asked: it exists and is not being rebuilt. */
  isReady(name: string): boolean {
    const status = this.#of(name);
    return status !== undefined && status.state !== 'rebuilding' && !(status.state === 'failing' && status.position === 0);
  }

  /** `recordedAt` of the last event in the projection's rows. */
  recordedAt(name: string): string | undefined {
    return this.#of(name)?.recordedAt;
  }

  /** For readiness and metrics. Once closed, or when the projector has ended, every projection fails: nothing follows any more. */
  status(): ProjectionStatus[] {
    const closed = this.#closed;
    return closed ? this.#status.map((status) => ({ ...status, state: 'failing', error: closed.name })) : this.#status;
  }

  /** Whether nothing can be asked any more: it was closed, or the projector has ended. */
  get isClosed(): boolean {
    return this.#closed !== undefined;
  }

  /**
   * Makes one projection anew from the log, or all of them. All at once is faster, and the old rows answer meanwhile; one
   * alone is made in place and cannot be asked before it is complete.
   * @throws UnknownProjection
   */
  rebuild(name?: string, onProgress: RebuildProgress = () => {}): Promise<void> {
    if (this.#closed) return Promise.reject(this.#closed);
    if (this.#rebuild) return Promise.reject(new Error('the read models are being rebuilt already'));
    return new Promise((resolve, reject) => {
      this.#rebuild = { onProgress, resolve, reject };
      this.#tell({ kind: 'rebuild', ...(name !== undefined && { name }) });
    });
  }

  /** Finishes the page at hand and lets go of the files. */
  async close(): Promise<void> {
    this.#fail(new ViewsClosed('the read models are closed'));
    // The reader first: whoever closes the file last writes the WAL back, and the reader cannot write.
    await this.#reader?.terminate();
    this.#tell({ kind: 'close' });
    this.#tell({ kind: 'released' });
    await this.#projectorEnded;
  }

  #of(name: string): ProjectionStatus | undefined {
    return this.#status.find((status) => status.name === name);
  }

  #hear(message: FromProjector): void {
    if (message.kind === 'ready') {
      this.#isLettingGo = false;
      this.#openReader();
    } else if (message.kind === 'release') this.#letGo();
    else if (message.kind === 'rebuilding') this.#rebuild?.onProgress(message);
    else if (message.kind === 'rebuilt') this.#rebuilt(message.error);
    else {
      this.#status = message.status;
      this.#resolveWaiters();
    }
  }

  #rebuilt(error: { name: string; message: string } | undefined): void {
    const rebuild = this.#rebuild;
    this.#rebuild = undefined;
    if (error) rebuild?.reject(Object.assign(new Error(error.message), { name: error.name }));
    else rebuild?.resolve();
  }

  #resolveWaiters(): void {
    for (const waiter of this.#waiters) {
      const position = this.position(waiter.name);
      if (position < waiter.position || !this.isReady(waiter.name)) continue;
      clearTimeout(waiter.timer);
      this.#waiters.delete(waiter);
      waiter.resolve(position);
    }
  }

  #run(sql: string, parameters: readonly unknown[]): Promise<Rows> {
    if (this.#closed) return Promise.reject(this.#closed);
    const isFull = this.#sent.length + (this.#held?.length ?? 0) >= MAX_WAITING || this.#givenUp > MAX_GIVEN_UP;
    if (isFull) return Promise.reject(new TooManyQuestions());
    return new Promise((resolve, reject) => {
      const statement: Statement = { number: ++this.#numbers, sql, parameters, resolve, reject };
      if (this.#held) this.#held.push(statement);
      else this.#send(statement);
    });
  }

  #send(statement: Statement): void {
    const { number, sql, parameters } = statement;
    this.#sent.push(statement);
    if (this.#sent.length === 1) this.#startClock();
    this.#reader?.postMessage({ number, sql, parameters } satisfies ToReader);
  }

  #receive(answer: FromReader): void {
    if (this.#closed) return;
    if ('isOpen' in answer) {
      this.#isReading = true;
      this.#startClock();
      return;
    }
    const statement = this.#sent.shift();
    if (statement?.number !== answer.number) throw new Error('the reader answered out of order');
    this.#startClock();
    if ('rows' in answer) statement.resolve(answer.rows);
    else statement.reject(this.#errorOf(answer.error));
    if (this.#sent.length === 0) this.#onDrained?.();
  }

  #errorOf(error: { message: string; code?: string }): Error {
    const { message, code } = error;
    // Only while a projection is made anew in place are its tables not there.
    if (message.startsWith('no such table')) return new NotThereYet(0);
    if (isBeyondLimits(error)) return new QuestionTooLong();
    if (isFaultOfStatement(code)) return new StatementRefused(message, code);
    return new ViewsClosed('the read models cannot be read', { cause: new StatementRefused(message, code) });
  }

  /** Times the statement that runs: the first one sent. */
  #startClock(): void {
    clearTimeout(this.#clock);
    if (this.#sent.length > 0 && this.#isReading) this.#clock = setTimeout(() => this.#giveUp(), this.#options.questionTimeoutMs);
  }

  /** Leaves the reader to its statement, which ends it, and goes on with another. */
  #giveUp(): void {
    const [late, ...others] = this.#sent;
    this.#sent = [];
    this.#abandonReader();
    late?.reject(new QuestionTooLong());
    const isRefused = this.#givenUp > MAX_GIVEN_UP;
    if (isRefused) for (const other of others) other.reject(new TooManyQuestions());
    this.#held = [...(isRefused ? [] : others), ...(this.#held ?? [])];
    if (!isRefused) this.#openReader();
    this.#onDrained?.();
  }

  #abandonReader(): void {
    const reader = this.#reader;
    this.#reader = undefined;
    if (!reader) return;
    reader.removeAllListeners();
    reader.on('error', () => {});
    reader.unref();
    this.#givenUp++;
    void reader.terminate().then(() => {
      this.#givenUp--;
      if (!this.#reader && !this.#closed && this.#held) this.#openReader();
    });
  }

  #openReader(): void {
    if (this.#closed || this.#reader || this.#isLettingGo) return;
    const reader = new Worker(script('views-reader'), { workerData: { file: this.#options.file }, name: 'views-reader' });
    reader.on('message', (answer: FromReader) => this.#receive(answer));
    reader.on('error', (error: Error) => this.#readerFailed(reader, error));
    this.#reader = reader;
    this.#isReading = false;
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const statement of held) this.#send(statement);
  }

  #readerFailed(reader: Worker, cause: Error): void {
    if (this.#reader !== reader) return;
    clearTimeout(this.#clock);
    const error = new ViewsClosed('the thread that reads has failed', { cause });
    for (const statement of this.#sent.splice(0)) statement.reject(error);
    this.#reader = undefined;
    this.#held ??= [];
    setTimeout(() => this.#openReader(), 1000).unref();
    this.#onDrained?.();
  }

  /** Lets what was sent be answered, holds back what comes after, and closes the file. */
  #letGo(): void {
    this.#isLettingGo = true;
    this.#held ??= [];
    const done = () => {
      this.#onDrained = undefined;
      const reader = this.#reader;
      this.#reader = undefined;
      reader?.removeAllListeners();
      void (reader ? reader.terminate() : Promise.resolve(0)).then(() => this.#tell({ kind: 'released' }));
    };
    if (this.#sent.length === 0) done();
    else this.#onDrained = done;
  }

  #tell(message: ToProjector): void {
    this.#projector.postMessage(message);
  }

  #fail(error: Error): void {
    if (this.#closed) return;
    this.#closed = error;
    clearTimeout(this.#clock);
    for (const statement of [...this.#sent.splice(0), ...(this.#held ?? [])]) statement.reject(error);
    this.#held = undefined;
    for (const waiter of this.#waiters) {
      clearTimeout(waiter.timer);
      waiter.reject(error);
    }
    this.#waiters.clear();
    this.#rebuild?.reject(error);
    this.#rebuild = undefined;
  }
}

/** How far a rebuild has come, in positions. */
export type RebuildProgress = (progress: { name: string; done: number; total: number }) => void;

function script(name: string): URL {
  return new URL(import.meta.url.endsWith('.ts') ? `./${name}.ts` : `./${name}.js`, import.meta.url);
}
