/**
 * Speaks HTTP to a ledger, wherever it runs. Patient within limits: a ledger that is busy (503, 429), starting or
 * restarting (connection refused) is asked again, with back-off, until the patience given ends.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { CliError, EXIT, printable } from './terminal.ts';

/** One thing wrong with an event or a request: where, which rule, in words; never the value (RFC 9457 extension). */
export interface Problem {
  path: string;
  rule: string;
  message: string;
  index?: number;
}

/** RFC 9457. */
export interface ProblemDetails {
  type?: string;
  title?: string;
  status?: number;
  detail?: string;
  errors?: Problem[];
}

/** The ledger answered, and the answer is no. */
export class Refused extends CliError {
  override name = 'Refused';
  constructor(
    readonly status: number,
    readonly details: ProblemDetails,
  ) {
    super(status >= 500 || status === 429 ? EXIT.unavailable : EXIT.usage, headline(status, details), hintsFor(status, details));
  }
}

/** An answer that had begun and ended before its end: what it acknowledged stands, the rest can be asked for again. */
export class BrokenOff extends CliError {
  override name = 'BrokenOff';
  constructor(
    where: string,
    /** A code or a status, never text of what was sent. */
    readonly reason: string,
  ) {
    super(EXIT.unavailable, `The answer of ${where} broke off (${reason}).`, ['Run the command again.']);
  }
}

export interface Ask {
  method?: 'GET' | 'POST' | 'DELETE';
  body?: string;
  contentType?: string;
  accept?: string;
  query?: Record<string, string>;
  /** Safe to send twice, so that a connection that broke in the middle is tried again. */
  repeatable?: boolean;
  /** How long to go on asking a ledger that is busy or away. */
  patienceMs?: number;
  /** Statuses that the caller handles: answered at once instead of retried or thrown. */
  expect?: readonly number[];
  /** Ends it, instead of the limit that an answer as a whole has. */
  signal?: AbortSignal;
}

export interface ClientOptions {
  /** Told once for each spell of waiting why the run does not move. */
  onWait?: (why: string) => void;
  /** First back-off; each further one is twice as long, up to `longestWaitMs`. */
  firstWaitMs?: number;
  longestWaitMs?: number;
}

/** A single answer may take this long: a question's own limit and its wait for a position included. */
const ANSWER_MS = 120_000;
const PATIENCE_MS = 10_000;

export class LedgerClient {
  private readonly firstWaitMs: number;
  private readonly longestWaitMs: number;

  constructor(
    private readonly to: { url: string; key: string },
    private readonly options: ClientOptions = {},
  ) {
    this.firstWaitMs = options.firstWaitMs ?? 200;
    this.longestWaitMs = options.longestWaitMs ?? 10_000;
  }

  /**
   * One request and its answer in JSON.
   * @throws Refused with the problem details; CliError (exit 3) when nobody answers within the patience.
   */
  async json<T>(path: string, ask: Ask = {}): Promise<T> {
    const response = await this.request(path, { accept: 'application/json', ...ask });
    const text = await response.text().catch((error: unknown) => {
      throw new BrokenOff(this.where, reasonOf(error));
    });
    try {
      return (text === '' ? undefined : JSON.parse(text)) as T;
    } catch {
      throw new CliError(EXIT.unavailable, `${this.where} did not answer in JSON.`, ['Is LIGGARE_URL the address of a Liggare service?']);
    }
  }

  /**
   * One request and its answer in NDJSON, a line at a time, as they come. An `error` line, with which the ledger ends an
   * answer that it cannot go on with, is thrown like an end of the connection.
   * @throws Refused with the problem details; BrokenOff where the answer ends early; CliError (exit 3) when nobody answers.
   */
  async *lines<T extends object>(path: string, ask: Ask = {}): AsyncGenerator<T> {
    const response = await this.request(path, { accept: 'application/x-ndjson', ...ask });
    let rest = '';
    for await (const text of this.textOf(response)) {
      const lines = (rest + text).split('\n');
      rest = lines.pop() as string;
      for (const line of lines) yield this.lineOf<T>(line);
    }
    if (rest !== '') throw new BrokenOff(this.where, 'in the middle of a line');
  }

  /**
   * One request and the bytes of its answer, as they come. However long it is, only silence ends it.
   * @throws Refused with the problem details; BrokenOff where the answer ends early; CliError (exit 3) when nobody answers.
   */
  async *bytes(path: string, ask: Ask = {}): AsyncGenerator<Uint8Array> {
    const silence = new Silence(ANSWER_MS);
    try {
      const response = await this.request(path, { ...ask, signal: silence.signal });
      yield* this.bytesOf(response, silence);
    } finally {
      silence.end();
    }
  }

