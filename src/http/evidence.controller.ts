import type { Readable } from 'node:stream';
import { Body, Controller, HttpCode, Post, Req, Res } from '@nestjs/common';
import { QueryBus } from '@nestjs/cqrs';
import {
  ApiBearerAuth,
  ApiOkResponse,
  ApiOperation,
  ApiProduces,
  ApiPropertyOptional,
  ApiResponse,
  ApiTags,
  PickType,
} from '@nestjs/swagger';
import { IsBoolean, IsOptional } from 'class-validator';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Sources } from '../../projections/completeness/query.ts';
import type { About } from '../../projections/entries/about.ts';
import { Evidence, type EvidenceFound, type EvidenceTooBroad } from '../../projections/evidence/query.ts';
import { EventStore } from '../eventstore/event-store.ts';
import { coverageOf } from '../evidence/coverage.ts';
import { MAX_CHARACTERS, MAX_EVENTS } from '../evidence/format.ts';
import { type BundleContent, type BundleSource, writeBundle } from '../evidence/write.ts';
import { proveInclusion } from '../integrity/merkle.ts';
import { pyramidsOf } from '../integrity/tile-pyramids.ts';
import { REFERENCE_PATTERN } from '../ledger/entry.ts';
import { TransparencyLog } from '../transparency/transparency-log.ts';
import { Caller, forbidden, Needs } from './auth.ts';
import { answerError, HttpProblem } from './problem.ts';
import { QuestionDto } from './question.dto.ts';
import { Questions, withoutNulls } from './questions.ts';

answerError<EvidenceTooBroad>('EvidenceTooBroad', {
  type: 'too-broad',
  detail: ({ message }) => `More was found than one bundle holds (${message}): narrow it down, by a window of time or another axis.`,
});

/** Bundles made at the same time: each reads, opens and compresses as fast as it is taken. */
const MAX_RUNNING = 2;
/** How long a tree head is waited for that covers what was recorded until now. */
const HEAD_MS = 10_000;

class EvidenceDto extends PickType(QuestionDto, ['about', 'asOf', 'reason', 'after'] as const) {
  @ApiPropertyOptional({
    description:
      'Whether the bundle also holds what the key may see of each entry (`opened.ndjson`). Without it nobody is named in the bundle. ' +
      'By default true for keys that may ask, and never for others.',
    example: true,
  })
  @IsOptional()
  @IsBoolean()
  opened?: boolean;
}

@ApiTags('prove')
@ApiBearerAuth()
@Controller('v1/exports')
export class EvidenceController {
  #running = 0;

  constructor(
    private readonly questions: Questions,
    private readonly queries: QueryBus,
    private readonly log: TransparencyLog,
    private readonly store: EventStore,
  ) {}

