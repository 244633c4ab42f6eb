/**
 * When the sealer does what: leaves soon after events, heads on a schedule and when somebody waits for one, the patrol in between.
 * One thing at a time; whatever fails is tried again, later and later.
 */
import { setImmediate as breathe } from 'node:timers/promises';
import { TILE_WIDTH } from '../integrity/tiles.ts';
import type { Log, Sealer, SealerKey } from './sealer.ts';
import { type Refusal, type RingKey, SealerReplaced, type StoredHead } from './tree.ts';

export interface SealingOptions {
  /** Between two heads while the tree grows and nobody asks. */
  headMs: number;
  /** After being woken, so that a burst of single events becomes one page; a quarter of a second by default. */
  gatherMs?: number;
  /** The same where somebody waits for a head. */
  awaitedGatherMs?: number;
  /** How long the end of the log is left alone when nobody wakes the sealer. */
  pollMs?: number;
  /** Between two tiles of the patrol, at least; and how long it takes for a whole log, unless that is long. */
  patrolMs?: number;
  tourMs?: number;
  /** After a failure, doubled with each further one; and between two looks whether what was refused agrees again. */
  retryMs?: number;
}

/** What the thread of the sealer tells whoever waits or watches. */
export interface SealingStatus {
  state: 'sealing' | 'refusing' | 'failing';
  size: number;
  position: number;
  head?: { number: number; size: number; position: number; signedAt: string };
  refusal?: Refusal;
  /** Name of the error, while it fails. */
  failing?: string;
  /** `recordedAt` of the oldest event that is no leaf, milliseconds since 1970; absent where all of them are. */
  behindSince?: number;
}

export interface SealingParts {
  sealer: Sealer;
  log: Log;
  now(): number;
  onStatus(status: SealingStatus): void;
  /** Durable, and not told to anybody yet. */
  onHead(head: StoredHead): void;
  /** Evidence is kept by now. */
  onRefusal(refusal: Refusal): void;
  onCleared(): void;
}

/** The patrol takes this share of the time at most, while nothing else is to be done. */
const PATROL_SHARE = 1 / 25;
/** A short log is not gone through without a pause: between two of its tiles. */
const LONGEST_PATROL_MS = 60_000;
const LONGEST_RETRY_MS = 30_000;
/** Between two heads that were asked for, at least. */
const ASKED_HEAD_MS = 100;
/** After a head could not be signed yet. */
const AGAIN_MS = 500;

interface Waiting {
  position: number;
  /** The log was looked at as often as this, at least, before there is an answer. */
  look: number;
  resolve(head: StoredHead): void;
  reject(error: Error): void;
}

/** What was asked for is not done, because nothing is signed: the status tells why. */
export class NothingSigned extends Error {
  override name = 'NothingSigned';
}

export class Sealing {
  readonly #parts: SealingParts;
  readonly #options: Required<SealingOptions>;
  readonly #closing = new AbortController();
  readonly #waiting = new Set<Waiting>();
  /** What has to be done between two steps: keys change hands, witnesses have spoken. */
  #errands: { run(): Promise<void>; reject(error: Error): void }[] = [];
  #run: Promise<void> = Promise.resolve();
  #wake: () => void = () => {};
  /** When the log is looked at next, the tree is signed, a tile is patrolled, what failed or was refused is tried again. */
  #due = { page: 0, head: 0, patrol: 0, retry: 0 };
  #lastHeadAt = 0;
  /** How often the log was looked at. */
  #looks = 0;
  #failures = 0;
  #failing: string | undefined;
  #behindSince: number | undefined;
  #told = '';
  #refused: Refusal | undefined;
  #wasRefusing = false;
  #isReplaced = false;

  constructor(parts: SealingParts, options: SealingOptions) {
    this.#parts = parts;
    this.#options = { gatherMs: 250, awaitedGatherMs: 5, pollMs: 1_000, patrolMs: 100, tourMs: 3_600_000, retryMs: 250, ...options };
  }

  start(): void {
    this.#wasRefusing = this.#parts.sealer.refusal !== undefined;
    this.#run = this.#follow();
  }

  /** Something was appended. */
  wake(): void {
    this.#sooner(this.#options.gatherMs);
  }