  private async *bytesOf(response: Response, silence: Silence): AsyncGenerator<Uint8Array> {
    try {
      for await (const bytes of response.body ?? []) {
        yield bytes as Uint8Array;
        silence.heard();
      }
    } catch (error) {
      throw new BrokenOff(this.where, reasonOf(error));
    }
  }

  private async *textOf(response: Response): AsyncGenerator<string> {
    const decoder = new TextDecoder();
    try {
      for await (const bytes of response.body ?? []) yield decoder.decode(bytes as Uint8Array, { stream: true });
    } catch (error) {
      throw new BrokenOff(this.where, reasonOf(error));
    }
  }

  private lineOf<T extends object>(line: string): T {
    let parsed: (T & { error?: ProblemDetails }) | undefined;
    try {
      parsed = JSON.parse(line);
    } catch {
      // Said below; the parser's words would quote the text.
    }
    if (typeof parsed !== 'object' || parsed === null) {
      throw new CliError(EXIT.unavailable, `${this.where} did not answer in NDJSON.`, ['Is LIGGARE_URL the address of a Liggare service?']);
    }
    if (parsed.error !== undefined) throw new BrokenOff(this.where, String(parsed.error?.status ?? 'unknown'));
    return parsed;
  }

  /** One request; its answer once the status is good (or one of `expect`). */
  async request(path: string, ask: Ask = {}): Promise<Response> {
    const patience = this.patience(ask.patienceMs);
    for (;;) {
      const outcome = await this.attempt(path, ask);
      const isAnswer = !(outcome instanceof NoAnswer);
      if (isAnswer && (outcome.ok || ask.expect?.includes(outcome.status))) return outcome;
      const waitMs = mayTryAgain(outcome, ask.repeatable ?? false) ? patience.next(retryAfterOf(outcome)) : undefined;
      if (waitMs === undefined) throw await this.failure(outcome);
      if (isAnswer) await outcome.body?.cancel();
      await patience.wait(waitMs, this.why(outcome));
    }
  }

  /** For a caller that repeats what a broken answer left open: the same back-off as between attempts here. */
  patience(ms = PATIENCE_MS): Patience {
    return new Patience(ms, this.firstWaitMs, this.longestWaitMs, (why) => this.options.onWait?.(why));
  }

  private async attempt(path: string, ask: Ask): Promise<Response | NoAnswer> {
    const url = new URL(this.to.url.replace(/\/+$/, '') + path);
    for (const [name, value] of Object.entries(ask.query ?? {})) url.searchParams.set(name, value);
    const headers: Record<string, string> = { authorization: `Bearer ${this.to.key}`, accept: ask.accept ?? '*/*' };
    if (ask.body !== undefined) headers['content-type'] = ask.contentType ?? 'application/json';
    try {
      // Never follow a redirect: the key is meant for the address that was given.
      const init: RequestInit = {
        method: ask.method ?? 'GET',
        headers,
        redirect: 'manual',
        signal: ask.signal ?? AbortSignal.timeout(ANSWER_MS),
      };
      return await fetch(url, ask.body === undefined ? init : { ...init, body: ask.body });
    } catch (error) {
      return new NoAnswer(reasonOf(error));
    }
  }

  private async failure(outcome: Response | NoAnswer): Promise<CliError> {
    if (outcome instanceof NoAnswer) {
      return new CliError(EXIT.unavailable, `No answer from ${this.where} (${outcome.reason}).`, [
        'Is the service running, and is LIGGARE_URL its address?',
      ]);
    }
    if (outcome.status >= 300 && outcome.status < 400) {
      return new CliError(EXIT.usage, `${this.where} answers with a redirect (${outcome.status}), which is not followed.`, [
        'Set LIGGARE_URL to the final address.',
      ]);
    }
    return new Refused(outcome.status, await problemDetails(outcome));
  }

  private why(outcome: Response | NoAnswer): string {
    if (outcome instanceof NoAnswer) return `no answer from ${this.where} (${outcome.reason}); trying again`;
    return `${this.where} is ${outcome.status === 429 ? 'asked too often' : 'busy'} (${outcome.status}); waiting`;
  }

  private get where(): string {
    return printable(this.to.url);
  }
}

/** One spell of trying again: waits that grow, until they would add up to more than `totalMs`. */
export class Patience {
  private readonly startedAt = performance.now();
  private attempts = 0;
  private hasWaited = false;

  constructor(
    private readonly totalMs: number,
    private readonly firstWaitMs: number,
    private readonly longestWaitMs: number,
    private readonly onWait: (why: string) => void,
  ) {}

