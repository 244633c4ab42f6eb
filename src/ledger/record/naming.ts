import type { Identifier } from '../../privacy/key-vault.ts';
import { isPersonalIdentityNumber, normaliseIdentifier } from '../../vocabulary/identifiers.ts';
import { eventTypes } from '../events.ts';
import { ACTOR_FATES, fieldsOf, SUBJECT_FATES } from './catalogue.ts';
import { isObject } from './rules.ts';

/** Shorter ones are words and numbers that stand in any text. */
const FOUND_IN_TEXT = 4;

/** Whatever may be a personal identity number, with or without its century. */
const NUMBERS = /(?<!\d)(?:\d{2})?(\d{6})[-+ \u2010-\u2013]?(\d{4})(?!\d)/g;

/**
 * Whether what somebody sent names one of these people. It broke the schema, so an identifier may stand anywhere in it: an e-mail
 * address or a personal identity number is looked for everywhere, names of members included; any other identifier, which may be a
 * word or number like others, where no code of the ledger's stands, as a whole or as a word of a text.
 * @param people identifiers in normalised form
 */
export function namesOneOf(event: unknown, people: readonly Identifier[]): boolean {
  const at = isObject(event) && typeof event['time'] === 'string' ? event['time'] : undefined;
  const matches = people.map((identifier) => matcherOf(identifier, at));
  const telling = matches.filter(({ isTelling }) => isTelling).map(({ test }) => test);
  const all = matches.map(({ test }) => test);
  const named = (value: unknown, tests: readonly Test[], depth: number): boolean => {
    if (typeof value === 'string') return tests.some((test) => test(value));
    if (typeof value === 'number') return tests.some((test) => test(String(value)));
    if (Array.isArray(value)) return value.some((item) => named(item, tests, depth));
    if (!isObject(value)) return false;
    return Object.entries(value).some(([name, member]) => {
      const isCode = depth === 0 ? name !== 'data' && ENVELOPE.has(name) : codeNames().has(name);
      return telling.some((test) => test(name)) || named(member, isCode ? telling : tests, depth + 1);
    });
  };
  return named(event, all, 0);
}

type Test = (text: string) => boolean;

function matcherOf({ scheme, value }: Identifier, at: string | undefined): { isTelling: boolean; test: Test } {
  const isWhole: Test = (text) => normaliseIdentifier(scheme, text, at) === value;
  if (isPersonalIdentityNumber(value)) {
    const last = value.slice(-10);
    return {
      isTelling: true,
      test: (text) => text.length >= last.length && [...text.matchAll(NUMBERS)].some(([, date, four]) => `${date}${four}` === last),
    };
  }
  const isTelling = value.includes('@');
  if (value.length < FOUND_IN_TEXT) return { isTelling, test: isWhole };
  const sought = value.toLowerCase();
  return {
    isTelling,
    test: (text) => text.length >= value.length && (hasWord(text.normalize('NFC').toLowerCase(), sought) || isWhole(text)),
  };
}

/** Whether it stands in the text and touches no further letter or digit. */
function hasWord(text: string, word: string): boolean {
  for (let at = text.indexOf(word); at >= 0; at = text.indexOf(word, at + 1)) {
    if (!isPartOfWord(text[at - 1]) && !isPartOfWord(text[at + word.length])) return true;
  }
  return false;
}

const isPartOfWord = (character: string | undefined): boolean => character !== undefined && /[\p{L}\p{N}]/u.test(character);

/** Attributes of the envelope, which describe the record and nobody. */
const ENVELOPE: ReadonlySet<string> = new Set([
  ...['specversion', 'source', 'id', 'type', 'time', 'datacontenttype', 'dataschema', 'sequence', 'traceparent', 'tracestate'],
]);

let codes: ReadonlySet<string> | undefined;

/** Members that hold codes, systems and organisations wherever the catalogue knows them. */
function codeNames(): ReadonlySet<string> {
  if (codes) return codes;
  const fates = [ACTOR_FATES, SUBJECT_FATES, ...eventTypes().flatMap(({ type, version }) => everyVersion(type, version))];
  const people = new Set(fates.flatMap(({ of }) => [...of].flatMap(([name, fate]) => (fate === 'clear' ? [] : [name]))));
  codes = new Set(fates.flatMap(({ clear }) => [...clear]).filter((name) => !people.has(name)));
  return codes;
}

const everyVersion = (type: string, latest: number) => Array.from({ length: latest }, (_, i) => fieldsOf(type, i + 1));
