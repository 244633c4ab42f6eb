/** Bodies and queries into DTOs: class-validator says what is wrong, this file says it without the value. */
import { type ArgumentMetadata, Injectable, type PipeTransform } from '@nestjs/common';
import { plainToInstance } from 'class-transformer';
import { getMetadataStorage, type ValidationError, validateSync } from 'class-validator';
import { type FieldProblem, HttpProblem } from './problem.ts';

/** Deeper than any DTO. */
const MAX_DEPTH = 32;
const MAX_PROBLEMS = 100;

/** Rules whose class-validator name says little; all others keep theirs in kebab-case without the `is-`. */
const RULES: Readonly<Record<string, string>> = {
  whitelistValidation: 'unknown-property',
  isDefined: 'required',
  isNotEmpty: 'required',
  nestedValidation: 'object',
  maxLength: 'too-long',
  arrayMaxSize: 'too-many',
  arrayMinSize: 'too-few',
  matches: 'pattern',
  isIn: 'unknown-code',
  isEnum: 'unknown-code',
};

/** Members by the prototype of the class that declares them. */
const FOREIGN = new Map<object, Set<string>>();

/**
 * Marks a member that holds somebody else's JSON: it reaches the handler as it came, with whatever names and depth, because
 * whoever takes it from there has rules of their own for it. Other decorators still say what it is, for example `IsObject`.
 */
export function ForeignJson(): PropertyDecorator {
  return (prototype, member) => {
    FOREIGN.set(prototype, (FOREIGN.get(prototype) ?? new Set()).add(String(member)));
  };
}

/** A name that a program gave its field, and not data that slipped into its place. */
const FIELD_NAME = /^[A-Za-z_][A-Za-z_-]{0,39}$/;

/**
 * Turns plain JSON into a checked instance of a DTO class. Unknown properties are refused; nothing is converted silently.
 * @throws HttpProblem `invalid` with every field that is wrong.
 */
export function checked<T extends object>(type: new () => T, plain: unknown): T {
  if (plain === undefined || plain === null) throw invalid([{ path: '', rule: 'required', message: 'a JSON object is expected' }]);
  if (!isPlainObject(plain)) throw invalid([{ path: '', rule: 'object', message: 'a JSON object is expected' }]);
  const [own, foreign] = divided(plain, FOREIGN.get(type.prototype));
  const hostile = hostileAt(own);
  if (hostile) throw invalid([hostile]);
  const instance = plainToInstance(type, own, { enableImplicitConversion: false, exposeUnsetFields: false });
  Object.assign(instance, foreign);
  const errors = validateSync(instance, {
    whitelist: true,
    forbidNonWhitelisted: true,
    forbidUnknownValues: true,
    stopAtFirstError: false,
  });
  const problems = [...errors.flatMap((error) => problemsIn(error, '')), ...listsForObjects(instance, '')];
  if (problems.length > 0) throw invalid(problems.slice(0, MAX_PROBLEMS));
  return instance;
}

/** What is wrong with the body of a route that takes none: undefined for none, and for an empty object. */
export function contentOf(body: unknown): HttpProblem | undefined {
  if (body === undefined) return undefined;
  if (!isPlainObject(body)) return invalid([{ path: '', rule: 'object', message: 'no body is expected, or an empty JSON object' }]);
  const names = Object.keys(body).slice(0, MAX_PROBLEMS);
  return names.length === 0 ? undefined : invalid(names.map((name) => unknownIn('', name)));
}

/** What this file looks into, and what it hands on untouched. */
function divided(plain: Record<string, unknown>, members: ReadonlySet<string> | undefined): [object, object] {
  if (members === undefined) return [{ ...plain }, {}];
  const isForeign = ([name]: [string, unknown]) => members.has(name);
  const fields = Object.entries(plain);
  return [Object.fromEntries(fields.filter((field) => !isForeign(field))), Object.fromEntries(fields.filter(isForeign))];
}

/** class-validator takes a list for an object wherever `ValidateNested` stands, checks its items, and an empty list has none. */
function listsForObjects(instance: object, parent: string): FieldProblem[] {
  return nestedIn(instance.constructor).flatMap(({ propertyName, each }) => {
    const value = (instance as Record<string, unknown>)[propertyName];
    const path = `${parent}/${propertyName}`;
    if (Array.isArray(value)) {
      if (!each) return [{ path, rule: 'object', message: 'an object is expected, not a list' }];
      return value.flatMap((item, index) => (isObject(item) ? listsForObjects(item, `${path}/${index}`) : []));
    }
    return isObject(value) ? listsForObjects(value, path) : [];
  });
}

