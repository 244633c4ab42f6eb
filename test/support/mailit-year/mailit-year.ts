/**
 * A year at MAILIT AB (2025-03-01 to 2026-02-28) as its systems report it, with what must be found in it and what conforms. The same for
 * the same seed; no clock, no chance of its own. Steps come one day at a time, so that a year of any size needs little memory: whoever
 * measures or shows something records the events of each, whoever tests does everything else, too.
 */
import { at, DAY_MS } from './chance.ts';
import { type CloudEvent, GRANTED, type Happening, type Identifier, SOURCES, type SourceName, STAFF, service } from './company.ts';
import { type ExpectedFinding, recordOf, rulesFor } from './expectations.ts';
import { FALLEN, OrdinaryLife } from './ordinary.ts';
import { plantHouse, quarantined } from './planted-house.ts';
import { plantOwn } from './planted-own.ts';
import { plantPeople } from './planted-people.ts';
import { plantProcessing } from './planted-processing.ts';
import { plantRetention } from './planted-retention.ts';
import { DESK, Planting, versionAt } from './planting.ts';

export interface YearOptions {
  /** Same seed, same year. */
  seed: number;
  /** About how many events happen in it, what is planted aside. */
  events: number;
}

/** What is done at one moment of the ledger's clock. */
export type Step = { now: number } & (
  | { do: 'record'; events: CloudEvent[] }
  | { do: 'publish'; policy: string; label: string }
  | { do: 'review'; textDigest?: string; label: string }
  | { do: 'link'; subjects: Identifier[]; label: string }
);

export interface MailitYear {
  /** In the order of the ledger's clock. To be gone through once. */
  steps(): Generator<Step>;
  /** Everything that must be found, and nothing else. */
  readonly findings: readonly ExpectedFinding[];
  /** How many events of the steps so far conform, by rule; of those that stand at the end. */
  readonly conforms: ReadonlyMap<string, number>;
  /** How many events the steps so far had. */
  readonly events: number;
}

/** The beginning of the day after the year: what was due in it is overdue then. */
export const YEAR_ENDS = at('2026-03-01T00:00:00.000Z');
const YEAR_BEGINS = at('2025-03-01T00:00:00.000Z');
/** What was there before is told on this day. */
const OPENING = at('2025-02-17T00:00:00.000Z');
/** Within a day, when the ledger hears of everything that happened in it. */
const HEARD = DAY_MS - 60_000;
export const MAX_BATCH = 1_000;

export function mailitYear(options: YearOptions): MailitYear {
  return new Year(options);
}

/** @param number the source's own count */
export function eventOf({ at: time, source, id, type, data }: Happening, number?: number): CloudEvent {
  return {
    specversion: '1.0',
    source: SOURCES[source],
    id: id ?? `${source}-${number}`,
    ...(number !== undefined && source !== 'fax' && { sequence: String(number) }),
    type,
    time: new Date(time).toISOString(),
    data,
  };
}

/** What its systems report in a year, in batches as `POST /v1/events` takes them, each with when the ledger hears of it. */
export function* yearOfEvents(options: YearOptions): Generator<{ now: number; events: CloudEvent[] }> {
  for (const step of mailitYear(options).steps()) if (step.do === 'record') yield step;
}

class Year implements MailitYear {
  readonly findings: readonly ExpectedFinding[];
  readonly conforms = new Map<string, number>();
  events = 0;
  private readonly options: YearOptions;
  private readonly planting = new Planting();
  private readonly own: readonly Step[];
  private readonly sequences = new Map<SourceName, number>();
  /** What will happen, by day, and what will be heard of, by the ledger's clock. */
  private readonly happening = new Map<number, Happening[]>();
  private readonly hearing = new Map<number, CloudEvent[]>();
  /** Rules that found something of a record: it conforms to the others. */
  private readonly broken = new Map<string, Set<string>>();
  /** Records that count no more. */
  private readonly gone = new Set<string>();

  constructor(options: YearOptions) {
    this.options = options;
    plantProcessing(this.planting);
    plantPeople(this.planting);
    plantHouse(this.planting);
    plantRetention(this.planting);
    this.own = plantOwn(this.planting);
    this.findings = this.planting.findings;
    for (const record of fallen(this.planting.happenings)) this.gone.add(record);
    for (const { record, rule, state } of this.findings) {
      if (state !== 'cleared') this.broken.set(record, (this.broken.get(record) ?? new Set()).add(rule));
    }
  }

  *steps(): Generator<Step> {
    const life = new OrdinaryLife(this.options.seed, this.options.events);
    const own = [...this.own];
    this.expect([...houseOpens(), ...life.opening(OPENING + 9 * 3_600_000), ...this.planting.happenings]);
    const days = Math.round((YEAR_ENDS - YEAR_BEGINS) / DAY_MS);
    for (let day = OPENING; day < YEAR_ENDS; day += DAY_MS) {
      yield* this.say(own, day);
      if (day >= YEAR_BEGINS) this.expect(life.day(day, this.options.events / days));
      this.happen(day);
      yield* this.hear(day + DAY_MS, own);
    }
    yield* this.say(own, YEAR_ENDS);
  }

