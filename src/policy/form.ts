/**
 * Forms: what a part of a policy looks like, said once. Each reads nodes of YAML, noting every mistake where it stands, and publishes
 * itself as a JSON Schema for editors; the type of what it reads follows from it. What is read is in normal form: lists are sets in
 * order, so that two texts that say the same become the same document.
 */
import { isScalar, isSeq, type Node, Scalar } from 'yaml';
import { isPeriod } from '../vocabulary/period.ts';
import type { CodeList, DeclaredCodes, Vocabulary } from '../vocabulary/vocabulary.ts';
import { didYouMean, type YamlText } from '../vocabulary/yaml-text.ts';

export type JsonSchema = Record<string, unknown>;

/** What a policy may name without saying what it is. */
export interface Names {
  vocabulary: Vocabulary;
  /** Types of events, as triggers of retention name them. */
  eventTypes: ReadonlySet<string>;
}

export interface Reading extends Names {
  yaml: YamlText;
  /** What the policy declares itself; the vocabulary has it too. */
  declared: DeclaredCodes;
}

/** A place in the text: its name for messages, and where its key stands for values that are not there. */
export interface Place {
  name: string;
  at: number;
}

export interface Form<T> {
  /** @returns undefined where it is wrong, which was noted by then */
  read(node: Node | null, place: Place, reading: Reading): T | undefined;
  schema(names: Names): JsonSchema;
}

/** What a form reads. */
export type Read<F> = F extends Form<infer T> ? T : never;

interface Field<F extends Form<unknown>, O extends boolean> {
  form: F;
  about: string;
  optional: O;
}
type Fields = Record<string, Field<Form<unknown>, boolean>>;
type RecordOf<S extends Fields> = {
  [K in keyof S as S[K]['optional'] extends true ? never : K]: Read<S[K]['form']>;
} & { [K in keyof S as S[K]['optional'] extends true ? K : never]?: Read<S[K]['form']> };

/** A field that has to be there. @param about shown by editors, and where it is missing */
export const required = <F extends Form<unknown>>(form: F, about: string): Field<F, false> => ({ form, about, optional: false });

/** A field that may be left out. */
export const optional = <F extends Form<unknown>>(form: F, about: string): Field<F, true> => ({ form, about, optional: true });

/** A mapping with fields of its own names. */
export function record<S extends Fields>(fields: S): Form<RecordOf<S>> & { fields: S } {
  const names = Object.keys(fields);
  return {
    fields,
    read(node, place, reading) {
      const { yaml } = reading;
      const found = new Map(yaml.entriesOf(node, place.name, place.at).map((entry) => [entry.key, entry]));
      for (const { key, at } of found.values()) {
        if (!Object.hasOwn(fields, key)) {
          yaml.mistake(at, () => `${place.name} has no ${quoted(key)}${didYouMean(key, names)}; it has ${names.join(', ')}`);
        }
      }
      const made: Record<string, unknown> = {};
      for (const name of names) {
        const field = fields[name] as Field<Form<unknown>, boolean>;
        const entry = found.get(name);
        if (entry !== undefined) made[name] = field.form.read(entry.value, { name: below(place, name), at: entry.at }, reading);
        else if (!field.optional) yaml.mistake(node ?? place.at, `${place.name} lacks ${name}: ${field.about}`);
      }
      return made as RecordOf<S>;
    },
    schema: (known) => ({
      type: 'object',
      additionalProperties: false,
      required: names.filter((name) => !(fields[name] as Field<Form<unknown>, boolean>).optional),
      properties: Object.fromEntries(
        Object.entries(fields).map(([name, { form, about }]) => [name, { ...form.schema(known), description: about }]),
      ),
    }),
  };
}

/** A mapping from names to values of one form. */
export function mapping<T>(key: Form<string>, value: Form<T>, limits: { least?: number; most: number }): Form<Record<string, T>> {
  const { least = 0, most } = limits;
  return {
    read(node, place, reading) {
      const entries = reading.yaml.entriesOf(node, place.name, place.at);
      if (entries.length < least) reading.yaml.mistake(node ?? place.at, `${place.name} holds at least ${least}`);
      if (entries.length > most) reading.yaml.mistake(node ?? place.at, `${place.name} holds at most ${most}`);
      const made: Record<string, T> = {};
      for (const entry of entries.slice(0, most)) {
        const name = key.read(scalarOf(entry.key, entry.at), { name: `a key of ${place.name}`, at: entry.at }, reading);
        const read = value.read(entry.value, { name: below(place, entry.key), at: entry.at }, reading);
        if (name !== undefined && read !== undefined) made[name] = read;
      }
      return made;
    },
    schema: (names) => ({
      type: 'object',
      minProperties: least,
      maxProperties: most,
      propertyNames: key.schema(names),
      additionalProperties: value.schema(names),
    }),
  };
}

