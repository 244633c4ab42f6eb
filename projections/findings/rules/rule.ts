/**
 * What a rule is: a pure function over an event, the policy in force when it happened, and what was so at that moment. No clock, no
 * database: the same functions judge what was recorded, answer whether something may be done, and try out a policy that is not
 * published. Adding a rule is adding a file, and a line in all.ts.
 */
import type { Reference, StoredData } from '../../../src/ledger/entry.ts';
import { groupOf } from '../../../src/ledger/events.ts';
import type { Promises } from '../../../src/policy/promises.ts';

/** How grave a violation is. `gap`: the policy says nothing where it should. */
export type Severity = 'critical' | 'high' | 'medium' | 'low' | 'gap';

/** An event as it is judged: recorded, or asked about beforehand. */
export interface JudgedEvent {
  type: string;
  source: string;
  /** When it happened, milliseconds since 1970. */
  time: number;
  /** The ledger's clock at the append; absent of what is only asked about. */
  recordedAt?: number;
  /** In clear as the log has it: references of people, digests of references of things. */
  data: StoredData;
}

/** What one rule says of one event. A rule that does not concern it says nothing. */
export type Outcome =
  | { verdict: 'conforms' }
  | {
      verdict: 'violates';
      /** What was broken, as a code: an event may break a rule in several ways. */
      what: string;
      clause: number | null;
      article: string;
      severity: Severity;
      /** Whom it is about, where not everybody on the event. */
      whom?: Reference[];
    }
  | { verdict: 'undeterminable'; missing: string[]; clause: number | null; article: string };

/** What a rule has to know beyond event and policy. What it does not list it must not ask for. */
export type Need = 'consents' | 'objections' | 'restrictions' | 'erasures' | 'collections' | 'grants' | 'instructions' | 'agreements';

/** What was so at the event's time, by everything that stands recorded. People are asked for as the one person whom their links make. */
export interface State {
  /** The last statement of a person on a purpose; undefined where none is known. */
  consent(person: Reference, purpose: string): { state: 'given' | 'refused' | 'withdrawn' | 'expired'; at: number } | undefined;
  /** Objections that the person raised before; newest last. */
  objections(person: Reference): readonly Objection[];
  /** Restrictions of the person's data that stand. */
  restrictions(person: Reference): readonly Restriction[];
  /** What somebody may access; undefined where the ledger never heard of any grant to anybody. */
  grants(actor: Reference): readonly Grant[] | undefined;
  /** When somebody was last instructed, milliseconds since 1970; undefined where that was never heard of. */
  instructedAt(actor: Reference): number | undefined;
  /** Agreements with a processor that were recorded, whether current or not. */
  agreements(recipient: string): readonly RecordedAgreement[];
}

/** From `ObjectionRaised`, with what became of it by the event's time. */
export interface Objection {
  kind: string;
  purposes: readonly string[];
  outcome?: string;
}

/** From `ProcessingRestricted`. What is restricted: codes of purposes or categories, `all`, or words. */
export interface Restriction {
  scope: readonly string[];
}

/** From `AccessGranted`, current at the event's time; what it leaves out it does not limit. */
export interface Grant {
  purposes?: readonly string[];
  categories?: readonly string[];
  systems?: readonly string[];
}

/** From `ProcessorEngaged`; what it leaves out it does not limit. */
export interface RecordedAgreement {
  /** First and last moment. */
  from: number;
  until?: number;
  countries?: readonly string[];
  purposes?: readonly string[];
  categories?: readonly string[];
}

export interface Rule {
  /** `R7`, as in the table of rules. */
  id: string;
  /** In a few words, for people. */
  title: string;
  needs: readonly Need[];
  /** Whether it can be asked only once something was recorded, and not beforehand. */
  recordedOnly?: true;
  /**
   * @param promises of the version in force at the event's time. Of an event before the first version only R1 is asked.
   */
  judge(event: JudgedEvent, promises: Promises, state: State): Outcome[];
}

export const CONFORMS: Outcome = Object.freeze({ verdict: 'conforms' });

/** Nothing but conforming, where nothing else was said. */
export const orConforms = (outcomes: Outcome[]): Outcome[] => (outcomes.length === 0 ? [CONFORMS] : outcomes);

const NO_PROCESSING = new Set(['PersonalDataErased', 'PersonalDataErasureFailed']);

/**
 * Whether the event is processing that this policy speaks of: by the controller whose policy it is, and of data that somebody really
 * got at. What is done as another's processor stands under the other's policy. An erasure is what every promise wants; an access that was
 * denied processed nothing.
 */
export function isProcessing({ type, data }: JudgedEvent, promises: Promises): boolean {
  if (groupOf(type) !== 'processing' || NO_PROCESSING.has(type) || data['outcome'] === 'denied') return false;
  return isOurs(data, promises);
}

/** Whether it was done for the controller whose policy it is. */
export function isOurs({ actor, controller }: StoredData, { policy }: Promises): boolean {
  if (actor.capacity === 'processor' || actor.capacity === 'sub-processor') return false;
  return controller === undefined || controller === policy.controller.id;
}

/** Whether the event hands data to somebody outside. */
export const isHandingOver = ({ type }: JudgedEvent): boolean => type === 'PersonalDataDisclosed' || type === 'PersonalDataTransferred';

/** The day (UTC) of a moment, as policies write days. */
export const dayOf = (time: number): string => new Date(time).toISOString().slice(0, 10);

export const textOf = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined);
