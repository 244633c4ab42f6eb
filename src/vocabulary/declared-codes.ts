import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isMap, isScalar, LineCounter, type Node, type Pair, parseDocument, type YAMLMap } from 'yaml';
import { CODES, type Code, expandTerm, FORBIDDEN_PURPOSES } from './codes.ts';
import { DECLARABLE, type DeclaredCodes } from './vocabulary.ts';

/** How a declared code is written: it stands in clear in every record that uses it. */
const CODE = /^[a-z0-9-]{1,40}$/;
const LABEL_LIMIT = 200;
/** More would be no vocabulary, and each is held in memory. */
const CODES_PER_LIST = 1_000;

/** A policy file whose `codes:` cannot be used. The message names file, line and column, and what is expected. */
export class DeclaredCodesError extends Error {
  override readonly name = 'DeclaredCodesError';
}

type Refuse = (node: unknown, what: string) => never;
type Entry = Pair<Node, Node | null>;

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
  const lines = new LineCounter();
  const document = parseDocument(readFileSync(file, 'utf8'), { lineCounter: lines, uniqueKeys: true });
  const refuse: Refuse = (node, what) => {
    const { line, col } = lines.linePos((node as Node | undefined)?.range?.[0] ?? 0);
    throw new DeclaredCodesError(`${file}:${line}:${col} ${what}`);
  };
  const [broken] = document.errors;
  if (broken !== undefined) {
    const at = broken.linePos?.[0] ?? { line: 1, col: 1 };
    throw new DeclaredCodesError(`${file}:${at.line}:${at.col} is not YAML (${broken.code})`);
  }
  if (document.contents === null) return;
  if (!isMap(document.contents)) refuse(document.contents, 'a policy must be a mapping');
  const codes = document.contents.get('codes', true);
  if (codes !== undefined) readLists(codes, declared, refuse);
}

function readLists(codes: unknown, declared: Required<DeclaredCodes>, refuse: Refuse): void {
  if (!isMap(codes)) refuse(codes, `codes must be a mapping of ${Object.keys(DECLARABLE).join(', ')}`);
  for (const { key, value } of codes.items as Entry[]) {
    const name = textOf(key);
    if (name === undefined || !Object.hasOwn(DECLARABLE, name)) {
      refuse(key, `codes may hold ${Object.keys(DECLARABLE).join(', ')}`);
    }
    if (!isMap(value)) refuse(value ?? key, `codes.${name} must be a mapping from a code to its meaning`);
    readCodes(name as keyof DeclaredCodes, value as YAMLMap<Node, Node | null>, declared, refuse);
  }
}

function readCodes(name: keyof DeclaredCodes, codes: YAMLMap<Node, Node | null>, declared: Required<DeclaredCodes>, refuse: Refuse): void {
  for (const { key, value } of codes.items as Entry[]) {
    const code = textOf(key);
    if (code === undefined || !CODE.test(code)) {
      refuse(key, `a code under codes.${name} must be 1 to 40 of a-z, 0-9 and -`);
    }
    if (Object.hasOwn(CODES[DECLARABLE[name]], code)) refuse(key, `codes.${name}.${code} is built in`);
    if (Object.hasOwn(declared[name], code)) refuse(key, `codes.${name}.${code} is declared twice`);
    if (Object.keys(declared[name]).length >= CODES_PER_LIST) {
      refuse(key, `codes.${name} may hold at most ${CODES_PER_LIST} codes`);
    }
    declared[name][code] = readMeaning(`codes.${name}.${code}`, code, value, refuse);
  }
}

function readMeaning(where: string, code: string, value: Node | null, refuse: Refuse): Code {
  const meaning: Code = { label: code, exact: false };
  if (value === null || (isScalar(value) && value.value === null)) return meaning;
  if (!isMap(value)) refuse(value, `${where} must be a mapping of label, dpv, broader, or nothing`);
  for (const { key, value: part } of value.items as Entry[]) {
    const name = textOf(key);
    const text = textOf(part);
    if (name !== 'label' && name !== 'dpv' && name !== 'broader') {
      refuse(key, `${where} may hold label, dpv and broader`);
    }
    if (text === undefined || text === '' || text.length > LABEL_LIMIT) {
      refuse(part ?? key, `${where}.${name} must be a text of 1 to ${LABEL_LIMIT} characters`);
    }
    if (name === 'label') meaning.label = text;
    else readTerm(meaning, name === 'dpv', text, `${where}.${name}`, part, refuse);
  }
  return meaning;
}

function readTerm(meaning: Code, exact: boolean, term: string, where: string, node: unknown, refuse: Refuse): void {
  const iri = expandTerm(term);
  if (iri === undefined) refuse(node, `${where} must be a term with a known prefix, such as dpv:Marketing`);
  if (FORBIDDEN_PURPOSES.includes(iri)) refuse(node, `${where} is a purpose that no policy may have`);
  if (meaning.iri !== undefined) refuse(node, `${where}: name either dpv or broader`);
  meaning.iri = iri;
  meaning.exact = exact;
}

function textOf(node: unknown): string | undefined {
  return isScalar(node) && typeof node.value === 'string' ? node.value : undefined;
}
