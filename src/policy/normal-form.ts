/**
 * The normal form of a policy, and the digest that names it. Comments, the order of keys and of lists, and quotes do not count: keys are put
 * in order here; lists were when the policy was read (`setOf` in form.ts), and stand here as they are.
 */
import { hash } from 'node:crypto';
import type { Policy } from './document.ts';

/** RFC 8785 (JCS) of what a policy may hold: texts, whole numbers, truth values, lists and mappings. */
export function normalForm(policy: Policy): string {
  return written(policy);
}

/** SHA-256 of the normal form in UTF-8, in 64 hexadecimal digits. */
export function digestOf(policy: Policy): string {
  return hash('sha256', normalForm(policy), 'hex');
}

/** Names in the order of their UTF-16 code units (RFC 8785, 3.2.3); what is undefined is not there. */
function written(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(written).join(',')}]`;
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  const members = Object.entries(value).filter(([, each]) => each !== undefined);
  members.sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${members.map(([name, each]) => `${JSON.stringify(name)}:${written(each)}`).join(',')}}`;
}
