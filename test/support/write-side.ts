import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SqliteEventStore } from '../../src/eventstore/sqlite.ts';
import type { Author } from '../../src/ledger/author.ts';
import type { Entry } from '../../src/ledger/entry.ts';
import { People } from '../../src/ledger/people/people.ts';
import { Inspector } from '../../src/ledger/record/inspect.ts';
import { Objections } from '../../src/ledger/record/objections.ts';
import { Preparer } from '../../src/ledger/record/prepare.ts';
import { Quarantine } from '../../src/ledger/record/quarantine.ts';
import { RecordEvents, RecordEventsHandler } from '../../src/ledger/record/record-events.ts';
import { EventValidator } from '../../src/ledger/record/validate.ts';
import { Refusals } from '../../src/ledger/refusals.ts';
import { LedgerSettings } from '../../src/ledger/settings.ts';
import { KeyVault } from '../../src/privacy/key-vault.ts';
import { loadMasterKey } from '../../src/privacy/master-key.ts';
import { normaliseIdentifier } from '../../src/vocabulary/identifiers.ts';
import { Vocabulary } from '../../src/vocabulary/vocabulary.ts';

export const NOW = Date.parse('2026-03-02T12:00:00.000Z');

/** A key that may report anything but what is the ledger's own. */
export const anybody: Author = {
  keyId: 'test',
  scope: 'emit',
  maySource: (source) => !source.startsWith('urn:liggare:'),
  mayGroup: (group) => group !== 'ledger',
};

/** The example of the README, with parts of it replaced. */
export function disclosure(
  id: string,
  { data, ...envelope }: { data?: object; [attribute: string]: unknown } = {},
): Record<string, unknown> {
  return {
    specversion: '1.0',
    source: 'urn:mailit:billing',
    id,
    type: 'PersonalDataDisclosed',
    time: '2026-03-02T09:14:07.120Z',
    ...envelope,
    data: {
      actor: { id: 'anna.berg', kind: 'human', role: 'accountant', capacity: 'controller' },
      subjects: [{ scheme: 'customer-number', value: '10027', category: 'customer' }],
      categories: ['name', 'organisation-number'],
      purpose: 'tax-reporting',
      legalBasis: '6(1)(c)',
      statuteRef: 'SFS 2011:1244',
      caseRef: 'VAT-2026-02',
      system: 'billing',
      country: 'SE',
      method: 'api',
      consideration: 'none',
      recipient: { id: 'skatteverket', role: 'independent-controller', country: 'SE' },
      ...data,
    },
  };
}

/** Store, vault and the command's handler, on a folder of their own where none is given. */
export async function openWriteSide(folder = mkdtempSync(join(tmpdir(), 'liggare-write-'))) {
  const master = loadMasterKey({ dataFolder: folder }).key;
  const store = await SqliteEventStore.open({ path: join(folder, 'ledger.db') });
  const vault = await KeyVault.openEmbedded({ file: join(folder, 'keys.db'), master, normalise: normaliseIdentifier });
  const settings = new LedgerSettings({ controller: 'mailit', unboundDays: 365_000, quarantineDays: 365_000, caseDays: 1095 });
  const handler = new RecordEventsHandler(
    store,
    vault,
    new Inspector(new EventValidator(Vocabulary.builtIn())),
    new Preparer(vault, settings),
    new Quarantine(vault, settings),
    new Objections(vault, new People(store)),
    new Refusals(store, vault),
    settings,
  );
  return {
    store,
    vault,
    folder,
    record: (events: unknown[], options: Partial<RecordEvents['options']> = {}, author = anybody) =>
      handler.execute(new RecordEvents(events, author, { now: NOW, ...options })),
    entries: async () => (await store.readAll(0, 1000)).map((event) => ({ ...event, entry: JSON.parse(event.data) as Entry })),
    close: async () => {
      await store.close();
      await vault.close();
      rmSync(folder, { recursive: true });
    },
  };
}
