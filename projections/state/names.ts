/** Which names are one processor's: what was recorded under any of them was recorded of it. Pure. */
import type { Promises } from '../../src/policy/promises.ts';
import type { Key } from './keys.ts';

/** Of all versions of a policy: which one counts is for the rule to say; what it may ask of has to be at hand. */
export class ProcessorNames {
  readonly #names = new Map<string, readonly string[]>();

  constructor(policies: readonly Promises[]) {
    for (const names of policies.flatMap((each) => each.processorNames())) {
      for (const name of names) this.#names.set(name, [...new Set([...this.of(name), ...names])]);
    }
  }

  /** Every name of whoever goes by this one, itself first. */
  of(name: string): readonly string[] {
    return this.#names.get(name) ?? [name];
  }

  /** Every processor's names. */
  all(): string[] {
    return [...this.#names.keys()];
  }

  /** Keys, and those of the same processors by their other names. */
  with(keys: readonly Key[]): Key[] {
    return keys.flatMap((key) => (key.kind === 'recipient' ? this.of(key.value).map((value) => ({ kind: key.kind, value })) : key));
  }
}
