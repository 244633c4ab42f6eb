/**
 * Who may call what. Authentication and permission are settled in Fastify's first hook, before a byte of a body is read:
 * strangers cannot make the ledger parse anything.
 */
import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import type { ApiKeys } from '../ledger/api-key/api-keys.ts';
import type * as permissions from '../ledger/api-key/permissions.ts';
import { type Permission, permissionsOf, scopesWith } from '../ledger/api-key/permissions.ts';
import { addressGroup, WindowLimit } from './limits.ts';
import { HttpProblem } from './problem.ts';
import { routeSetting } from './route.ts';

export { type Permission, permissionsOf };

/** Open to everybody: no key is read, and none is asked for. */
export const Public = (): MethodDecorator => routeSetting({ access: 'public' });

/** Open to keys whose scope carries the permission. */
export const Needs = (permission: Permission): MethodDecorator => routeSetting({ access: permission });

/** Whoever sent the request; only on routes that need a permission. */
export type Caller = permissions.Caller;
export const Caller = createParamDecorator((_: unknown, context: ExecutionContext): Caller => {
  const caller = context.switchToHttp().getRequest<FastifyRequest>().caller;
  if (!caller) throw new Error('a public route asks who is calling');
  return caller;
});

/** A bearer token (RFC 6750, 2.1), as long as any key of ours or of the environment may be. */
const BEARER = /^Bearer +([A-Za-z0-9._~+/-]{1,512}=*) *$/i;

/** Questions are limited for each key; what these permissions open is a question. */
const QUESTIONS: ReadonlySet<Permission> = new Set(['ask', 'sources', 'suppression', 'prove', 'entries', 'receipts', 'findings', 'decide']);

export interface AuthLimits {
  authFailuresPerMinute: number;
  questionsPerSecond: number;
}

export class Authenticator {
  private readonly failures: WindowLimit;
  private readonly questions: WindowLimit;

  constructor(
    private readonly keys: Pick<ApiKeys, 'identify' | 'identifyFresh'>,
    limits: AuthLimits,
  ) {
    this.failures = new WindowLimit(limits.authFailuresPerMinute, 60_000);
    this.questions = new WindowLimit(limits.questionsPerSecond, 1000);
  }

  /**
   * The caller, when the key is valid and carries the permission.
   * @param now a clock that does not run backwards, ms.
   * @throws HttpProblem 401, 403, 429; StoreUnavailable when nobody can tell whether the key still holds.
   */
  async admit(authorization: string | undefined, address: string, permission: Permission, now: number): Promise<Caller> {
    if (authorization === undefined || !/^Bearer\b/i.test(authorization))
      throw unauthenticated('Send your API key as Authorization: Bearer.');
    const token = BEARER.exec(authorization)?.[1];
    const caller = token && (this.keys.identifyFresh(token) ?? (await this.keys.identify(token)));
    if (!caller) throw this.failed(address, now);
    if (!caller.may(permission)) throw forbidden(permission);
    if (QUESTIONS.has(permission)) this.countQuestion(caller, now);
    return caller;
  }

  /** Only a key that was presented and is wrong counts: whoever has a valid one is never locked out by others at his address. */
  private failed(address: string, now: number): HttpProblem {
    const waitMs = this.failures.take(addressGroup(address), now);
    if (waitMs === 0) return unauthenticated('The API key presented is unknown or was revoked.', 'invalid_token');
    const detail = 'Too many wrong API keys came from this address. A valid key passes at any time.';
    return new HttpProblem('too-many-requests', { detail, retryAfterSeconds: waitMs / 1000 });
  }

  private countQuestion(caller: Caller, now: number): void {
    const waitMs = this.questions.take(caller.keyId, now);
    if (waitMs === 0) return;
    throw new HttpProblem('too-many-requests', { detail: 'This key asks too many questions a second.', retryAfterSeconds: waitMs / 1000 });
  }
}

function unauthenticated(detail: string, error?: string): HttpProblem {
  const challenge = `Bearer realm="liggare"${error ? `, error="${error}"` : ''}`;
  return new HttpProblem('unauthenticated', { detail, headers: { 'www-authenticate': challenge } });
}

/** The refusal that names the permission that is needed. */
export function forbidden(permission: Permission): HttpProblem {
  const detail = `The permission ${permission} is needed; keys of scope ${scopesWith(permission).join(', ')} carry it.`;
  return new HttpProblem('forbidden', { detail });
}
