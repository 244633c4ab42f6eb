/**
 * Events → the ledger, in batches, a few in flight at once. A batch is a stream of lines (NDJSON): in that form an event
 * that may not be recorded is refused alone, and what was acknowledged before a failure stands. Events of one source are sent one batch after the other,
 * so that their order is kept; different sources overtake each other. Sending twice is harmless: the ledger answers
 * `duplicate`, which is what makes a run resumable.
 */
import { BrokenOff, type LedgerClient, type Problem, Refused } from './client.ts';
import { CliError, EXIT } from './terminal.ts';

export interface Sendable {
  line: number;
  json: string;
  bytes: number;
  source: string;
  id?: string;
}

/** One line of the answer to a batch (`POST /v1/events`): the acknowledgement of the next so many of its events. */
interface Acknowledgement {
  recorded: number;
  duplicates: number;
  conflicts: number;
  quarantined: number;
  refused: number;
  /** 0 where nothing is recorded. */
  position?: number | null;
  /** Every event that was not plainly recorded; `index` is its place in the batch, from 0. */
  items?: { index: number; outcome: string; problems?: Problem[] }[];
}

/** The sums of the acknowledgements, at the end. */
type Line = Acknowledgement & { summary?: true };

export const OUTCOMES = ['recorded', 'duplicates', 'conflicts', 'quarantined', 'refused'] as const;
export type Outcome = (typeof OUTCOMES)[number];

/** An event that is not in the ledger as it was sent. */
export interface Unrecorded {
  line: number;
  id?: string;
  source?: string;
  outcome: 'conflict' | 'quarantined' | 'refused';
  problems: Problem[];
}

export interface SendOptions {
  /** Events a batch: at most as many as the ledger acknowledges with one line (500). */
  batch: number;
  dryRun?: boolean;
  /** A batch that is refused as a whole (by its status: 403, 413 …) is counted as refused, instead of ending the run. */
  goOn?: boolean;
  /** Told of every event that was not recorded; awaited, so that a slow reader of it slows the run. */
  onUnrecorded: (item: Unrecorded) => Promise<void> | void;
  /** Told after each acknowledgement. */
  onProgress?: (answered: number) => void;
  /** How long a busy or absent ledger is asked again before the run ends. */
  patienceMs?: number;
}

/** Line ends included. A failure costs at most this much that is sent again. */
const BATCH_BYTES = 4 * 1024 * 1024 - 1;
const LANES = 4;

class Lane {
  events: Sendable[] = [];
  bytes = 0;
  inFlight: Promise<void> = Promise.resolve();
}

export class EventSender {
  readonly totals: Record<Outcome, number> = { recorded: 0, duplicates: 0, conflicts: 0, quarantined: 0, refused: 0 };
  /** Highest position among what was recorded or already there. */
  position: number | undefined;
  private readonly lanes = Array.from({ length: LANES }, () => new Lane());
  private failure: unknown;

  constructor(
    private readonly client: LedgerClient,
    private readonly options: SendOptions,
  ) {}

  /** Events that the ledger has answered for. */
  get answered(): number {
    return OUTCOMES.reduce((sum, outcome) => sum + this.totals[outcome], 0);
  }

  /**
   * Takes one event; waits where its lane already has one batch in flight and another one full.
   * @throws what a batch before it failed with.
   */
  async add(event: Sendable): Promise<void> {
    this.throwFailure();
    const lane = this.laneOf(event.source);
    if (lane.events.length >= this.options.batch || lane.bytes + event.bytes + 1 > BATCH_BYTES) await this.dispatch(lane);
    lane.events.push(event);
    lane.bytes += event.bytes + 1;
  }

  /** Sends what is left and waits for every answer. */
  async finish(): Promise<void> {
    await Promise.all(this.lanes.map((lane) => this.dispatch(lane)));
    await this.settle();
    this.throwFailure();
  }

  /** Waits for the batches in flight, sends no more. */
  async settle(): Promise<void> {
    await Promise.all(this.lanes.map((lane) => lane.inFlight));
  }

  private laneOf(source: string): Lane {
    let hash = 0;
    for (let i = 0; i < source.length; i++) hash = (Math.imul(hash, 31) + source.charCodeAt(i)) | 0;
    return this.lanes[Math.abs(hash) % LANES] as Lane;
  }

