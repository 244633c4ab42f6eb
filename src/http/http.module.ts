import { type DynamicModule, Module, type ModuleMetadata } from '@nestjs/common';
import { APP_FILTER, APP_PIPE } from '@nestjs/core';
import { CqrsModule } from '@nestjs/cqrs';
import { TerminusModule } from '@nestjs/terminus';
import { Config } from '../config.ts';
import { EventStore } from '../eventstore/event-store.ts';
import { ApiKeys } from '../ledger/api-key/api-keys.ts';
import { CreateApiKeyHandler, ListApiKeysHandler, RevokeApiKeyHandler } from '../ledger/api-key/commands.ts';
import { KeyVault } from '../privacy/key-vault.ts';
import { Authenticator } from './auth.ts';
import { HealthController, HealthSources } from './health.controller.ts';
import { KeysController } from './keys.controller.ts';
import { Metrics, MetricsController } from './metrics.ts';
import { DocsController, OpenApi } from './openapi.ts';
import { ProblemFilter } from './problem.ts';
import { Schemas, SchemasController } from './schemas.controller.ts';
import { DtoPipe } from './validation.ts';

/**
 * What every request needs, and the resources that belong to no question: keys, health, metrics, documents.
 * Exports `ApiKeys` (to be started), `Metrics` and `HealthSources` (to be added to).
 */
@Module({})
// biome-ignore lint/complexity/noStaticOnlyClass: a dynamic module in Nest's own form
export class HttpModule {
  /** @param imports modules that provide `Config`, `EventStore`, `KeyVault` and `SchemaSource`. */
  static register({ imports }: Required<Pick<ModuleMetadata, 'imports'>>): DynamicModule {
    return {
      module: HttpModule,
      imports: [...imports, CqrsModule, TerminusModule.forRoot({ logger: false })],
      controllers: [KeysController, HealthController, MetricsController, SchemasController, DocsController],
      providers: [
        { provide: ApiKeys, useFactory: (store: EventStore, vault: KeyVault) => new ApiKeys(store, vault), inject: [EventStore, KeyVault] },
        {
          provide: Authenticator,
          useFactory: (keys: ApiKeys, config: Config) => new Authenticator(keys, config),
          inject: [ApiKeys, Config],
        },
        { provide: APP_FILTER, useClass: ProblemFilter },
        { provide: APP_PIPE, useClass: DtoPipe },
        CreateApiKeyHandler,
        RevokeApiKeyHandler,
        ListApiKeysHandler,
        HealthSources,
        Metrics,
        OpenApi,
        Schemas,
      ],
      exports: [ApiKeys, Authenticator, HealthSources, Metrics, OpenApi],
    };
  }
}
