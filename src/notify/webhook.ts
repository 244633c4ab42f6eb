/**
 * Tells one receiver of new critical findings, in their order and at least once, signed by the Standard Webhooks scheme (README). What it does not
 * take is sent again, with growing pauses, for as long as the process runs; the next process goes on where this one stopped. A
 * receiver that is down, slow, wrong or rude delays nothing and breaks nothing.
 */
import { Webhook as Signer } from 'standardwebhooks';
import type { Notice } from '../../projections/findings/news.ts';
import type { EventStore } from '../eventstore/event-store.ts';
import { keepCheckpoint, readCheckpoint } from './checkpoint.ts';
import type { CriticalFindings } from './critical-findings.ts';
import type { Cursor } from './cursor.ts';

export interface WebhookOptions {
  url: string;
  /** `whsec_` and 24 to 64 bytes in base64. */
  secret: string;
  findings: Pick<CriticalFindings, 'from' | 'fromNow'>;
  store: Pick<EventStore, 'at' | 'head'>;
  /** Where the checkpoint is kept. */
  dataFolder: string;
  /** Milliseconds since 1970. */
  now?: () => number;
  /** For one attempt; 10 s. */
  timeoutMs?: number;
  /** Before the second attempt; each further one waits twice as long, up to `longestWaitMs`. 1 s and 5 min. */
  firstWaitMs?: number;
  longestWaitMs?: number;
  /** Told at the first of several failures, with why, and when it works again. */
  onFailing(cause: string | undefined): void;
  /** Told where the checkpoint is of another log: it begins anew with what is found from now on. */
  onBegunAnew(): void;
  onAttempt(outcome: 'delivered' | 'failed'): void;
}

export interface WebhookStatus {
  state: 'delivering' | 'failing';
  /** Attempts in a row that failed. */
  failures: number;
  /** Since when the finding that is to be told next has been one: milliseconds since 1970; absent where everything was told. */
  waitingSince?: number;
}

const TIMEOUT_MS = 10_000;
const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 5 * 60_000;

/** What went wrong, in words without an address or an answer: it is logged. */
class WebhookFault extends Error {
  override name = 'WebhookFault';
}

export class Webhook {
  readonly #options: WebhookOptions;
  readonly #signer: Signer;
  readonly #stopping = new AbortController();
  readonly #now: () => number;
  #running: Promise<void> = Promise.resolve();
  #failures = 0;
  #waitingSince: number | undefined;
  #isKept = true;

  constructor(options: WebhookOptions) {
    this.#options = options;
    this.#signer = new Signer(options.secret);
    this.#now = options.now ?? Date.now;
  }

  /** Answers at once, and never fails. */
  start(): void {
    this.#running = this.#run();
  }

