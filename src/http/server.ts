/** The HTTP server: Nest on Fastify, with everything that must hold for every request whatever its route. */
import { randomBytes } from 'node:crypto';
import type { IncomingMessage, Server } from 'node:http';
import type { Socket } from 'node:net';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import {
  type FastifyBaseLogger,
  type FastifyHttpOptions,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  LogController,
} from 'fastify';
import type { Logger } from 'pino';
import type { Config } from '../config.ts';
import { Authenticator } from './auth.ts';
import { BATCH_BYTES, hasBody, mediaTypeOf, readBodies } from './body.ts';
import { HealthSources } from './health.controller.ts';
import { nestLogger, routeOf } from './log.ts';
import { Metrics } from './metrics.ts';
import { OpenApi } from './openapi.ts';
import { answerProblem, detailsOf, HttpProblem, type ProblemType } from './problem.ts';
import { type KnownRoute, Routes } from './routes.ts';

/** On every answer; a page that needs more says so itself. Constant, because computing them costs as much as a small request. */
const SECURITY_HEADERS = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'strict-transport-security': 'max-age=31536000',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
} as const;

/** How long the rest of a body may still arrive when its request was answered without it. */
const LINGER_MS = 2000;
const SWEEP_MS = 50;
const MAX_HEADER_BYTES = 16 * 1024;
const MAX_PARAM_LENGTH = 300;

type AdapterOptions = FastifyHttpOptions<Server, FastifyBaseLogger>;

/** Nest's adapter, with our answers to errors and unknown addresses in place of its own. */
class LedgerAdapter extends FastifyAdapter {
  constructor(
    options: AdapterOptions,
    private readonly routes: Routes,
  ) {
    super(options);
  }

  override setErrorHandler(): never {
    return this.getInstance<FastifyInstance>().setErrorHandler(answerProblem) as never;
  }

  override setNotFoundHandler(): never {
    const handler = (request: FastifyRequest, reply: FastifyReply): void => answerProblem(this.routes.nothingAt(request), request, reply);
    return this.getInstance<FastifyInstance>().setNotFoundHandler(handler) as never;
  }
}

/** Where the server stands on its way out. */
class Stopping {
  stopping = false;
}

export interface LedgerServer {
  app: NestFastifyApplication;
  routes: readonly KnownRoute[];
  /** Starts to listen. @returns the address, `http://127.0.0.1:3000`. */
  listen(at: { host: string; port: number }): Promise<string>;
  /**
   * Takes no new requests, finishes those in flight for at most `shutdownMs`, then closes the application
   * (providers let go of their files in `onApplicationShutdown`). Safe to call twice.
   */
  close(): Promise<void>;
}

/**
 * Makes the server for a root module that imports `HttpModule`. It does not listen yet.
 * @throws where a route does not say who may call it.
 */
export async function createServer(rootModule: unknown, config: Config, log: Logger): Promise<LedgerServer> {
  const routes = new Routes();
  const state = new Stopping();
  const adapter = new LedgerAdapter(fastifyOptions(config, log), routes);
  const server = adapter.getInstance() as unknown as FastifyInstance;
  routes.collect(server);
  server.decorateRequest('caller', null);
  const ready: { authenticator?: Authenticator; metrics?: Metrics } = {};
  greet(server);
  refuseWhileStopping(server, state);
  authenticate(server, routes, () => ready.authenticator as Authenticator);
  boundBodies(server, config.bodyMs);
  readBodies(server);
  measure(server, log, () => ready.metrics as Metrics);
  const app = await NestFactory.create<NestFastifyApplication>(rootModule as never, adapter, {
    bodyParser: false,
    logger: nestLogger(log),
    abortOnError: false,
  });
  ready.authenticator = app.get(Authenticator);
  ready.metrics = app.get(Metrics);
  await app.init();
  app.get(OpenApi).describe(app, routes);
  await server.ready();
  server.server.maxConnections = config.connections;
  return running(app, server, routes.all(), state, config, log);
}

function fastifyOptions(config: Config, log: Logger): AdapterOptions {
  const boot = randomBytes(6).toString('base64url');
  let count = 0;
  return {
    loggerInstance: log,
    // Requests are logged by `measure`, in our words and without their addresses.
    logController: new LogController({ disableRequestLogging: true }),
    childLoggerFactory: (logger) => logger,
    genReqId: () => `${boot}-${(++count).toString(36)}`,
    bodyLimit: BATCH_BYTES,
    trustProxy: config.trustedProxies.length > 0 ? [...config.trustedProxies] : false,
    connectionTimeout: config.idleMs,
    keepAliveTimeout: config.idleMs,
    // A stream of NDJSON may last: bodies have limits of their own (`boundBodies`).
    requestTimeout: 0,
    http: {
      headersTimeout: config.headersMs,
      maxHeaderSize: MAX_HEADER_BYTES,
      connectionsCheckingInterval: Math.min(5000, config.headersMs),
    },
    forceCloseConnections: 'idle',
    return503OnClosing: false,
    routerOptions: { maxParamLength: MAX_PARAM_LENGTH },
    frameworkErrors: (error: Error, request: FastifyRequest, reply: FastifyReply) => {
      reply.headers(SECURITY_HEADERS).header('x-request-id', request.id);
      answerProblem(error, request, reply);
    },
    clientErrorHandler: (error: NodeJS.ErrnoException, socket: Socket) => answerClientError(error, socket, `${boot}-0`),
  };
}