  /** A head that covers this position, as soon as the event is a leaf; 0: any head. @throws NothingSigned */
  covering(position: number): Promise<StoredHead> {
    return new Promise((resolve, reject) => {
      this.#mustRun();
      // Who asks for what is covered doubts it: the log is looked at first.
      const isDoubted = isCovered({ position }, this.#parts.sealer.head);
      this.#waiting.add({ position, look: isDoubted ? this.#looks + 1 : 0, resolve, reject });
      this.#sooner(isDoubted ? 0 : this.#options.awaitedGatherMs);
      // Nothing may be due, and an answer there is all the same.
      this.#wake();
    });
  }

  /** A head of all that the log holds now. @throws NothingSigned */
  async signNow(): Promise<StoredHead> {
    return this.covering(await this.#parts.log.head());
  }

  /** The next head is signed by this key and the one before. */
  addKey(key: RingKey, signer: SealerKey): Promise<void> {
    return this.#errand(() => this.#parts.sealer.addKey(key, signer));
  }

  refuseAhead(refusal: Refusal): Promise<void> {
    return this.#errand(() => this.#parts.sealer.refuseAhead(refusal));
  }

  clearAhead(): Promise<void> {
    return this.#errand(async () => {
      await this.#parts.sealer.clearAhead();
      this.#due.retry = 0;
    });
  }

