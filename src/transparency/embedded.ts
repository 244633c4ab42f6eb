/**
 * The transparency log of an embedded ledger, for the main thread: it reads `tree.db` and asks the sealer's thread for whatever is
 * to be written or signed.
 */
import { Worker } from 'node:worker_threads';
import type { EventStore } from '../eventstore/event-store.ts';
import { ledgerOf } from '../eventstore/sqlite-reader.ts';
import { proveConsistency, proveInclusion, rootOf } from '../integrity/merkle.ts';
import { parseNote } from '../integrity/signed-note.ts';
import { hashesFrom } from '../integrity/tiles.ts';
import { parseTreeHead } from '../integrity/tree-head.ts';
import { type Author, actorOf } from '../ledger/author.ts';
import type { KeyVault } from '../privacy/key-vault.ts';
import { nextKey, prepareTree } from './generations.ts';
import type { Asked, FromSealer, SealerData, SigningKey, ToSealer } from './sealer-messages.ts';
import type { SealingStatus } from './sealing.ts';
import { SqliteTreeStore } from './sqlite-tree-store.ts';
import {
  NotSealedYet,
  type PublishedHead,
  SealingRefused,
  TransparencyLog,
  type TransparencyStatus,
  type WitnessStatus,
} from './transparency-log.ts';
import type { Generation, Refusal, RingKey, StoredHead, TreeReader } from './tree.ts';
import type { WitnessAddress } from './witnesses.ts';

export interface EmbeddedOptions {
  /** `ledger.db` and `tree.db`. */
  logFile: string;
  treeFile: string;
  store: EventStore;
  vault: KeyVault;
  /** As the settings give it. */
  logName?: string;
  headMs: number;
  witnesses?: readonly WitnessAddress[];
  /** Milliseconds since 1970. */
  now(): number;
  /** Evidence is kept; nothing is signed any more. */
  onRefusal?(refusal: Refusal): void;
  /** Everything agrees again. */
  onCleared?(): void;
  /** It could not read or write, and tries again; or it has ended (`SealerEnded`). Once for each cause in a row. */
  onFailing?(cause: string): void;
  /** A witness has begun to fail, or fails for another cause, which its status tells; or it cosigns again: its status has none. */
  onWitness?(witness: WitnessStatus): void;
}

/** The sealer's thread has ended: nothing is sealed or signed in this process any more. */
export class SealerEnded extends Error {
  override name = 'SealerEnded';
  constructor() {
    super('what seals and signs has ended in this process: start the ledger again');
  }
}

interface Call {
  resolve(answer: string | undefined): void;
  reject(error: Error): void;
}

/** Between two words to the sealer that something was appended. */
const WAKE_MS = 50;
/** How long who asks for a head of the tree as it is waits. */
const SIGN_MS = 30_000;

export class EmbeddedTransparency extends TransparencyLog {
  readonly reader: TreeReader;
  readonly #options: EmbeddedOptions;
  readonly #thread: Thread;
  readonly #calls = new Map<number, Call>();
  readonly #hashes: ReturnType<typeof hashesFrom>;
  readonly #generation: Generation;
  #lastCall = 0;
  #status: SealingStatus;
  #witnesses: WitnessStatus[] = [];
  /** End of the log as far as is known, and when it was first beyond the leaves. */
  #end = 0;
  #behindSince: number | undefined;
  #isWaking = false;
  #hasEnded = false;
  /** Why it failed last, as long as it does. */
  #failing: string | undefined;
  #rotating: Promise<unknown> = Promise.resolve();
  #closing: Promise<void> | undefined;

  /**
   * Begins the tree where there is none, completes what was cut off, and starts the sealer.
   * @throws NotATree, TreeTooNew, OtherTree, LogNameChanged, SealerKeyMissing; StoreUnavailable, KeyStoreUnavailable
   */
  static async open(options: EmbeddedOptions): Promise<EmbeddedTransparency> {
    const ledger = ledgerOf(options.logFile);
    const tree = SqliteTreeStore.open(options.treeFile, ledger);
    let keys: SigningKey[];
    try {
      keys = await prepareTree({ log: options.store, vault: options.vault, tree }, options.logName, options.now());
    } finally {
      await tree.close();
    }
    const data: SealerData = {
      ...{ log: options.logFile, tree: options.treeFile, ledger, keys, witnesses: [...(options.witnesses ?? [])], headMs: options.headMs },
    };
    const worker = new Worker(new URL(import.meta.url.endsWith('.ts') ? './sealer-worker.ts' : './sealer-worker.js', import.meta.url), {
      workerData: data,
      name: 'sealer',
    });
    const thread = new Thread(worker);
    try {
      await thread.isReady;
      const reader = SqliteTreeStore.openForReading(options.treeFile);
      const generation = (await reader.generation()) as Generation;
      const state = { generation, status: await statusOf(reader), end: await options.store.head() };
      return new EmbeddedTransparency(options, thread, reader, state);
    } catch (error) {
      // It holds the keys that sign.
      await worker.terminate();
      throw error;
    }
  }