  @Post('evidence')
  @HttpCode(200)
  @Needs('prove')
  @ApiOperation({
    summary: 'Events with the proof that they stand in the log, as one archive that is checked offline',
    description:
      `A ZIP of at most ${MAX_EVENTS} events under one tree head, with inclusion proofs, public keys, coverage of the sources, a signed manifest and a summary; ` +
      '`liggare verify bundle.zip` checks it on any machine, and src/evidence/README.md is its format. ' +
      'Recorded as a question about the people concerned before the first byte leaves. A key without the permission `ask` gets sealed events alone, ' +
      'and asks by reference and code, not by identifier. An answer that breaks off in the middle is no whole archive: the manifest is its last file.',
  })
  @ApiProduces('application/zip')
  @ApiOkResponse({
    description: '`Liggare-Events` says how many events it holds.',
    headers: { 'Liggare-Events': { description: 'Events in the bundle.', schema: { type: 'string', example: '12' } } },
    content: {
      'application/zip': {
        schema: { type: 'string', format: 'binary', description: 'The archive: `evidence/README.md` in it says what each file is.' },
      },
    },
  })
  @ApiResponse({ status: 422, description: 'More was found than one bundle holds.' })
  @ApiResponse({ status: 503, description: 'No tree head covers it yet, or too many bundles are made now: see `Retry-After`.' })
  async evidence(
    @Body() body: EvidenceDto,
    @Caller() caller: Caller,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<Readable> {
    if (this.#running >= MAX_RUNNING) {
      throw new HttpProblem('unavailable', { detail: 'Other bundles are being made; ask again in a moment.', retryAfterSeconds: 5 });
    }
    this.#running++;
    try {
      const bundle = await this.#bundle(body, caller, request);
      bundle.stream.once('close', () => this.#running--);
      const name = `evidence-${bundle.exportedAt.slice(0, 10)}.zip`;
      reply.type('application/zip').header('content-disposition', `attachment; filename="${name}"`);
      reply.header('liggare-events', String(bundle.events));
      return bundle.stream;
    } catch (error) {
      this.#running--;
      throw error;
    }
  }

  async #bundle(body: EvidenceDto, caller: Caller, request: FastifyRequest) {
    const { about = {}, asOf, after, reason, opened } = withoutNulls(body) as EvidenceDto;
    const isOpened = mayOpen(opened, caller);
    const asked = caller.may('ask') ? (about as About) : byReference(about as About);
    const limits = { maxEvents: MAX_EVENTS, maxCharacters: MAX_CHARACTERS, waitMs: HEAD_MS };
    const moment = { ...(asOf !== undefined && { asOf }), ...(after !== undefined && { after }) };
    const found = await this.questions.recorded(
      'evidence',
      (viewer) => new Evidence({ about: asked, ...moment, viewer, ...limits }),
      { axes: Object.keys(about), reason },
      caller,
    );
    const { position, asOf: shownAt, correlationId, head, completeness } = found;
    const exportedAt = new Date().toISOString();
    const question = { about: found.about, ...(isOpened && { asAsked: asShown(about as About, caller) }), position, asOf: shownAt };
    const content: BundleContent = {
      about: { exportedAt, question, asked: { scope: caller.scope, purpose: reason.purpose, correlationId } },
      head: { origin: head.origin, size: head.size, root: head.root, note: head.published, witnesses: head.witnesses },
      coverage: await this.#coverage(found),
      ...(completeness && { completeness: completenessIn(completeness) }),
    };
    // Only our own words are logged; they name positions.
    const failed = ({ name, message }: Error) => {
      const detail = name === 'EvidenceBroken' ? message : undefined;
      if (name !== 'NobodyReads') request.log.error({ reqId: request.id, cause: name, detail }, 'a bundle was broken off');
    };
    return { stream: writeBundle(content, this.#source(found, isOpened), failed), exportedAt, events: found.leaves.length };
  }

  #source({ leaves, head, open }: EvidenceFound, isOpened: boolean): BundleSource {
    const hashes = pyramidsOf(this.log.reader);
    return {
      leaves,
      at: (position) => this.store.at(position),
      inclusion: (index) => proveInclusion(index, head.size, hashes),
      ...(isOpened && { open }),
      vkeys: async () => (await this.log.keys()).map(({ vkey }) => vkey),
      sign: (text) => this.log.sign(text),
    };
  }

  async #coverage({ position, about: { source, from, to } }: EvidenceFound) {
    const window = { ...(from !== undefined && { from: String(from) }), ...(to !== undefined && { to: String(to) }) };
    return coverageOf(await this.queries.execute(new Sources({ after: position })), window, source as readonly string[] | undefined);
  }
}

/** @throws HttpProblem 403 where a key that may not ask wants entries opened */
function mayOpen(opened: boolean | undefined, caller: Caller): boolean {
  if (opened && !caller.may('ask')) throw forbidden('ask');
  return opened ?? caller.may('ask');
}

/**
 * For whoever sees no identities: people by reference alone, so that an answer tells nobody's.
 * @throws HttpProblem 403 where somebody is named by an identifier
 */
function byReference(about: About): About {
  const subjects = listOf(about.subject);
  const actors = listOf(about.actor).map((actor) => (typeof actor === 'string' ? { reference: actor } : actor));
  const isNamed = [...subjects, ...actors].some(({ reference }) => reference === undefined || !REFERENCE_PATTERN.test(reference));
  if (isNamed) throw forbidden('ask');
  return { ...about, ...(subjects.length > 0 && { subject: subjects }), ...(actors.length > 0 && { actor: actors }) };
}

/** The question as it was asked, without what the key would not be shown in an answer. */
function asShown({ actor, caseRef, ...about }: About, caller: Caller): About {
  return {
    ...about,
    ...(actor !== undefined && caller.may('nameActors') && { actor }),
    ...(caseRef !== undefined && caller.may('openSubject') && { caseRef }),
  };
}

const listOf = <T>(value: T | readonly T[] | undefined): readonly T[] => (value === undefined ? [] : ([value].flat() as T[]));

function completenessIn({ subjects, leaves, treeHead }: NonNullable<EvidenceFound['completeness']>) {
  const { origin, size, root, published } = treeHead;
  return { subjects, leaves, treeHead: { origin, size, root: root.toString('base64'), note: published } };
}
