import type { KeyObject } from 'node:crypto';
import fc from 'fast-check';
import type { KeyVault, PersonIdentifiers } from '../../src/privacy/key-vault.ts';
import { randomKey } from '../../src/privacy/seal.ts';
import { VaultFolder } from './vault.ts';

/** Who is who and who was erased, in as few words as possible. */
class Model {
  readonly names = new Map<string, number>();
  readonly erased = new Set<number>();
  people = 0;

  /** Found by the first known identifier; every unknown one is then theirs. */
  resolve({ scheme, value, also = [] }: PersonIdentifiers): number {
    const names = [{ scheme, value }, ...also].map((one) => `${one.scheme}:${one.value}`);
    const known = names.find((name) => this.names.has(name));
    const number = known === undefined ? this.people++ : (this.names.get(known) as number);
    for (const name of names) if (!this.names.has(name)) this.names.set(name, number);
    return number;
  }

  erase(number: number): void {
    this.erased.add(number);
    for (const [name, of] of this.names) if (of === number) this.names.delete(name);
  }
}

/** Two vaults on one file, as two processes, and what was learnt from them. */
class Subject {
  readonly folder = new VaultFolder();
  vaults: KeyVault[] = [];
  readonly references: string[] = [];
  readonly keys: KeyObject[] = [];

  async start(): Promise<void> {
    for (const vault of this.vaults) await this.folder.close(vault);
    this.vaults = [await this.folder.open(), await this.folder.open()];
  }

  /** As at the beginning of a request. */
  async at(index: number): Promise<KeyVault> {
    const vault = this.vaults[index] as KeyVault;
    await vault.epoch();
    return vault;
  }

  async rotate(): Promise<void> {
    const next = randomKey();
    await (this.vaults[0] as KeyVault).rotateMaster(next);
    this.folder.master = next;
    await this.start();
  }

  /** What can be found and opened is exactly what the model says, in both. */
  async check(model: Model): Promise<void> {
    for (const index of [0, 1]) {
      const vault = await this.at(index);
      const names = [...model.names].map(([name, number]) => [name.split(':'), number] as const);
      const found = await vault.resolve(
        names.map(([[scheme, value]]) => ({ scheme, value }) as PersonIdentifiers),
        { create: false },
      );
      expect(found.map((person) => person?.reference)).toEqual(names.map(([, number]) => this.references[number]));
      const open = await vault.keys(this.references);
      this.references.forEach((reference, number) => {
        expect(open.get(reference)?.equals(this.keys[number] as KeyObject)).toBe(model.erased.has(number) ? undefined : true);
      });
      expect(await vault.erased(this.references)).toEqual(new Set([...model.erased].map((number) => this.references[number])));
    }
  }
}

const identifier = fc.record({ scheme: fc.constantFrom('a', 'b'), value: fc.constantFrom('0', '1', '2', '3') });
const person = fc.record({
  scheme: fc.constantFrom('a', 'b'),
  value: fc.constantFrom('0', '1', '2', '3'),
  also: fc.array(identifier, { maxLength: 2 }),
});
const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant('record' as const), at: fc.nat(1), people: fc.array(person, { minLength: 1, maxLength: 5 }) }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('erase' as const), at: fc.nat(1), who: fc.array(fc.nat(20), { minLength: 1, maxLength: 3 }) }),
  },
  { weight: 1, arbitrary: fc.constant({ do: 'restart' as const }) },
  { weight: 1, arbitrary: fc.constant({ do: 'rotate' as const }) },
);

it('after any history of records, erasures, restarts and rotations, in two processes, exactly those are known who were not erased', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 7 }), async (history) => {
      const [model, subject] = [new Model(), new Subject()];
      try {
        await subject.start();
        for (const one of history) {
          if (one.do === 'restart') await subject.start();
          else if (one.do === 'rotate') await subject.rotate();
          else if (one.do === 'record') {
            const expected = one.people.map((people) => model.resolve(people));
            const answers = await (await subject.at(one.at)).resolve(one.people, { create: true });
            expected.forEach((number, index) => {
              subject.references[number] ??= answers[index]?.reference as string;
              subject.keys[number] ??= answers[index]?.key as KeyObject;
              expect(answers[index]?.reference).toBe(subject.references[number]);
            });
            expect(new Set(subject.references).size).toBe(model.people);
          } else if (model.people > 0) {
            const who = one.who.map((number) => number % model.people);
            for (const number of who) model.erase(number);
            const erasure = await (await subject.at(one.at)).erase(
              who.map((number) => subject.references[number] as string),
              '2026-03-02T00:00:00.000Z',
            );
            expect(erasure).toMatchObject({ keys: who.length, overwritten: true });
          }
        }
        await subject.check(model);
      } finally {
        await subject.folder.clear();
      }
    }),
    { numRuns: 10 },
  );
}, 300_000);
