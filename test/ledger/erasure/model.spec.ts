import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { ErasuresFile } from '../../../src/erasures-file.ts';
import { referencesAfter } from '../../../src/key-sweep.ts';
import { ApiKeys } from '../../../src/ledger/api-key/api-keys.ts';
import { EraseSubject, EraseSubjectHandler } from '../../../src/ledger/erasure/erase-subject.ts';
import type { ErasureViews } from '../../../src/ledger/erasure/parts.ts';
import { replayErasures } from '../../../src/ledger/erasure/replay.ts';
import { UnfinishedErasures } from '../../../src/ledger/erasure/unfinished.ts';
import { LinkSubjects, LinkSubjectsHandler } from '../../../src/ledger/people/commands.ts';
import { People } from '../../../src/ledger/people/people.ts';
import { QuarantineLook } from '../../../src/ledger/record/quarantine-look.ts';
import { keysFor, openEntry } from '../../../src/ledger/sealing.ts';
import { LedgerSettings } from '../../../src/ledger/settings.ts';
import { CASE_DESK } from '../../support/erasing.ts';
import { disclosure, NOW, openWriteSide } from '../../support/write-side.ts';

const PEOPLE = 4;
const identifierOf = (person: number) => ({ scheme: 'customer-number', value: `1000${person}` });

/** What may happen to a ledger. */
type Step =
  | { do: 'record'; people: number[] }
  | { do: 'erase'; person: number }
  | { do: 'link'; people: [number, number] }
  /** Stopped and started; meanwhile somebody keeps a copy of keys and log, or puts one of them back. `erasures.log` is left alone. */
  | { do: 'restart'; meanwhile: (typeof MEANWHILE)[number] };

const MEANWHILE = ['nothing', 'copy', 'restore keys', 'restore log'] as const;

const person = fc.nat(PEOPLE - 1);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('record' as const), people: fc.uniqueArray(person, { minLength: 1, maxLength: 3 }) }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('erase' as const), person }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('link' as const), people: fc.tuple(person, person) }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('restart' as const), meanwhile: fc.constantFrom(...MEANWHILE) }),
  },
);

/** Everything there is to know: who is who now, whose key lives, who is one person. Somebody who comes back is somebody new. */
class Model {
  private next = 0;
  current = new Map<number, number>();
  readonly living = new Set<number>();
  readonly erased = new Set<number>();
  links: [number, number][] = [];
  events: number[][] = [];
  /** Seen in the log by a start: their keys stay, whatever becomes of the log. */
  private confirmed = new Set<number>();
  private copy = { current: new Map<number, number>(), links: 0, events: 0 };

  record(people: readonly number[]): void {
    this.events.push(people.map((one) => this.current.get(one) ?? this.admit(one)));
  }

  private admit(one: number): number {
    const someone = this.next++;
    this.current.set(one, someone);
    this.living.add(someone);
    return someone;
  }

  erase(one: number): void {
    const group = new Set([this.current.get(one) as number]);
    for (const member of group) {
      for (const link of this.links) if (link.includes(member)) for (const other of link) group.add(other);
    }
    for (const someone of group) {
      this.living.delete(someone);
      this.erased.add(someone);
    }
    for (const [known, someone] of this.current) if (group.has(someone)) this.current.delete(known);
  }

  keep(): void {
    this.copy = { current: new Map(this.current), links: this.links.length, events: this.events.length };
  }

  started(): void {
    this.confirmed = new Set(this.current.values());
  }

  /** What was recorded since is gone, links too. Whoever was erased since stays erased; whose keys no start has seen used, loses them. */
  restoreLog(): void {
    this.links = this.links.slice(0, this.copy.links);
    this.events = this.events.slice(0, this.copy.events);
    for (const [known, someone] of this.current) {
      if (this.confirmed.has(someone)) continue;
      this.current.delete(known);
      this.living.delete(someone);
    }
  }

  /** Whoever came since is lost; whoever was erased since stays erased. */
  restoreKeys(): void {
    const kept = [...this.copy.current].filter(([, someone]) => !this.erased.has(someone));
    this.current = new Map(kept);
    const living = new Set(kept.map(([, someone]) => someone));
    for (const someone of this.living) if (!living.has(someone)) this.living.delete(someone);
    for (const someone of living) this.living.add(someone);
  }

  /** For each event: which of its people can be told, and whether what is said of all of them can be read. */
  readable(): { subjects: boolean[]; event: boolean }[] {
    return this.events.map((people) => {
      const subjects = people.map((someone) => this.living.has(someone));
      return { subjects, event: subjects.every(Boolean) };
    });
  }
}

const record = (...people: number[]): Step => ({ do: 'record', people });
const erase = (one: number): Step => ({ do: 'erase', person: one });
const restart = (meanwhile: (typeof MEANWHILE)[number]): Step => ({ do: 'restart', meanwhile });
const LINK: Step = { do: 'link', people: [0, 1] };
/** What chance seldom puts together. */
const EXAMPLES: Step[][] = [
  [record(0, 2), restart('copy'), erase(0), restart('restore log'), record(0), restart('restore keys')],
  [record(0, 1), LINK, restart('copy'), erase(0), record(1), restart('restore log'), restart('restore keys'), record(0, 1)],
  [record(0, 1), restart('copy'), LINK, restart('restore log'), erase(0), restart('restore log'), LINK, restart('restore log')],
];