  status(): WebhookStatus {
    return {
      state: this.#failures > 0 || !this.#isKept ? 'failing' : 'delivering',
      failures: this.#failures,
      ...(this.#waitingSince !== undefined && { waitingSince: this.#waitingSince }),
    };
  }

  /** Breaks off what is under way: it is sent again by the next process. */
  async close(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    const start = await this.#begin();
    if (start === undefined) return;
    for await (const { cursor, notice } of this.#options.findings.from(start, signal)) {
      if (notice && !(await this.#deliver(notice))) return;
      await this.#keep(cursor);
    }
  }

  /** Undefined where it is stopped before it has begun. */
  async #begin(): Promise<Cursor | undefined> {
    const { dataFolder, store, findings, onBegunAnew } = this.#options;
    for (let failures = 0; !this.#stopping.signal.aborted; failures++) {
      try {
        const kept = await readCheckpoint(dataFolder, store);
        if (kept === 'another-log') onBegunAnew();
        if (kept !== undefined && kept !== 'another-log') return kept;
        // Kept before anything is told: what comes now is not forgotten where this process ends.
        const begin = await findings.fromNow();
        await this.#keep(begin);
        return begin;
      } catch (error) {
        if (failures === 0) this.#options.onFailing(nameOf(error));
        await this.#wait(failures);
      }
    }
    return undefined;
  }

  /** @returns false where it was stopped before the receiver took it */
  async #deliver(notice: Notice): Promise<boolean> {
    this.#waitingSince = Date.parse(notice.detectedAt);
    for (let failures = 0; !this.#stopping.signal.aborted; failures++) {
      try {
        await this.#send(notice);
        this.#options.onAttempt('delivered');
        if (this.#failures > 0) this.#options.onFailing(undefined);
        this.#failures = 0;
        this.#waitingSince = undefined;
        return true;
      } catch (error) {
        if (this.#stopping.signal.aborted) return false;
        this.#options.onAttempt('failed');
        if (this.#failures++ === 0)
          this.#options.onFailing(error instanceof WebhookFault ? error.message : `failed here (${nameOf(error)})`);
        await this.#wait(failures);
      }
    }
    return false;
  }

  /** @throws WebhookFault */
  async #send(notice: Notice): Promise<void> {
    const body = JSON.stringify({ type: 'finding.critical', timestamp: notice.detectedAt, data: notice });
    const id = messageId(notice);
    const at = new Date(this.#now());
    const timeout = AbortSignal.timeout(this.#options.timeoutMs ?? TIMEOUT_MS);
    try {
      const response = await fetch(this.#options.url, {
        method: 'POST',
        body,
        headers: {
          'content-type': 'application/json',
          'user-agent': 'liggare',
          'webhook-id': id,
          'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
          'webhook-signature': this.#signer.sign(id, at, body),
        },
        // The receiver is where its operator said.
        redirect: 'manual',
        signal: AbortSignal.any([timeout, this.#stopping.signal]),
      });
      // The status says it all; what follows it is not waited for.
      response.body?.cancel().catch(() => undefined);
      if (!response.ok) throw new WebhookFault(inWords(response.status));
    } catch (error) {
      if (error instanceof WebhookFault) throw error;
      throw new WebhookFault(timeout.aborted ? 'did not answer in time' : `could not be reached (${codeOf(error)})`);
    }
  }

  /** Where it cannot be kept, some is told twice by the next process, and nothing is left out. */
  async #keep(cursor: Cursor): Promise<void> {
    const { dataFolder, store, onFailing } = this.#options;
    try {
      await keepCheckpoint(dataFolder, cursor, store);
      if (!this.#isKept) onFailing(undefined);
      this.#isKept = true;
    } catch (error) {
      if (this.#isKept) onFailing(`its checkpoint cannot be kept (${codeOf(error)})`);
      this.#isKept = false;
    }
  }

  /** With jitter, so that many ledgers do not come back at once to a receiver that was away. */
  #wait(failures: number): Promise<void> {
    const { firstWaitMs = FIRST_WAIT_MS, longestWaitMs = LONGEST_WAIT_MS } = this.#options;
    const ms = Math.min(longestWaitMs, firstWaitMs * 2 ** failures) * (0.75 + Math.random() / 4);
    const { signal } = this.#stopping;
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        signal.removeEventListener('abort', done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      // Waiting for a receiver keeps no process alive.
      timer.unref();
      signal.addEventListener('abort', done);
    });
  }
}

/** The same in every attempt and in every process; another where a finding went and came back. */
const messageId = ({ finding, detectedAt }: Notice): string => `msg_${finding}_${Date.parse(detectedAt).toString(36)}`;

/** What an answer means that does not say that it was taken. */
function inWords(status: number): string {
  if (status === 0 || (status >= 300 && status < 400)) return 'answers with a redirect, which is not followed';
  return `answers ${status}`;
}

/** The system's or undici's code stands in the cause of fetch's own error. Its message may quote the address. */
function codeOf(error: unknown): string {
  if (typeof error !== 'object' || error === null) return 'unknown';
  const { code, cause } = error as { code?: unknown; cause?: unknown };
  return typeof code === 'string' ? code : cause === undefined ? nameOf(error) : codeOf(cause);
}

const nameOf = (error: unknown): string => (error instanceof Error ? error.name : 'Error');