  private constructor(
    options: EmbeddedOptions,
    thread: Thread,
    reader: TreeReader,
    { generation, status, end }: { generation: Generation; status: SealingStatus; end: number },
  ) {
    super();
    this.#options = options;
    this.#thread = thread;
    this.reader = reader;
    this.#hashes = hashesFrom(reader);
    this.#generation = generation;
    this.#status = status;
    this.#end = end;
    thread.listen(
      (message) => this.#hear(message),
      (cause) => this.#stop(cause),
    );
  }

  /** Something was appended, up to here. */
  wake(position: number): void {
    this.#end = Math.max(this.#end, position);
    if (this.#end > this.#status.position) this.#behindSince ??= this.#options.now();
    if (this.#isWaking || this.#hasEnded) return;
    this.#isWaking = true;
    this.#thread.tell('wake');
    // The sealer gathers, and looks at the log by itself too.
    setTimeout(() => {
      this.#isWaking = false;
    }, WAKE_MS).unref();
  }

  status(): TransparencyStatus {
    const { state, size, position, head, refusal } = this.#status;
    const lagEvents = Math.max(0, this.#end - position);
    const lagSeconds = lagEvents === 0 || this.#behindSince === undefined ? 0 : (this.#options.now() - this.#behindSince) / 1000;
    return {
      state: this.#hasEnded ? 'failing' : state,
      ...(this.#failing !== undefined && { failing: this.#failing }),
      ...{ generation: this.#generation.number, origin: this.#generation.origin, size, position, lagEvents },
      lagSeconds: Math.max(0, lagSeconds),
      ...(head && { head: { size: head.size, signedAt: head.signedAt } }),
      ...(refusal && { refusal }),
      witnesses: this.#witnesses,
    };
  }

  async generation(): Promise<Generation> {
    return this.#generation;
  }

  keys(): Promise<RingKey[]> {
    return this.reader.keys();
  }

  async head(): Promise<PublishedHead | undefined> {
    const head = await this.reader.lastHead();
    return head && this.published(head);
  }

  async published(head: StoredHead): Promise<PublishedHead> {
    const cosignatures = await this.reader.cosignatures(head.size, head.generation);
    const { origin, root } = parseTreeHead(parseNote(head.note).text);
    return {
      ...{ ...head, origin, root, published: head.note + cosignatures.map(({ line }) => `${line}\n`).join('') },
      witnesses: cosignatures.map(({ witness }) => witness),
    };
  }

  async covering(position: number, waitMs: number): Promise<PublishedHead> {
    const head = await this.reader.lastHead();
    if (head !== undefined && head.position >= position && (position === 0 || (await this.#isOfThisLog(head)))) return this.published(head);
    await this.#awaited({ kind: 'cover', position }, waitMs);
    return (await this.head()) as PublishedHead;
  }

  /** Of a log that was put back from an earlier day, another event stands where the head had one. */
  async #isOfThisLog({ position }: StoredHead): Promise<boolean> {
    return this.#status.refusal === undefined && position <= (await this.#options.store.head());
  }

  async signNow(): Promise<PublishedHead> {
    await this.#awaited({ kind: 'sign' }, SIGN_MS);
    return (await this.head()) as PublishedHead;
  }

  indexesOf(positions: readonly number[]): Promise<(number | undefined)[]> {
    return this.reader.indexesOf(positions);
  }

  async root(size: number): Promise<Buffer> {
    await this.#mustBeSealed(size);
    return rootOf(size, this.#hashes);
  }

  async inclusion(index: number, size: number): Promise<Buffer[]> {
    await this.#mustBeSealed(size);
    return proveInclusion(index, size, this.#hashes);
  }

  async consistency(first: number, size: number): Promise<Buffer[]> {
    await this.#mustBeSealed(size);
    return proveConsistency(first, size, this.#hashes);
  }

  /** One at a time: each one takes the place of the one before. */
  rotateKey(author: Author, now: number): Promise<RingKey> {
    const rotated = this.#rotating.then(() => this.#rotate(author, now));
    this.#rotating = rotated.catch(() => undefined);
    return rotated;
  }

  async #rotate(author: Author, now: number): Promise<RingKey> {
    const { store, vault } = this.#options;
    const { key, signer } = await nextKey({ log: store, vault, tree: this.reader }, await actorOf(author, vault), now);
    await this.#ask({ kind: 'addKey', key, signer });
    return key;
  }

  async sign(text: string): Promise<string> {
    return (await this.#ask({ kind: 'signText', text })) as string;
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    // The reader first: whoever closes the file last writes the WAL back, and the reader cannot write.
    await this.reader.close();
    this.#thread.tell('close');
    await this.#thread.hasEnded;
  }

  /** @throws NotSealedYet after `waitMs`; SealingRefused */
  async #awaited(asked: Asked, waitMs: number): Promise<void> {
    const { refusal } = this.#status;
    if (refusal !== undefined) throw new SealingRefused(refusal);
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new NotSealedYet('no tree head covers it yet')), waitMs);
    });
    const asking = this.#ask(asked);
    try {
      await Promise.race([asking, late]);
    } catch (error) {
      asking.catch(() => undefined);
      const { refusal: since } = this.#status;
      if (since !== undefined) throw new SealingRefused(since);
      throw isTransient(error as Error) ? new NotSealedYet((error as Error).message) : error;
    } finally {
      clearTimeout(timer);
    }
  }

  #ask(asked: Asked): Promise<string | undefined> {
    return new Promise((resolve, reject) => {
      if (this.#hasEnded) throw new SealerEnded();
      this.#lastCall++;
      this.#calls.set(this.#lastCall, { resolve, reject });
      this.#thread.tell({ call: this.#lastCall, ...asked });
    });
  }

  async #mustBeSealed(size: number): Promise<void> {
    const { size: sealed } = await this.reader.sealed();
    if (!(Number.isSafeInteger(size) && size >= 0 && size <= sealed)) throw new RangeError(`the tree has ${sealed} leaves`);
  }

  #hear(message: FromSealer): void {
    if (message.kind === 'status') this.#follow(message.status);
    else if (message.kind === 'witnesses') this.#hearWitnesses(message.witnesses);
    else if (message.kind === 'refused') this.#options.onRefusal?.(message.refusal);
    else if (message.kind === 'cleared') this.#options.onCleared?.();
    else if (message.kind !== 'ready') this.#settle(message);
  }

  #hearWitnesses(witnesses: WitnessStatus[]): void {
    const before = new Map(this.#witnesses.map(({ name, failing }) => [name, failing]));
    this.#witnesses = witnesses;
    for (const witness of witnesses) if (witness.failing !== before.get(witness.name)) this.#options.onWitness?.(witness);
  }

  #follow(status: SealingStatus): void {
    this.#status = status;
    this.#fail(status.failing);
    if (status.position >= this.#end) this.#behindSince = undefined;
    else this.#behindSince = status.behindSince ?? this.#behindSince;
  }

  #settle(message: Extract<FromSealer, { kind: 'answer' | 'failed' }>): void {
    const call = this.#calls.get(message.call);
    this.#calls.delete(message.call);
    if (message.kind === 'answer') call?.resolve(message.answer);
    else call?.reject(Object.assign(new Error(message.error.message), { name: message.error.name }));
  }

  /** @param cause name of what stopped it; absent where it was told to close */
  #stop(cause: string | undefined): void {
    this.#hasEnded = true;
    if (cause !== undefined || this.#closing === undefined) this.#fail(cause ?? 'SealerEnded');
    for (const { reject } of this.#calls.values()) reject(new SealerEnded());
    this.#calls.clear();
  }

  #fail(cause: string | undefined): void {
    if (cause !== undefined && cause !== this.#failing) this.#options.onFailing?.(cause);
    this.#failing = cause;
  }
}

/** What passes when it is asked for again. */
const isTransient = ({ name }: Error): boolean => name !== 'SealerEnded' && name !== 'SealerReplaced';

/** The sealer's thread. What it says, and how it ends, is kept until somebody listens. */
class Thread {
  /** Resolves when the sealer runs; rejects with what stopped it. */
  readonly isReady: Promise<void>;
  readonly hasEnded: Promise<void>;
  readonly #worker: Worker;
  readonly #early: FromSealer[] = [];
  #hear: (message: FromSealer) => void = (message) => void this.#early.push(message);
  #error: Error | undefined;

  constructor(worker: Worker) {
    this.#worker = worker;
    worker.on('error', (error: Error) => {
      this.#error = error;
    });
    this.hasEnded = new Promise((resolve) => worker.once('exit', () => resolve()));
    const ready = new Promise<void>((resolve) => {
      worker.on('message', (message: FromSealer) => {
        this.#hear(message);
        if (message.kind === 'ready') resolve();
      });
    });
    const ended = this.hasEnded.then(() => {
      throw this.#error ?? new SealerEnded();
    });
    this.isReady = Promise.race([ready, ended]);
  }

  tell(message: ToSealer): void {
    this.#worker.postMessage(message);
  }

  listen(hear: (message: FromSealer) => void, onEnd: (cause: string | undefined) => void): void {
    this.#hear = hear;
    for (const message of this.#early) hear(message);
    void this.hasEnded.then(() => onEnd(this.#error?.name));
  }
}

/** What is known before the sealer has said anything. */
async function statusOf(reader: TreeReader): Promise<SealingStatus> {
  const head = await reader.lastHead();
  const refusal = (await reader.refusals()).find(({ clearedAt }) => clearedAt === undefined);
  return {
    state: refusal === undefined ? 'sealing' : 'refusing',
    ...(await reader.sealed()),
    ...(head && { head: { number: head.number, size: head.size, position: head.position, signedAt: head.signedAt } }),
    ...(refusal && { refusal }),
  };
}
