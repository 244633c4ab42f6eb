import { type DynamicModule, Module, type Provider } from '@nestjs/common';
import { CqrsModule } from '@nestjs/cqrs';
import { ActorActivityHandler } from '../projections/actor-activity/query.ts';
import { SourcesHandler } from '../projections/completeness/query.ts';
import { ConsentsHandler } from '../projections/consents/query.ts';
import { DecideHandler } from '../projections/decisions/query.ts';
import { DisclosuresHandler } from '../projections/disclosures/query.ts';
import { EvidenceHandler } from '../projections/evidence/query.ts';
import { FindingNowHandler, FindingsHandler, FindingsSummaryHandler } from '../projections/findings/query.ts';
import { ProofHandler } from '../projections/proofs/query.ts';
import { ReceiptsHandler } from '../projections/proofs/receipts.ts';
import { QuarantineListHandler } from '../projections/quarantine/query.ts';
import { AccessGrantsHandler } from '../projections/registers/grants/query.ts';
import { InstructionHandler } from '../projections/registers/instruction/query.ts';
import { ProcessingRegisterHandler } from '../projections/registers/processing/query.ts';
import { ProcessorsHandler } from '../projections/registers/processors/query.ts';
import { RetentionCalendarHandler, RetentionItemsHandler, RetentionSummaryHandler } from '../projections/retention/query.ts';
import { SimulateHandler } from '../projections/simulation/query.ts';
import { TimelineHandler } from '../projections/timeline/query.ts';
import { Views } from '../projections/views.ts';
import { Config } from './config.ts';
import { quarantinedIn, ViewsOfErasure } from './erasure-views.ts';
import { EventStore } from './eventstore/event-store.ts';
import { ConsentsController } from './http/consents.controller.ts';
import { DecisionsController } from './http/decisions.controller.ts';
import { ErasuresController } from './http/erasures.controller.ts';
import { EventsController } from './http/events.controller.ts';
import { EvidenceController } from './http/evidence.controller.ts';
import { FindingsController } from './http/findings.controller.ts';
import { FindingStreams, FindingsStreamController } from './http/findings-stream.controller.ts';
import { HttpModule } from './http/http.module.ts';
import { KeyStoreController } from './http/key-store.controller.ts';
import { PeopleController } from './http/people.controller.ts';
import { PoliciesController } from './http/policies.controller.ts';
import { ProofsController } from './http/proofs.controller.ts';
import { QuarantineController } from './http/quarantine.controller.ts';
import { QuestionsController } from './http/questions.controller.ts';
import { Questions } from './http/questions.ts';
import { ReceiptsController } from './http/receipts.controller.ts';
import { RegistersController } from './http/registers.controller.ts';
import { RetentionController } from './http/retention.controller.ts';
import { RetentionQuestionController } from './http/retention-question.controller.ts';
import { SchemaSource } from './http/schemas.controller.ts';
import { SealerKeyController } from './http/sealer-key.controller.ts';
import { SimulationController } from './http/simulation.controller.ts';
import { SuppressionController } from './http/suppression.controller.ts';
import { TlogController } from './http/tlog.controller.ts';
import { TreeHeadsController } from './http/tree-heads.controller.ts';
import { ApiKeys } from './ledger/api-key/api-keys.ts';
import { Reach } from './ledger/erasure/carrying-out.ts';
import { ErasureCertificateHandler } from './ledger/erasure/certificate.ts';
import { EraseSubjectHandler } from './ledger/erasure/erase-subject.ts';
import { type ErasuresLog, ErasureViews, type Fence } from './ledger/erasure/parts.ts';
import { UnfinishedErasures } from './ledger/erasure/unfinished.ts';
import { RemarkOnFindingHandler } from './ledger/finding/commands.ts';
import { ExpirePeriodsHandler } from './ledger/key-store/expire.ts';
import { MasterKeyRotation, MasterKeyStateHandler, RotateMasterKeyHandler } from './ledger/key-store/rotate.ts';
import { LinkSubjectsHandler, SeparateSubjectsHandler } from './ledger/people/commands.ts';
import { People } from './ledger/people/people.ts';
import { PublishPolicyHandler, ReviewPolicyHandler } from './ledger/policy/commands.ts';
import { Policies } from './ledger/policy/policies.ts';
import { RecordQuestionHandler } from './ledger/question/record-question.ts';
import { Beforehand } from './ledger/record/beforehand.ts';
import { Inspector } from './ledger/record/inspect.ts';
import { Objections } from './ledger/record/objections.ts';
import { Preparer } from './ledger/record/prepare.ts';
import { Quarantine } from './ledger/record/quarantine.ts';
import { QuarantineLook } from './ledger/record/quarantine-look.ts';
import { RecordEventsHandler } from './ledger/record/record-events.ts';
import { OpenQuarantinedHandler, ReleaseQuarantinedHandler } from './ledger/record/release.ts';
import { schemaOf } from './ledger/record/schema.ts';
import { EventValidator } from './ledger/record/validate.ts';
import { Refusals } from './ledger/refusals.ts';
import { LedgerSettings } from './ledger/settings.ts';
import { CheckSuppressionHandler } from './ledger/suppression/check.ts';
import { CriticalFindings } from './notify/critical-findings.ts';
import { KeyVault } from './privacy/key-vault.ts';
import type { MasterKeyFiles } from './privacy/master-key-files.ts';
import { EraseDueHandler } from './retention.ts';
import { TransparencyLog } from './transparency/transparency-log.ts';
import { Vocabulary } from './vocabulary/vocabulary.ts';

