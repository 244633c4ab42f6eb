import { isIP } from 'node:net';
import { ValidateBy, type ValidationArguments, type ValidationOptions } from 'class-validator';
import { SOURCE_PATTERN } from '../../vocabulary/source.ts';
import type { CodeList, Vocabulary } from '../../vocabulary/vocabulary.ts';
import { brokenJsonRule, brokenTextRule, DEPTH_LIMIT, identifierInClear, isDay, parseMoment, TEXT_LIMIT, type TextKind } from './text.ts';

export type JsonSchema = Record<string, unknown>;

/** A class whose decorated properties say what an object may hold. */
export type Shape = abstract new () => object;

/** What every rule needs to judge: the codes are known only when the ledger starts. */
export interface Judge {
  vocabulary: Vocabulary;
}

/**
 * A decorator that the classes of the catalogue may use, in the forms that are made of it: a verdict (for
 * class-validator, and through `check` for Ajv), the words for somebody whose event broke it, and a JSON Schema.
 */
interface Rule<C extends readonly unknown[]> {
  /** Name of what is broken; undefined where nothing is. Everything but the right type must be broken, undefined too. */
  broken(value: unknown, constraints: C, judge: Judge): string | undefined;
  /** What is expected, to follow `must be`. */
  expected(constraints: C, judge: Judge): string;
  /** For readers and for checkers elsewhere: never stricter than `broken`. */
  published(constraints: C, judge: Judge): JsonSchema;
  /** Keywords that Ajv compiles itself; without it, Ajv calls `passes`, or `broken`. */
  compiled?(constraints: C, judge: Judge): JsonSchema;
  /** The same verdict as `broken`, with all that can be known beforehand looked up once: the hot path. */
  passes?(constraints: C, judge: Judge): (value: unknown) => boolean;
}

const RULES = new Map<string, Rule<readonly unknown[]>>();

/** On an instance that class-validator judges: what its rules judge by. */
export const JUDGE = Symbol('judge');

/** The rule is for each element of an array. Write another one, such as `IsList`, for the array itself. */
export const EACH: ValidationOptions = { each: true };

/** The rule behind the decorator that class-validator knows under `name`. Only what is listed here may be used. */
export function ruleOf(name: string | undefined): Rule<readonly unknown[]> {
  const rule = name === undefined ? undefined : RULES.get(name);
  if (rule === undefined) throw new Error(`the decorator ${name} has no compiled form and may not be used here`);
  return rule;
}

function define<C extends readonly unknown[]>(name: string, rule: Rule<C>) {
  RULES.set(name, rule as unknown as Rule<readonly unknown[]>);
  return (constraints: C, options?: ValidationOptions): PropertyDecorator =>
    ValidateBy(
      {
        name,
        constraints: constraints as unknown as unknown[],
        validator: {
          validate: (value, args) => rule.broken(value, constraints, judgeOf(args as ValidationArguments)) === undefined,
          defaultMessage: (args) => wordsFor(name, args?.value, constraints, judgeOf(args as ValidationArguments)),
        },
      },
      options,
    );
}

function judgeOf(args: ValidationArguments): Judge {
  return (args.object as unknown as Record<symbol, Judge>)[JUDGE] as Judge;
}

/** What to tell somebody about a value that broke a rule: what is expected, never the value. */
export function wordsFor(name: string, value: unknown, constraints: readonly unknown[], judge: Judge): string {
  const rule = ruleOf(name);
  const broken = rule.broken(value, constraints, judge) ?? '';
  return WORDS[broken] ?? `must be ${rule.expected(constraints, judge)}`;
}

const WORDS: Readonly<Record<string, string>> = {
  'control-character': 'must hold no control characters; line breaks and tabs are allowed only in text that is sealed',
  'broken-unicode': 'must be well-formed Unicode, without lone surrogates',
  'email-in-clear': 'stays readable for ever and must hold no e-mail address: name people in actor or subjects',
  'personal-identity-number-in-clear':
    'stays readable for ever and must hold no personal identity number: name people in actor or subjects',
  'number-out-of-range': 'must hold only numbers that a double can hold',
  'too-deep': `lies too deep: an event has at most ${DEPTH_LIMIT} levels of objects and arrays`,
  'forbidden-name': 'must not have a property named __proto__',
};

