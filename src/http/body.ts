/** Bodies: which media types are read, how large, how they are decoded. */
import { isUtf8 } from 'node:buffer';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { HttpProblem } from './problem.ts';
import { MEDIA_TYPES, type MediaType } from './route.ts';
import { contentOf } from './validation.ts';

export const SINGLE_BYTES = 256 * 1024;
export const BATCH_BYTES = 5 * 1024 * 1024;
const TEXT_BYTES = 2 * SINGLE_BYTES;

const JSON_LIMITS: Partial<Record<MediaType, number>> = {
  // A corrected event is sent with its reason around it.
  'application/json': 2 * SINGLE_BYTES,
  'application/cloudevents+json': SINGLE_BYTES,
  'application/cloudevents-batch+json': BATCH_BYTES,
};

/** A policy is sent as the text that somebody wrote (RFC 9512). */
const YAML = 'application/yaml';

/**
 * Replaces Fastify's parsers by ours: strict UTF-8, plain `JSON.parse`. Names such as `__proto__` stay own properties of the
 * parsed objects, as the sender wrote them: what they mean is for validation to say, and nothing here is ever merged into
 * another object. A stream of NDJSON is handed on unread.
 */
export function readBodies(server: FastifyInstance): void {
  server.removeAllContentTypeParsers();
  for (const type of MEDIA_TYPES) {
    const bodyLimit = JSON_LIMITS[type];
    if (type === YAML) server.addContentTypeParser(type, { parseAs: 'buffer', bodyLimit: TEXT_BYTES }, readText);
    else if (bodyLimit === undefined) server.addContentTypeParser(type, (_request, payload, done) => done(null, payload));
    else server.addContentTypeParser(type, { parseAs: 'buffer', bodyLimit }, (_, body, done) => done(null, parseJson(body as Buffer)));
  }
  server.addHook('onRoute', (route) => {
    if (route.config?.accepts?.length === 0) route.preValidation = refuseContent;
    if (route.config?.bytes !== undefined) route.bodyLimit = route.config.bytes;
  });
  server.addHook('preParsing', (request, _reply, payload, done) => {
    done(hasBody(request) ? mismatch(request) : null, payload);
  });
}

function readText(_request: unknown, body: string | Buffer, done: (error: null, text: string) => void): void {
  done(null, textOf(body as Buffer));
}

/** @throws HttpProblem */
function textOf(bytes: Buffer): string {
  if (bytes.length === 0) throw badRequest('A body is expected.');
  if (!isUtf8(bytes)) throw badRequest('The body is not valid UTF-8.');
  return bytes.toString('utf8');
}

/** The JSON value that the bytes spell. @throws HttpProblem */
export function parseJson(bytes: Buffer): unknown {
  const text = textOf(bytes);
  try {
    return JSON.parse(text);
  } catch {
    // The parser's own message quotes the body.
    throw badRequest('The body is not valid JSON.');
  }
}

export function hasBody({ headers }: Pick<FastifyRequest, 'headers'>): boolean {
  return headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0';
}

/** The media type of the body in lower case, without parameters; empty where none is named. */
export function mediaTypeOf({ headers }: Pick<FastifyRequest, 'headers'>): string {
  return (headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '';
}

function refuseContent({ body }: FastifyRequest, _reply: unknown, done: (error?: Error) => void): void {
  done(contentOf(body));
}

/** Why a body of this form is not read by this route, before it is read. */
function mismatch(request: FastifyRequest): HttpProblem | null {
  if (request.is404) return null;
  const { accepts: named = [] } = request.routeOptions.config;
  const accepts = named.length > 0 ? named : ['application/json'];
  const isKnown = (accepts as readonly string[]).includes(mediaTypeOf(request));
  if (!isKnown) return unsupported(`Content-Type must be ${accepts.join(' or ')}.`);
  const charset = /;\s*charset\s*=\s*"?([^";\s]+)/i.exec(request.headers['content-type'] ?? '')?.[1];
  if (charset !== undefined && !/^utf-?8$/i.test(charset)) return unsupported('The character encoding must be UTF-8.');
  const encoding = request.headers['content-encoding'];
  if (encoding !== undefined && encoding !== 'identity') return unsupported('Bodies are read as they are: no Content-Encoding.');
  return null;
}

const badRequest = (detail: string): HttpProblem => new HttpProblem('bad-request', { detail });
const unsupported = (detail: string): HttpProblem => new HttpProblem('unsupported-media-type', { detail });
