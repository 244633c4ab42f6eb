import type { RecordedEvent } from '../src/eventstore/event-store.ts';
import { confirmWhile, referencesAfter } from '../src/key-sweep.ts';
import type { KeyVault, UsedReferences } from '../src/privacy/key-vault.ts';
import { MemoryStore } from './ledger/memory-store.ts';

/** A reference that tells its position. */
const referenceAt = (position: number): string => `${position}`.padStart(22, 'r');

const entryOf = (data: object): string => JSON.stringify({ version: 1, data: { actor: { kind: 'service' }, ...data } });

/** A log of `count` events, each of which names one person. */
class Log extends MemoryStore {
  readonly pages: { limit: number; maxBytes: number | undefined }[] = [];

  constructor(count: number) {
    super();
    for (let position = 1; position <= count; position++) {
      const data = entryOf({ subjects: [{ reference: referenceAt(position) }] });
      const place = { position, stream: 'processing-urn:a', revision: position - 1, id: String(position) };
      this.events.push({ ...place, type: 'PersonalDataUsed', data, metadata: '{}', recordedAt: '2026-03-02T09:14:07.120Z' });
    }
  }

  override async readAll(position: number, limit: number, maxBytes?: number): Promise<RecordedEvent[]> {
    this.pages.push({ limit, maxBytes });
    return super.readAll(position, limit);
  }
}

/** Remembers what was confirmed. */
class Confirmed {
  readonly references: string[] = [];
  constructor(public position = 0) {}

  async sweptPosition(): Promise<number> {
    return this.position;
  }

  async confirm({ position, references }: UsedReferences): Promise<void> {
    this.references.push(...references);
    this.position = position;
  }

  asVault(): KeyVault {
    return this as unknown as KeyVault;
  }
}

const always = () => true;
const upTo = (count: number, from = 1) => Array.from({ length: count - from + 1 }, (_, i) => referenceAt(from + i));

describe('While the ledger is at rest', () => {
  it('every reference that the log uses since the last sweep is confirmed, in order', async () => {
    const vault = new Confirmed(40);
    await confirmWhile(always, new Log(950), vault.asVault());
    expect(vault).toMatchObject({ position: 950, references: upTo(950, 41) });
  });

  it('pages are small in events and in bytes', async () => {
    const log = new Log(950);
    await confirmWhile(always, log, new Confirmed().asVault());
    for (const { limit, maxBytes } of log.pages) expect([limit <= 100, (maxBytes as number) <= 256 * 1024]).toEqual([true, true]);
  });

  it('others get a turn after every page', async () => {
    let turns = 0;
    const turn = () => {
      turns += 1;
      immediate = setImmediate(turn);
    };
    let immediate = setImmediate(turn);
    const log = new Log(950);
    await confirmWhile(always, log, new Confirmed().asVault());
    clearImmediate(immediate);
    expect(turns).toBeGreaterThanOrEqual(log.pages.length - 1);
  });

  it('nothing is read once it is busy, and what is left is done the next time', async () => {
    const vault = new Confirmed();
    const log = new Log(950);
    let asked = 0;
    await confirmWhile(() => ++asked <= 3, log, vault.asVault());
    expect(log.pages).toHaveLength(3);
    expect(vault.position).toBeLessThan(950);
    await confirmWhile(() => false, log, vault.asVault());
    expect(log.pages).toHaveLength(3);
    await confirmWhile(always, log, vault.asVault());
    expect(vault.references).toEqual(upTo(950));
  });
});

it('at the start the whole log after a position is told, page by page', async () => {
  const told: UsedReferences[] = [];
  for await (const used of referencesAfter(new Log(1_200), 100)) told.push(used);
  expect(told.at(-1)?.position).toBe(1_200);
  expect(told.flatMap(({ references }) => [...references])).toEqual(upTo(1_200, 101));
});

it('at the start it is told who is named, which a digest for matching is not, however much it looks like a reference', async () => {
  const log = new Log(0);
  const [reference, onBehalfOf, credentialRef, sessionRef, subject, releasedBy] = [1, 2, 3, 4, 5, 6].map(referenceAt);
  const data = entryOf({
    actor: { reference, onBehalfOf, credentialRef, sessionRef, kind: 'human' },
    ...{ subjects: [{ reference: subject }], releasedBy, caseRef: 'd'.repeat(22) },
  });
  const place = { position: 1, stream: 'processing-urn:a', revision: 0, id: '1', metadata: '{}', recordedAt: '2026-03-02T09:14:07.120Z' };
  log.events.push({ ...place, type: 'PersonalDataDisclosed', data });
  // One of a later version of this program: who acts and who is concerned is said as ever.
  log.events.push({ ...place, position: 2, id: '2', type: 'PersonalDataForgotten', data: entryOf({ subjects: [{ reference: subject }] }) });
  const told: UsedReferences[] = [];
  for await (const used of referencesAfter(log, 0)) told.push(used);
  expect(told.flatMap(({ named = [] }) => [...named])).toEqual([...upTo(4), subject, releasedBy, subject]);
});
