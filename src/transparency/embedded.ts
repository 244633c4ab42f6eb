/**
 * The transparency log of an embedded ledger, for the main thread: it reads `tree.db` and asks the sealer's thread for whatever is
 * to be written or signed.
 */
import { Worker } from 'node:worker_threads';
import type { EventStore } from '../eventstore/event-store.ts';
import { SqliteLogReader } from '../eventstore/sqlite-reader.ts';
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
  readonly #worker: Worker;
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
  #ended: string | undefined;
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
    const inbox = await begun(worker);
    const reader = SqliteTreeStore.openForReading(options.treeFile);
    const state = {
      generation: (await reader.generation()) as Generation,
      status: await statusOf(reader),
      end: await options.store.head(),
    };
    return new EmbeddedTransparency(options, worker, reader, { ...state, inbox });
  }

  private constructor(
    options: EmbeddedOptions,
    worker: Worker,
    reader: TreeReader,
    { generation, status, end, inbox }: { generation: Generation; status: SealingStatus; end: number; inbox: Inbox },
  ) {
    super();
    this.#options = options;
    this.#worker = worker;
    this.reader = reader;
    this.#hashes = hashesFrom(reader);
    this.#generation = generation;
    this.#status = status;
    this.#end = end;
    worker.on('error', (error: Error) => this.#stop(error.name));
    worker.on('exit', () => this.#stop('SealerEnded'));
    inbox.open((message) => this.#hear(message));
  }

  /** Something was appended, up to here. */
  wake(position: number): void {
    this.#end = Math.max(this.#end, position);
    if (this.#end > this.#status.position) this.#behindSince ??= this.#options.now();
    if (this.#isWaking || this.#ended !== undefined) return;
    this.#isWaking = true;
    this.#worker.postMessage('wake' satisfies ToSealer);
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
      state: this.#ended === undefined ? state : 'failing',
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
    if (head !== undefined && head.position >= position && (position === 0 || this.#isOfThisLog(head))) return this.published(head);
    await this.#awaited({ kind: 'cover', position }, waitMs);
    return (await this.head()) as PublishedHead;
  }

  /** Of a log that was put back from an earlier day, another event stands where the head had one. */
  #isOfThisLog({ position }: StoredHead): boolean {
    return this.#status.refusal === undefined && position <= this.#end;
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
    if (this.#ended === undefined) {
      const gone = new Promise((resolve) => this.#worker.once('exit', resolve));
      this.#worker.postMessage('close' satisfies ToSealer);
      await gone;
    }
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
      throw error instanceof NotSealedYet ? error : new NotSealedYet((error as Error).message);
    } finally {
      clearTimeout(timer);
    }
  }

  #ask(asked: Asked): Promise<string | undefined> {
    return new Promise((resolve, reject) => {
      if (this.#ended !== undefined) throw Object.assign(new Error('the sealer has ended'), { name: this.#ended });
      this.#lastCall++;
      this.#calls.set(this.#lastCall, { resolve, reject });
      this.#worker.postMessage({ call: this.#lastCall, ...asked } satisfies ToSealer);
    });
  }

  async #mustBeSealed(size: number): Promise<void> {
    const { size: sealed } = await this.reader.sealed();
    if (!(Number.isSafeInteger(size) && size >= 0 && size <= sealed)) throw new RangeError(`the tree has ${sealed} leaves`);
  }

  #hear(message: FromSealer): void {
    if (message.kind === 'status') this.#follow(message.status);
    else if (message.kind === 'witnesses') this.#witnesses = message.witnesses;
    else if (message.kind === 'refused') this.#options.onRefusal?.(message.refusal);
    else if (message.kind === 'cleared') this.#options.onCleared?.();
    else if (message.kind !== 'ready') this.#settle(message);
  }

  #follow(status: SealingStatus): void {
    this.#status = status;
    if (status.position >= this.#end) this.#behindSince = undefined;
    else this.#behindSince = status.behindSince ?? this.#behindSince;
  }

  #settle(message: Extract<FromSealer, { kind: 'answer' | 'failed' }>): void {
    const call = this.#calls.get(message.call);
    this.#calls.delete(message.call);
    if (message.kind === 'answer') call?.resolve(message.answer);
    else call?.reject(Object.assign(new Error(message.error.message), { name: message.error.name }));
  }

  #stop(reason: string): void {
    this.#ended ??= reason;
    for (const { reject } of this.#calls.values()) reject(Object.assign(new Error('the sealer has ended'), { name: this.#ended }));
    this.#calls.clear();
  }
}

function ledgerOf(logFile: string): string {
  const reader = new SqliteLogReader(logFile);
  try {
    return reader.ledger();
  } finally {
    reader.close();
  }
}

/** What the sealer says is kept until somebody listens. */
interface Inbox {
  open(hear: (message: FromSealer) => void): void;
}

/** Resolves when the sealer runs; rejects with what stopped it. */
function begun(worker: Worker): Promise<Inbox> {
  const early: FromSealer[] = [];
  let hear = (message: FromSealer): void => void early.push(message);
  const open = (listener: typeof hear): void => {
    hear = listener;
    for (const message of early) listener(message);
  };
  return new Promise((resolve, reject) => {
    worker.on('message', (message: FromSealer) => {
      hear(message);
      if (message.kind === 'ready') resolve({ open });
    });
    worker.once('error', reject);
    worker.once('exit', () => reject(new Error('the sealer ended before it began')));
  });
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
