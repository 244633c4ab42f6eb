/**
 * Events → the ledger, in batches, a few in flight at once. Events of one source are sent one batch after the other,
 * so that their order is kept; different sources overtake each other. Sending twice is harmless: the ledger answers
 * `duplicate`, which is what makes a run resumable.
 */
import { type LedgerClient, type Problem, Refused } from './client.ts';

export interface Sendable {
  line: number;
  json: string;
  bytes: number;
  source: string;
  id?: string;
}

/** Answer to a batch (`POST /v1/events`); `items` names every event that was not plainly recorded. */
interface Answer {
  recorded: number;
  duplicates: number;
  conflicts: number;
  quarantined: number;
  refused: number;
  position?: number | null;
  items?: { index: number; outcome: string; problems?: Problem[] }[];
}

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
  /** Events a batch, at most 1,000 (the ledger's own limit). */
  batch: number;
  dryRun?: boolean;
  /** A batch that is refused as a whole (403, 413 …) is counted as refused, instead of ending the run. */
  goOn?: boolean;
  /** Told of every event that was not recorded; awaited, so that a slow reader of it slows the run. */
  onUnrecorded: (item: Unrecorded) => Promise<void> | void;
  /** Told after each batch. */
  onProgress?: (answered: number) => void;
  /** How long a busy or absent ledger is asked again before the run ends. */
  patienceMs?: number;
}

/** Below the ledger's 5 MiB a batch, brackets and commas included. */
const BATCH_BYTES = 4.5 * 1024 * 1024;
const LANES = 4;

class Lane {
  events: Sendable[] = [];
  bytes = 2;
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
    lane.bytes = 2;
    lane.inFlight = this.send(events).catch((error: unknown) => {
      this.failure ??= error;
    });
  }

  private async send(events: readonly Sendable[]): Promise<void> {
    let answer: Answer;
    try {
      answer = await this.client.json<Answer>('/v1/events', {
        method: 'POST',
        contentType: 'application/cloudevents-batch+json',
        body: `[${events.map((event) => event.json).join(',')}]`,
        repeatable: true,
        patienceMs: this.options.patienceMs ?? 60_000,
        ...(this.options.dryRun ? { query: { dryRun: 'true' } } : {}),
      });
    } catch (error) {
      if (!(this.options.goOn && error instanceof Refused && isAboutTheBatch(error))) throw error;
      return this.refuseAll(events, error);
    }
    for (const outcome of OUTCOMES) this.totals[outcome] += answer[outcome];
    if (typeof answer.position === 'number') this.position = Math.max(this.position ?? 0, answer.position);
    for (const { index, outcome, problems = [] } of answer.items ?? []) {
      const event = events[index];
      if (event === undefined || outcome === 'recorded' || outcome === 'duplicate') continue;
      await this.options.onUnrecorded({ ...named(event), outcome: outcome as Unrecorded['outcome'], problems });
    }
    this.options.onProgress?.(this.answered);
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