/** A list whose order means nothing and in which nothing stands twice; it is read in order. */
export function setOf<T extends string | number>(form: Form<T>, limits: { least?: number; most: number }): Form<T[]> {
  const { least = 1, most } = limits;
  return {
    read(node, place, reading) {
      const { yaml } = reading;
      if (!isSeq(node)) {
        yaml.mistake(node ?? place.at, `${place.name} is a list, written as [a, b] or one a line after a dash`);
        return undefined;
      }
      if (node.items.length < least) yaml.mistake(node, `${place.name} holds at least ${least}`);
      if (node.items.length > most) yaml.mistake(node, `${place.name} holds at most ${most}`);
      const read = new Set<T>();
      for (const item of node.items.slice(0, most) as Node[]) {
        const value = form.read(item, { name: place.name, at: yaml.at(node) }, reading);
        if (value === undefined) continue;
        if (read.has(value)) yaml.mistake(item, `${place.name} holds ${value} twice`);
        read.add(value);
      }
      return [...read].sort(inOrder);
    },
    schema: (names) => ({ type: 'array', minItems: least, maxItems: most, uniqueItems: true, items: form.schema(names) }),
  };
}

/** Numbers by size, texts by their UTF-16 code units, as RFC 8785 orders names. */
function inOrder(a: string | number, b: string | number): number {
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  return a < b ? -1 : a > b ? 1 : 0;
}

/** A text. What YAML takes for a number or a truth value is none, to the ledger as to editors. */
function textOf(node: Node | null, { name, at }: Place, { yaml }: Reading): string | undefined {
  if (isScalar(node) && typeof node.value === 'string') return node.value;
  const isPlain = isScalar(node) && node.value !== null && node.source !== undefined;
  yaml.mistake(node ?? at, isPlain ? `${name} is a text: put it in quotes, '${node.source}'` : `${name} is a text`);
  return undefined;
}

/** A text that is `expected`. */
function written(expected: string, isRight: (text: string, names: Names) => boolean, schema: JsonSchema): Form<string> {
  const form: Form<string> = {
    read(node, place, reading) {
      const found = textOf(node, place, reading);
      if (found === undefined) return undefined;
      if (isRight(found, reading)) return found;
      reading.yaml.mistake(node ?? place.at, `${place.name} is ${expected}`);
      return undefined;
    },
    schema: () => ({ type: 'string', ...schema }),
  };
  return form;
}

/** A key as a node, so that the forms of values read it. */
function scalarOf(text: string, at: number): Node {
  const node = new Scalar(text);
  node.range = [at, at, at];
  return node;
}

const PROSE = /^[^\p{Cc}\p{Cs}]+$/u;

/** Words for people, in one paragraph. */
export const prose = (most: number): Form<string> =>
  written(`a text of 1 to ${most} characters without control characters`, (text) => text.length <= most && PROSE.test(text.trimEnd()), {
    minLength: 1,
    maxLength: most,
  });

/** A text of a pattern, which is published too. */
export const pattern = (expression: RegExp, expected: string): Form<string> =>
  written(expected, (text) => expression.test(text), { pattern: expression.source });

/** What an organisation, a statute or a document is called. */
export const NAME = pattern(
  /^[\p{L}\p{N}][^\p{Cc}\p{Cf}\p{Cs}]{0,199}$/u,
  'a name of 1 to 200 characters that begins with a letter or digit',
);

export const DAY = written('a day, as in 2018-05-25', isDay, { pattern: '^[0-9]{4}-[0-9]{2}-[0-9]{2}$' });

/** A day means its beginning in UTC. */
export const DAY_OR_MOMENT = written(
  'a day, as in 2018-05-25, or a moment in UTC, as in 2026-07-01T12:00:00Z',
  (text) =>
    isDay(text) ||
    (/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,3})?Z$/.test(text) && isDay(text.slice(0, 10)) && !Number.isNaN(Date.parse(text))),
  { pattern: '^[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9:.]+Z)?$' },
);