  private async dispatch(lane: Lane): Promise<void> {
    await lane.inFlight;
    this.throwFailure();
    const { events } = lane;
    if (events.length === 0) return;
    lane.events = [];
    lane.bytes = 0;
    lane.inFlight = this.send(events).catch((error: unknown) => {
      this.failure ??= error;
    });
  }

  /** Sends a batch until all of it is answered for; of a broken answer only what it left open is sent again. */
  private async send(events: readonly Sendable[]): Promise<void> {
    let open = events;
    let patience = this.client.patience(this.patienceMs);
    for (;;) {
      const { acknowledged, failure } = await this.attempt(open);
      open = open.slice(acknowledged);
      if (open.length === 0) return;
      if (acknowledged > 0) patience = this.client.patience(this.patienceMs);
      const waitMs = failure instanceof BrokenOff ? patience.next() : undefined;
      if (waitMs !== undefined) await patience.wait(waitMs, `the answer broke off (${(failure as BrokenOff).reason}); trying again`);
      else if (this.options.goOn && failure instanceof Refused && isAboutTheBatch(failure)) return this.refuseAll(open, failure);
      else throw failure;
    }
  }

  /** @returns for how many of the events, from the first, the ledger has answered, and what kept it from the others. */
  private async attempt(events: readonly Sendable[]): Promise<{ acknowledged: number; failure: CliError }> {
    let acknowledged = 0;
    let failure = new CliError(EXIT.unavailable, 'The ledger answered for fewer events than it was sent.', ['Run the command again.']);
    const lines = this.client.lines<Line>('/v1/events', {
      method: 'POST',
      contentType: 'application/x-ndjson',
      body: events.map((event) => `${event.json}\n`).join(''),
      repeatable: true,
      patienceMs: this.patienceMs,
      ...(this.options.dryRun ? { query: { dryRun: 'true' } } : {}),
    });
    try {
      for await (const line of lines) if (!line.summary) acknowledged += await this.acknowledge(line, events);
    } catch (error) {
      if (!(error instanceof BrokenOff || error instanceof Refused)) throw error;
      failure = error;
    }
    return { acknowledged, failure };
  }

  private async acknowledge(answer: Acknowledgement, events: readonly Sendable[]): Promise<number> {
    for (const outcome of OUTCOMES) this.totals[outcome] += answer[outcome];
    if (answer.position) this.position = Math.max(this.position ?? 0, answer.position);
    for (const { index, outcome, problems = [] } of answer.items ?? []) {
      const event = events[index];
      if (event === undefined || outcome === 'recorded' || outcome === 'duplicate') continue;
      await this.options.onUnrecorded({ ...named(event), outcome: outcome as Unrecorded['outcome'], problems });
    }
    this.options.onProgress?.(this.answered);
    return OUTCOMES.reduce((sum, outcome) => sum + answer[outcome], 0);
  }

  private get patienceMs(): number {
    return this.options.patienceMs ?? 60_000;
  }

  private async refuseAll(events: readonly Sendable[], error: Refused): Promise<void> {
    this.totals.refused += events.length;
    const problem = { path: '', rule: `http-${error.status}`, message: error.details.title ?? 'the batch was refused as a whole' };
    const problems = error.details.errors ?? [];
    for (const [index, event] of events.entries()) {
      const own = problems.filter((each) => each.index === index);
      await this.options.onUnrecorded({ ...named(event), outcome: 'refused', problems: own.length > 0 ? own : [problem] });
    }
    this.options.onProgress?.(this.answered);
  }

  private throwFailure(): void {
    if (this.failure !== undefined) throw this.failure;
  }
}

/** A key that is unknown (401) will not do for the next batch either; nor will a ledger that fails. */
function isAboutTheBatch(error: Refused): boolean {
  return error.status >= 400 && error.status < 500 && error.status !== 401 && error.status !== 429;
}

function named({ line, id, source }: Sendable): { line: number; id?: string; source?: string } {
  return { line, ...(id === undefined ? {} : { id }), ...(source === '' ? {} : { source }) };
}
