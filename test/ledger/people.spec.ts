import fc from 'fast-check';
import { handle } from '../../src/ledger/handle.ts';
import {
  groupOf,
  type LinkUnknown,
  MAX_LINKED,
  PEOPLE,
  type PeopleCommand,
  type PeopleFact,
  people,
} from '../../src/ledger/people/decider.ts';
import { People } from '../../src/ledger/people/people.ts';
import { MemoryStore } from './memory-store.ts';

const BY = { reference: 'A'.repeat(22), kind: 'human', role: 'case' };
const AT = '2026-03-02T09:14:07.120Z';
const LATER = '2026-04-01T08:00:00.000Z';

const linking = (id: string, references: string[], identifiersAdded = 0, at = AT): PeopleCommand => ({
  ...{ do: 'link', at, by: BY, id, sealedFields: ['reason'], identifiersAdded },
  subjects: references.map((reference) => ({ reference, sealed: `sealed ${reference}` })),
  sealed: { under: 'subjects', part: 'sealed reason' },
});
const separating = (target: string, id = `un-${target}`): PeopleCommand => ({
  ...{ do: 'separate', at: LATER, by: BY, id, target, approver: 'maria', sealedFields: ['reason'], subjects: [] },
});

/** What is known after these commands. */
function given(commands: PeopleCommand[]) {
  let links = people.initial();
  for (const command of commands) for (const fact of people.decide(command, links)) links = people.evolve(links, fact);
  return links;
}
const decided = (before: PeopleCommand[], when: PeopleCommand): PeopleFact[] => people.decide(when, given(before));

describe('the decider of people', () => {
  it('given nothing, when two are linked, then they are merged', () => {
    expect(decided([], linking('l1', ['a', 'b']))).toEqual([
      {
        type: 'SubjectsMerged',
        id: 'l1',
        time: AT,
        data: {
          actor: BY,
          subjects: [
            { reference: 'a', sealed: 'sealed a' },
            { reference: 'b', sealed: 'sealed b' },
          ],
          sealedFields: ['reason'],
        },
        sealed: { under: 'subjects', part: 'sealed reason' },
      },
    ]);
  });

  it('given a link, when the same are linked again, then nothing is recorded', () => {
    expect(decided([linking('l1', ['a', 'b'])], linking('l2', ['b', 'a']))).toEqual([]);
  });

  it('given two links in a row, when the ends are linked, then nothing is recorded: they are one already', () => {
    expect(decided([linking('l1', ['a', 'b']), linking('l2', ['b', 'c'])], linking('l3', ['a', 'c']))).toEqual([]);
  });

  it('given a link, when a new identifier comes with it, then that is recorded', () => {
    expect(decided([linking('l1', ['a', 'b'])], linking('l2', ['a', 'b'], 1))).toMatchObject([{ data: { identifiersAdded: 1 } }]);
  });

  it('given nothing, when one person gets a new identifier, then it is recorded and nobody is merged', () => {
    expect(decided([], linking('l1', ['a'], 2))).toMatchObject([{ type: 'SubjectsMerged', data: { identifiersAdded: 2 } }]);
    expect(groupOf(given([linking('l1', ['a'], 2)]), 'a')).toEqual(['a']);
  });

  it('given a link, when it is separated, then it is retracted', () => {
    expect(decided([linking('l1', ['a', 'b'])], separating('l1'))).toMatchObject([
      { type: 'RecordRetracted', time: LATER, data: { target: { source: 'urn:liggare:people', id: 'l1' }, approver: 'maria' } },
    ]);
  });

  it('given a separated link, when it is separated again, then nothing is recorded', () => {
    expect(decided([linking('l1', ['a', 'b']), separating('l1')], separating('l1', 'again'))).toEqual([]);
  });

  it('given a separated link, when the same are linked again, then they are merged anew', () => {
    expect(decided([linking('l1', ['a', 'b']), separating('l1')], linking('l2', ['a', 'b']))).toHaveLength(1);
  });

  it.each([
    ['no link', []],
    ['a link of one', [linking('l1', ['a'], 1)]],
  ])('given %s, when it is separated, then it is unknown', (_, before) => {
    expect(() => decided(before, separating('l1'))).toThrow(
      expect.objectContaining({ name: 'LinkUnknown' } satisfies Partial<LinkUnknown>),
    );
  });

  it('given as many as one person may be, when one more is linked, then it is refused', () => {
    const most = Array.from({ length: MAX_LINKED }, (_, i) => `r${i}`);
    expect(() => decided([linking('l1', most)], linking('l2', ['r0', 'one more']))).toThrow(
      expect.objectContaining({ name: 'TooManyLinked' }),
    );
  });
});

