/**
 * What stands recorded about a person → items. Pure, and a function of the set of facts alone: whatever arrived in whichever order, the
 * same items come of it.
 */

import { type NoRule, openUntil, type RetentionRule, type RetentionVersion, type RetentionVersions, reviewAt } from './rules.ts';
import { type ItemKey, type ItemState, KINDS } from './tables.ts';

/** The codes of processing that many events share. */
export interface Profile {
  type: string;
  purpose: string;
  system: string | null;
  categories: readonly string[];
  controller: string | null;
  /** Category of the data subject. */
  subject: string | null;
}

/** Where something stands in the order of time: what happened in the same millisecond is ordered by its key, never by arrival. */
export interface At {
  time: number;
  /** First bytes of the record key. */
  tie: number;
  position: number;
}

/** Processing of a person's data. */
export interface Touch extends At {
  person: number;
  profile: Profile;
  /** Number of the case, or 0. */
  inCase: number;
}

interface HoldSaid {
  kind: 'hold';
  reviewBy: string;
  scope: readonly string[] | null;
}

/** What else counts. */
export type Said =
  /** A type of event that may set off a period, or undo that. */
  | { kind: 'trigger'; type: string; purposes: readonly string[] | null; controller: string | null }
  | { kind: 'erased'; scope: readonly string[]; systems: readonly string[]; controller: string | null }
  /** In the ledger: nobody can tell any more whose the data was. */
  | { kind: 'destroyed' }
  | HoldSaid
  /** `target`: the hold's record key in hexadecimal. */
  | { kind: 'released'; target: string };
export type Fact = At & { subject: number; record: string; said: Said };

/** A person who is restricted in what may be reckoned by the processing alone: something was erased, or is held. */
export const isGrave = ({ said: { kind } }: Fact): boolean => kind !== 'trigger';

/** Everything that stands recorded about one person, under whichever of their references. */
export interface Standing {
  touches: readonly Touch[];
  /** About the person. */
  facts: readonly Fact[];
  /** About a case. */
  ofCase(inCase: number): readonly Fact[];
}

/** An item as the facts make it. */
export type Reckoned = ItemKey & Omit<ItemState, 'since'>;

export const keyOf = ({ purpose, rule, version, case_ref }: ItemKey): string => `${purpose}\0${rule}\0${version}\0${case_ref}`;

/** Types by which a period is set off, with those that undo it: what was opened again is not closed. */
export const UNDONE_BY: Readonly<Record<string, readonly string[]>> = {
  RecruitmentProcessClosed: ['RecruitmentProcessOpened'],
  ConsentWithdrawn: ['ConsentGiven'],
  ConsentRefused: ['ConsentGiven'],
  ConsentExpired: ['ConsentGiven'],
  ProcessorTerminated: ['ProcessorEngaged'],
  AccessRevoked: ['AccessGranted'],
  RestrictionLifted: ['ProcessingRestricted'],
};

export const isAfter = (a: At, b: At): boolean => a.time > b.time || (a.time === b.time && a.tie > b.tie);
const first = <T extends At>(some: readonly T[]): T => some.reduce((found, each) => (isAfter(found, each) ? each : found));
const last = <T extends At>(some: readonly T[]): T => some.reduce((found, each) => (isAfter(each, found) ? each : found));
const DAY_MS = 86_400_000;
const isSameDay = (a: At, b: At) => Math.floor(a.time / DAY_MS) === Math.floor(b.time / DAY_MS);

/** Whether an erasure took this data out of its system: it is about the system, and about the purpose, everything, or every category. */
export function isErased(touch: Touch, facts: readonly Fact[], versions: RetentionVersions): boolean {
  const { profile } = touch;
  const gone = new Set<string>();
  for (const { subject, time, said } of facts) {
    if (said.kind === 'destroyed' && subject === touch.person) return true;
    if (said.kind !== 'erased' || time < touch.time) continue;
    if (profile.system !== null && !said.systems.includes(profile.system)) continue;
    if (!versions.isOurs(said.controller, time)) continue;
    if (said.scope.includes('all') || said.scope.includes(profile.purpose)) return true;
    for (const word of said.scope) gone.add(word);
  }
  return gone.size > 0 && profile.categories.length > 0 && profile.categories.every((category) => gone.has(category));
}

type Hold = Fact & { said: HoldSaid };

/** Holds that stand: no release of them does. */
function openHolds(facts: readonly Fact[]): Hold[] {
  const released = new Set(facts.flatMap(({ said }) => (said.kind === 'released' ? [said.target] : [])));
  return facts.filter((fact): fact is Hold => {
    return fact.said.kind === 'hold' && !released.has(fact.record);
  });
}

/** Processing, as far as what was erased or is held matters to it. */
interface Done {
  person: number;
  time: number;
  purpose: string;
  categories: readonly string[];
}

