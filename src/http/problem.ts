/**
 * Every refusal and failure as problem details (RFC 9457). A problem names the field, the rule and the index of the event;
 * it never repeats what was sent: errors end up in other people's logs.
 */
import { type ArgumentsHost, Catch, type ExceptionFilter, HttpException } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';

/** What is wrong with one field. */
export interface FieldProblem {
  /** JSON pointer (RFC 6901) into the body, the event at `index`, or the query. */
  path: string;
  /** Kebab-case name of the rule. */
  rule: string;
  /** What is expected; never the value. */
  message: string;
  /** Of the event in a batch, from 0. */
  index?: number;
  /** In a text that was sent, from 1. */
  line?: number;
  column?: number;
}

export interface ProblemDetails {
  type: string;
  title: string;
  status: number;
  detail: string;
  errors?: FieldProblem[];
  requestId: string;
}

/** Kinds of problems by name; the name is the last part of `type`. */
export const PROBLEM_TYPES = {
  'bad-request': { status: 400, title: 'The request cannot be read' },
  invalid: { status: 400, title: 'The request breaks its schema' },
  unauthenticated: { status: 401, title: 'A valid API key is needed' },
  forbidden: { status: 403, title: 'This key may not do that' },
  'not-found': { status: 404, title: 'There is nothing here' },
  'unknown-subject': { status: 404, title: 'The ledger knows nobody by this' },
  'method-not-allowed': { status: 405, title: 'This address has other methods' },
  'not-acceptable': { status: 406, title: 'No such form of the answer' },
  timeout: { status: 408, title: 'The request took too long to arrive' },
  conflict: { status: 409, title: 'The request conflicts with what stands in the ledger' },
  'legal-hold': { status: 409, title: 'A legal hold covers the person' },
  'too-large': { status: 413, title: 'The body is too large' },
  'address-too-long': { status: 414, title: 'The address is too long' },
  'unsupported-media-type': { status: 415, title: 'Bodies of this form are not read here' },
  'too-broad': { status: 422, title: 'The question is too broad' },
  'too-many-requests': { status: 429, title: 'Too many requests' },
  'headers-too-large': { status: 431, title: 'The headers are too large' },
  internal: { status: 500, title: 'The ledger failed' },
  unavailable: { status: 503, title: 'The ledger cannot answer now' },
  'not-as-sealed': { status: 503, title: 'What is stored is not what was sealed and published' },
} as const satisfies Record<string, { status: number; title: string }>;
export type ProblemType = keyof typeof PROBLEM_TYPES;

export interface ProblemOptions {
  detail: string;
  errors?: readonly FieldProblem[];
  /** Sent as `Retry-After`. */
  retryAfterSeconds?: number;
  headers?: Readonly<Record<string, string>>;
}

/** Thrown anywhere under `http/` to answer with a problem. */
export class HttpProblem extends Error {
  override name = 'HttpProblem';
  constructor(
    readonly type: ProblemType,
    readonly options: ProblemOptions,
  ) {
    super(options.detail);
  }
}

/** How an error of another room is answered. The detail is ours: constant, or made of what holds nothing that was sent. */
export interface NamedProblem<E extends Error = Error> {
  type: ProblemType;
  detail: string | ((error: E) => string);
  errors?: (error: E) => readonly FieldProblem[];
  retryAfterSeconds?: (error: E) => number;
}

const named = new Map<string, NamedProblem<never>>();

/** Registers the answer to errors of this `name`. By name and not by class, so that errors that crossed a thread are met too. */
export function answerError<E extends Error>(errorName: string, problem: NamedProblem<E>): void {
  named.set(errorName, problem as NamedProblem<never>);
}

type Retriable = Error & { retryAfterSeconds?: number };
const retrySoon = (error: Retriable): number => error.retryAfterSeconds ?? 1;

for (const name of ['StoreUnavailable', 'KeyStoreUnavailable', 'MasterKeyOutdated', 'TooMuchContention']) {
  answerError<Retriable>(name, {
    type: 'unavailable',
    detail: 'Nothing was acknowledged; sending the same again later is safe.',
    retryAfterSeconds: retrySoon,
  });
}
answerError('InvalidWrite', { type: 'too-large', detail: 'What would have to be stored is larger than the log takes: send less at once.' });
answerError('NestedTooDeep', { type: 'bad-request', detail: 'The body is nested too deep.' });
answerError('PersonErased', { type: 'conflict', detail: 'A person named by the request was erased meanwhile; nothing was recorded.' });