  /** Finishes the page at hand and signs what is sealed. */
  async close(): Promise<void> {
    this.#closing.abort();
    this.#wake();
    await this.#run;
    for (const { reject } of this.#waiting) reject(new NothingSigned('the sealer is closed'));
    this.#waiting.clear();
  }

  #mustRun(): void {
    if (this.#isReplaced) throw replaced();
    if (this.#closing.signal.aborted) throw new NothingSigned('the sealer is closed');
  }

  #sooner(ms: number): void {
    const at = performance.now() + ms;
    if (at >= this.#due.page) return;
    this.#due.page = at;
    this.#wake();
  }

  #errand(work: () => Promise<void>): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#mustRun();
      this.#errands.push({ run: () => work().then(resolve, reject), reject });
      this.#wake();
    });
  }

  async #follow(): Promise<void> {
    while (!this.#closing.signal.aborted) {
      try {
        for (const errand of this.#errands.splice(0)) await errand.run();
        if (performance.now() >= this.#due.retry) {
          await this.#round();
          this.#failures = 0;
          this.#failing = undefined;
        }
        this.#answer();
      } catch (error) {
        this.#failed(error as Error);
      }
      this.#tell();
      if (this.#isReplaced) return this.#abandon();
      await this.#pause();
    }
    await this.#lastWords();
  }

  /** What is due. */
  async #round(): Promise<void> {
    const { sealer } = this.#parts;
    if (!sealer.isChecked || sealer.refusal !== undefined) {
      await sealer.check(this.#closing.signal);
      if (!sealer.isChecked) return;
      if (sealer.refusal !== undefined) this.#due.retry = performance.now() + LONGEST_RETRY_MS;
    }
    if (performance.now() >= this.#due.page) await this.#catchUp();
    await this.#signIfDue();
    await this.#patrolIfDue();
  }

  async #catchUp(): Promise<void> {
    const { sealer, log } = this.#parts;
    this.#due.page = performance.now() + this.#options.pollMs;
    this.#looks++;
    const end = await log.head();
    // Somebody has cut it: what is missing is found, and whatever is recorded now stands where something else stood.
    if (end < sealer.sealed.position) await sealer.check(this.#closing.signal);
    // What comes meanwhile is for the next time: a page for each few events costs more than it gains.
    while (sealer.sealed.position < end && !this.#closing.signal.aborted) {
      if (this.#errands.length > 0) {
        this.#due.page = 0;
        break;
      }
      if (!(await sealer.page())) break;
      await this.#lookBehind();
      await this.#signIfDue();
      this.#tell();
      await breathe();
    }
    await this.#lookBehind();
  }

  async #lookBehind(): Promise<void> {
    const { sealer, log } = this.#parts;
    const [next] = await log.readAll(sealer.sealed.position, 1);
    this.#behindSince = next && Date.parse(next.recordedAt);
  }

  async #signIfDue(): Promise<void> {
    const { sealer } = this.#parts;
    const now = performance.now();
    const { size, position } = sealer.sealed;
    const isGrown = size > (sealer.head?.size ?? 0);
    const isAwaited = [...this.#waiting].some((one) => one.position <= position && !isCovered(one, sealer.head));
    const isAsked = isAwaited && now >= this.#lastHeadAt + ASKED_HEAD_MS;
    if (isGrown && (isAsked || now >= this.#due.head)) await this.#sign();
    this.#answer();
  }

  async #sign(): Promise<void> {
    const { sealer, onHead } = this.#parts;
    const before = sealer.head?.number;
    const head = await sealer.sign();
    const isNew = head !== undefined && head.number !== before;
    this.#lastHeadAt = performance.now();
    // The key's own event may not be a leaf yet.
    this.#due.head = this.#lastHeadAt + (isNew ? this.#options.headMs : Math.min(this.#options.headMs, AGAIN_MS));
    if (isNew) onHead(head);
  }

  #answer(): void {
    const { sealer } = this.#parts;
    if (this.#waiting.size === 0) return;
    // Whoever hears that nothing is signed can look up why.
    this.#tell();
    for (const one of this.#waiting) {
      if (isCovered(one, sealer.head) && this.#looks >= one.look && sealer.refusal === undefined) one.resolve(sealer.head as StoredHead);
      else if (sealer.refusal !== undefined) one.reject(new NothingSigned(sealer.refusal.detail));
      else continue;
      this.#waiting.delete(one);
    }
  }

  async #patrolIfDue(): Promise<void> {
    const startedAt = performance.now();
    if (startedAt < this.#due.patrol) return;
    await this.#parts.sealer.patrol();
    const { patrolMs, tourMs } = this.#options;
    const tiles = Math.ceil(this.#parts.sealer.sealed.size / TILE_WIDTH);
    const tookMs = performance.now() - startedAt;
    const restMs = Math.min(LONGEST_PATROL_MS, tourMs / Math.max(1, tiles));
    this.#due.patrol = performance.now() + Math.max(patrolMs, restMs, tookMs / PATROL_SHARE);
  }

  #failed(error: Error): void {
    this.#failures++;
    this.#isReplaced ||= error instanceof SealerReplaced;
    this.#failing = error instanceof SealerReplaced ? error.name : ((error as { code?: string }).code ?? error.name);
    const ms = Math.min(LONGEST_RETRY_MS, this.#options.retryMs * 2 ** (this.#failures - 1));
    this.#due.retry = performance.now() + ms;
    if (this.#isReplaced) return;
    for (const { reject } of this.#waiting) reject(new NothingSigned(`sealing fails (${this.#failing}) and is tried again`));
    this.#waiting.clear();
  }

  /** Whoever waits is told that another sealer has taken over. */
  #abandon(): void {
    for (const { reject } of [...this.#errands.splice(0), ...this.#waiting]) reject(replaced());
    this.#waiting.clear();
  }

  /** Whatever was sealed is signed, so that what a service leaves behind is covered. */
  async #lastWords(): Promise<void> {
    try {
      for (const errand of this.#errands.splice(0)) await errand.run();
      await this.#parts.sealer.page();
      await this.#sign();
    } catch {
      // It is signed after the next start.
    }
    this.#tell();
  }

  #tell(): void {
    const { sealer, onStatus, onRefusal, onCleared } = this.#parts;
    const status = this.#status();
    const told = JSON.stringify(status);
    if (told !== this.#told) onStatus(status);
    this.#told = told;
    // What stood at the start is news once it was looked at: that it still stands, or stands no more.
    if (!sealer.isChecked) return;
    const [before, { refusal }] = [this.#refused, sealer];
    this.#refused = refusal;
    if (refusal !== undefined && refusal !== before) onRefusal(refusal);
    if (refusal === undefined && (before !== undefined || this.#wasRefusing)) onCleared();
    this.#wasRefusing = false;
  }

  #status(): SealingStatus {
    const { sealed, head, refusal } = this.#parts.sealer;
    return {
      state: this.#failing !== undefined ? 'failing' : refusal !== undefined ? 'refusing' : 'sealing',
      ...sealed,
      ...(head && { head: { number: head.number, size: head.size, position: head.position, signedAt: head.signedAt } }),
      ...(refusal && { refusal }),
      ...(this.#failing !== undefined && { failing: this.#failing }),
      ...(this.#behindSince !== undefined && { behindSince: this.#behindSince }),
    };
  }

  /** Until something is due, or somebody calls. */
  async #pause(): Promise<void> {
    const { sealer } = this.#parts;
    const { page, head, patrol, retry } = this.#due;
    const isGrown = sealer.sealed.size > (sealer.head?.size ?? 0);
    const isRefusing = sealer.refusal !== undefined;
    const next = isRefusing ? retry : Math.min(page, patrol, isGrown ? head : Number.POSITIVE_INFINITY, this.#askedAt());
    const ms = Math.max(next, retry) - performance.now();
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, Math.max(0, ms));
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
      if (this.#closing.signal.aborted || this.#errands.length > 0) this.#wake();
    });
    this.#wake = () => {};
  }

  /** When somebody who waits for what is a leaf already gets a head. */
  #askedAt(): number {
    const { position } = this.#parts.sealer.sealed;
    const isAwaited = [...this.#waiting].some((one) => one.position <= position);
    return isAwaited ? this.#lastHeadAt + ASKED_HEAD_MS : Number.POSITIVE_INFINITY;
  }
}

const replaced = (): SealerReplaced => new SealerReplaced('another sealer has taken over: this one signs no more');

const isCovered = ({ position }: Pick<Waiting, 'position'>, head: StoredHead | undefined): boolean =>
  head !== undefined && head.position >= position;
