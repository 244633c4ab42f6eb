import { Controller, Get, HttpStatus, Injectable, Res } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiServiceUnavailableResponse, ApiTags } from '@nestjs/swagger';
import { type HealthCheckResult, HealthCheckService, HealthIndicatorService } from '@nestjs/terminus';
import type { FastifyReply } from 'fastify';
import { Public } from './auth.ts';

/** A part of the ledger that can tell whether it works. The detail is public: numbers and states, nothing that was recorded. */
export interface HealthSource {
  /** For example `event-store`. */
  name: string;
  check(): Promise<Health> | Health;
}

export interface Health {
  ok: boolean;
  detail?: Record<string, string | number | boolean>;
}

const CHECK_MS = 2000;

/** All parts that must work before requests are sent here. Parts add themselves when they are wired. */
@Injectable()
export class HealthSources {
  private readonly sources: HealthSource[] = [];
  private stopping = false;

  add(source: HealthSource): void {
    this.sources.push(source);
  }

  /** From now on this process is not ready, whatever its parts say. */
  stop(): void {
    this.stopping = true;
  }

  all(): readonly HealthSource[] {
    const serving: HealthSource = { name: 'serving', check: () => ({ ok: !this.stopping }) };
    return [serving, ...this.sources];
  }
}

@ApiTags('operation')
@Controller('health')
export class HealthController {
  constructor(
    private readonly checks: HealthCheckService,
    private readonly indicators: HealthIndicatorService,
    private readonly sources: HealthSources,
  ) {}

  @Get('live')
  @Public()
  @ApiOperation({ summary: 'Whether the process answers at all' })
  @ApiOkResponse({ schema: { example: { status: 'ok' } } })
  live(): { status: 'ok' } {
    return { status: 'ok' };
  }

  @Get('ready')
  @Public()
  @ApiOperation({ summary: 'Whether requests should be sent here: stores open, projections following' })
  @ApiOkResponse({ schema: { example: { status: 'ok', details: { 'event-store': { status: 'up' } } } } })
  @ApiServiceUnavailableResponse({ description: 'Some part does not work; the body names it' })
  async ready(@Res({ passthrough: true }) reply: FastifyReply): Promise<Pick<HealthCheckResult, 'status' | 'details'>> {
    const { status, details } = await this.result();
    if (status !== 'ok') reply.status(HttpStatus.SERVICE_UNAVAILABLE);
    return { status, details };
  }

  private async result(): Promise<HealthCheckResult> {
    try {
      return await this.checks.check(this.sources.all().map((source) => () => this.indicate(source)));
    } catch (error) {
      // Terminus throws what it found when a part is down.
      const found = (error as { getResponse?: () => unknown }).getResponse?.();
      if (found) return found as HealthCheckResult;
      throw error;
    }
  }

  private async indicate(source: HealthSource) {
    const indicator = this.indicators.check(source.name);
    try {
      const { ok, detail = {} } = await within(CHECK_MS, source.check());
      return ok ? indicator.up(detail) : indicator.down(detail);
    } catch (error) {
      return indicator.down({ error: String((error as Error)?.name ?? 'Error') });
    }
  }
}

class CheckTimeout extends Error {
  override name = 'CheckTimeout';
}

async function within<T>(ms: number, work: Promise<T> | T): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new CheckTimeout(`no answer within ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
