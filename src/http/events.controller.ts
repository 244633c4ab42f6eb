import { Readable } from 'node:stream';
import { Controller, HttpCode, Post, Query, Req, Res } from '@nestjs/common';
import { CommandBus, QueryBus } from '@nestjs/cqrs';
import { ApiBearerAuth, ApiBody, ApiConsumes, ApiOperation, ApiProperty, ApiPropertyOptional, ApiResponse, ApiTags } from '@nestjs/swagger';
import { IsIn, IsOptional } from 'class-validator';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Receipts, type Wanted } from '../../projections/proofs/receipts.ts';
import { Config } from '../config.ts';
import { NotPermittedToRecord, type RecordAnswer, RecordEvents, type RecordedItem } from '../ledger/record/record-events.ts';
import { Authenticator, Caller, Needs } from './auth.ts';
import { mediaTypeOf } from './body.ts';
import { chunksOfLines, type Line } from './ndjson.ts';
import { answerError, detailsOf, HttpProblem, problemOf } from './problem.ts';
import { ReceiptDto } from './receipts.controller.ts';
import { Accepts } from './route.ts';

const MAX_BATCH_EVENTS = 1000;
const CHUNK_LINES = 500;
const CHUNK_BYTES = 4 * 1024 * 1024;
const MAX_LINE_BYTES = 256 * 1024;
/** A sender that pauses this long gets what it has sent acknowledged. */
const IDLE_MS = 50;

answerError<NotPermittedToRecord>('NotPermittedToRecord', {
  type: 'forbidden',
  detail: 'This key may not record some of these events; nothing of the request was recorded but the attempt. See errors.',
  errors: (error) => error.problems,
});

export class RecordQuery {
  @ApiPropertyOptional({
    description: 'Answer as if it recorded, and record nothing.',
    enum: ['true', 'false'],
    default: 'false',
    example: 'true',
  })
  @IsOptional()
  @IsIn(['true', 'false'])
  dryRun?: 'true' | 'false';

  @ApiPropertyOptional({ description: '`all`: list every event in `items`, also the plainly recorded.', enum: ['all'], example: 'all' })
  @IsOptional()
  @IsIn(['all'])
  items?: 'all';

  @ApiPropertyOptional({
    description:
      '`wait`: answer when a tree head covers it, at most after `LIGGARE_AFTER_MS`, with a signed receipt of each record. Not with `dryRun`, nor for a stream.',
    enum: ['wait'],
    example: 'wait',
  })
  @IsOptional()
  @IsIn(['wait'])
  receipt?: 'wait';
}

class ProblemDto {
  @ApiProperty({ description: 'JSON pointer into the event (RFC 6901).', example: '/data/purpose' })
  path!: string;
  @ApiProperty({ description: 'The rule that is broken.', example: 'unknown-code' })
  rule!: string;
  @ApiProperty({ description: 'What is expected; never the value.', example: 'is not a code that is known here' })
  message!: string;
}

class RecordedItemDto {
  @ApiProperty({ description: 'Place in the request, from 0.', example: 0 })
  index!: number;
  @ApiPropertyOptional({ description: 'Line of an NDJSON stream, from 1.', example: 1 })
  line?: number;
  @ApiPropertyOptional({ description: 'As sent, where it is well-formed.', example: 'urn:mailit:billing' })
  source?: string;
  @ApiPropertyOptional({ description: 'As sent, where it is well-formed.', example: '2026-03-02-000412' })
  id?: string;
  @ApiProperty({
    description: 'What became of it.',
    enum: ['recorded', 'duplicate', 'conflict', 'quarantined', 'refused'],
    example: 'recorded',
  })
  outcome!: string;
  @ApiPropertyOptional({ description: 'Where the record (or the quarantined item) stands in the log.', example: 412 })
  position?: number;
  @ApiPropertyOptional({ description: 'What is wrong with it, where something is.', type: [ProblemDto] })
  problems?: ProblemDto[];
}