const nothing = { holdsOn: async () => [], remainingOf: async () => ({ byType: [], complete: true }), progress: () => [] } as ErasureViews;

/** Write side and erasure on a folder, as a start of the service opens them. */
async function open(folder: string) {
  const ledger = await openWriteSide(folder);
  const { store, vault } = ledger;
  const quarantine = new QuarantineLook(store, vault, async () => ({ items: [], seenTo: 0 }));
  const reach = { store, vault, fence: store, file: ErasuresFile.open(folder, undefined), keys: new ApiKeys(store, vault), quarantine };
  await replayErasures(reach, NOW);
  await vault.startupSweep(await store.head(), (position) => referencesAfter(store, position));
  const people = new People(store);
  const settings = new LedgerSettings({ controller: 'mailit', unboundDays: 365_000, quarantineDays: 365_000, caseDays: 1095 });
  const erasing = new EraseSubjectHandler(
    reach,
    nothing,
    people,
    settings,
    { execute: async () => ({}) } as never,
    new UnfinishedErasures(reach, nothing),
  );
  const linking = new LinkSubjectsHandler(store, vault, people);
  return {
    ...ledger,
    erase: (one: number) =>
      erasing.execute(new EraseSubject({ subject: identifierOf(one), ground: '17(1)(a)', reason: 'x', author: CASE_DESK, now: NOW })),
    link: (one: number, other: number) =>
      linking.execute(new LinkSubjects([identifierOf(one), identifierOf(other)], 'Both theirs.', CASE_DESK, NOW)),
    close: async () => {
      await store.close();
      await vault.close();
    },
  };
}

type Ledger = Awaited<ReturnType<typeof open>>;

async function take(one: Step, ledger: Ledger, model: Model, folder: string): Promise<Ledger> {
  if (one.do === 'record') {
    const id = String(model.events.length);
    model.record(one.people);
    const subjects = one.people.map((each) => ({ ...identifierOf(each), before: { of: each } }));
    expect(await ledger.record([disclosure(id, { data: { subjects, note: id } })])).toMatchObject({ recorded: 1 });
  } else if (one.do === 'erase') {
    if (model.current.has(one.person)) {
      await ledger.erase(one.person);
      model.erase(one.person);
    } else await expect(ledger.erase(one.person)).rejects.toMatchObject({ name: 'UnknownSubject' });
  } else if (one.do === 'link') {
    const [a, b] = one.people.map((each) => model.current.get(each));
    if (a === undefined || b === undefined || a === b) return ledger;
    await ledger.link(...one.people);
    model.links.push([a, b]);
  } else {
    await ledger.close();
    const inFolder = (name: string) => join(folder, name);
    if (one.meanwhile === 'copy') {
      for (const name of ['keys.db', 'ledger.db']) copyFileSync(inFolder(name), inFolder(`copy-of-${name}`));
      model.keep();
    } else if (one.meanwhile === 'restore keys') {
      copyFileSync(inFolder('copy-of-keys.db'), inFolder('keys.db'));
      model.restoreKeys();
    } else if (one.meanwhile === 'restore log') {
      copyFileSync(inFolder('copy-of-ledger.db'), inFolder('ledger.db'));
      rmSync(inFolder('ledger.idx'), { force: true });
      model.restoreLog();
    }
    model.started();
    return open(folder);
  }
  return ledger;
}

async function readable({ entries, vault }: Ledger): Promise<{ subjects: boolean[]; event: boolean }[]> {
  const recorded = (await entries()).map(({ entry }) => entry).filter(({ source }) => source === 'urn:mailit:billing');
  const keys = await keysFor(recorded, vault);
  return recorded.map((entry) => {
    const { subjects, event } = openEntry(entry, keys);
    return { subjects: subjects.map((one) => one !== undefined), event: event?.values['note'] === entry.id };
  });
}

it('opens exactly what a small model says, whatever happened before', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 10 }), async (steps) => {
      const folder = mkdtempSync(join(tmpdir(), 'liggare-model-'));
      let ledger = await open(folder);
      const model = new Model();
      try {
        // A copy from before anybody came.
        ledger = await take({ do: 'restart', meanwhile: 'copy' }, ledger, model, folder);
        for (const one of steps) {
          ledger = await take(one, ledger, model, folder);
          expect(await readable(ledger)).toEqual(model.readable());
          for (let each = 0; each < PEOPLE; each++) {
            const [found] = await ledger.vault.resolve([identifierOf(each)], { create: false });
            expect([each, found !== undefined]).toEqual([each, model.current.has(each)]);
          }
        }
      } finally {
        await ledger.close();
        rmSync(folder, { recursive: true, force: true });
      }
    }),
    { numRuns: 12, examples: EXAMPLES.map((steps) => [steps]) },
  );
}, 240_000);
