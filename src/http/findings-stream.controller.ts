import { Readable } from 'node:stream';
import { Controller, Get, Headers, Injectable, type OnModuleDestroy, Req, Res } from '@nestjs/common';
import { ApiBadRequestResponse, ApiBearerAuth, ApiHeader, ApiOkResponse, ApiOperation, ApiProduces, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { EventStore } from '../eventstore/event-store.ts';
import { ApiKeys } from '../ledger/api-key/api-keys.ts';
import { CriticalFindings, type Told } from '../notify/critical-findings.ts';
import { type Cursor, cursorOf, cursorText } from '../notify/cursor.ts';
import { Caller, Needs } from './auth.ts';
import { Metrics } from './metrics.ts';
import { HttpProblem } from './problem.ts';
import { Questions } from './questions.ts';

/** Streams that may be open at once, in this process and for one key. */
const MAX_STREAMS = 100;
const MAX_STREAMS_A_KEY = 10;
/** Between two signs of life. Proxies and this server close what is silent for longer than a minute. */
const HEARTBEAT_MS = 15_000;
/** A key that was revoked is noticed after this long, and before anything else is told. */
const CHECK_MS = 2_000;
/** Bytes held for a reader who is slower than what is told; the rest waits where it stands. */
const BUFFER_BYTES = 16 * 1024;
const RETRY_MS = 5_000;
/** 9999-12-31T23:59:59.999Z: behind it times are written otherwise. */
const LAST_MOMENT = 253_402_300_799_999;
const UNKNOWN_PLACE =
  'No event of this log has the id that `Last-Event-ID` names, and what was found since nobody can tell. Ask for it (`POST /v1/queries/findings`), and open the stream without the header.';
const UNKNOWN_PLACE_OF = { path: '/last-event-id', rule: 'unknown-place', message: 'is the `id` of an event of this stream' };

/** The streams of this process: how many there are, and how they end. */
@Injectable()
export class FindingStreams implements OnModuleDestroy {
  readonly #open = new Map<AbortController, string>();

  constructor(
    private readonly findings: CriticalFindings,
    private readonly store: EventStore,
    private readonly keys: ApiKeys,
    metrics: Metrics,
  ) {
    metrics.gauge('liggare_finding_streams', 'Open streams of critical findings', [], (gauge) => gauge.set(this.#open.size));
  }

  /** Before the server waits for whoever is connected. */
  onModuleDestroy(): void {
    for (const ending of this.#open.keys()) ending.abort();
  }

  /**
   * @param lastEventId of the event after which to go on; from now on where it is absent
   * @throws HttpProblem where there are too many, or where it is of no event of this log: what it would leave out nobody knows
   */
  async open(keyId: string, lastEventId: string | undefined): Promise<{ stream: Readable; end(): void }> {
    const ofKey = [...this.#open.values()].filter((one) => one === keyId).length;
    if (ofKey >= MAX_STREAMS_A_KEY) {
      throw new HttpProblem('too-many-requests', { detail: `This key has ${MAX_STREAMS_A_KEY} streams open.`, retryAfterSeconds: 30 });
    }
    if (this.#open.size >= MAX_STREAMS) {
      throw new HttpProblem('unavailable', { detail: 'Too many streams are open; ask again in a moment.', retryAfterSeconds: 30 });
    }
    const ending = new AbortController();
    this.#open.set(ending, keyId);
    try {
      const begin = await this.#begin(lastEventId);
      const blocks = this.#blocks(begin, keyId, ending);
      const stream = Readable.from(blocks, { objectMode: false, highWaterMark: BUFFER_BYTES });
      stream.once('close', () => this.#ended(ending));
      return { stream, end: () => ending.abort() };
    } catch (error) {
      this.#ended(ending);
      throw error;
    }
  }

  #ended(ending: AbortController): void {
    ending.abort();
    this.#open.delete(ending);
  }

  async #begin(lastEventId: string | undefined): Promise<Cursor> {
    // A browser that has received none leaves it out; others send it empty.
    if (lastEventId === undefined || lastEventId === '') return this.findings.fromNow();
    const cursor = cursorOf(lastEventId);
    if (cursor && (await this.#isOfThisLog(cursor))) return cursor;
    throw new HttpProblem('invalid', { detail: UNKNOWN_PLACE, errors: [UNKNOWN_PLACE_OF] });
  }

  /** Whether something was recorded here at the millisecond that it names: in another log, or one that went on otherwise, hardly ever. */
  async #isOfThisLog({ from, to }: Cursor): Promise<boolean> {
    if (Math.max(from.position, to?.position ?? 0) > (await this.store.head())) return false;
    if (from.recordedAt === 0) return true;
    if (from.recordedAt > LAST_MOMENT) return false;
    const position = await this.store.positionAt(new Date(from.recordedAt).toISOString());
    const event = position === 0 ? undefined : await this.store.at(position);
    return event !== undefined && Date.parse(event.recordedAt) === from.recordedAt;
  }

  /** Text as it is sent. It ends at once with its key, with the reader, and with the process. */
  async *#blocks(begin: Cursor, keyId: string, ending: AbortController): AsyncGenerator<string, void> {
    const { signal } = ending;
    const told = this.findings.from(begin, signal);
    let saidAt = performance.now();
    try {
      yield `retry: ${RETRY_MS}\nid: ${cursorText(begin)}\n\n`;
      for (let next = told.next(); ; ) {
        const heard = await within(CHECK_MS, next, signal);
        if (signal.aborted || !(await this.#holds(keyId)) || heard?.done) return;
        const isSilent = performance.now() - saidAt >= HEARTBEAT_MS;
        if (heard !== undefined || isSilent) saidAt = performance.now();
        if (heard !== undefined) yield blockOf(heard.value as Told);
        else if (isSilent) yield ': \n\n';
        if (heard !== undefined) next = told.next();
      }
    } finally {
      ending.abort();
      await told.return();
    }
  }

  /** Where nobody can tell, it does not: whoever reads comes back, and is answered then. */
  async #holds(keyId: string): Promise<boolean> {
    return this.keys.holds(keyId).catch(() => false);
  }
}

/** Without a notice it says only from where to go on. */
function blockOf({ cursor, notice }: Told): string {
  const id = `id: ${cursorText(cursor)}\n`;
  return notice === undefined ? `${id}\n` : `${id}event: finding.critical\ndata: ${JSON.stringify(notice)}\n\n`;
}

/** Undefined where it takes longer; it is waited for again then. */
async function within<T>(ms: number, work: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  let done = (): void => undefined;
  const late = new Promise<undefined>((resolve) => {
    const timer = setTimeout(resolve, ms, undefined);
    timer.unref();
    const aborted = () => resolve(undefined);
    signal.addEventListener('abort', aborted);
    done = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', aborted);
    };
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    done();
  }
}

const EXAMPLE = {
  ...{ finding: 'AAAAAAGcH7Zx0qL5mK3nqQ', rule: 'R7', what: 'recipient-not-registered', severity: 'critical', clause: 21 },
  ...{ article: '5(1)(b)', policyVersion: '1', detectedAt: '2026-03-02T09:14:08.001Z' },
  event: { source: 'urn:mailit:billing', id: '2026-03-02-000412', type: 'PersonalDataDisclosed', time: '2026-03-02T09:14:07.120Z' },
};

@ApiTags('findings')
@ApiBearerAuth()
@Controller('v1')
export class FindingsStreamController {
  constructor(
    private readonly streams: FindingStreams,
    private readonly questions: Questions,
  ) {}

  @Get('findings/stream')
  @Needs('findings')
  @ApiProduces('text/event-stream')
  @ApiHeader({
    name: 'last-event-id',
    required: false,
    description:
      'The `id` of the last event that was received: what follows it is told. Without it: what is found from now on. What is none, or of another log, is refused.',
    schema: { type: 'string', maxLength: 300, example: '1.412.1772442847120.1772442848001' },
  })
  @ApiOperation({
    summary: 'New critical findings as they are found (Server-Sent Events)',
    description:
      'Each event is named `finding.critical` and tells the finding and the event that proves it; nobody is named. At least once: after a break, with `Last-Event-ID`, ' +
      'nothing is left out; where the ledger does not know the id, it says so (400), and a browser does not come back by itself. Opening it is recorded as a question. ' +
      `A comment comes every ${HEARTBEAT_MS / 1000} seconds. It ends when the key is revoked. ` +
      `${MAX_STREAMS_A_KEY} may be open for one key, ${MAX_STREAMS} in all.`,
  })
  @ApiOkResponse({
    description: 'A stream of events, without end.',
    schema: {
      type: 'string',
      example: `id: 1.412.1772442847120.1772442848001\nevent: finding.critical\ndata: ${JSON.stringify(EXAMPLE)}\n\n`,
    },
  })
  @ApiBadRequestResponse({ description: UNKNOWN_PLACE })
  async stream(
    @Caller() caller: Caller,
    @Headers('last-event-id') lastEventId: string | undefined,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<Readable | undefined> {
    reply.type('text/event-stream; charset=utf-8').header('x-accel-buffering', 'no');
    if (request.method === 'HEAD') return undefined;
    const { stream, end } = await this.streams.open(caller.keyId, lastEventId);
    reply.raw.once('close', end);
    try {
      await this.questions.recordStream(caller);
    } catch (error) {
      stream.destroy();
      throw error;
    }
    return stream;
  }
}