class RecordAnswerDto {
  @ApiProperty({ description: 'Events that are new in the log, and durable.', example: 1 })
  recorded!: number;
  @ApiProperty({ description: 'Events that stood in the log already with the same content.', example: 0 })
  duplicates!: number;
  @ApiProperty({ description: 'Events whose source and id stand in the log with other content; not recorded.', example: 0 })
  conflicts!: number;
  @ApiProperty({ description: 'Events that break the schema, kept for staff to correct and release.', example: 0 })
  quarantined!: number;
  @ApiProperty({ description: 'What is no event or over a limit; not kept.', example: 0 })
  refused!: number;
  @ApiProperty({ description: 'The highest position among recorded and duplicates, for `after`; 0 where there are none.', example: 412 })
  position!: number;
  @ApiProperty({ description: 'What was not plainly recorded; with `?items=all` every event.', type: [RecordedItemDto] })
  items!: RecordedItemDto[];
  @ApiPropertyOptional({
    description: 'With `?receipt=wait`: of each event that was recorded, or had been, its receipt.',
    type: [ReceiptDto],
  })
  receipts?: ReceiptDto[];
  @ApiPropertyOptional({
    description: 'Why receipts are missing, and where they are to be had. What was recorded is durable all the same.',
    example: 'No tree head covered it in the time that is waited: ask again in some seconds. Exchange later at POST /v1/receipts.',
  })
  receiptsPending?: string;
}

@ApiTags('record')
@ApiBearerAuth()
@Controller('v1/events')
export class EventsController {
  constructor(
    private readonly commands: CommandBus,
    private readonly queries: QueryBus,
    private readonly authenticator: Authenticator,
    private readonly config: Config,
  ) {}

  @Post()
  @HttpCode(200)
  @Needs('record')
  @Accepts('application/cloudevents+json', 'application/cloudevents-batch+json', 'application/x-ndjson')
  @ApiOperation({
    summary: 'Record processing events',
    description:
      'CloudEvents 1.0: one event (`application/cloudevents+json`, up to 256 KiB), a batch (`application/cloudevents-batch+json`, up to 1,000 events and 5 MiB) or a ' +
      'stream of any length (`application/x-ndjson`), which is answered in NDJSON: one line a chunk, the acknowledgement of that chunk, and a summary. ' +
      'Acknowledged means written and synced. Sending the same again is safe. A recorded event can be exchanged for a signed receipt: at once (`?receipt=wait`), or later ' +
      'at `/v1/receipts`.',
  })
  @ApiConsumes('application/cloudevents+json', 'application/cloudevents-batch+json', 'application/x-ndjson')
  @ApiBody({ schema: { type: 'object', description: 'The JSON Schema of each type is served under /schemas.' } })
  @ApiResponse({ status: 200, type: RecordAnswerDto })
  async record(
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
    @Caller() caller: Caller,
    @Query() query: RecordQuery,
  ): Promise<unknown> {
    const media = mediaTypeOf(request);
    if (query.receipt) refuseReceipt(media, query);
    if (media === 'application/x-ndjson') return this.answerStream(request, reply, query);
    const events = media === 'application/cloudevents-batch+json' ? batchOf(request.body) : [request.body];
    const answer = await this.commands.execute(commandOf(events, caller, query, 'throw'));
    return { ...shown(answer, query), ...(query.receipt && (await this.receiptsOf(answer, request))) };
  }

  /** Whatever keeps receipts from being made, what was recorded is acknowledged. */
  private async receiptsOf(
    { items }: RecordAnswer,
    request: FastifyRequest,
  ): Promise<Pick<RecordAnswerDto, 'receipts' | 'receiptsPending'>> {
    const wanted = items.flatMap(({ index, source, id, outcome }): Wanted[] =>
      source !== undefined && id !== undefined && (outcome === 'recorded' || outcome === 'duplicate') ? [{ index, source, id }] : [],
    );
    if (wanted.length === 0) return { receipts: [] };
    try {
      const { receipts, pending } = await this.queries.execute(new Receipts(wanted, this.config.afterMs));
      return { receipts, ...(pending[0] && { receiptsPending: later(pending[0].why) }) };
    } catch (error) {
      request.log.warn({ reqId: request.id, cause: (error as Error).name }, 'receipts could not be made');
      return { receipts: [], receiptsPending: later('the transparency log cannot be asked now') };
    }
  }

  /** The first chunk is dealt with before the head of the answer leaves, so that what concerns the whole request has its status. */
  private async answerStream(request: FastifyRequest, reply: FastifyReply, query: RecordQuery): Promise<Readable> {
    const answers = this.answers(request, query);
    const first = await answers.next();
    reply.type('application/x-ndjson');
    return Readable.from(textOf(first, answers, String(reply.request.id)));
  }

  private async *answers(request: FastifyRequest, query: RecordQuery): AsyncGenerator<object> {
    const total = new Total();
    for await (const lines of chunksOfLines(request.body as Readable, {
      maxLines: CHUNK_LINES,
      maxBytes: CHUNK_BYTES,
      maxLineBytes: MAX_LINE_BYTES,
      idleMs: IDLE_MS,
    })) {
      // A stream may outlive its key: each chunk is recorded in the name of somebody who may record now.
      const caller = await this.authenticator.admit(request.headers.authorization, request.ip, 'record', performance.now());
      const answer = await this.chunk(lines, total.events, caller, query);
      total.add(answer, lines.length);
      yield shown(answer, query);
    }
    yield { summary: true, ...total };
  }

