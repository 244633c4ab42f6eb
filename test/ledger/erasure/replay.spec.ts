import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { newId } from '../../../src/ledger/new-id.ts';
import { openErasing } from '../../support/erasing.ts';
import { disclosure, openWriteSide } from '../../support/write-side.ts';

const ANNA = { scheme: 'customer-number', value: '10027' };
const BO = { scheme: 'customer-number', value: '20054' };

let ledger: Awaited<ReturnType<typeof openWriteSide>>;
let erasing: Awaited<ReturnType<typeof openErasing>>;

beforeEach(async () => {
  ledger = await openWriteSide();
  erasing = await openErasing(ledger);
  await ledger.record([disclosure('1'), disclosure('2', { data: { subjects: [BO] } })]);
});
afterEach(async () => {
  await erasing.close();
  await ledger.close();
});

const referenceOf = async (identifier: { scheme: string; value: string }) =>
  (await ledger.vault.resolve([identifier], { create: false }))[0]?.reference as string;
const file = () => join(ledger.folder, 'erasures.log');

/** Stops everything, and starts it on the same folder as a service does. */
async function restart(change: () => void = () => undefined) {
  await erasing.close();
  await ledger.store.close();
  await ledger.vault.close();
  change();
  ledger = await openWriteSide(ledger.folder);
  erasing = await openErasing(ledger);
  return erasing.replay();
}

it('given nothing new, when it starts, then nothing is done again', async () => {
  await erasing.erase(ANNA);
  const head = await ledger.store.head();
  expect(await restart()).toEqual({ completed: 0, erased: 0 });
  expect(await restart()).toEqual({ completed: 0, erased: 0 });
  expect(await ledger.store.head()).toBe(head);
});

it('given a log from before an erasure, when it starts, then the file of erasures is what remembers it', async () => {
  const reference = await referenceOf(BO);
  const replayed = await restart(() => writeFileSync(file(), `${reference} 2026-03-01T08:00:00.000Z\n`));
  expect(replayed).toEqual({ completed: 0, erased: 1 });
  expect(await referenceOf(BO)).toBeUndefined();
  expect(await ledger.vault.erased([reference])).toEqual(new Set([reference]));
  // Its certificate is in the log that is gone.
  await expect(erasing.erase({ reference })).rejects.toMatchObject({ name: 'UnknownSubject' });
});

it('given the file of erasures is gone, when it starts, then it is written anew from log and keys', async () => {
  await erasing.erase(ANNA);
  const before = readFileSync(file(), 'utf8');
  await restart(() => rmSync(file()));
  expect(readFileSync(file(), 'utf8')).toBe(before);
});

it('given an intention without its end, when it starts, then it is carried out, also for what came into quarantine since', async () => {
  const reference = await referenceOf(ANNA);
  const reach = erasing.reach.file;
  const add = reach.add.bind(reach);
  reach.add = async () => {
    // Broken off here: and while the service stops, something arrives that names the person.
    await ledger.record([disclosure('q', { data: { purpose: 'no-such-purpose' } })]);
    throw new Error('broken off');
  };
  await expect(erasing.erase(ANNA)).rejects.toThrow('broken off');
  reach.add = add;
  expect(await restart()).toEqual({ completed: 1, erased: 0 });
  const [item] = (await ledger.entries()).filter(({ type }) => type === 'RecordQuarantined');
  expect(await ledger.vault.itemKeys([item?.entry.id as string])).toEqual(new Map());
  const { certificate, isNew } = await erasing.erase({ reference });
  expect([isNew, certificate.state, certificate.destroyed]).toEqual([
    false,
    'completed',
    { keys: 1, identifiers: 1, sessions: 0, quarantined: 1, overwritten: true },
  ]);
});

it('hands the fence to the log: nobody can be named again under an erased reference', async () => {
  await erasing.erase(ANNA);
  const [{ entry }] = (await ledger.entries()) as unknown as [{ entry: { data: { subjects: { reference: string }[] } } }];
  const reference = entry.data.subjects[0]?.reference as string;
  await restart();
  const event = { id: newId(), type: 'PersonalDataUsed', data: '{}', metadata: '{}', references: [reference] };
  const [[written] = []] = await ledger.store.append([{ stream: 'processing-urn:test:old', expectedRevision: 'any', events: [event] }]);
  expect(written).toEqual({ outcome: 'fenced', references: [reference] });
});
