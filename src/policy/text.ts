/** A policy as somebody would write it: text that reads as the same policy again. */
import { stringify } from 'yaml';
import { compactTerm } from '../vocabulary/codes.ts';
import type { Code, DeclaredCodes } from '../vocabulary/vocabulary.ts';
import { POLICY, type Policy } from './document.ts';

/** Characters of a line, where there is a choice. */
const LINE = 120;

/** YAML, its keys in the order in which README.md tells of them. Reading it gives a policy of the same digest. */
export function policyText(policy: Policy): string {
  const names = Object.keys(POLICY.fields) as (keyof Policy)[];
  const present = names.filter((name) => policy[name] !== undefined);
  const written = Object.fromEntries(present.map((name) => [name, name === 'codes' ? codesText(policy.codes ?? {}) : policy[name]]));
  return stringify(written, { lineWidth: LINE });
}

/** A document as an object that somebody got from the ledger: in normal form codes have terms in full, which nobody writes. */
export function asWritten(document: object): object {
  const { codes } = document as { codes?: unknown };
  return isNormal(codes) ? { ...document, codes: codesText(codes) } : document;
}

function isNormal(codes: unknown): codes is DeclaredCodes {
  const isMapping = (value: unknown): value is object => typeof value === 'object' && value !== null && !Array.isArray(value);
  const isCode = (value: unknown) =>
    isMapping(value) && typeof (value as Code).label === 'string' && typeof (value as Code).exact === 'boolean';
  return isMapping(codes) && Object.values(codes).every((list) => isMapping(list) && Object.values(list).every(isCode));
}

/** Terms are written with their prefix, as in dpv:Marketing. */
function codesText(codes: DeclaredCodes): object {
  const meaning = ({ label, iri, exact }: Code) => ({ label, ...(iri !== undefined && { [exact ? 'dpv' : 'broader']: compactTerm(iri) }) });
  const list = (entries: Record<string, Code>) => Object.fromEntries(Object.entries(entries).map(([code, each]) => [code, meaning(each)]));
  return Object.fromEntries(Object.entries(codes).map(([name, entries]) => [name, list(entries)]));
}