  private async chunk(lines: Line[], offset: number, caller: Caller, query: RecordQuery): Promise<RecordAnswer> {
    const parsed = lines.map(parse);
    const readable = parsed.flatMap((line, at) => ('event' in line ? [at] : []));
    const events = readable.map((at) => (parsed[at] as { event: unknown }).event);
    const answer = await this.commands.execute(commandOf(events, caller, query, 'refuse'));
    const items: RecordedItem[] = lines.map((line, at) => {
      const broken = parsed[at] as { problem: RecordedItem['problems'] };
      return { index: offset + at, line: line.number, outcome: 'refused', problems: broken.problem } as RecordedItem;
    });
    for (const [i, at] of readable.entries()) {
      items[at] = { ...answer.items[i], index: offset + at, line: (lines[at] as Line).number } as unknown as RecordedItem;
    }
    return { ...answer, refused: answer.refused + lines.length - readable.length, items };
  }
}

/** @throws HttpProblem where there is nothing to give a receipt of when the answer leaves */
function refuseReceipt(media: string, { dryRun }: RecordQuery): void {
  const isStream = media === 'application/x-ndjson';
  if (!isStream && dryRun !== 'true') return;
  const message = isStream
    ? 'a stream is acknowledged chunk by chunk, and waits for no receipts: exchange what was recorded later at POST /v1/receipts'
    : 'a dry run records nothing, and has no receipts';
  const error = { path: '/receipt', rule: isStream ? 'not-of-a-stream' : 'not-of-a-dry-run', message };
  throw new HttpProblem('invalid', { detail: 'Nothing was recorded. See errors.', errors: [error] });
}

const later = (why: string): string => `${why.slice(0, 1).toUpperCase()}${why.slice(1)}. Exchange later at POST /v1/receipts.`;

function commandOf(events: unknown[], caller: Caller, query: RecordQuery, forbidden: 'throw' | 'refuse'): RecordEvents {
  return new RecordEvents(events, caller, { now: Date.now(), dryRun: query.dryRun === 'true', forbidden });
}

function batchOf(body: unknown): unknown[] {
  if (!Array.isArray(body)) throw new HttpProblem('invalid', { detail: 'A batch is a JSON array of events.' });
  if (body.length <= MAX_BATCH_EVENTS) return body;
  const detail = `A batch has at most ${MAX_BATCH_EVENTS} events; send several, or a stream (application/x-ndjson).`;
  throw new HttpProblem('too-large', { detail });
}

function parse({ text, fault }: Line): { event: unknown } | { problem: RecordedItem['problems'] } {
  if (text === undefined) return { problem: [{ path: '', rule: fault ?? 'not-json', message: FAULTS[fault ?? 'not-utf8'] }] };
  try {
    return { event: JSON.parse(text) };
  } catch {
    return { problem: [{ path: '', rule: 'not-json', message: 'each line is one event in JSON' }] };
  }
}

const FAULTS = {
  'line-too-long': 'a line has at most 256 KiB',
  'not-utf8': 'a line is UTF-8',
} as const;

/** Of the items, those that were not plainly recorded, unless all are asked for. */
function shown(answer: RecordAnswer, { items }: RecordQuery): RecordAnswer {
  return items === 'all' ? answer : { ...answer, items: answer.items.filter((item) => item.outcome !== 'recorded') };
}

/** The sum over all chunks of a stream. */
class Total {
  events = 0;
  chunks = 0;
  recorded = 0;
  duplicates = 0;
  conflicts = 0;
  quarantined = 0;
  refused = 0;
  position = 0;

  add(answer: RecordAnswer, events: number): void {
    this.events += events;
    this.chunks += 1;
    for (const count of ['recorded', 'duplicates', 'conflicts', 'quarantined', 'refused'] as const) this[count] += answer[count];
    this.position = Math.max(this.position, answer.position);
  }
}

/** Once the head has left, a failure is the last line: what was acknowledged before it stands. */
async function* textOf(first: IteratorResult<object>, rest: AsyncGenerator<object>, requestId: string): AsyncGenerator<string> {
  if (!first.done) yield `${JSON.stringify(first.value)}\n`;
  try {
    for await (const answer of rest) yield `${JSON.stringify(answer)}\n`;
  } catch (error) {
    yield `${JSON.stringify({ error: detailsOf(problemOf(error), requestId) })}\n`;
  }
}
