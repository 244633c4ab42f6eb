import type { Identifier, KeyVault } from '../../privacy/key-vault.ts';
import type { Author } from '../author.ts';
import type { Reference, StoredData } from '../entry.ts';
import { eventType, groupOf } from '../events.ts';
import type { Draft } from './draft.ts';
import { permission } from './inspect.ts';
import type { Preparer } from './prepare.ts';
import type { EventValidator, Problem } from './validate.ts';

/** What somebody is about to do: the event that would follow, and what of it is known of its people. */
export interface Intended {
  type: string;
  source: string;
  /** When it would happen, milliseconds since 1970. */
  time: number;
  /** As it would stand in the log, in clear. Whoever is not known stands there by a reference that nobody has; who acts and is not named, by none. */
  data: StoredData;
  /** For each subject of the request, in its order, the reference under which they stand in `data`. */
  subjects: readonly Reference[];
  /** Of these, who is known. */
  known: ReadonlySet<Reference>;
  /** For each subject of the request every identifier that it was named by. */
  identifiers: readonly (readonly Identifier[])[];
}

/** Some of what was asked about does not fit the schema of its type; by the place of each in the request. */
export class InvalidIntention extends Error {
  override name = 'InvalidIntention';
  constructor(readonly problems: (Problem & { index: number })[]) {
    super('what is asked about is no event that could follow');
  }
}

/** Somebody asked about what they could not record. */
export class NotPermittedToIntend extends Error {
  override name = 'NotPermittedToIntend';
  constructor(readonly problems: (Problem & { index: number })[]) {
    super('this key may not ask about what it may not record');
  }
}

/** Where whoever asks reports for nobody. */
const NO_SOURCE = 'urn:liggare:decisions';
/** How long ago something may have been due that is asked about beforehand: clocks differ. */
const BEHIND_LIMIT_MS = 5 * 60_000;
/** An erasure is what every promise wants; whether a hold stands against it is asked where people are erased. */
const NOT_ASKED = new Set(['PersonalDataErased', 'PersonalDataErasureFailed']);

/**
 * Reads what is asked about before it is done: the same fields as the event that would follow, under the same rules, but only type,
 * subjects and purpose have to be there. Nobody becomes known by being asked about.
 */
export class Beforehand {
  constructor(
    private readonly validator: EventValidator,
    private readonly preparer: Preparer,
    private readonly vault: Pick<KeyVault, 'epoch'>,
  ) {}

  /**
   * @param asked each an object of the request: fields of the envelope (`type`, `source`, `time`) and of its data side by side
   * @param author who would record it; `onlyReports`: and may ask about nothing else
   * @param now the ledger's clock, milliseconds since 1970
   * @throws NotPermittedToIntend, InvalidIntention, each for the whole request; KeyStoreUnavailable
   */
  async read(
    asked: readonly Record<string, unknown>[],
    { author, sources, onlyReports, now }: { author: Author; sources: readonly string[]; onlyReports: boolean; now: number },
  ): Promise<Intended[]> {
    // Who may report for one source alone need not name it.
    const only = onlyReports && sources.length === 1 ? sources[0] : undefined;
    const given = asked.map((one) => (only !== undefined && one['source'] === undefined ? { ...one, source: only } : one));
    refuseForbidden(given, onlyReports ? author : ANYBODY);
    const drafts = given.map((one, index) => draftOf(onlyReports ? one : { source: NO_SOURCE, ...one }, index, now));
    const problems = drafts.flatMap((draft) => this.problemsOf(draft, now).map((problem) => ({ index: draft.index, ...problem })));
    if (problems.length > 0) throw new InvalidIntention(problems);
    // Whoever was erased by another process is not known here either.
    await this.vault.epoch();
    await this.preparer.identify(drafts, { create: false });
    return drafts.map((draft, i) => this.intendedOf(draft, given[i] as Record<string, unknown>));
  }

  /** Paths lead into the request, which has no envelope. */
  private problemsOf({ event, type }: Draft, now: number): Problem[] {
    const problems = this.validator
      .validateBeforehand(event, now)
      .map(({ path, ...rest }) => ({ path: path.replace(/^\/data(?=\/|$)/, ''), ...rest }));
    if (problems.length > 0) return problems;
    if (groupOf(type as string) !== 'processing' || NOT_ASKED.has(type as string)) return [NOT_PROCESSING];
    return Date.parse(event['time'] as string) < now - BEHIND_LIMIT_MS ? [IN_THE_PAST] : [];
  }

  private intendedOf(draft: Draft, asked: Record<string, unknown>): Intended {
    const { event, type } = draft;
    const data = this.preparer.beforehand(draft);
    if (asked['actor'] === undefined) data.actor = { reference: '', kind: '' };
    const wire = (asked['subjects'] ?? []) as (Identifier & { also?: Identifier[] })[];
    const people = draft.cast?.people ?? [];
    const subjects = wire.map((_, i) => people[1 + i]?.reference ?? `?${1 + i}`);
    return {
      ...{ type: type as string, source: event['source'] as string, time: Date.parse(event['time'] as string), data, subjects },
      known: new Set(subjects.filter((_, i) => people[1 + i] !== undefined)),
      identifiers: wire.map(({ scheme, value, also = [] }) => [{ scheme, value }, ...also]),
    };
  }
}

/** What the ledger says of itself nobody else says; who reports nothing may ask about everything else. */
const ANYBODY: Author = { keyId: '', scope: '', maySource: () => true, mayGroup: () => true };

function refuseForbidden(asked: readonly Record<string, unknown>[], author: Author): void {
  const problems = asked.flatMap((event, index) => {
    const [source, type] = [textOf(event['source']), textOf(event['type'])];
    const problem = permission({ event, ...(source !== undefined && { source }), ...(type !== undefined && { type }) }, author);
    return problem ? [{ index, ...problem }] : [];
  });
  if (problems.length > 0) throw new NotPermittedToIntend(problems);
}

const textOf = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);

/** In the place of an actor who was left out. */
const UNSAID = { id: '?', kind: 'service', role: '-', capacity: 'controller' };

/** The event that would follow. */
function draftOf(asked: Record<string, unknown>, index: number, now: number): Draft {
  const { type, source, time = new Date(now).toISOString(), ...fields } = asked;
  const version = typeof type === 'string' ? eventType(type)?.version : undefined;
  const event: Record<string, unknown> = {
    ...{ specversion: '1.0', id: 'beforehand', time },
    ...(type !== undefined && { type }),
    ...(source !== undefined && { source }),
    ...(version !== undefined && { dataschema: `/schemas/${type}/${version}` }),
    data: { actor: UNSAID, ...fields },
  };
  return { index, event, source: textOf(source), id: 'beforehand', type: textOf(type), key: undefined, digest: '', problems: [] };
}

const NOT_PROCESSING: Problem = {
  path: '/type',
  rule: 'not-asked-beforehand',
  message: 'must be a type of processing other than an erasure: whether somebody may be erased is decided where they are erased',
};

const IN_THE_PAST: Problem = {
  path: '/time',
  rule: 'time-in-past',
  message: 'must not be past: what has happened is recorded, and judged then',
};