const CONTROL_FREE = '^[^\\u0000-\\u001f\\u007f-\\u009f]*$';

function publishedText(kind: TextKind, limit: number): JsonSchema {
  const lines = kind === 'free' ? {} : { pattern: CONTROL_FREE };
  return { type: 'string', minLength: 1, maxLength: limit, ...lines };
}

function brokenText(value: unknown, kind: TextKind, limit: number): string | undefined {
  return typeof value === 'string' ? brokenTextRule(kind, value, limit) : 'wrong-type';
}

const text = define<readonly [TextKind, number]>('isText', {
  broken: (value, [kind, limit]) => brokenText(value, kind, limit),
  expected: ([, limit]) => `a text of 1 to ${limit} characters`,
  published: ([kind, limit]) => publishedText(kind, limit),
  passes:
    ([kind, limit]) =>
    (value) =>
      typeof value === 'string' && brokenTextRule(kind, value, limit) === undefined,
});

/** A text of 1 to `limit` characters. */
export const IsText = (kind: TextKind, limit = TEXT_LIMIT, options?: ValidationOptions) => text([kind, limit], options);

const texts = define<readonly [TextKind, number, number]>('isTextOrTexts', {
  broken: (value, [kind, limit, count]) => {
    if (!Array.isArray(value)) return brokenText(value, kind, limit);
    if (value.length === 0) return 'too-few';
    if (value.length > count) return 'too-many';
    for (const item of value) {
      const broken = brokenText(item, kind, limit);
      if (broken !== undefined) return broken;
    }
    return undefined;
  },
  expected: ([, limit, count]) => `a text of 1 to ${limit} characters, or an array of 1 to ${count} such texts`,
  published: ([kind, limit, count]) => {
    const item = publishedText(kind, limit);
    return { anyOf: [item, { type: 'array', minItems: 1, maxItems: count, items: item }] };
  },
});

/** One text, or up to `count` of them. */
export const IsTextOrTexts = (kind: TextKind, count = 100, limit = TEXT_LIMIT) => texts([kind, limit, count]);

/** A way of writing: a pattern, what it is in words, and whether it leaves no room for people's identifiers. */
export interface Notation {
  pattern: RegExp;
  expected: string;
  harmless?: boolean;
}

const written = define<readonly [Notation]>('isWritten', {
  broken: (value, [{ pattern, harmless }]) => {
    if (typeof value !== 'string') return 'wrong-type';
    if (!pattern.test(value)) return 'malformed';
    return harmless ? undefined : identifierInClear(value);
  },
  expected: ([{ expected }]) => expected,
  published: ([{ pattern }]) => ({ type: 'string', pattern: pattern.source }),
  passes:
    ([{ pattern, harmless }]) =>
    (value) =>
      typeof value === 'string' && pattern.test(value) && (harmless === true || identifierInClear(value) === undefined),
});

/** A text in clear that is written in a certain way. */
export const IsWritten = (notation: Notation, options?: ValidationOptions) => written([notation], options);

export const NAME: Notation = { pattern: /^[a-z0-9-]{1,40}$/u, expected: '1 to 40 of a-z, 0-9 and -' };
export const COUNTRY: Notation = {
  pattern: /^[A-Z]{2}$/u,
  expected: 'a country in two capital letters (ISO 3166-1 alpha-2)',
  harmless: true,
};
export const FIELD_NAME: Notation = {
  pattern: /^[A-Za-z0-9_.-]{1,80}$/u,
  expected: 'the name of a field: 1 to 80 of letters, digits, _, . and -',
};
export const SOURCE: Notation = {
  pattern: SOURCE_PATTERN,
  expected: 'urn: and 1 to 200 of a-z, 0-9, :, ., _ and -',
};
export const SEQUENCE: Notation = {
  pattern: /^(?:0|[1-9][0-9]{0,14})$/u,
  expected: 'a decimal count as a text, at most 15 digits, without leading zeros',
  harmless: true,
};
export const DIGEST: Notation = {
  pattern: /^[A-Za-z0-9+/_=-]{22,128}$/u,
  expected: 'a digest in hexadecimal or base64',
  harmless: true,
};
export const ARTICLE: Notation = {
  pattern: /^[1-9][0-9]?(?:\([1-9]\))?(?:\([a-z]\))?$/u,
  expected: 'an article of the GDPR, such as 17(3)(e)',
  harmless: true,
};
export const REFERENCE: Notation = {
  pattern: /^[A-Za-z0-9_-]{22}$/u,
  expected: 'a reference: 22 characters of base64url',
  harmless: true,
};

