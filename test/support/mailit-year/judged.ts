/** A whole log judged at once, in memory: by everything that stands at its end, and without a database. */
import { judge, type Published } from '../../../projections/findings/judge.ts';
import type { JudgedEvent, Outcome } from '../../../projections/findings/rules/rule.ts';
import { type Fact, factsOf, heardOf } from '../../../projections/state/facts.ts';
import { inOrder, type Known, stateAround, type Timed } from '../../../projections/state/moment.ts';
import type { RecordedEvent } from '../../../src/eventstore/event-store.ts';
import type { Entry } from '../../../src/ledger/entry.ts';
import { inForceAt } from '../../../src/policy/in-force.ts';
import { recordOf } from './expectations.ts';

export interface Judged {
  record: string;
  rule: string;
  policyVersion: string | null;
  outcome: Outcome;
}

type Recorded = JudgedEvent & { id: string };

export function judgeAll(log: readonly RecordedEvent[], published: readonly Published[]): Judged[] {
  const events = log.map(recorded);
  const gone = fallen(events);
  const standing = events.filter(({ source, id }) => !gone.has(recordOf(source, id)));
  const known = new InMemory(standing);
  return standing.flatMap((event) => {
    const controller = inForceAt(published, event.time)?.promises.policy.controller.id;
    const state = stateAround(known, event, controller);
    return judge(event, published, state).map((said) => ({ record: recordOf(event.source, event.id), ...said }));
  });
}

function recorded({ type, data: text, recordedAt }: RecordedEvent): Recorded {
  const { source, id, time, data } = JSON.parse(text) as Entry;
  return { type, source, id, time: Date.parse(time), recordedAt: Date.parse(recordedAt), data };
}

interface Pointer {
  source: string;
  id: string;
}

/** A correction counts once its replacement is recorded, and as long as it is not taken back itself; whoever corrects comes later. */
function fallen(events: readonly Recorded[]): Set<string> {
  const all = new Set(events.map(({ source, id }) => recordOf(source, id)));
  const gone = new Set<string>();
  for (const { type, source, id, data } of events.toReversed()) {
    if ((type !== 'RecordRetracted' && type !== 'RecordCorrected') || gone.has(recordOf(source, id))) continue;
    const { target, replacement } = data as unknown as { target: Pointer; replacement?: Pointer };
    if (replacement === undefined || all.has(recordOf(replacement.source, replacement.id))) gone.add(recordOf(target.source, target.id));
  }
  return gone;
}

class InMemory implements Known {
  readonly #facts = new Map<string, Timed[]>();
  /** Everybody who is linked, by the one who stands for them. */
  readonly #heads = new Map<string, string>();
  readonly #heard = new Set<string>();

  constructor(events: readonly Recorded[]) {
    for (const { type, data } of events) if (type === 'SubjectsMerged') this.#link(data.subjects.map(({ reference }) => reference));
    for (const event of events) {
      for (const fact of factsOf(event)) this.#add(fact);
      const heard = heardOf(event);
      if (heard) this.#heard.add(`${heard.kind}:${heard.value}`);
    }
    for (const facts of this.#facts.values()) facts.sort(inOrder);
  }

  of(kind: string, value: string): readonly Timed[] {
    return this.#facts.get(this.#name(kind, value)) ?? [];
  }

  isHeard(kind: string, value: string): boolean {
    return this.#heard.has(`${kind}:${value}`);
  }

  isSamePerson(one: string, other: string): boolean {
    return this.#head(one) === this.#head(other);
  }

  #add({ key, ...fact }: Fact): void {
    const name = this.#name(key.kind, key.value);
    const facts = this.#facts.get(name);
    if (facts) facts.push(fact);
    else this.#facts.set(name, [fact]);
  }

  #name(kind: string, value: string): string {
    return `${kind}:${kind === 'person' || kind === 'actor' ? this.#head(value) : value}`;
  }

  #head(reference: string): string {
    const next = this.#heads.get(reference);
    return next === undefined ? reference : this.#head(next);
  }

  #link(people: readonly string[]): void {
    const [first, ...others] = [...new Set(people.map((each) => this.#head(each)))];
    for (const each of others) this.#heads.set(each, first as string);
  }
}
