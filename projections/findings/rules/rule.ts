/**
 * What a rule is: a pure function over an event, the policy in force when it happened, and what was so at that moment. No clock, no
 * database: the same functions judge what was recorded, answer whether something may be done, and try out a policy that is not
 * published. Adding a rule is adding a file, and a line in all.ts.
 */
import type { Reference, StoredActor, StoredData } from '../../../src/ledger/entry.ts';
import { groupOf } from '../../../src/ledger/events.ts';
import type { Promises } from '../../../src/policy/promises.ts';

/** How grave a violation is. `gap`: the policy says nothing where it should. */
export type Severity = 'critical' | 'high' | 'medium' | 'low' | 'gap';

/** An event as it is judged: recorded, or asked about beforehand. */
export interface JudgedEvent {
  type: string;
  source: string;
  /** With `source` it identifies the record; absent of what is only asked about. */
  id?: string;
  /** When it happened, milliseconds since 1970. */
  time: number;
  /** The ledger's clock at the append; absent of what is only asked about. */
  recordedAt?: number;
  /** In clear as the log has it: references of people, digests of references of things. The actor may be `NOBODY` beforehand. */
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
      /**
       * Which recipient it is about, where that is not the event's own: one outcome each. With rule, `what`, article and record it says
       * which finding it is.
       */
      recipient?: string;
      /**
       * It is in effect from this moment on, milliseconds since 1970, and not before; absent: at once. So what has to be done by a day is
       * judged without a clock: as long as nobody did it, the outcome stands with the day on which it is due, and whoever asks leaves out
       * what is not due yet. Done in time, it is gone. Beforehand it is a duty that would follow, and no reason against.
       */
      dueAt?: number;
    }
  | { verdict: 'undeterminable'; missing: string[]; clause: number | null; article: string };

/**
 * What a rule has to know beyond event and policy: which methods of `State` it may ask. What it does not list it must not ask for.
 *
 * `consents` consent · `objections` objections · `restrictions` restrictions · `erasures` erasures · `collections` collections and
 * reportsCollections · `grants` grants · `instructions` instructedAt · `agreements` agreements · `information` informed,
 * firstContactAfter and firstDisclosureAfter · `deliveries` deliveries and notifications · `reviews` nextReviewAt · `cases` caseEndedAt ·
 * `people` isSamePerson.
 */
export type Need =
  | 'consents'
  | 'objections'
  | 'restrictions'
  | 'erasures'
  | 'collections'
  | 'grants'
  | 'instructions'
  | 'agreements'
  | 'information'
  | 'deliveries'
  | 'reviews'
  | 'cases'
  | 'people';

/**
 * What was so around an event, by everything that stands recorded when it is judged, in whichever order it arrived: what was retracted,
 * or corrected and its replacement recorded, is as if it had never been said, and what takes its place counts with its own time. So a
 * retraction that stands can make an answer undefined again, or an earlier one the last.
 *
 * *Before* means at or before the event's time, *after* at or after it, and never the event itself. What happened in the same millisecond
 * is ordered by source and id, so that each is before or after the event and not both; never by position. Lists are ascending by time,
 * and in that order where times are the same.
 *
 * People are asked for as the one person whom their links make, with what is known of any of their references. What was done for another
 * controller is nothing here: `isOurs` says so of every fact.
 */