  /**
   * The wait before the next attempt: exponential with jitter, so that many clients do not come back at once; never
   * sooner than the ledger asks (`leastMs`). Nothing when it would end after the patience does.
   */
  next(leastMs = 0): number | undefined {
    const exponential = Math.min(this.longestWaitMs, this.firstWaitMs * 2 ** this.attempts++) * (0.75 + Math.random() / 2);
    const waitMs = Math.max(exponential, leastMs);
    return performance.now() - this.startedAt + waitMs > this.totalMs ? undefined : waitMs;
  }

  /** Waits, and says why the first time. */
  async wait(ms: number, why: string): Promise<void> {
    if (!this.hasWaited) this.onWait(why);
    this.hasWaited = true;
    await sleep(ms);
  }
}

/** Ends what has said nothing for a while. */
class Silence {
  private readonly controller = new AbortController();
  private readonly timer: NodeJS.Timeout;

  constructor(ms: number) {
    this.timer = setTimeout(() => this.controller.abort(new DOMException('nothing was heard', 'TimeoutError')), ms);
  }

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  heard(): void {
    this.timer.refresh();
  }

  end(): void {
    clearTimeout(this.timer);
  }
}

/** Connection errors before anything was sent. */
const NOT_SENT = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH', 'UND_ERR_CONNECT_TIMEOUT']);

function mayTryAgain(outcome: Response | NoAnswer, repeatable: boolean): boolean {
  if (outcome instanceof NoAnswer) {
    // A certificate that does not serve will not get better.
    const isForGood = outcome.reason.startsWith('ERR_TLS') || outcome.reason.includes('CERT');
    return !isForGood && (repeatable || NOT_SENT.has(outcome.reason));
  }
  // 503 and 429 are given before anything was done; gateways' words say nothing about that.
  return outcome.status === 503 || outcome.status === 429 || (repeatable && (outcome.status === 502 || outcome.status === 504));
}

/** The connection failed; `reason` is a code or a name, never a message: it may quote what was sent. */
class NoAnswer {
  constructor(readonly reason: string) {}
}

/** The system's or undici's code stands in the cause of fetch's own error. */
function reasonOf(error: unknown): string {
  if (typeof error !== 'object' || error === null) return 'unknown';
  const { name, code, cause } = error as { name?: unknown; code?: unknown; cause?: unknown };
  if (name === 'TimeoutError') return 'no answer in time';
  if (typeof cause === 'object' && cause !== null) return reasonOf(cause);
  return typeof code === 'string' ? code : String(name ?? 'unknown');
}

function retryAfterOf(outcome: Response | NoAnswer): number {
  return outcome instanceof NoAnswer ? 0 : retryAfterMs(outcome.headers.get('retry-after'));
}

/** Seconds or a date (RFC 9110, 10.2.3); nonsense counts as nothing. */
function retryAfterMs(value: string | null): number {
  if (value === null) return 0;
  const ms = /^\d{1,6}$/.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.now();
  return Number.isFinite(ms) ? Math.max(0, ms) : 0;
}

async function problemDetails(response: Response): Promise<ProblemDetails> {
  try {
    const details: unknown = JSON.parse((await response.text()).slice(0, 1024 * 1024));
    return typeof details === 'object' && details !== null ? (details as ProblemDetails) : {};
  } catch {
    return {};
  }
}

function headline(status: number, details: ProblemDetails): string {
  const title = typeof details.title === 'string' ? printable(details.title) : '';
  const detail = typeof details.detail === 'string' ? printable(details.detail) : '';
  const said = [title, detail].filter((text) => text !== '').join(': ');
  return `The ledger answered ${status}${said === '' ? '.' : `: ${said}`}`;
}

const SHOWN_PROBLEMS = 20;

function hintsFor(status: number, details: ProblemDetails): string[] {
  const problems = Array.isArray(details.errors) ? details.errors : [];
  const lines = problems.slice(0, SHOWN_PROBLEMS).map((problem) => problemLine(problem));
  if (problems.length > SHOWN_PROBLEMS) lines.push(`… and ${problems.length - SHOWN_PROBLEMS} more`);
  if (status === 401) lines.push('Check LIGGARE_KEY: it is unknown or revoked.');
  if (status === 403) lines.push('This needs a key with another scope, source or group (liggare keys create --help).');
  if (status === 503) lines.push('Nothing was done. Try again in a moment.');
  return lines;
}

/** `/data/purpose unknown-code: …`, fit for a terminal. */
export function problemLine(problem: Problem): string {
  const index = problem.index === undefined ? '' : `[${problem.index}] `;
  return printable(`${index}${problem.path || '/'} ${problem.rule}${problem.message ? `: ${problem.message}` : ''}`);
}
