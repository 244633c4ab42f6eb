import { join } from 'node:path';
import { Views } from '../../projections/views.ts';
import { quarantinedIn, ViewsOfErasure } from '../../src/erasure-views.ts';
import { ErasuresFile } from '../../src/erasures-file.ts';
import { ApiKeys } from '../../src/ledger/api-key/api-keys.ts';
import type { Reach } from '../../src/ledger/erasure/carrying-out.ts';
import { type ErasureCertificate, ErasureCertificateHandler } from '../../src/ledger/erasure/certificate.ts';
import { EraseSubject, EraseSubjectHandler } from '../../src/ledger/erasure/erase-subject.ts';
import { replayErasures } from '../../src/ledger/erasure/replay.ts';
import { UnfinishedErasures } from '../../src/ledger/erasure/unfinished.ts';
import { People } from '../../src/ledger/people/people.ts';
import { QuarantineLook } from '../../src/ledger/record/quarantine-look.ts';
import { LedgerSettings } from '../../src/ledger/settings.ts';
import { anybody, NOW, type openWriteSide } from './write-side.ts';

type WriteSide = Awaited<ReturnType<typeof openWriteSide>>;
type Wanted = EraseSubject['wanted'];

/** On a busy machine starting threads from source takes its time; no test is about how long. */
const PATIENCE_MS = 60_000;

/** The case desk: whoever erases in these tests. */
export const CASE_DESK = { ...anybody, keyId: 'desk', scope: 'case' };

/** An admin, who may erase whoever holds an API key. */
export const ADMIN = { ...anybody, keyId: 'admin', scope: 'admin' };

/** What erasing needs beside the write side, on its folder: read models, the file of erasures, API keys, and the handlers. */
export async function openErasing({ store, vault, folder }: WriteSide, change: (reach: Reach) => Reach = (reach) => reach) {
  const views = await Views.open({ log: join(folder, 'ledger.db'), file: join(folder, 'views.db'), waitMs: PATIENCE_MS });
  store.onAppended(() => views.wake());
  const file = ErasuresFile.open(folder, undefined);
  const keys = new ApiKeys(store, vault);
  const quarantine = new QuarantineLook(store, vault, quarantinedIn(views));
  const reach = change({ store, vault, fence: store, file, keys, quarantine });
  const asked = new ViewsOfErasure(views, store);
  const certificates = new ErasureCertificateHandler(store, asked);
  const queries = { execute: (query: ErasureCertificate) => certificates.execute(query) };
  const settings = new LedgerSettings({ controller: 'mailit', unboundDays: 365_000, quarantineDays: 365_000, caseDays: 1095 });
  const people = new People(store);
  const unfinished = new UnfinishedErasures(reach, asked);
  const handler = new EraseSubjectHandler(reach, asked, people, settings, queries as never, unfinished);
  return {
    ...{ views, asked, file, keys, reach, certificates, people, settings, unfinished },
    erase: (subject: Wanted['subject'], more: Partial<Wanted> = {}) =>
      handler.execute(
        new EraseSubject({ subject, ground: '17(1)(b)', reason: 'Asked for by letter.', author: CASE_DESK, now: NOW, ...more }),
      ),
    replay: () => replayErasures(reach, NOW),
    close: () => views.close(),
  };
}