export interface State {
  /** The last statement of a person on a purpose *before* the event; undefined where there is none. */
  consent(person: Reference, purpose: string): { state: 'given' | 'refused' | 'withdrawn' | 'expired'; at: number } | undefined;
  /** Objections that the person raised *before*, ascending; with the last decision of each that was made *before*. */
  objections(person: Reference): readonly Objection[];
  /** Restrictions of the person's data that were placed *before* and not lifted *before*, ascending. */
  restrictions(person: Reference): readonly Restriction[];
  /** Erasures of the person's data *before*, ascending. */
  erasures(person: Reference): readonly Erasure[];
  /**
   * Collections of the person's data *before*, ascending. Of those that tell the same categories at least the first, and the first
   * after each erasure; more may be told.
   */
  collections(person: Reference): readonly Collection[];
  /** Whether that source ever reported a collection, *whenever*. */
  reportsCollections(source: string): boolean;
  /**
   * What somebody may access at the event's time: granted *before*, not revoked *before*, within its validity. Undefined where the ledger never
   * heard of any grant to anybody, *whenever*.
   */
  grants(actor: Reference): readonly Grant[] | undefined;
  /** When somebody was last instructed *before*, milliseconds since 1970; undefined where that was never heard of. */
  instructedAt(actor: Reference): number | undefined;
  /**
   * Agreements with a processor that were recorded, *whenever*, whether current or not, ascending by `from`. A termination ends those before
   * it at its time: the one whose reference it names, or all where it names none.
   * @param names all that the processor goes by: each may have been used
   */
  agreements(names: readonly string[]): readonly RecordedAgreement[];
  /**
   * Each time the person was informed of processing, *whenever*, ascending: `InformationProvided` whose `right` is `information` or left
   * out, and collections with a `noticeRef`. The event itself is not among them.
   */
  informed(person: Reference): readonly Informed[];
  /** The first time *after* that the person was communicated with (`isContact`). */
  firstContactAfter(person: Reference): number | undefined;
  /** The first time *after* that data of the person was disclosed to another recipient (`isDisclosureToAnother`). */
  firstDisclosureAfter(person: Reference): number | undefined;
  /**
   * Who got data of the person *before*, ascending: disclosures and transfers, but to the data subject. Of those that tell the same
   * (recipient, role, purpose, categories) at least the first, and the first after each erasure; more may be told.
   */
  deliveries(person: Reference): readonly Delivery[];
  /** `RecipientNotified` that name the person, *after*, ascending. */
  notifications(person: Reference): readonly Notification[];
  /** The first `PolicyReviewed` or `PolicyPublished` *after*. */
  nextReviewAt(): number | undefined;
  /** When the case that the event opens (`CASES`) first ended, *after*. */
  caseEndedAt(event: JudgedEvent): number | undefined;
  /** Whether two references are one person: the same, or linked. */
  isSamePerson(one: Reference, other: Reference): boolean;
}

/** From `ObjectionRaised`, with what became of it by the event's time. */
export interface Objection {
  /** The record that raised it, which decisions name as their target. */
  source: string;
  id: string;
  kind: string;
  purposes: readonly string[];
  outcome?: string;
  /** Whether that decision names grounds; where nothing is said of it, it does. */
  hasGrounds?: boolean;
}

/** From `ProcessingRestricted`. What is restricted: codes of purposes or categories, `all`, or words; a single one is a list of one. */
export interface Restriction {
  scope: readonly string[];
}

/** From `PersonalDataErased`: what, as in `Restriction`, and in which systems. */
export interface Erasure {
  at: number;
  scope: readonly string[];
  systems: readonly string[];
}

/** From `PersonalDataCollected`. */
export interface Collection {
  at: number;
  categories: readonly string[];
}

/** From `InformationProvided`, or a collection with a notice. */
export interface Informed {
  at: number;
  purpose?: string;
}

/** From `PersonalDataDisclosed` and `PersonalDataTransferred`. */
export interface Delivery {
  at: number;
  /** Absent where the record does not say who. */
  recipient?: string;
  role: string;
  purpose?: string;
  categories: readonly string[];
}

/** From `RecipientNotified`. */
export interface Notification {
  at: number;
  /** Absent where the record does not say who. */
  recipient?: string;
  right?: string;
  /** told, impossible, disproportionate-effort, failed. */
  result?: string;
}

/** From `AccessGranted`, current at the event's time; what it leaves out it does not limit. */
export interface Grant {
  purposes?: readonly string[];
  categories?: readonly string[];
  systems?: readonly string[];
}

/** From `ProcessorEngaged`; what it leaves out it does not limit. */
export interface RecordedAgreement {
  /** First and last moment: `validFrom`, else the event's time; `validUntil` (the end of a day), or the termination where that is earlier. */
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
   * @param promises of the version in force at the event's time
   */
  judge(event: JudgedEvent, promises: Promises, state: State): Outcome[];
}

/** A rule that needs no policy, and is asked also of what happened before the first version. */
export interface LawRule extends Rule {
  judge(event: JudgedEvent, promises: Promises | undefined, state: State): Outcome[];
}

export const CONFORMS: Outcome = Object.freeze({ verdict: 'conforms' });

/** Nothing but conforming, where nothing else was said. */
export const orConforms = (outcomes: Outcome[]): Outcome[] => (outcomes.length === 0 ? [CONFORMS] : outcomes);

/** What the parts of one rule say together: it conforms, once, where all of them that were concerned say so. */
export function together(outcomes: Outcome[]): Outcome[] {
  const others = outcomes.filter(({ verdict }) => verdict !== 'conforms');
  return others.length > 0 ? others : outcomes.slice(0, 1);
}

/** Who acts where nobody says who: only beforehand. */
export const NOBODY: StoredActor = Object.freeze({ reference: '', kind: '' });

/** The people on an event, each once: whoever is named by two identifiers is one. */
export const peopleOf = ({ subjects }: Pick<StoredData, 'subjects'>): Reference[] => [
  ...new Set(subjects.map(({ reference }) => reference)),
];

const NO_PROCESSING = new Set(['PersonalDataErased', 'PersonalDataErasureFailed']);

