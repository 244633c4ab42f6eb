import { getMetadataStorage, ValidateIf } from 'class-validator';
import { eventType } from '../events.ts';
import type { Shape } from './rules.ts';

/**
 * What becomes of a field in the stored form: it stays in `clear`; it is `sealed`; it is kept as a keyed match digest
 * with the value sealed (`digested`); it names a `person` and becomes a reference; it belongs to an `identity` (what a
 * subject's reference stands for, sealed under their key); or it is an object whose `parts` each have a fate of their own.
 */
export type Fate = 'clear' | 'sealed' | 'digested' | 'person' | 'identity' | 'parts';

export interface FieldInfo {
  name: string;
  fate: Fate;
  /** What it means; units; its source in the GDPR. */
  about: string;
  example?: unknown;
  required: boolean;
}

type Declared = Omit<FieldInfo, 'required'>;

const declaredFields = new Map<unknown, Map<string, Declared>>();
const requirements = new Map<unknown, ReadonlySet<string>>();

/**
 * Declares a property of an object: what becomes of it, and what it means. Absent is allowed unless the class names it
 * in `Requires`; null is a value, and never allowed by being absent.
 */
export function Field(fate: Fate, about: string, example?: unknown): PropertyDecorator {
  return (target, property) => {
    const name = String(property);
    const own = declaredFields.get(target.constructor) ?? new Map<string, Declared>();
    own.set(name, { name, fate, about, example });
    declaredFields.set(target.constructor, own);
    ValidateIf((object: object, value: unknown) => value !== undefined || isRequired(object.constructor, name))(target, name);
  };
}

/** Properties that the class, and every class that extends it, cannot do without. */
export function Requires(...names: string[]): ClassDecorator {
  return (target) => {
    requirements.set(target, new Set(names));
  };
}

function isRequired(shape: unknown, name: string): boolean {
  return lineageOf(shape).some((ancestor) => requirements.get(ancestor)?.has(name));
}

/** The class and what it extends, the most general first. */
function lineageOf(shape: unknown): unknown[] {
  const lineage: unknown[] = [];
  for (let at = shape; typeof at === 'function' && at !== Function.prototype; at = Object.getPrototypeOf(at)) {
    lineage.unshift(at);
  }
  return lineage;
}

const fieldCache = new Map<unknown, readonly FieldInfo[]>();

/** The declared properties of a class in the order of declaration, the most general class first. */
export function fieldsOfShape(shape: Shape): readonly FieldInfo[] {
  const cached = fieldCache.get(shape);
  if (cached !== undefined) return cached;
  const fields = new Map<string, FieldInfo>();
  for (const ancestor of lineageOf(shape)) {
    for (const [name, declared] of declaredFields.get(ancestor) ?? []) {
      fields.set(name, { ...declared, required: isRequired(shape, name) });
    }
  }
  const list = [...fields.values()];
  fieldCache.set(shape, list);
  return list;
}

/** One rule that a decorator put on a property. */
export interface RuleUse {
  name: string;
  constraints: readonly unknown[];
  /** For each element instead of the value. */
  each: boolean;
}

const ruleCache = new Map<unknown, ReadonlyMap<string, readonly RuleUse[]>>();

/** The rules on each property, from class-validator's own metadata, in the order in which they are judged. */
export function rulesOfShape(shape: Shape): ReadonlyMap<string, readonly RuleUse[]> {
  const cached = ruleCache.get(shape);
  if (cached !== undefined) return cached;
  const rules = new Map<string, RuleUse[]>();
  for (const used of getMetadataStorage().getTargetValidationMetadatas(shape, '', false, false)) {
    if (used.type !== 'customValidation') continue;
    const onProperty = rules.get(used.propertyName) ?? [];
    onProperty.push({ name: String(used.name), constraints: used.constraints ?? [], each: used.each === true });
    rules.set(used.propertyName, onProperty);
  }
  ruleCache.set(shape, rules);
  return rules;
}

/** By type, and there by version: the first stands at 1. */
const shapes = new Map<string, Shape[]>();

/** Declares a class to be the data of one version of an event type. */
export function EventData(type: string, version: number): ClassDecorator {
  return (target) => {
    const latest = eventType(type)?.version;
    if (latest === undefined || version > latest) throw new Error(`${type} ${version} is not in the catalogue`);
    const versions = shapes.get(type) ?? [];
    versions[version] = target as unknown as Shape;
    shapes.set(type, versions);
  };
}

/** The class for the data of an event; undefined where there is no such type or version. */
export function shapeOf(type: string, version: number): Shape | undefined {
  return shapes.get(type)?.[version];
}
