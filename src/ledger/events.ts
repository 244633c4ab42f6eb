/**
 * The catalogue: every type of event that the log may hold, its group, its versions, and how data of an older version
 * becomes data of the latest. Free of decorators and of everything else, so that projections in worker threads read it
 * straight; what each type's data looks like stands in `record/types/`.
 */

/** Whose right it is to report a type (an `emit` key is given groups); `ledger` is written by the ledger alone. */
export type Group = 'processing' | 'restriction' | 'legal-hold' | 'consent' | 'rights' | 'breach' | 'governance' | 'source' | 'ledger';

/** Groups that every source may report; the others need a key that was given them. */
export const COMMON_GROUPS: ReadonlySet<string> = new Set<Group>(['processing', 'restriction', 'consent', 'source']);

export interface EventTypeInfo {
  type: string;
  group: Group;
  /** The latest version of the type's schema; the first is 1 and none is ever skipped. */
  version: number;
}

/** Turns data of one version into data of the next. It must not change what it is given. */
export type UpcastStep = (data: Readonly<Record<string, unknown>>) => Record<string, unknown>;

const TYPES: Readonly<Record<Group, readonly string[]>> = {
  processing: [
    'PersonalDataCollected',
    'PersonalDataAccessed',
    'PersonalDataUsed',
    'PersonalDataDerived',
    'PersonalDataStored',
    'PersonalDataDisclosed',
    'PersonalDataTransferred',
    'PersonalDataRectified',
    'PersonalDataErased',
    'PersonalDataErasureFailed',
  ],
  restriction: ['ProcessingRestricted', 'RestrictionLifted'],
  'legal-hold': ['LegalHoldPlaced', 'LegalHoldReleased'],
  consent: ['ConsentGiven', 'ConsentRefused', 'ConsentWithdrawn', 'ConsentExpired', 'ObjectionRaised', 'ObjectionDecided'],
  rights: [
    'RightsRequestReceived',
    'IdentityVerificationRequested',
    'IdentityVerified',
    'RightsRequestExtended',
    'RightsRequestFulfilled',
    'RightsRequestRefused',
    'RecipientNotified',
    'InformationProvided',
    'ComplaintReceived',
    'DamagesClaimReceived',
    'DamagesClaimSettled',
  ],
  breach: [
    'BreachSuspected',
    'BreachConfirmed',
    'ProcessorReportedBreach',
    'BreachAssessed',
    'BreachNotifiedToAuthority',
    'BreachCommunicatedToSubjects',
    'BreachNotificationWaived',
    'BreachMeasureTaken',
    'BreachClosed',
  ],
  governance: [
    'ProcessorEngaged',
    'ProcessorTerminated',
    'AccessGranted',
    'AccessRevoked',
    'InstructionIssued',
    'StaffInstructed',
    'SecurityMeasureImplemented',
    'RecruitmentProcessOpened',
    'RecruitmentProcessClosed',
    'SubjectDeceased',
  ],
  source: ['RecordCorrected', 'RecordRetracted', 'SourceHeartbeat'],
  ledger: [
    'LedgerQueried',
    'PolicyPublished',
    'PolicyReviewed',
    'FindingAcknowledged',
    'FindingExplained',
    'SubjectsMerged',
    'SubjectKeyDestroyed',
    'RecordQuarantined',
    'RecordReleased',
    'RecordRefused',
    'LedgerRestored',
    'ApiKeyCreated',
    'ApiKeyRevoked',
    'PeriodKeysDestroyed',
    'MasterKeyRotated',
    'SealerKeyCreated',
    'TreeGenerationStarted',
  ],
};

/**
 * Steps of the types that have more than one version: the first step leads from version 1 to 2, the next from 2 to 3.
 * A type without steps has version 1 alone.
 */
const STEPS: Readonly<Record<string, readonly UpcastStep[]>> = {};

/** Data of a type or version that this program does not know: it was written by a later one, or is damaged. */
export class UnknownEventVersion extends Error {
  override readonly name = 'UnknownEventVersion';
}

/** Types, their groups, and their steps from version to version. */
export class EventCatalogue {
  readonly #types = new Map<string, EventTypeInfo>();
  readonly #steps: ReadonlyMap<string, readonly UpcastStep[]>;

  constructor(types: Partial<Record<Group, readonly string[]>>, steps: Record<string, readonly UpcastStep[]>) {
    this.#steps = new Map(Object.entries(steps));
    for (const [group, names] of Object.entries(types)) {
      for (const type of names) {
        const version = (this.#steps.get(type)?.length ?? 0) + 1;
        this.#types.set(type, Object.freeze({ type, group: group as Group, version }));
      }
    }
    for (const type of this.#steps.keys()) {
      if (!this.#types.has(type)) throw new Error(`upcasting steps are given for ${type}, which is no event type`);
    }
  }

  /** Every type, group by group. */
  all(): EventTypeInfo[] {
    return [...this.#types.values()];
  }

  /** Undefined for what is no type: any text may be asked about. */
  find(type: string): EventTypeInfo | undefined {
    return this.#types.get(type);
  }

  /**
   * Stored data in clear, in the shape of the type's latest version. What is sealed keeps the shape of its own version.
   *
   * @throws UnknownEventVersion
   */
  upcast(type: string, version: number, data: Record<string, unknown>): Record<string, unknown> {
    const info = this.#types.get(type);
    if (info === undefined || !Number.isInteger(version) || version < 1 || version > info.version) {
      throw new UnknownEventVersion(`no version ${version} of this event type is known`);
    }
    const steps = this.#steps.get(type) ?? [];
    return steps.slice(version - 1).reduce((older, step) => step(older), data);
  }
}

const catalogue = new EventCatalogue(TYPES, STEPS);

/** Every event type, group by group, with its latest version. */
export const eventTypes = (): EventTypeInfo[] => catalogue.all();

/** Undefined for what is no type. */
export const eventType = (type: string): EventTypeInfo | undefined => catalogue.find(type);

/** Undefined for what is no type. */
export const groupOf = (type: string): Group | undefined => catalogue.find(type)?.group;

/**
 * Stored data in clear, in the shape of the type's latest version.
 *
 * @throws UnknownEventVersion
 */
export const upcast = (type: string, version: number, data: Record<string, unknown>): Record<string, unknown> =>
  catalogue.upcast(type, version, data);
