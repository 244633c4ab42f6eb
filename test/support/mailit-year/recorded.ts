/** A year recorded by the ledger's own commands, in a log in memory that has the year's clock. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Author } from '../../../src/ledger/author.ts';
import { LinkSubjects, LinkSubjectsHandler } from '../../../src/ledger/people/commands.ts';
import { People } from '../../../src/ledger/people/people.ts';
import { PublishPolicy, PublishPolicyHandler, ReviewPolicy, ReviewPolicyHandler } from '../../../src/ledger/policy/commands.ts';
import { Policies } from '../../../src/ledger/policy/policies.ts';
import { Inspector } from '../../../src/ledger/record/inspect.ts';
import { Objections } from '../../../src/ledger/record/objections.ts';
import { Preparer } from '../../../src/ledger/record/prepare.ts';
import { Quarantine } from '../../../src/ledger/record/quarantine.ts';
import { RecordEvents, RecordEventsHandler } from '../../../src/ledger/record/record-events.ts';
import { EventValidator } from '../../../src/ledger/record/validate.ts';
import { Refusals } from '../../../src/ledger/refusals.ts';
import { LedgerSettings } from '../../../src/ledger/settings.ts';
import { inForceAt } from '../../../src/policy/in-force.ts';
import { KeyVault } from '../../../src/privacy/key-vault.ts';
import { loadMasterKey } from '../../../src/privacy/master-key.ts';
import { loadDeclaredCodes } from '../../../src/vocabulary/declared-codes.ts';
import { normaliseIdentifier } from '../../../src/vocabulary/identifiers.ts';
import { Vocabulary } from '../../../src/vocabulary/vocabulary.ts';
import { YearStore } from '../year-store.ts';
import type { CloudEvent } from './company.ts';
import { recordOf } from './expectations.ts';
import type { Step } from './mailit-year.ts';
import { quarantined } from './planted-house.ts';
import { POLICY_FOLDER } from './versions.ts';

/** A key that may report anything but what is the ledger's own. */
const anybody: Author = {
  keyId: 'year',
  scope: 'emit',
  maySource: (source) => !source.startsWith('urn:liggare'),
  mayGroup: (group) => group !== 'ledger',
};

/** Far enough that no key of a period ends while it is tested. */
const FOR_EVER_DAYS = 365_000;

export async function openYear() {
  const folder = mkdtempSync(join(tmpdir(), 'liggare-year-'));
  const store = new YearStore();
  const vault = await KeyVault.openEmbedded({
    ...{ file: join(folder, 'keys.db'), master: loadMasterKey({ dataFolder: folder }).key, normalise: normaliseIdentifier },
  });
  const settings = new LedgerSettings({
    ...{ controller: 'mailit', unboundDays: FOR_EVER_DAYS, quarantineDays: FOR_EVER_DAYS, caseDays: FOR_EVER_DAYS },
  });
  const vocabulary = Vocabulary.builtIn().with(loadDeclaredCodes(POLICY_FOLDER));
  const [people, policies] = [new People(store), new Policies(store)];
  const records = new RecordEventsHandler(
    store,
    vault,
    new Inspector(new EventValidator(vocabulary)),
    new Preparer(vault, settings),
    new Quarantine(vault, settings),
    new Objections(vault, people),
    new Refusals(store, vault),
    settings,
  );
  const publishes = new PublishPolicyHandler(store, vault, policies, vocabulary, settings);
  const reviews = new ReviewPolicyHandler(store, vault, policies, settings);
  const links = new LinkSubjectsHandler(store, vault, people);
  /** What the ledger drew the ids of, by the label under which it is expected. */
  const labels = new Map<string, string>();
  const name = (label: string, position: number | undefined) => {
    const event = store.events[(position ?? 0) - 1];
    const { source, id } = JSON.parse(event?.data ?? '{}') as { source: string; id: string };
    labels.set(recordOf(source, id), label);
  };
  const record = async (events: readonly CloudEvent[], now: number) => {
    const answer = await records.execute(new RecordEvents(events, anybody, { now }));
    for (const { index, outcome, position, problems } of answer.items) {
      const { source, id } = events[index] as CloudEvent;
      if (outcome === 'quarantined') name(quarantined(source, id), position);
      else if (outcome !== 'recorded') throw new Error(`${source} ${id}: ${outcome} ${JSON.stringify(problems)}`);
    }
    return answer;
  };
  return {
    ...{ store, vault, people, policies, vocabulary, labels, folder },
    /** How many of them stand in quarantine. */
    quarantined: () => [...labels.values()].filter((label) => label.startsWith('quarantined')),
    /** Does one step of the year. */
    async take(step: Step): Promise<void> {
      const { now } = step;
      store.now = now;
      if (step.do === 'record') await record(step.events, now);
      else if (step.do === 'publish') {
        const { published } = await publishes.execute(new PublishPolicy(step.policy, { author: anybody, now }));
        name(step.label, published?.position);
      } else if (step.do === 'review') {
        const version = inForceAt(await policies.versions(), now)?.version ?? '';
        await reviews.execute(new ReviewPolicy(version, { author: anybody, now, ...(step.textDigest && { textDigest: step.textDigest }) }));
        name(step.label, store.events.length);
      } else {
        const { position } = await links.execute(new LinkSubjects(step.subjects, 'One person.', anybody, now));
        name(step.label, position);
      }
    },
    async close(): Promise<void> {
      await vault.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

export type RecordedYear = Awaited<ReturnType<typeof openYear>>;