describe('groups', () => {
  it('separating removes exactly that link', () => {
    const links = given([linking('l1', ['a', 'b']), linking('l2', ['b', 'c']), linking('l3', ['c', 'd']), separating('l2')]);
    expect(groupOf(links, 'a')).toEqual(['a', 'b']);
    expect(groupOf(links, 'd')).toEqual(['c', 'd']);
  });

  it('stand as of a moment: from when they were linked, until they were separated', () => {
    const links = given([linking('l1', ['a', 'b']), separating('l1')]);
    const at = (time: string) => groupOf(links, 'a', Date.parse(time));
    expect(at('2026-03-02T09:14:07.119Z')).toEqual(['a']);
    expect(at(AT)).toEqual(['a', 'b']);
    expect(at('2026-04-01T07:59:59.999Z')).toEqual(['a', 'b']);
    expect(at(LATER)).toEqual(['a']);
    expect(groupOf(links, 'a')).toEqual(['a']);
  });

  it('are what joins their members by links that stand, whatever the history', () => {
    const reference = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f');
    const step = fc.oneof(
      fc.uniqueArray(reference, { minLength: 2, maxLength: 3 }).map((pair) => ({ pair })),
      fc.nat(20).map((nth) => ({ nth })),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 20 }), (steps) => {
        let links = people.initial();
        const model = new Map<string, string[]>();
        for (const [i, one] of steps.entries()) {
          const made = [...model.keys()];
          const target = 'nth' in one ? made[one.nth % Math.max(1, made.length)] : undefined;
          if ('nth' in one && target === undefined) continue;
          const command = 'pair' in one ? linking(`l${i}`, one.pair) : separating(target as string, `un${i}`);
          const facts = people.decide(command, links);
          for (const fact of facts) links = people.evolve(links, fact);
          if ('pair' in one && facts.length > 0) model.set(`l${i}`, one.pair);
          else if (target !== undefined) model.delete(target);
        }
        for (const one of 'abcdef') expect(groupOf(links, one)).toEqual(joined(one, [...model.values()]));
      }),
    );
  });
});

/** By spreading until nothing changes any more. */
function joined(start: string, links: readonly string[][]): string[] {
  const group = new Set([start]);
  for (let before = 0; before !== group.size; ) {
    before = group.size;
    for (const one of links) if (one.some((reference) => group.has(reference))) for (const other of one) group.add(other);
  }
  return [...group].sort();
}

describe('people', () => {
  const told = async () => {
    const store = new MemoryStore();
    const tell = (command: PeopleCommand) => handle(store, PEOPLE, people, command);
    return { store, tell, known: new People(store) };
  };

  it('are answered in the order asked for, whoever is not linked alone', async () => {
    const { tell, known } = await told();
    await tell(linking('l1', ['b', 'a']));
    expect(await known.groupOf(['b', 'x', 'a'])).toEqual([['a', 'b'], ['x'], ['a', 'b']]);
    expect(await known.merged()).toEqual([['a', 'b']]);
  });

  it('are caught up at each call, also by a call that comes while the log is being read', async () => {
    const { tell, known } = await told();
    const early = known.groupOf(['a']);
    await tell(linking('l1', ['a', 'b']));
    const late = known.groupOf(['a']);
    await early;
    expect(await late).toEqual([['a', 'b']]);
    await tell(separating('l1'));
    expect(await known.merged()).toEqual([]);
  });

  it('are told by the clock of the log', async () => {
    const { store, tell, known } = await told();
    await tell(linking('l1', ['a', 'b']));
    const recordedAt = Date.parse(store.events[0]?.recordedAt as string);
    expect(await known.groupOf(['a'], recordedAt)).toEqual([['a', 'b']]);
    expect(await known.groupOf(['a'], recordedAt - 1)).toEqual([['a']]);
    expect(await known.merged(recordedAt - 1)).toEqual([]);
  });

  it('know the links that join somebody, until these are separated', async () => {
    const { tell, known } = await told();
    await tell(linking('l1', ['a', 'b']));
    await tell(linking('l2', ['b', 'c']));
    expect((await known.linksOf('a')).map(({ id }) => id)).toEqual(['l1', 'l2']);
    await tell(separating('l2'));
    expect((await known.linksOf('a')).map(({ id }) => id)).toEqual(['l1']);
    expect(await known.link('l2')).toMatchObject({ references: ['b', 'c'], until: expect.any(Number) });
  });

  it('are not answered from memory when the log cannot be read', async () => {
    const { store, tell, known } = await told();
    await tell(linking('l1', ['a', 'b']));
    await known.groupOf(['a']);
    store.unavailable = true;
    await expect(known.groupOf(['a'])).rejects.toMatchObject({ name: 'StoreUnavailable' });
    store.unavailable = false;
    expect(await known.groupOf(['a'])).toEqual([['a', 'b']]);
  });
});