/**
 * Whether the event is processing that this policy speaks of: by the controller whose policy it is, and of data that somebody really
 * got at. What is done as another's processor stands under the other's policy, and what a processor does for this one under this one's. An erasure is what every promise wants; an access that was
 * denied processed nothing.
 */
export function isProcessing({ type, data }: JudgedEvent, promises: Promises): boolean {
  if (groupOf(type) !== 'processing' || NO_PROCESSING.has(type) || data['outcome'] === 'denied') return false;
  return isOurs(data, promises);
}

/** Whether it was done for the controller whose policy it is: by itself, or by its processor. A processor's record says for whom it was done. */
export function isOurs({ actor, controller }: StoredData, { policy }: Promises): boolean {
  return controller === policy.controller.id || (controller === undefined && !isProcessor(actor));
}

/** Whether somebody acted for another: as a processor, or as one of a processor's. */
export const isProcessor = ({ capacity }: Pick<StoredActor, 'capacity'>): boolean =>
  capacity === 'processor' || capacity === 'sub-processor';

/** Whether by the event somebody gave their data themselves: what was restricted, or objected to, is not that. */
export const isGivenByThem = ({ type, data }: JudgedEvent): boolean => type === 'PersonalDataCollected' && data['origin'] === 'subject';

/** Whether the event hands data to somebody outside. */
export const isHandingOver = ({ type }: Pick<JudgedEvent, 'type'>): boolean =>
  type === 'PersonalDataDisclosed' || type === 'PersonalDataTransferred';

/**
 * Whether somebody objected to direct marketing: what kind a source calls it does not matter where the purpose is that. Such an objection
 * is absolute (Art. 21(2), (3)).
 */
export const isMarketingObjection = ({ kind, purposes }: Pick<Objection, 'kind' | 'purposes'>, { policy }: Promises): boolean =>
  kind === '21(2)' || purposes.some((each) => policy.directMarketing?.purposes.includes(each));

/** Purposes for which using data of somebody is communicating with them. */
const COMMUNICATION = new Set([
  'customer-communication',
  'supplier-communication',
  'direct-marketing',
  'newsletter',
  'invoice-distribution',
]);

/** Whether by the event somebody was communicated with (Art. 14(3)(b)): data was used for a purpose that is that, or given to them. */
export const isContact = ({ type, data }: Pick<JudgedEvent, 'type' | 'data'>): boolean =>
  (type === 'PersonalDataUsed' && COMMUNICATION.has(data.purpose ?? '')) ||
  (type === 'PersonalDataDisclosed' && data.recipient?.role === 'data-subject');

/** Who is no recipient in the sense of Art. 4(9): the data subject, and authorities in an inquiry of their own. */
const NO_RECIPIENTS = new Set(['data-subject', 'authority', 'supervisory-authority']);

/** Whether by the event data was disclosed to another recipient (Art. 14(3)(c), 4(9)); processors are recipients too. */
export const isDisclosureToAnother = (event: Pick<JudgedEvent, 'type' | 'data'>): boolean =>
  isHandingOver(event) && event.data.recipient !== undefined && isRecipient(event.data.recipient.role);

/** Whether whoever has that role is a recipient in the sense of Art. 4(9). */
export const isRecipient = (role: string): boolean => !NO_RECIPIENTS.has(role);

/** What joins the end of a case with its beginning: a reference on both, or the record that the end names as its target. */
export interface Case {
  by: 'caseRef' | 'requestRef' | 'target';
  /** Types of events, any of which ends it. */
  ends: readonly string[];
}

/** Cases that have an end, by the type of event that opens them. */
export const CASES: Readonly<Record<string, Case>> = {
  RecruitmentProcessOpened: { by: 'caseRef', ends: ['RecruitmentProcessClosed'] },
  RightsRequestReceived: { by: 'requestRef', ends: ['RightsRequestFulfilled', 'RightsRequestRefused'] },
  ObjectionRaised: { by: 'target', ends: ['ObjectionDecided'] },
};

/** The day (UTC) of a moment, as policies write days. */
export function dayOf(time: number): string {
  const day = Math.floor(time / DAY_MS);
  if (day !== written.day) written = { day, text: new Date(time).toISOString().slice(0, 10) };
  return written.text;
}

const DAY_MS = 24 * 3_600_000;
/** The day that was written last: events follow each other. */
let written = { day: Number.NaN, text: '' };

/** A text of the data; undefined where it is absent. */
export const textOf = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined);

/** Texts of the data, one or several; undefined where there is none. */
export function textsOf(value: unknown): string[] | undefined {
  const texts = [value].flat().filter((each): each is string => typeof each === 'string');
  return texts.length === 0 ? undefined : texts;
}