/** Whether nothing that was erased or is held makes a difference to processing, but for what does so to all that the purpose has. */
export function isPlain({ person, time, purpose, categories }: Done, facts: readonly Fact[], versions: RetentionVersions): boolean {
  if (!facts.some(isGrave)) return true;
  if (
    facts.some(({ said, subject, time: at }) => (said.kind === 'destroyed' && subject === person) || (said.kind === 'erased' && at >= time))
  )
    return false;
  const own = new Set(categories);
  return openHolds(facts).every((hold) => isHeldBy(hold, purpose, versions) || !isAnyOf(hold, own));
}

/** The items of one purpose. */
export function itemsOf(purpose: string, standing: Standing, versions: RetentionVersions): Reckoned[] {
  const kept = standing.touches.filter((touch) => touch.profile.purpose === purpose && isKept(touch, standing.facts, versions));
  if (kept.length === 0) return [];
  const found = unheldItemsOf(purpose, kept, standing, versions);
  const items = isUnclear(kept, standing.facts, versions) ? found.map(unclear) : found;
  const holds = openHolds(standing.facts);
  if (holds.length === 0) return items;
  const categories = new Set(kept.flatMap(({ profile }) => profile.categories));
  return items.map((item) => held(item, holds, categories, versions));
}

/** Whether an erasure after all of it names what it took in words that are no code: nobody can tell whether it was this. */
function isUnclear(touches: readonly Touch[], facts: readonly Fact[], versions: RetentionVersions): boolean {
  const systems = new Set(touches.map(({ profile }) => profile.system));
  const { time } = last(touches);
  return facts.some(
    ({ said, time: at }) =>
      said.kind === 'erased' &&
      at >= time &&
      said.scope.some((word) => versions.speakingAt(at)?.isCode(word) === false) &&
      said.systems.some((system) => systems.has(system)),
  );
}

const unclear = (item: Reckoned): Reckoned => (item.kind === KINDS.dated ? { ...item, missing: 'scope' } : item);

export const isKept = (touch: Touch, facts: readonly Fact[], versions: RetentionVersions): boolean =>
  versions.isOurs(touch.profile.controller, touch.time) && !isErased(touch, facts, versions);

/** A hold is an item too: it has to be reviewed. */
export function holdItems(facts: readonly Fact[], versions: RetentionVersions): Reckoned[] {
  return openHolds(facts).map(({ position, time, said }) => {
    const until = reviewAt(said.reviewBy);
    const version = versions.at(time)?.version ?? '';
    const item = { purpose: '', rule: '', case_ref: position, kind: KINDS.hold, version, missing: null, position, time };
    return { ...item, due_at: until, hold: position, review_at: until };
  });
}

