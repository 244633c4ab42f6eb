import type { Promises } from '../../src/policy/promises.ts';
import type { Document } from '../entries/walk.ts';
import { textOf, textsOf } from '../findings/rules/rule.ts';
import { momentOf } from '../moment.ts';

/** An agreement with a processor (Art. 28(3)) that was recorded. What it leaves out it does not limit. */
export interface RecordedAgreement {
  processor: string;
  role?: string;
  /** Whose processor it is. */
  controller?: string;
  /** First and last moment, milliseconds since 1970; open without a last one. */
  from: number;
  until?: number;
  purposes?: readonly string[];
  categories?: readonly string[];
  countries?: readonly string[];
  systems?: readonly string[];
  scope?: readonly string[];
  /** The records that say so. */
  engaged: Said;
  terminated?: Said;
}

/** A record, by what identifies it. */
export interface Said {
  source: string;
  id: string;
  position: number;
}

export const AGREEMENT_TYPES = ['ProcessorEngaged', 'ProcessorTerminated'];

export const saidBy = ({ position, entry: { source, id } }: Document): Said => ({ source, id, position });

/**
 * Agreements, by when they begin. A termination ends those with its processor and controller that were made before it: the one whose reference
 * it names, or all where it names none; as rule R9 sees it.
 * @param documents those that stand, of `AGREEMENT_TYPES`, in their order, which tells before from after at the same time too
 * @param promises by which a processor has several names, and whose policy it is: where no controller is named, that one is meant
 */
export function agreementsOf(documents: readonly Document[], promises: Promises | undefined): RecordedAgreement[] {
  const named = documents.filter(({ entry }) => entry.data.recipient?.id !== undefined);
  return named
    .flatMap((document, i) => (document.type === 'ProcessorEngaged' ? endedBy(document, named.slice(i + 1), promises) : []))
    .sort((a, b) => a.from - b.from);
}

function endedBy(document: Document, later: readonly Document[], promises: Promises | undefined): RecordedAgreement {
  const { data } = document.entry;
  const { recipient, controller } = data;
  const between = partiesOf(document, promises);
  const end = later.find(
    (each) =>
      each.type === 'ProcessorTerminated' &&
      partiesOf(each, promises) === between &&
      [undefined, data['agreementRef']].includes(each.entry.data['agreementRef']),
  );
  const until = Math.min(lastMoment(data['validUntil']), end?.time ?? Number.POSITIVE_INFINITY);
  return {
    processor: recipient?.id as string,
    ...(recipient?.role !== undefined && { role: recipient.role }),
    ...(controller !== undefined && { controller }),
    from: firstMoment(data['validFrom']) ?? document.time,
    ...(until !== Number.POSITIVE_INFINITY && { until }),
    ...limits({ purposes: data['purposes'], categories: data.categories, countries: data['countries'] }),
    ...limits({ systems: data['systems'], scope: data['scope'] }),
    engaged: saidBy(document),
    ...(end && { terminated: saidBy(end) }),
  };
}

/** Between whom it is. */
function partiesOf({ entry: { data } }: Document, promises: Promises | undefined): string {
  const processor = data.recipient?.id;
  return JSON.stringify([promises?.processor(processor)?.id ?? processor, data.controller ?? promises?.policy.controller.id]);
}

/** Only what is there. */
export function limits<N extends string>(fields: Record<N, unknown>): Partial<Record<N, string[]>> {
  const found = Object.entries(fields).map(([name, value]) => [name, textsOf(value)] as const);
  return Object.fromEntries(found.filter(([, value]) => value !== undefined)) as Partial<Record<N, string[]>>;
}

/** When something begins to hold that names a day or a moment; undefined where it names none. */
export function firstMoment(value: unknown): number | undefined {
  const text = textOf(value);
  return text === undefined ? undefined : momentOf(text, 'start');
}

/** Until when something holds; for ever where it names neither a day nor a moment. */
export function lastMoment(value: unknown): number {
  const text = textOf(value);
  return text === undefined ? Number.POSITIVE_INFINITY : momentOf(text, 'end');
}

/** Whether it holds at a moment. */
export const holdsAt = ({ from, until = Number.POSITIVE_INFINITY }: { from: number; until?: number }, moment: number): boolean =>
  from <= moment && moment <= until;
