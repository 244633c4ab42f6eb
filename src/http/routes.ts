/** All routes of the server, as they were registered: who may call which, and which methods an address has. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { HttpProblem } from './problem.ts';
import type { RouteSettings } from './route.ts';

export interface KnownRoute {
  method: string;
  /** With parameters as `:name`, and `*` for all that follows. */
  url: string;
  access: RouteSettings['access'];
}

export class Routes {
  private readonly known: KnownRoute[] = [];
  private readonly patterns = new Map<string, RegExp>();

  /** Listens to registrations. A route that does not say who may call it stops the start: forgetting must not open a door. */
  collect(server: FastifyInstance): void {
    server.addHook('onRoute', ({ method, url, config }) => {
      const access = config?.access;
      if (access === undefined) throw new Error(`route ${String(method)} ${url} does not say who may call it (@Public or @Needs)`);
      for (const one of [method].flat()) this.known.push({ method: one, url, access });
      this.patterns.set(url, patternOf(url));
    });
  }

  all(): readonly KnownRoute[] {
    return this.known;
  }

  /** 405 with the methods that the address has, 404 where it has none. */
  nothingAt(request: FastifyRequest): HttpProblem {
    const path = (request.raw.url ?? '').split('?', 1)[0] ?? '';
    const methods = new Set(this.known.filter(({ url }) => this.patterns.get(url)?.test(path)).map(({ method }) => method));
    if (methods.size === 0) return new HttpProblem('not-found', { detail: 'No resource has this address.' });
    const allow = [...methods].sort().join(', ');
    return new HttpProblem('method-not-allowed', { detail: `The methods of this address are ${allow}.`, headers: { allow } });
  }
}

function patternOf(url: string): RegExp {
  const segments = url.split('/').map((segment) => {
    if (segment === '*') return '.*';
    return segment.startsWith(':') ? '[^/]+' : segment.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  });
  return new RegExp(`^${segments.join('/')}$`);
}