function groupedBy<T, K>(some: readonly T[], keyOf: (each: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>();
  for (const each of some) {
    const group = groups.get(keyOf(each));
    if (group) group.push(each);
    else groups.set(keyOf(each), [each]);
  }
  return groups;
}

/**
 * Which version speaks is told by the trigger, and what a trigger is by the version: the newest version that was in force when its own
 * trigger came. Where none came, the version under which the data was last processed says what is waited for.
 */
function unheldItemsOf(purpose: string, touches: readonly Touch[], standing: Standing, versions: RetentionVersions): Reckoned[] {
  const items: Reckoned[] = [];
  let left = touches;
  for (const version of versions.latestFirst()) {
    const waiting: Touch[] = [];
    for (const [rule, some] of groupedBy(left, ({ profile }) => version.ruleOf(purpose, profile.subject))) {
      if (typeof rule === 'string') waiting.push(...some);
      else
        for (const [inCase, together] of byCase(some, rule)) {
          const trigger = triggerOf(rule, purpose, together, inCase, standing, versions);
          if (trigger && versions.at(trigger.time) === version) items.push(dated(purpose, rule, inCase, trigger, version));
          else waiting.push(...together);
        }
    }
    left = waiting;
    if (left.length === 0) return items;
  }
  return [...items, ...waitingItemsOf(purpose, left, standing, versions)];
}

function waitingItemsOf(purpose: string, left: readonly Touch[], standing: Standing, versions: RetentionVersions): Reckoned[] {
  const version = versions.at(last(left).time);
  if (version === undefined) return [unruled(purpose, 'policy', first(left), version)];
  const unknown: { missing: NoRule; touches: Touch[] }[] = [];
  const items: Reckoned[] = [];
  for (const [rule, some] of groupedBy(left, ({ profile }) => version.ruleOf(purpose, profile.subject))) {
    if (typeof rule === 'string') unknown.push({ missing: rule, touches: some });
    else
      for (const [inCase, together] of byCase(some, rule)) {
        items.push(waitingFor(purpose, rule, inCase, together, standing, version, versions));
      }
  }
  if (unknown.length === 0) return items;
  const missing = unknown.some((each) => each.missing === 'retention rule') ? 'retention rule' : 'subjects.category';
  return [...items, unruled(purpose, missing, first(unknown.flatMap((each) => each.touches)), version)];
}

const byCase = (touches: readonly Touch[], { followsCase }: RetentionRule): Map<number, Touch[]> =>
  followsCase ? groupedBy(touches, ({ inCase }) => inCase) : new Map([[0, [...touches]]]);

/** Of what happened on the last day, the first stands for the day: it is by days that it is reckoned. */
function triggerOf(
  { entry: { trigger }, followsCase }: RetentionRule,
  purpose: string,
  touches: readonly Touch[],
  inCase: number,
  standing: Standing,
  versions: RetentionVersions,
): At | undefined {
  if (trigger === 'first-processing') return first(touches);
  if (trigger === 'last-processing') {
    const latest = last(touches);
    return first(touches.filter((touch) => isSameDay(touch, latest)));
  }
  // Without a case nobody can tell which end is the end of it.
  if (followsCase && inCase === 0) return undefined;
  const processed = touches.filter(({ profile }) => profile.type === trigger);
  const said = turnsOf(trigger, purpose, followsCase ? standing.ofCase(inCase) : standing.facts, versions);
  const turns = [
    ...processed.map((at) => ({ at, isTrigger: true })),
    ...said.map((fact) => ({ at: fact, isTrigger: fact.type === trigger })),
  ];
  if (turns.length === 0) return undefined;
  const latest = turns.reduce((found, each) => (isAfter(each.at, found.at) ? each : found));
  return latest.isTrigger ? latest.at : undefined;
}

/** What sets a period off, and what undoes that, as far as it is about the purpose. */
function turnsOf(trigger: string, purpose: string, facts: readonly Fact[], versions: RetentionVersions): (At & { type: string })[] {
  const types = [trigger, ...(UNDONE_BY[trigger] ?? [])];
  return facts.flatMap(({ said, time, tie, position }) => {
    if (said.kind !== 'trigger' || !types.includes(said.type) || !versions.isOurs(said.controller, time)) return [];
    return said.purposes === null || said.purposes.includes(purpose) ? [{ time, tie, position, type: said.type }] : [];
  });
}

function dated(purpose: string, rule: RetentionRule, inCase: number, trigger: At, version: RetentionVersion): Reckoned {
  const item = { purpose, rule: rule.id, case_ref: inCase, kind: KINDS.dated, version: version.version, missing: null };
  return {
    ...item,
    position: trigger.position,
    time: trigger.time,
    due_at: version.dueAt(rule, trigger.time),
    hold: null,
    review_at: null,
  };
}

function unruled(purpose: string, missing: string, { position, time }: At, version: RetentionVersion | undefined): Reckoned {
  const item = { purpose, rule: '', case_ref: 0, kind: KINDS['no-rule'], version: version?.version ?? '', missing };
  return { ...item, position, time, due_at: null, hold: null, review_at: null };
}

/** The trigger has not come. What it would end began with the opening, where one was told of, else with the first processing. */
function waitingFor(
  purpose: string,
  rule: RetentionRule,
  inCase: number,
  touches: readonly Touch[],
  standing: Standing,
  version: RetentionVersion,
  versions: RetentionVersions,
): Reckoned {
  const facts = rule.followsCase ? (inCase === 0 ? [] : standing.ofCase(inCase)) : standing.facts;
  const opened = turnsOf(rule.entry.trigger, purpose, facts, versions).filter(({ type }) => type !== rule.entry.trigger);
  const begun = opened.length > 0 ? last(opened) : first(touches);
  const missing = rule.followsCase && inCase === 0 ? 'caseRef' : 'trigger';
  const item = { purpose, rule: rule.id, case_ref: inCase, kind: KINDS['no-trigger'], version: version.version, missing };
  const { position, time } = begun;
  return { ...item, position, time, due_at: openUntil(rule, time), hold: null, review_at: null };
}

/**
 * Whether a hold keeps what is processed for a purpose, whichever categories that is of. What a word of its scope means that was no code when it was
 * placed, nobody can tell: in doubt it holds.
 */
function isHeldBy({ time, said: { scope } }: Hold, purpose: string, versions: RetentionVersions): boolean {
  const version = versions.speakingAt(time);
  return scope === null || scope.some((word) => word === 'all' || word === purpose || !(version?.isCode(word) ?? false));
}

const isAnyOf = ({ said: { scope } }: Hold, categories: ReadonlySet<string>): boolean =>
  scope?.some((word) => categories.has(word)) ?? false;

/** Of several holds the one that has to be reviewed first. */
function held(item: Reckoned, holds: readonly Hold[], categories: ReadonlySet<string>, versions: RetentionVersions): Reckoned {
  const holding = holds.filter((hold) => isHeldBy(hold, item.purpose, versions) || isAnyOf(hold, categories));
  if (holding.length === 0) return item;
  const order = holding.map((hold) => ({ hold, until: reviewAt(hold.said.reviewBy) }));
  order.sort((a, b) => (a.until ?? 0) - (b.until ?? 0) || (isAfter(a.hold, b.hold) ? 1 : -1));
  const [{ hold, until }] = order as [(typeof order)[number]];
  return { ...item, hold: hold.position, review_at: until };
}
