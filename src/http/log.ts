/**
 * Structured logs. What a log may hold is decided here: routes, statuses, times and names of errors; no bodies, no addresses
 * with their queries, no headers, no messages of errors that others worded.
 */
import type { LoggerService } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { type DestinationStream, destination, type Logger, pino } from 'pino';
import type { LogLevel } from '../config.ts';

/** The route's template: the address itself may hold anything. */
export function routeOf(request: FastifyRequest): string {
  return request.is404 ? 'none' : (request.routeOptions?.url ?? 'none');
}

/** An error by its name and where it came from. Its message may quote what was sent. */
export function shownError(error: unknown): { name: string; code?: string; at: string[] } {
  const { name, code, stack } = (error ?? {}) as { name?: unknown; code?: unknown; stack?: unknown };
  const lines = typeof stack === 'string' ? stack.split('\n') : [];
  return {
    name: typeof name === 'string' ? name.slice(0, 100) : typeof error,
    ...(typeof code === 'string' && { code: code.slice(0, 100) }),
    at: lines
      .filter((line) => /^\s+at /.test(line))
      .slice(0, 12)
      .map((line) => line.trim()),
  };
}

/** Logs go to standard error, one JSON object a line: standard output is for what a person should read. */
export function makeLogger(level: LogLevel, to: DestinationStream = destination({ fd: 2, sync: false, minLength: 0 })): Logger {
  return pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: {
        err: shownError,
        req: (request: FastifyRequest) => ({ method: request.method, route: routeOf(request) }),
        res: (reply: FastifyReply) => ({ status: reply.statusCode }),
      },
    },
    to,
  );
}

/** Nest's own messages; its chatter while starting is of no use to anybody. Messages of errors stay out, as everywhere. */
export function nestLogger(log: Logger): LoggerService {
  const child = log.child({ from: 'nest' });
  const error = (message: unknown): void =>
    message instanceof Error ? child.error({ err: message }, 'error') : child.error(String(message).split('\n')[0]);
  return {
    log: () => undefined,
    debug: () => undefined,
    verbose: () => undefined,
    warn: (message: unknown) => child.warn(String(message)),
    error,
    fatal: error,
  };
}
