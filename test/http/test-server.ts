import { Writable } from 'node:stream';
import { type DynamicModule, Module, type Type } from '@nestjs/common';
import type { LightMyRequestResponse } from 'fastify';
import { Config, readConfig } from '../../src/config.ts';
import { EventStore } from '../../src/eventstore/event-store.ts';
import { HttpModule } from '../../src/http/http.module.ts';
import { makeLogger } from '../../src/http/log.ts';
import { SchemaSource } from '../../src/http/schemas.controller.ts';
import { createServer, type LedgerServer } from '../../src/http/server.ts';
import { ADMINISTRATOR, ApiKeys } from '../../src/ledger/api-key/api-keys.ts';
import type { Scope } from '../../src/ledger/api-key/permissions.ts';
import { KeyVault } from '../../src/privacy/key-vault.ts';
import { MemoryStore } from '../ledger/memory-store.ts';
import { MemoryVault } from '../ledger/memory-vault.ts';

export const ADMIN_KEY = 'admin-key-of-the-tests';

/** What Fastify's `inject` takes, with a key in front. */
export interface Sent {
  method?: string;
  url: string;
  key?: string | null;
  headers?: Record<string, string>;
  payload?: string | Buffer | object;
  remoteAddress?: string;
}

export interface TestServer {
  ledger: LedgerServer;
  store: MemoryStore;
  vault: MemoryVault;
  keys: ApiKeys;
  /** Every line that was logged. */
  logged: string[];
  send(request: Sent): Promise<LightMyRequestResponse>;
  /** A key of the scope, made when first asked for. */
  keyOf(scope: Scope): Promise<string>;
  close(): Promise<void>;
}

@Module({})
class Root {}

/** The HTTP side as it is in service, over a log and people in memory, with controllers of the test's own. */
export async function testServer(options: { env?: Record<string, string>; controllers?: Type[] } = {}): Promise<TestServer> {
  const { config } = readConfig({ LIGGARE_LOG_LEVEL: 'info', ...options.env });
  const store = new MemoryStore();
  const vault = new MemoryVault();
  const logged: string[] = [];
  const sink = new Writable({
    write(chunk, _encoding, done) {
      logged.push(String(chunk));
      done();
    },
  });
  const root: DynamicModule = {
    module: Root,
    imports: [HttpModule.register({ imports: [provided(config, store, vault)] })],
    controllers: options.controllers ?? [],
  };
  const ledger = await createServer(root, config, makeLogger(config.logLevel, sink));
  const keys = ledger.app.get(ApiKeys);
  await keys.start([{ id: 'bootstrap', key: ADMIN_KEY, person: ADMINISTRATOR }], Date.now());
  const made = new Map<Scope, Promise<string>>();
  const keyOf = (scope: Scope): Promise<string> => {
    const key = made.get(scope) ?? makeKey(keys, scope);
    made.set(scope, key);
    return key;
  };
  return { ledger, store, vault, keys, logged, keyOf, send: (request) => send(ledger, request), close: () => ledger.close() };
}

class Provided {}

function provided(config: Config, store: MemoryStore, vault: MemoryVault): DynamicModule {
  const schemas: SchemaSource = {
    schemaOf: (type, version) => ({ $schema: 'https://json-schema.org/draft/2020-12/schema', title: `${type} ${version}` }),
    revision: 0,
  };
  return {
    module: Provided,
    providers: [
      { provide: Config, useValue: config },
      { provide: EventStore, useValue: store },
      { provide: KeyVault, useValue: vault },
      { provide: SchemaSource, useValue: schemas },
    ],
    exports: [Config, EventStore, KeyVault, SchemaSource],
  };
}

async function makeKey(keys: ApiKeys, scope: Scope): Promise<string> {
  const by = { reference: 'A'.repeat(22), kind: 'human' };
  const whose = scope === 'emit' ? { sources: ['urn:test:source'] } : { sources: [], person: `Holder of ${scope}` };
  return (await keys.create({ name: `test ${scope}`, scope, groups: [], ...whose }, by, Date.now())).key;
}

function send(ledger: LedgerServer, { key = ADMIN_KEY, headers = {}, payload, ...request }: Sent): Promise<LightMyRequestResponse> {
  const authorization = key === null ? {} : { authorization: `Bearer ${key}` };
  const isJson = payload !== undefined && !('content-type' in headers);
  return ledger.app.inject({
    ...(request as object),
    url: request.url,
    headers: { ...authorization, ...(isJson && { 'content-type': 'application/json' }), ...headers },
    ...(payload !== undefined && { payload }),
  } as never) as unknown as Promise<LightMyRequestResponse>;
}
