import { createHash } from 'node:crypto';
import { Controller, Get, Injectable, Param, Req, Res } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiParam, ApiProduces, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { eventType, eventTypes } from '../ledger/events.ts';
import { Public } from './auth.ts';
import { HttpProblem } from './problem.ts';

/** Where schemas come from: the catalogue, with the codes that this ledger knows. */
export abstract class SchemaSource {
  /** JSON Schema 2020-12 of the whole CloudEvent; undefined where nobody may send such an event. */
  abstract schemaOf(type: string, version: number): object | undefined;

  /** Another number once codes may have joined. */
  abstract get revision(): number;
}

interface Text {
  body: string;
  /** Entity tag: the same text has the same one. */
  tag: string;
}

/** Schemas as text, each made once, until codes join: there are as many as the catalogue has versions. */
@Injectable()
export class Schemas {
  private readonly made = new Map<string, Text | undefined>();
  private madeOf = Number.NaN;

  constructor(private readonly source: SchemaSource) {}

  text(type: string, version: number): Text | undefined {
    const info = eventType(type);
    if (!info || version < 1 || version > info.version) return undefined;
    if (this.madeOf !== this.source.revision) this.made.clear();
    this.madeOf = this.source.revision;
    const name = `${type}/${version}`;
    if (!this.made.has(name)) this.made.set(name, textOf(this.source.schemaOf(type, version)));
    return this.made.get(name);
  }

  list(): Text {
    const items = eventTypes()
      .filter(({ group }) => group !== 'ledger')
      .map(({ type, group, version }) => ({ type, group, version, href: `/schemas/${type}/${version}` }));
    return textOf({ items }) as Text;
  }
}

function textOf(value: object | undefined): Text | undefined {
  if (!value) return undefined;
  const body = JSON.stringify(value);
  return { body, tag: `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"` };
}

/** Codes may be added, by a policy or a restart, so a schema is asked about again after a while. */
const CACHED = 'public, max-age=300';

@ApiTags('schemas')
@Controller('schemas')
export class SchemasController {
  constructor(private readonly schemas: Schemas) {}

  @Get()
  @Public()
  @ApiOperation({ summary: 'Event types that can be recorded, with the latest version of each' })
  @ApiOkResponse({
    schema: {
      example: { items: [{ type: 'PersonalDataAccessed', group: 'processing', version: 1, href: '/schemas/PersonalDataAccessed/1' }] },
    },
  })
  list(@Req() request: FastifyRequest, @Res() reply: FastifyReply): void {
    send(this.schemas.list(), 'application/json', request, reply);
  }

  @Get(':type')
  @Public()
  @ApiOperation({ summary: 'JSON Schema (2020-12) of an event type, latest version' })
  @ApiParam({ name: 'type', example: 'PersonalDataAccessed' })
  @ApiProduces('application/schema+json')
  @ApiOkResponse({ schema: { type: 'object' } })
  latest(@Param('type') type: string, @Req() request: FastifyRequest, @Res() reply: FastifyReply): void {
    this.answer(type, eventType(type)?.version ?? 0, request, reply);
  }

  @Get(':type/:version')
  @Public()
  @ApiOperation({ summary: 'JSON Schema (2020-12) of an event type, so that an emitting system can check itself' })
  @ApiParam({ name: 'type', example: 'PersonalDataAccessed' })
  @ApiParam({ name: 'version', example: 1 })
  @ApiProduces('application/schema+json')
  @ApiOkResponse({ schema: { type: 'object' } })
  one(@Param('type') type: string, @Param('version') version: string, @Req() request: FastifyRequest, @Res() reply: FastifyReply): void {
    this.answer(type, /^[1-9]\d{0,5}$/.test(version) ? Number(version) : 0, request, reply);
  }

  private answer(type: string, version: number, request: FastifyRequest, reply: FastifyReply): void {
    const text = this.schemas.text(type, version);
    if (!text) throw new HttpProblem('not-found', { detail: 'No event of this type and version can be recorded; see /schemas.' });
    send(text, 'application/schema+json', request, reply);
  }
}

function send({ body, tag }: Text, type: string, request: FastifyRequest, reply: FastifyReply): void {
  reply.headers({ etag: tag, 'cache-control': CACHED });
  if (request.headers['if-none-match'] === tag) void reply.code(304).send();
  else void reply.type(type).send(body);
}