/** What is opened before the application is made, because it can fail and must be closed in order. */
export interface Opened {
  config: Config;
  store: EventStore;
  /** The store's own; it keeps events out that name somebody who was erased. */
  fence: Fence;
  vault: KeyVault;
  masterKeyFiles: MasterKeyFiles;
  erasures: ErasuresLog;
  views: Views;
  transparency: TransparencyLog;
  vocabulary: Vocabulary;
  policies: Policies;
}

/** The one place where everything meets: which object stands for which type. */
@Module({})
// biome-ignore lint/complexity/noStaticOnlyClass: a dynamic module in Nest's own form
export class AppModule {
  static of(opened: Opened): DynamicModule {
    const core = CoreModule.of(opened);
    return {
      module: AppModule,
      imports: [core, CqrsModule, HttpModule.register({ imports: [core] })],
      controllers: [
        EventsController,
        QuestionsController,
        RegistersController,
        ProofsController,
        ReceiptsController,
        QuarantineController,
        FindingsController,
        FindingsStreamController,
        PeopleController,
        SuppressionController,
        ErasuresController,
        KeyStoreController,
        PoliciesController,
        SimulationController,
        DecisionsController,
        ConsentsController,
        RetentionController,
        RetentionQuestionController,
        EvidenceController,
        TlogController,
        TreeHeadsController,
        SealerKeyController,
      ],
      providers: [
        Questions,
        RecordEventsHandler,
        RecordQuestionHandler,
        OpenQuarantinedHandler,
        ReleaseQuarantinedHandler,
        LinkSubjectsHandler,
        SeparateSubjectsHandler,
        reachOf(opened),
        UnfinishedErasures,
        EraseSubjectHandler,
        ErasureCertificateHandler,
        CheckSuppressionHandler,
        ExpirePeriodsHandler,
        RotateMasterKeyHandler,
        MasterKeyStateHandler,
        EraseDueHandler,
        PublishPolicyHandler,
        ReviewPolicyHandler,
        SimulateHandler,
        DecideHandler,
        ConsentsHandler,
        TimelineHandler,
        DisclosuresHandler,
        ActorActivityHandler,
        ProcessingRegisterHandler,
        AccessGrantsHandler,
        InstructionHandler,
        ProcessorsHandler,
        SourcesHandler,
        EvidenceHandler,
        QuarantineListHandler,
        FindingsHandler,
        FindingsSummaryHandler,
        FindingNowHandler,
        RetentionItemsHandler,
        RetentionSummaryHandler,
        RetentionCalendarHandler,
        RemarkOnFindingHandler,
        FindingStreams,
        ProofHandler,
        ReceiptsHandler,
      ],
    };
  }
}

/** What an erasure reaches into; the API keys are those that requests are admitted by. */
function reachOf({ store, fence, vault, erasures, views }: Opened): Provider {
  const quarantine = new QuarantineLook(store, vault, quarantinedIn(views));
  const useFactory = (keys: ApiKeys): Reach => ({ store, vault, fence, file: erasures, keys, quarantine });
  return { provide: Reach, useFactory, inject: [ApiKeys] };
}

@Module({})
class CoreModule {
  static of({ config, store, vault, masterKeyFiles, views, transparency, vocabulary, policies }: Opened): DynamicModule {
    const settings = new LedgerSettings({
      controller: () => policies.controller ?? config.controller,
      unboundDays: config.unboundDays,
      quarantineDays: config.quarantineDays,
      caseDays: config.caseDays,
    });
    const validator = new EventValidator(vocabulary);
    const preparer = new Preparer(vault, settings);
    const people = new People(store);
    const schemas: SchemaSource = {
      schemaOf: (type, version) => schemaOf(type, version, vocabulary),
      get revision() {
        return vocabulary.revision;
      },
    };
    const values: [unknown, unknown][] = [
      [Config, config],
      [EventStore, store],
      [KeyVault, vault],
      [Views, views],
      [TransparencyLog, transparency],
      [Vocabulary, vocabulary],
      [Policies, policies],
      [CriticalFindings, new CriticalFindings(views, store)],
      [LedgerSettings, settings],
      [SchemaSource, schemas],
      [Inspector, new Inspector(validator)],
      [Preparer, preparer],
      [Beforehand, new Beforehand(validator, preparer, vault)],
      [Quarantine, new Quarantine(vault, settings)],
      [Refusals, new Refusals(store, vault)],
      [MasterKeyRotation, new MasterKeyRotation(store, vault, masterKeyFiles)],
      [People, people],
      [Objections, new Objections(vault, people)],
      [ErasureViews, new ViewsOfErasure(views, store)],
    ];
    const providers = values.map(([provide, useValue]) => ({ provide: provide as never, useValue }));
    return { module: CoreModule, providers, exports: providers.map(({ provide }) => provide) };
  }
}