/** A name in clear: a system, a role, a method, a scheme. */
export const IsName = (options?: ValidationOptions) => IsWritten(NAME, options);

/** More codes than these are not listed in an error. */
const CODES_IN_WORDS = 30;

const brokenCode = (value: unknown, list: CodeList, { vocabulary }: Judge): string | undefined => {
  if (typeof value !== 'string') return 'wrong-type';
  return vocabulary.has(list, value) ? undefined : 'unknown-code';
};

function expectedCode(list: CodeList, { vocabulary }: Judge): string {
  const codes = vocabulary.codes(list);
  if (codes.length <= CODES_IN_WORDS) return `one of ${codes.join(', ')}`;
  return `a known code (${list}): see the schema of this event type, or declare it under codes in a policy`;
}

const code = define<readonly [CodeList]>('isCode', {
  broken: (value, [list], judge) => brokenCode(value, list, judge),
  expected: ([list], judge) => expectedCode(list, judge),
  published: ([list], { vocabulary }) => ({ type: 'string', enum: [...vocabulary.codes(list)] }),
  // Asked of the vocabulary each time: codes join it while the ledger runs.
  passes:
    ([list], { vocabulary }) =>
    (value) =>
      typeof value === 'string' && vocabulary.has(list, value),
});

/** A code that the vocabulary knows. */
export const IsCode = (list: CodeList, options?: ValidationOptions) => code([list], options);

const codes = define<readonly [CodeList, number]>('isCodeOrCodes', {
  broken: (value, [list, count], judge) => {
    if (!Array.isArray(value)) return brokenCode(value, list, judge);
    if (value.length === 0) return 'too-few';
    if (value.length > count) return 'too-many';
    for (const item of value) {
      const broken = brokenCode(item, list, judge);
      if (broken !== undefined) return broken;
    }
    return undefined;
  },
  expected: ([list, count], judge) => `${expectedCode(list, judge)}, or an array of 1 to ${count} of them`,
  published: ([list, count], { vocabulary }) => {
    const item = { type: 'string', enum: [...vocabulary.codes(list)] };
    return { anyOf: [item, { type: 'array', minItems: 1, maxItems: count, items: item }] };
  },
});

/** One code, or up to `count` of them. */
export const IsCodeOrCodes = (list: CodeList, count: number) => codes([list, count]);

const time = define<readonly ['moment' | 'day-or-moment' | 'day']>('isTime', {
  broken: (value, [kind]) => {
    if (typeof value !== 'string') return 'wrong-type';
    if (kind !== 'day' && parseMoment(value) !== undefined) return undefined;
    return kind !== 'moment' && isDay(value) ? undefined : 'malformed';
  },
  expected: ([kind]) => {
    const moment = 'a date-time with an offset (RFC 3339), such as 2026-03-02T09:14:07.120Z, from 1900 on';
    if (kind === 'moment') return moment;
    return kind === 'day' ? 'a date, such as 2026-03-02' : `a date, such as 2026-03-02, or ${moment}`;
  },
  published: ([kind]) => {
    if (kind === 'moment') return { type: 'string', format: 'date-time' };
    if (kind === 'day') return { type: 'string', format: 'date' };
    return { type: 'string', anyOf: [{ format: 'date' }, { format: 'date-time' }] };
  },
});

/** A date-time of RFC 3339 with an offset. */
export const IsMoment = () => time(['moment']);
/** A date. */
export const IsDay = () => time(['day']);
/** A date, or a date-time of RFC 3339 with an offset. */
export const IsDayOrMoment = () => time(['day-or-moment']);

const ipAddress = define<readonly []>('isIpAddress', {
  broken: (value) => {
    if (typeof value !== 'string') return 'wrong-type';
    return isIP(value) !== 0 && value.length <= 64 ? undefined : 'malformed';
  },
  expected: () => 'an IPv4 or IPv6 address',
  published: () => ({ type: 'string', minLength: 2, maxLength: 64 }),
});

