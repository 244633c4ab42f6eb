import './types/breach.ts';
import './types/consent.ts';
import './types/governance.ts';
import './types/ledger.ts';
import './types/processing.ts';
import './types/restriction.ts';
import './types/rights.ts';
import './types/source.ts';
import { eventTypes, UnknownEventVersion } from '../events.ts';
import { isObject, type Shape } from './rules.ts';
import { type Fate, fieldsOfShape, rulesOfShape, shapeOf } from './shape.ts';
import { Actor, Envelope, Subject } from './types/common.ts';

export type { Fate } from './shape.ts';

/** What becomes of each property of `data` in the stored form, by name; those of one fate in one set. */
export interface FieldFates {
  /** Every property, `actor` and `subjects` (whose parts have fates of their own) included. */
  of: ReadonlyMap<string, Fate>;
  sealed: ReadonlySet<string>;
  /** Kept as a keyed match digest, and the value sealed. */
  digested: ReadonlySet<string>;
  /** A person's id, kept as a reference. */
  people: ReadonlySet<string>;
  clear: ReadonlySet<string>;
}

/** By type, and there by version. */
const fates = new Map<string, FieldFates[]>();

/**
 * What becomes of every property of the data of an event type.
 *
 * @throws UnknownEventVersion
 */
export function fieldsOf(type: string, version: number): FieldFates {
  const known = fates.get(type)?.[version];
  if (known !== undefined) return known;
  const shape = shapeOf(type, version);
  if (shape === undefined) throw new UnknownEventVersion(`no version ${version} of this event type is known`);
  const found = fatesOf(shape);
  const versions = fates.get(type) ?? [];
  versions[version] = found;
  fates.set(type, versions);
  return found;
}

/** What becomes of every property of `actor`. */
export const ACTOR_FATES: FieldFates = fatesOf(Actor);

/** What becomes of every property of an element of `subjects`. */
export const SUBJECT_FATES: FieldFates = fatesOf(Subject);

function fatesOf(shape: Shape): FieldFates {
  const fields = fieldsOfShape(shape);
  const having = (fate: Fate) => new Set(fields.filter((field) => field.fate === fate).map(({ name }) => name));
  return {
    of: new Map(fields.map(({ name, fate }) => [name, fate])),
    sealed: having('sealed'),
    digested: having('digested'),
    people: having('person'),
    clear: having('clear'),
  };
}

let names: ReadonlySet<string> | undefined;

/** The name of every property that any version of any event may have, at any depth: names that may stand in clear. */
export function propertyNames(): ReadonlySet<string> {
  if (names === undefined) {
    const found = new Set<string>();
    collectNames(Envelope, found);
    for (const { type, version } of eventTypes()) {
      for (let v = 1; v <= version; v++) collectNames(shapeOf(type, v) as Shape, found);
    }
    names = found;
  }
  return names;
}

function collectNames(shape: Shape, found: Set<string>): void {
  for (const { name } of fieldsOfShape(shape)) found.add(name);
  for (const rules of rulesOfShape(shape).values()) {
    for (const { name, constraints } of rules) if (name === 'isNested') collectNames((constraints[0] as () => Shape)(), found);
  }
}

/**
 * The version of its type's schema that an event follows, from the end of its `dataschema`
 * (`/schemas/<type>/<version>`); 1 where it has none. Undefined where that is not the schema of its type.
 */
export function versionOf(event: Record<string, unknown>): number | undefined {
  const { type, dataschema } = event;
  if (dataschema === undefined) return 1;
  if (typeof dataschema !== 'string') return undefined;
  const match = /\/schemas\/([A-Za-z]{1,100})\/([1-9][0-9]{0,5})$/.exec(dataschema);
  return match?.[1] === type && match !== null ? Number(match[2]) : undefined;
}

/** The class that an event's data must fit; undefined where its type or version is unknown. */
export function shapeOfEvent(event: unknown): Shape | undefined {
  if (!isObject(event) || typeof event['type'] !== 'string') return undefined;
  const version = versionOf(event);
  return version === undefined ? undefined : shapeOf(event['type'], version);
}