const nested = new Map<unknown, Nested[]>();
type Nested = { propertyName: string; each: boolean };

/** The members of a class that hold instances of others: looked for once, because class-validator looks through all that it knows. */
function nestedIn(type: object): Nested[] {
  let found = nested.get(type);
  if (found === undefined) {
    const all = getMetadataStorage().getTargetValidationMetadatas(type as never, '', true, false);
    found = all.filter((one) => one.name === 'nestedValidation' || one.type === 'nestedValidation');
    nested.set(type, found);
  }
  return found;
}

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;

function invalid(errors: FieldProblem[]): HttpProblem {
  return new HttpProblem('invalid', { detail: 'See errors for each field and its rule.', errors });
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/**
 * Names that every object has anyway (`__proto__`, `constructor`, `toString` …) and bottomless nesting would confuse the
 * libraries that follow. Walks without recursion.
 */
function hostileAt(root: object): FieldProblem | undefined {
  let level: object[] = [root];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > MAX_DEPTH) return { path: '', rule: 'too-deep', message: `nested deeper than ${MAX_DEPTH} levels` };
    const next: object[] = [];
    for (const value of level) {
      if (!Array.isArray(value) && Object.keys(value).some((name) => name in Object.prototype || name === 'then')) {
        return { path: '', rule: 'unknown-property', message: 'a property has a name that no field has' };
      }
      for (const child of Object.values(value)) if (typeof child === 'object' && child !== null) next.push(child);
    }
    level = next;
  }
  return undefined;
}

function problemsIn(error: ValidationError, parent: string): FieldProblem[] {
  const constraints = Object.entries(error.constraints ?? {});
  if (constraints.some(([name]) => name === 'whitelistValidation')) return [unknownIn(parent, error.property)];
  const path = `${parent}/${error.property.replaceAll('~', '~0').replaceAll('/', '~1')}`;
  const isMissing = error.value === undefined && constraints.length > 0;
  const own = isMissing
    ? [{ path, rule: 'required', message: messageOf(constraints[0]?.[1] ?? 'is required') }]
    : constraints.map(([name, message]) => ({ path, rule: ruleOf(name), message: messageOf(message) }));
  return [...own, ...(error.children ?? []).flatMap((child) => problemsIn(child, path))];
}

function unknownIn(parent: string, name: string): FieldProblem {
  return { path: FIELD_NAME.test(name) ? `${parent}/${name}` : parent, rule: 'unknown-property', message: 'no field has this name' };
}

function ruleOf(constraint: string): string {
  return (
    RULES[constraint] ?? constraint.replace(/^is(?=[A-Z])/, '').replace(/[A-Z]/g, (letter, at) => `${at ? '-' : ''}${letter.toLowerCase()}`)
  );
}

/** class-validator's own messages name the property and the limit, not the value. */
function messageOf(text: string): string {
  return text.slice(0, 300);
}

/** Checks whatever a handler takes as a DTO; what has no validation rules (`unknown`, strings) passes as it is. */
@Injectable()
export class DtoPipe implements PipeTransform {
  transform(value: unknown, { type, metatype }: ArgumentMetadata): unknown {
    if (type === 'custom' || !metatype || !isDto(metatype)) return value;
    return type === 'query' ? this.query(metatype as new () => object, value as object) : checked(metatype as new () => object, value);
  }

  /** Most requests have no query: that a type takes none is found out once. Fastify's query has a prototype of its own. */
  private query(type: new () => object, given: object): object {
    const isEmpty = Object.keys(given).length === 0;
    if (isEmpty && this.optional.has(type)) return new type();
    const query = checked(type, { ...given });
    if (isEmpty) this.optional.add(type);
    return query;
  }

  private readonly optional = new Set<unknown>();
}

const dtos = new Map<unknown, boolean>();

function isDto(type: unknown): boolean {
  const known = dtos.get(type);
  if (known !== undefined) return known;
  const found = getMetadataStorage().getTargetValidationMetadatas(type as never, '', true, false).length > 0;
  dtos.set(type, found);
  return found;
}