function isDay(text: string): boolean {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text)) return false;
  const day = new Date(`${text}T00:00:00Z`);
  return !Number.isNaN(day.getTime()) && day.toISOString().startsWith(text);
}

export const PERIOD = written('a period of ISO 8601 of at least a day, as in P12M, P7Y, P30D or PT72H', isPeriod, {
  pattern: '^P[0-9YMWDTHS.,]+$',
});

export const COUNTRY = pattern(/^[A-Z]{2}$/, 'a country in two capital letters (ISO 3166-1 alpha-2), as in SE');

export const URL_TEXT = written(
  'an address that begins with https:// or http://',
  (text) => /^https?:\/\//.test(text) && URL.canParse(text),
  {
    pattern: '^https?://',
  },
);

/** A whole number in an interval. */
export function whole(least: number, most: number): Form<number> {
  return {
    read(node, place, { yaml }) {
      const value = isScalar(node) ? node.value : undefined;
      if (typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most) return value;
      yaml.mistake(node ?? place.at, `${place.name} is a whole number from ${least} to ${most}`);
      return undefined;
    },
    schema: () => ({ type: 'integer', minimum: least, maximum: most }),
  };
}

/** One of a few words. */
export function oneOf<const W extends string>(words: readonly W[]): Form<W> {
  return {
    read(node, place, reading) {
      const text = textOf(node, place, reading);
      if (text === undefined || (words as readonly string[]).includes(text)) return text as W | undefined;
      reading.yaml.mistake(node ?? place.at, () => `${place.name} is ${listed(words)}${didYouMean(text, words)}`);
      return undefined;
    },
    schema: () => ({ enum: [...words] }),
  };
}

/** Which key of `codes:` declares codes of a list. */
const DECLARED_UNDER: Partial<Record<CodeList, string>> = {
  purpose: 'purposes',
  dataCategory: 'dataCategories',
  subjectCategory: 'subjectCategories',
  channel: 'channels',
};

/**
 * A code of the vocabulary, declared ones included. @param within only these of the list
 */
export function code(list: CodeList, within?: readonly string[]): Form<string> {
  const codesOf = ({ vocabulary }: Names) => within ?? vocabulary.codes(list);
  const declaredUnder = DECLARED_UNDER[list];
  return {
    read(node, place, reading) {
      const text = textOf(node, place, reading);
      if (text === undefined || codesOf(reading).includes(text)) return text;
      reading.yaml.mistake(node ?? place.at, () => {
        const known = codesOf(reading);
        const remedy = didYouMean(text, known) || `; take one of ${known.join(', ')}`;
        const declare = declaredUnder && !within ? `, or declare it under codes.${declaredUnder}` : '';
        return `${place.name}: ${quoted(text)} is not known${remedy}${declare}`;
      });
      return undefined;
    },
    schema: () => (within ? { enum: [...within] } : { $ref: `#/$defs/${list}` }),
  };
}

/** The codes of a list as a JSON Schema. An editor completes the known ones, and lets declared ones pass. */
export function codesSchema(list: CodeList, { vocabulary }: Names): JsonSchema {
  const known = { enum: [...vocabulary.codes(list)] };
  return DECLARED_UNDER[list] ? { anyOf: [known, { type: 'string', pattern: '^[a-z0-9-]{1,40}$' }] } : known;
}

/** What makes a period begin: the name of an event type, or one of `words`. */
export function eventTypeOr(words: readonly string[]): Form<string> {
  return {
    read(node, place, reading) {
      const { yaml, eventTypes } = reading;
      const text = textOf(node, place, reading);
      if (text === undefined || words.includes(text) || eventTypes.has(text)) return text;
      yaml.mistake(
        node ?? place.at,
        () => `${place.name} is ${listed(words)} or a type of event${didYouMean(text, [...words, ...eventTypes])}`,
      );
      return undefined;
    },
    schema: ({ eventTypes }) => ({ enum: [...words, ...eventTypes] }),
  };
}

/** `a, b or c`. */
export function listed(words: readonly string[]): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`;
}

/** Text of the file within a message, short and without what a terminal might obey. */
export const quoted = (text: string): string =>
  `"${text.slice(0, 60).replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu, '?')}${text.length > 60 ? '…' : ''}"`;

const below = (place: Place, name: string): string => (place.name === THE_POLICY ? name : `${place.name}.${name.slice(0, 80)}`);

/** What the whole document is called in messages. */
export const THE_POLICY = 'the policy';