/** An IPv4 or IPv6 address. */
export const IsIpAddress = () => ipAddress([]);

const json = define<readonly [number, readonly ('any' | 'string' | 'object')[]]>('isJson', {
  broken: (value, [depth, types]) => {
    if (value === undefined || !types.some((type) => isOfType(value, type))) return 'wrong-type';
    return value === '' && !types.includes('any') ? 'too-short' : brokenJsonRule(value, depth);
  },
  expected: ([, types]) => (types.includes('any') ? 'a JSON value' : 'a text or an object'),
  published: ([, types]) => (types.includes('any') ? {} : { type: [...types] }),
});

function isOfType(value: unknown, type: 'any' | 'string' | 'object'): boolean {
  if (type === 'any') return true;
  return type === 'string' ? typeof value === 'string' : isObject(value);
}

/** Any JSON value at `level` of the event (the event itself is level 1). It is sealed. */
export const IsJson = (level: number) => json([DEPTH_LIMIT - level + 1, ['any']]);
/** A text or an object at `level` of the event. It is sealed. */
export const IsTextOrObject = (level: number) => json([DEPTH_LIMIT - level + 1, ['string', 'object']]);

/** An object as JSON means it. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const document = define<readonly [number]>('isDocument', {
  broken: (value, [limit]) => {
    if (!isObject(value)) return 'wrong-type';
    return Buffer.byteLength(JSON.stringify(value)) <= limit ? undefined : 'too-long';
  },
  expected: ([limit]) => `an object of at most ${limit} bytes as JSON`,
  published: () => ({ type: 'object' }),
});

/** An object of the ledger's own that has a form elsewhere, and stands in clear: nobody outside can write one. */
export const IsDocument = (limit: number) => document([limit]);

const nested = define<readonly [() => Shape]>('isNested', {
  broken: (value) => (isObject(value) ? undefined : 'wrong-type'),
  expected: () => 'an object',
  published: () => ({ type: 'object' }),
  compiled: () => ({ type: 'object' }),
});

/** An object of the given shape. Its properties are judged on their own. */
export const IsNested = (shape: () => Shape, options?: ValidationOptions) => nested([shape], options);

const list = define<readonly [number, number]>('isList', {
  broken: (value, [least, most]) => {
    if (!Array.isArray(value)) return 'wrong-type';
    if (value.length < least) return 'too-few';
    return value.length > most ? 'too-many' : undefined;
  },
  expected: ([least, most]) => `an array of ${least} to ${most}`,
  published: ([least, most]) => ({ type: 'array', minItems: least, maxItems: most }),
  compiled: ([least, most]) => ({ type: 'array', minItems: least, maxItems: most }),
});

/** An array of so many elements. */
export const IsList = (least: number, most: number) => list([least, most]);

// class-validator's own decorators that are used, under the names that it gives them.

RULES.set('isBoolean', {
  broken: (value) => (typeof value === 'boolean' ? undefined : 'wrong-type'),
  expected: () => 'true or false',
  published: () => ({ type: 'boolean' }),
  compiled: () => ({ type: 'boolean' }),
});

RULES.set('isInt', {
  broken: (value) => (Number.isInteger(value) ? undefined : 'wrong-type'),
  expected: () => 'a whole number',
  published: () => ({ type: 'integer' }),
  compiled: () => ({ type: 'integer' }),
});

RULES.set('min', {
  broken: (value, [least]) => (typeof value === 'number' && value >= (least as number) ? undefined : 'too-small'),
  expected: ([least]) => `at least ${least}`,
  published: ([least]) => ({ minimum: least }),
  compiled: ([least]) => ({ minimum: least }),
});

RULES.set('max', {
  broken: (value, [most]) => (typeof value === 'number' && value <= (most as number) ? undefined : 'too-large'),
  expected: ([most]) => `at most ${most}`,
  published: ([most]) => ({ maximum: most }),
  compiled: ([most]) => ({ maximum: most }),
});

RULES.set('isIn', {
  broken: (value, [allowed]) => ((allowed as unknown[]).includes(value) ? undefined : 'unknown-code'),
  expected: ([allowed]) => (allowed as unknown[]).join(' or '),
  published: ([allowed]) => ({ enum: allowed }),
  compiled: ([allowed]) => ({ enum: allowed }),
});
