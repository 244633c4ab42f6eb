/** A policy from its text: read, checked, and everything it refers to resolved. */
import { isMap } from 'yaml';
import { readDeclaredCodes } from '../vocabulary/declared-codes.ts';
import type { DeclaredCodes, Vocabulary } from '../vocabulary/vocabulary.ts';
import { type Mistake, YamlText } from '../vocabulary/yaml-text.ts';
import { POLICY, type Policy } from './document.ts';
import { codesSchema, type JsonSchema, type Names, THE_POLICY } from './form.ts';
import { resolveReferences } from './references.ts';

/** A text that is no policy. Every mistake with its line and column. */
export class InvalidPolicy extends Error {
  override readonly name = 'InvalidPolicy';
  readonly mistakes: readonly Mistake[];
  constructor(mistakes: readonly Mistake[]) {
    super(`the policy has ${mistakes.length} mistakes`);
    this.mistakes = mistakes;
  }
}

/**
 * Reads a policy.
 *
 * What it refers to is looked at once everything is where it belongs, since references of a text that is half understood would all
 * be wrong.
 * @param names what it may name: the vocabulary without, or with, the codes that it declares itself
 * @throws InvalidPolicy
 */
export function parsePolicy(text: string, names: Names): Policy {
  const yaml = new YamlText(text);
  if (!yaml.isWrong && !isMap(yaml.root)) yaml.mistake(yaml.root, `${THE_POLICY} is a mapping; it begins with format: 1`);
  stopIfWrong(yaml);
  const declared = { purposes: {}, dataCategories: {}, subjectCategories: {}, channels: {} };
  const codes = isMap(yaml.root) ? yaml.root.items.find(({ key }) => yaml.textOf(key as never, 'a key') === 'codes') : undefined;
  if (codes !== undefined) readDeclaredCodes(codes.value as never, yaml, declared);
  const vocabulary = withDeclared(names.vocabulary, declared);
  const policy = POLICY.read(yaml.root, { name: THE_POLICY, at: 0 }, { ...names, vocabulary, yaml, declared });
  stopIfWrong(yaml);
  resolveReferences(policy as Policy, yaml, vocabulary);
  stopIfWrong(yaml);
  return policy as Policy;
}

/** For a service whose vocabulary has them already, because its folder of policies holds this one. */
function withDeclared(vocabulary: Vocabulary, declared: Required<DeclaredCodes>): Vocabulary {
  const lists = { purposes: 'purpose', dataCategories: 'dataCategory', subjectCategories: 'subjectCategory', channels: 'channel' } as const;
  const isNew = (name: keyof DeclaredCodes) =>
    Object.fromEntries(Object.entries(declared[name]).filter(([code]) => !vocabulary.has(lists[name], code)));
  return vocabulary.with({
    purposes: isNew('purposes'),
    dataCategories: isNew('dataCategories'),
    subjectCategories: isNew('subjectCategories'),
    channels: isNew('channels'),
  });
}

function stopIfWrong(yaml: YamlText): void {
  if (yaml.isWrong) throw new InvalidPolicy(yaml.mistakes);
}

/** JSON Schema 2020-12 of a policy, by which editors complete and check while it is written. Codes that it declares itself pass. */
export function policySchema(names: Names): JsonSchema {
  const lists = ['purpose', 'legalBasis', 'dataCategory', 'subjectCategory', 'origin', 'channel', 'right'] as const;
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'Policy of a controller',
    description: 'What a controller promises, in the format that Liggare reads (src/policy/README.md).',
    ...POLICY.schema(names),
    $defs: Object.fromEntries(lists.map((list) => [list, codesSchema(list, names)])),
  };
}