/** What Fastify and Node complain about, by their codes, in our words. */
const CODES: Readonly<Record<string, [ProblemType, string]>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: [
    'too-large',
    'A single event or question may have 256 KiB, a text 512 KiB, a batch 5 MiB; use application/x-ndjson for more events.',
  ],
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: ['bad-request', 'The body is not as long as Content-Length says.'],
  FST_ERR_CTP_INVALID_MEDIA_TYPE: ['unsupported-media-type', 'Content-Type is missing, malformed or not one that is read here.'],
  FST_ERR_BAD_URL: ['bad-request', 'The address is malformed.'],
  FST_ERR_MAX_PARAM_LENGTH: ['address-too-long', 'A part of the address is too long.'],
  ECONNRESET: ['bad-request', 'The connection ended before the body did.'],
  ERR_STREAM_PREMATURE_CLOSE: ['bad-request', 'The connection ended before the body did.'],
};

/** For statuses that other parts of the framework choose. */
const BY_STATUS = new Map<number, ProblemType>(
  (Object.entries(PROBLEM_TYPES) as [ProblemType, { status: number }][])
    .reverse() // of two types with one status the first listed stands
    .map(([type, { status }]) => [status, type]),
);

/** The problem that an error is answered with. `unforeseen`: nobody named it, so somebody should look at the log. */
export function problemOf(error: unknown): HttpProblem & { unforeseen?: boolean } {
  if (!(error instanceof Object)) return unforeseen();
  const { name, code, statusCode, status } = error as { name?: unknown; code?: unknown; statusCode?: unknown; status?: unknown };
  if (name === 'HttpProblem' && error instanceof HttpProblem) return error;
  const answer = named.get(String(name)) as NamedProblem<Error> | undefined;
  if (answer) return fromNamed(answer, error as Error);
  const known = typeof code === 'string' && Object.hasOwn(CODES, code) ? CODES[code] : undefined;
  if (known && isClientFault(statusCode)) return new HttpProblem(known[0], { detail: known[1] });
  if (isStackOverflow(error)) return new HttpProblem('bad-request', { detail: 'The body is nested too deep.' });
  const isFrameworks = error instanceof HttpException || (typeof code === 'string' && code.startsWith('FST_'));
  const type = isFrameworks ? BY_STATUS.get(Number(status ?? statusCode)) : undefined;
  return type && type !== 'internal' ? new HttpProblem(type, { detail: `${PROBLEM_TYPES[type].title}.` }) : unforeseen();
}

function unforeseen(): HttpProblem & { unforeseen: true } {
  const detail = 'Something went wrong that nobody foresaw. The request id finds it in the log.';
  return Object.assign(new HttpProblem('internal', { detail }), { unforeseen: true as const });
}

function fromNamed(answer: NamedProblem<Error>, error: Error): HttpProblem {
  return new HttpProblem(answer.type, {
    detail: typeof answer.detail === 'string' ? answer.detail : answer.detail(error),
    ...(answer.errors && { errors: answer.errors(error) }),
    ...(answer.retryAfterSeconds && { retryAfterSeconds: answer.retryAfterSeconds(error) }),
  });
}

const isClientFault = (status: unknown): boolean => typeof status === 'number' && status >= 400 && status < 500;

/** Only what a client sent can be nested that deep: nothing of our own recurses. */
function isStackOverflow(error: object): boolean {
  return error instanceof RangeError && error.message === 'Maximum call stack size exceeded';
}

/** The body of the answer. */
export function detailsOf(problem: HttpProblem, requestId: string): ProblemDetails {
  const { status, title } = PROBLEM_TYPES[problem.type];
  const { detail, errors } = problem.options;
  return {
    type: `urn:liggare:problem:${problem.type}`,
    title,
    status,
    detail,
    ...(errors && errors.length > 0 && { errors: errors.slice(0, MAX_ERRORS) }),
    requestId,
  };
}

/** As many as a batch has events, and a few each at most: an answer has a limit too. */
const MAX_ERRORS = 1000;

export function headersOf({ options }: HttpProblem): Record<string, string> {
  const { headers, retryAfterSeconds } = options;
  return { ...headers, ...(retryAfterSeconds !== undefined && { 'retry-after': String(Math.max(1, Math.ceil(retryAfterSeconds))) }) };
}

/** Answers a request with what its error amounts to, and logs what nobody foresaw. */
export function answerProblem(error: unknown, request: FastifyRequest, reply: FastifyReply): void {
  const problem = problemOf(error);
  if (problem.unforeseen) request.log.error({ reqId: request.id, err: error }, 'request failed');
  else if (problem.type === 'unavailable') request.log.warn({ reqId: request.id, cause: (error as Error).name }, 'unavailable');
  if (reply.sent || reply.raw.headersSent) {
    // Half an answer has left: cutting the connection is the only way left to say that it is not whole.
    reply.raw.destroy();
    return;
  }
  const details = detailsOf(problem, String(request.id));
  void reply.code(details.status).headers(headersOf(problem)).type('application/problem+json').send(JSON.stringify(details));
}

/** For everything that controllers, pipes and handlers throw. What happens before and after them comes through Fastify's own handler. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  catch(error: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    answerProblem(error, http.getRequest<FastifyRequest>(), http.getResponse<FastifyReply>());
  }
}
