import { createHash } from 'node:crypto';
import type { KeyVault } from '../../src/privacy/key-vault.ts';

/** People in memory: references, and who they are. */
export class MemoryVault {
  private readonly people = new Map<string, { scheme: string; value: string }>();
  private readonly gone = new Set<string>();
  private generation = 0;

  async resolve(people: { scheme: string; value: string }[]): Promise<{ reference: string }[]> {
    return people.map(({ scheme, value }) => {
      const known = [...this.people].find(([, person]) => person.scheme === scheme && person.value === value)?.[0];
      const reference = known ?? this.newReference(scheme, value);
      this.people.set(reference, { scheme, value });
      return { reference };
    });
  }

  private newReference(scheme: string, value: string): string {
    const seed = `${this.generation++} ${scheme} ${value}`;
    return createHash('sha256').update(seed).digest().subarray(0, 16).toString('base64url');
  }

  async identifiers(references: readonly string[]): Promise<Map<string, { scheme: string; value: string }[]>> {
    return new Map(
      references.flatMap((reference) => {
        const person = this.people.get(reference);
        return person ? [[reference, [person]] as const] : [];
      }),
    );
  }

  /** Forgets who somebody is. @returns the reference that is worth nothing now. */
  erase(value: string): string {
    const found = [...this.people].find(([, person]) => person.value === value)?.[0];
    if (!found) throw new Error('nobody of this name');
    this.people.delete(found);
    this.gone.add(found);
    return found;
  }

  /** Forgets everybody, whom nobody erased: an older copy stands in its place. */
  lose(): void {
    this.people.clear();
  }

  async erased(references: readonly string[]): Promise<Set<string>> {
    return new Set(references.filter((reference) => this.gone.has(reference)));
  }

  asVault(): KeyVault {
    return this as unknown as KeyVault;
  }
}
