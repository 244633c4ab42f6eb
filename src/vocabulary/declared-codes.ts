import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isMap, isScalar, type Node } from 'yaml';
import { CODES, type Code, expandTerm, FORBIDDEN_PURPOSES } from './codes.ts';
import { DECLARABLE, type DeclaredCodes } from './vocabulary.ts';
import { type Entry, YamlText } from './yaml-text.ts';

/** How a declared code is written: it stands in clear in every record that uses it. */
const CODE = /^[a-z0-9-]{1,40}$/;
const LABEL_LIMIT = 200;
/** More would be no vocabulary, and each is held in memory. */
const CODES_PER_LIST = 1_000;

/** A policy file whose `codes:` cannot be used. The message names file, line and column, and what is expected. */
export class DeclaredCodesError extends Error {
  override readonly name = 'DeclaredCodesError';
}

/**
 * A controller's own codes: what stands under `codes:` in the `*.yaml` and `*.yml` files of a folder of policies, all
 * files together. Each code may have a `label`, and either `dpv` (the term that means the same) or `broader` (the
 * nearest broader one), written with a prefix: `dpv:Marketing`.
 *
 * @throws DeclaredCodesError with file, line and column of the first thing that is wrong
 */
export function loadDeclaredCodes(folder: string): DeclaredCodes {
  const declared = { purposes: {}, dataCategories: {}, subjectCategories: {}, channels: {} };
  for (const file of policyFiles(folder)) readFile(join(folder, file), declared);
  return declared;
}

function policyFiles(folder: string): string[] {
  try {
    return readdirSync(folder)
      .filter((name) => /\.ya?ml$/.test(name))
      .sort();
  } catch (error) {
    throw new DeclaredCodesError(`${folder} cannot be read as a folder of policies (${(error as { code: string }).code})`);
  }
}

function readFile(file: string, declared: Required<DeclaredCodes>): void {
  const yaml = new YamlText(readFileSync(file, 'utf8'));
  if (yaml.root !== null && !isMap(yaml.root)) yaml.mistake(yaml.root, 'a policy must be a mapping');
  const codes = isMap(yaml.root) ? yaml.root.get('codes', true) : undefined;
  if (codes !== undefined) readDeclaredCodes(codes as Node | null, yaml, declared);
  const [first] = yaml.mistakes;
  if (first !== undefined) throw new DeclaredCodesError(`${file}:${first.line}:${first.column} ${first.message}`);
}

/**
 * Adds what stands under `codes:` to what is declared already. What cannot be used is left out, and noted as a mistake of the text.
 * @param codes the value of `codes`
 */
export function readDeclaredCodes(codes: Node | null, yaml: YamlText, declared: Required<DeclaredCodes>): void {
  for (const { key, value, at } of yaml.entriesOf(codes, `codes must be a mapping of ${LISTS}: it`)) {
    if (!Object.hasOwn(DECLARABLE, key)) yaml.mistake(at, `codes may hold ${LISTS}`);
    else readCodes(key as keyof DeclaredCodes, yaml.entriesOf(value, `codes.${key}, from a code to its meaning,`, at), yaml, declared);
  }
}

const MEANING_SCHEMA = {
  type: ['object', 'null'],
  additionalProperties: false,
  not: { required: ['dpv', 'broader'] },
  properties: {
    label: { type: 'string', minLength: 1, maxLength: LABEL_LIMIT, description: 'What it means, in words.' },
    dpv: {
      type: 'string',
      pattern: '^[a-z-]+:[A-Za-z0-9-]+$',
      description: 'The term of DPV 2.3 that means the same, as in dpv:Marketing.',
    },
    broader: { type: 'string', pattern: '^[a-z-]+:[A-Za-z0-9-]+$', description: 'The nearest term of DPV 2.3 that means more.' },
  },
};

/** What `readDeclaredCodes` reads, for editors. */
export const DECLARED_CODES_SCHEMA: Record<string, unknown> = {
  type: 'object',
  additionalProperties: false,
  properties: Object.fromEntries(
    Object.entries(DECLARABLE).map(([name, list]) => [
      name,
      {
        type: 'object',
        maxProperties: CODES_PER_LIST,
        propertyNames: { pattern: CODE.source, not: { enum: Object.keys(CODES[list]) } },
        additionalProperties: MEANING_SCHEMA,
      },
    ]),
  ),
};

const LISTS = Object.keys(DECLARABLE).join(', ');

function readCodes(name: keyof DeclaredCodes, codes: Entry[], yaml: YamlText, declared: Required<DeclaredCodes>): void {
  for (const { key: code, value, at } of codes) {
    const where = `codes.${name}.${code}`;
    const problem = problemOf(name, code, declared);
    if (problem !== undefined) yaml.mistake(at, problem);
    else declared[name][code] = readMeaning(where, code, value, yaml);
  }
}

function problemOf(name: keyof DeclaredCodes, code: string, declared: Required<DeclaredCodes>): string | undefined {
  if (!CODE.test(code)) return `a code under codes.${name} must be 1 to 40 of a-z, 0-9 and -`;
  if (Object.hasOwn(CODES[DECLARABLE[name]], code)) return `codes.${name}.${code} is built in`;
  if (Object.hasOwn(declared[name], code)) return `codes.${name}.${code} is declared twice`;
  const isFull = Object.keys(declared[name]).length >= CODES_PER_LIST;
  return isFull ? `codes.${name} may hold at most ${CODES_PER_LIST} codes` : undefined;
}

function readMeaning(where: string, code: string, value: Node | null, yaml: YamlText): Code {
  const meaning: Code = { label: code, exact: false };
  if (value === null || (isScalar(value) && value.value === null)) return meaning;
  for (const { key, value: part, at } of yaml.entriesOf(value, `${where}, of label, dpv, broader, or nothing,`)) {
    const text = isScalar(part) && typeof part.value === 'string' ? part.value : '';
    if (key !== 'label' && key !== 'dpv' && key !== 'broader') yaml.mistake(at, `${where} may hold label, dpv and broader`);
    else if (text === '' || text.length > LABEL_LIMIT) {
      yaml.mistake(part ?? at, `${where}.${key} must be a text of 1 to ${LABEL_LIMIT} characters`);
    } else if (key === 'label') meaning.label = text;
    else readTerm(meaning, key === 'dpv', text, `${where}.${key}`, part, yaml);
  }
  return meaning;
}

function readTerm(meaning: Code, exact: boolean, term: string, where: string, node: Node | null, yaml: YamlText): void {
  const iri = expandTerm(term);
  if (iri === undefined) yaml.mistake(node, `${where} must be a term with a known prefix, such as dpv:Marketing`);
  else if (FORBIDDEN_PURPOSES.includes(iri)) yaml.mistake(node, `${where} is a purpose that no policy may have`);
  else if (meaning.iri !== undefined) yaml.mistake(node, `${where}: name either dpv or broader`);
  else Object.assign(meaning, { iri, exact });
}
