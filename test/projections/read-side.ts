/** What the specifications of the questions share: a whole embedded ledger without HTTP. */
import { join } from 'node:path';
import { ActorActivity, ActorActivityHandler } from '../../projections/actor-activity/query.ts';
import { allProjections } from '../../projections/all.ts';
import { Sources, SourcesHandler } from '../../projections/completeness/query.ts';
import { Disclosures, DisclosuresHandler } from '../../projections/disclosures/query.ts';
import { QuarantineList, QuarantineListHandler } from '../../projections/quarantine/query.ts';
import type { Question, Viewer } from '../../projections/question.ts';
import { Timeline, TimelineHandler } from '../../projections/timeline/query.ts';
import { Views, type ViewsOptions } from '../../projections/views.ts';
import { People } from '../../src/ledger/people/people.ts';
import { MemoryLog } from '../support/memory-log.ts';
import { openWriteSide } from '../support/write-side.ts';

const nothing = { nameSubjects: true, openSubject: false, openAll: false, nameActors: false, othersOnEvent: false, quarantine: false };
/** The scopes of domain.md §8 that see entries. */
export const viewers = {
  audit: { keyId: 'audit', ...nothing, nameSubjects: false },
  ask: { keyId: 'ask', ...nothing },
  case: { keyId: 'case', ...nothing, openSubject: true, quarantine: true },
  investigate: {
    ...{ keyId: 'investigate', nameSubjects: true, openSubject: true, openAll: true, nameActors: true },
    ...{ othersOnEvent: true, quarantine: true },
  },
} satisfies Record<string, Viewer>;

/** On a busy machine starting three threads takes its time; no test is about how long. */
const PATIENCE_MS = 60_000;

export type Asked = Omit<Question, 'viewer'>;

export async function openReadSide(options: Partial<ViewsOptions> = {}) {
  const write = await openWriteSide();
  const { store, vault, folder } = write;
  const views = await Views.open({ log: join(folder, 'ledger.db'), file: join(folder, 'views.db'), ...options });
  const people = new People(store);
  const log = new MemoryLog(store);
  const timeline = new TimelineHandler(views, store, vault, people, log);
  const disclosures = new DisclosuresHandler(views, store, vault, people);
  const activity = new ActorActivityHandler(views, store, vault, people);
  const sources = new SourcesHandler(views);
  const quarantine = new QuarantineListHandler(views, vault);
  const caughtUp = async () => {
    const head = await store.head();
    for (const { name } of allProjections()) await views.reached(name, head, PATIENCE_MS);
  };
  return {
    ...write,
    views,
    people,
    log,
    caughtUp,
    /** Records events and waits until every question knows them. */
    given: async (...events: unknown[]) => {
      const answer = await write.record(events);
      const refused = answer.items.filter(({ outcome }) => outcome !== 'recorded');
      if (refused.length > 0) throw new Error(JSON.stringify(refused));
      await caughtUp();
      return answer;
    },
    /** Destroys keys and identities as an erasure does, without what it records. */
    erase: async (...references: string[]) => {
      await store.fence(references);
      await vault.erase(references, new Date().toISOString());
    },
    timeline: (question: Asked = {}, viewer: Viewer = viewers.investigate) => timeline.execute(new Timeline({ ...question, viewer })),
    disclosures: (question: Asked = {}, viewer: Viewer = viewers.investigate) =>
      disclosures.execute(new Disclosures({ ...question, viewer })),
    activity: (question: Asked = {}, viewer: Viewer = viewers.investigate) => activity.execute(new ActorActivity({ ...question, viewer })),
    sources: () => sources.execute(new Sources()),
    quarantine: (question: Partial<QuarantineList['question']> = {}) =>
      quarantine.execute(new QuarantineList({ keyId: 'case', ...question })),
    close: async () => {
      await views.close();
      await write.close();
    },
  };
}

export type ReadSide = Awaited<ReturnType<typeof openReadSide>>;