  private expect(happenings: readonly Happening[]): void {
    for (const each of happenings) {
      const day = Math.max(OPENING, Math.floor(each.at / DAY_MS) * DAY_MS);
      const list = this.happening.get(day);
      if (list) list.push(each);
      else this.happening.set(day, [each]);
    }
  }

  /** Sources count in the order in which things happen. */
  private happen(day: number): void {
    const happenings = (this.happening.get(day) ?? []).sort((a, b) => a.at - b.at);
    this.happening.delete(day);
    for (const each of happenings) {
      const event = this.numbered(each);
      const clock = each.heard ?? day + HEARD;
      // Whoever is late is heard of when others are.
      const heard = each.id !== undefined && each.heard !== undefined ? clock : Math.floor(clock / DAY_MS) * DAY_MS + HEARD;
      const list = this.hearing.get(heard);
      if (list) list.push(event);
      else this.hearing.set(heard, [event]);
    }
  }

  private *hear(before: number, own: Step[]): Generator<Step> {
    for (const now of [...this.hearing.keys()].filter((clock) => clock < before).sort((a, b) => a - b)) {
      yield* this.say(own, now);
      const events = this.hearing.get(now) as CloudEvent[];
      this.hearing.delete(now);
      for (const event of events) this.count(event);
      for (let from = 0; from < events.length; from += MAX_BATCH) {
        yield { do: 'record', now, events: events.slice(from, from + MAX_BATCH) };
      }
    }
  }

  /** What the ledger says of itself up to some moment. */
  private *say(own: Step[], until: number): Generator<Step> {
    while (own[0] && own[0].now <= until) {
      const step = own.shift() as Step & { label: string };
      this.tally(['R29', ...(RULES_FOR_OWN[step.do] ?? [])], step.label);
      yield step;
    }
  }

  private tally(rules: readonly string[], record: string): void {
    const broken = this.broken.get(record);
    for (const rule of rules) if (!broken?.has(rule)) this.conforms.set(rule, (this.conforms.get(rule) ?? 0) + 1);
  }

  private numbered(happening: Happening): CloudEvent {
    const { source, lost = 0 } = happening;
    const number = (this.sequences.get(source) ?? 0) + 1 + lost;
    this.sequences.set(source, number);
    return eventOf(happening, number);
  }

  private count(event: CloudEvent): void {
    this.events += 1;
    const record = recordOf(event.source, event.id);
    if (this.gone.has(record) || FALLEN.some((name) => event.id.startsWith(name))) return;
    const isQuarantined = QUARANTINED.has(record);
    if (isQuarantined) this.tally(['R29', 'R30'], quarantined(event.source, event.id));
    else this.tally(versionAt(at(event.time)) === null ? BEFORE_ANY_VERSION : rulesFor(event), record);
  }
}

/** Only that there is no policy, and that no clock was ahead. */
const BEFORE_ANY_VERSION = ['R1', 'R29'];

const RULES_FOR_OWN: Partial<Record<Step['do'], readonly string[]>> = { publish: ['R25'], review: ['R25', 'R26'] };

/** Who may do what, and was told how, before the year begins; and once more in it. */
function houseOpens(): Happening[] {
  const told: Happening[] = [];
  const tell = (type: string, time: string, data: object) =>
    told.push({ at: at(time), source: 'hr', type, data: { actor: service('hr'), ...data } });
  for (const [role, people] of Object.entries(STAFF)) {
    for (const person of people) {
      tell('AccessGranted', '2025-02-03T07:00:00.000Z', { grantee: person, ...GRANTED[role as keyof typeof GRANTED] });
    }
  }
  tell('AccessGranted', '2025-02-03T07:00:00.000Z', { grantee: DESK });
  for (const staff of [...Object.values(STAFF).flat(), DESK]) {
    for (const time of ['2025-02-03T08:00:00.000Z', '2026-01-20T08:00:00.000Z'])
      tell('StaffInstructed', time, { staff, textVersion: 'instruction-7' });
  }
  tell('InstructionIssued', '2025-02-01T08:00:00.000Z', { textVersion: 'instruction-7' });
  tell('SecurityMeasureImplemented', '2025-06-02T08:00:00.000Z', { measure: 'disk-encryption', description: 'All laptops.' });
  return told;
}

/** Records that do not stand: retracted, or corrected by what is recorded; what says so may itself be taken back. */
function fallen(happenings: readonly Happening[]): Set<string> {
  const recorded = new Set(happenings.map(({ source, id }) => recordOf(SOURCES[source], id ?? '')));
  const gone = new Set<string>();
  // The last word first: what was taken back takes nothing back.
  for (const { type, source, id, data } of [...happenings].sort((a, b) => b.at - a.at)) {
    if ((type !== 'RecordRetracted' && type !== 'RecordCorrected') || gone.has(recordOf(SOURCES[source], id ?? ''))) continue;
    const { target, replacement } = data as { target: Pointer; replacement?: Pointer };
    if (!replacement || recorded.has(recordOf(replacement.source, replacement.id))) gone.add(recordOf(target.source, target.id));
  }
  return gone;
}

interface Pointer {
  source: string;
  id: string;
}

/** What breaks the schema. */
const QUARANTINED = new Set(['form-1', 'form-2', 'form-3', 'form-4'].map((id) => recordOf(SOURCES.web, id)));