/** What is no request at all never reaches Fastify: it is answered on the bare connection. */
function answerClientError(error: NodeJS.ErrnoException, socket: Socket, requestId: string): void {
  if (error.code === 'ECONNRESET' || socket.destroyed || !socket.writable) {
    socket.destroy();
    return;
  }
  const kinds: Record<string, [ProblemType, string, string]> = {
    HPE_HEADER_OVERFLOW: ['headers-too-large', '431 Request Header Fields Too Large', 'The headers may have 16 KiB in all.'],
    ERR_HTTP_REQUEST_TIMEOUT: ['timeout', '408 Request Timeout', 'The head of the request took too long to arrive.'],
  };
  const [type, line, detail] = kinds[error.code ?? ''] ?? ['bad-request', '400 Bad Request', 'This is not a request of HTTP/1.1.'];
  const body = JSON.stringify(detailsOf(new HttpProblem(type, { detail }), requestId));
  const head = [
    `HTTP/1.1 ${line}`,
    'Content-Type: application/problem+json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
}

function greet(server: FastifyInstance): void {
  server.addHook('onRequest', (request, reply, done) => {
    reply.headers(SECURITY_HEADERS).header('x-request-id', request.id);
    done();
  });
}

function refuseWhileStopping(server: FastifyInstance, state: Stopping): void {
  server.addHook('onRequest', (_request, _reply, done) => {
    if (!state.stopping) return done();
    const detail = 'This process is stopping; nothing of this request was read.';
    done(new HttpProblem('unavailable', { detail, retryAfterSeconds: 5, headers: { connection: 'close' } }));
  });
}

function authenticate(server: FastifyInstance, routes: Routes, authenticator: () => Authenticator): void {
  server.addHook('onRequest', async (request) => {
    // Answered here and not by the handler for unknown addresses, before which Fastify would read the body.
    if (request.is404) throw routes.nothingAt(request);
    const access = request.routeOptions.config.access;
    if (access === 'public') return;
    if (access === undefined) throw new Error('a route does not say who may call it');
    request.caller = await authenticator().admit(request.headers.authorization, request.ip, access, performance.now());
  });
}

/**
 * No body may take for ever, and none is waited for that nobody reads. A stream of NDJSON is exempt from the first: there the
 * limit on silence (`idleMs`) holds.
 */
function boundBodies(server: FastifyInstance, bodyMs: number): void {
  server.addHook('onRequest', (request, _reply, done) => {
    if (hasBody(request) && mediaTypeOf(request) !== 'application/x-ndjson') closeUnlessComplete(request.raw, bodyMs);
    done();
  });
  server.addHook('onResponse', (request, _reply, done) => {
    if (!request.raw.complete) closeUnlessComplete(request.raw, LINGER_MS);
    done();
  });
}

function closeUnlessComplete(request: IncomingMessage, ms: number): void {
  const timer = setTimeout(() => {
    if (!request.complete) request.destroy();
  }, ms);
  timer.unref();
  request.once('end', () => clearTimeout(timer));
  request.once('close', () => {
    if (request.complete) clearTimeout(timer);
  });
}

function measure(server: FastifyInstance, log: Logger, metrics: () => Metrics): void {
  server.addHook('onResponse', (request, reply, done) => {
    const route = routeOf(request);
    const ms = reply.elapsedTime;
    metrics().observeRequest(request.method, route, reply.statusCode, ms / 1000);
    if (log.isLevelEnabled('info')) {
      const key = request.caller?.keyId;
      log.info({
        reqId: request.id,
        method: request.method,
        route,
        status: reply.statusCode,
        ms: Math.round(ms * 10) / 10,
        ...(key && { key }),
      });
    }
    done();
  });
}

function running(
  app: NestFastifyApplication,
  server: FastifyInstance,
  routes: readonly KnownRoute[],
  state: Stopping,
  config: Config,
  log: Logger,
): LedgerServer {
  let closing: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    state.stopping = true;
    app.get(HealthSources).stop();
    const deadline = setTimeout(() => {
      log.warn('requests were cut off because the time for stopping was over');
      server.server.closeAllConnections();
    }, config.shutdownMs);
    // A connection whose request has just been finished would otherwise be kept alive, and waited for.
    const sweep = setInterval(() => server.server.closeIdleConnections(), SWEEP_MS);
    try {
      await app.close();
    } finally {
      clearTimeout(deadline);
      clearInterval(sweep);
    }
  };
  return {
    app,
    routes,
    listen: async ({ host, port }) => server.listen({ host, port }),
    close: () => {
      closing ??= close();
      return closing;
    },
  };
}
