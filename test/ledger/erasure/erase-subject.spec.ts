import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { jest } from '@jest/globals';
import { CommandBus } from '@nestjs/cqrs';
import { Config } from '../../../src/config.ts';
import { StoreUnavailable } from '../../../src/eventstore/event-store.ts';
import { keepHouse } from '../../../src/housekeeping.ts';
import type { Entry } from '../../../src/ledger/entry.ts';
import { ErasureCertificate } from '../../../src/ledger/erasure/certificate.ts';
import { ErasureCopyUnavailable } from '../../../src/ledger/erasure/parts.ts';
import { UnfinishedErasures } from '../../../src/ledger/erasure/unfinished.ts';
import { LinkSubjects, LinkSubjectsHandler } from '../../../src/ledger/people/commands.ts';
import { keysFor, openEntry } from '../../../src/ledger/sealing.ts';
import { ADMIN, CASE_DESK, openErasing } from '../../support/erasing.ts';
import { disclosure, NOW, openWriteSide } from '../../support/write-side.ts';

const ANNA = { scheme: 'customer-number', value: '10027' };
const EMAIL = { scheme: 'email', value: 'anna@example.se' };
const BO = { scheme: 'customer-number', value: '20054' };
const CY = { scheme: 'customer-number', value: '30081' };

type WriteSide = Awaited<ReturnType<typeof openWriteSide>>;
let ledger: WriteSide;
let erasing: Awaited<ReturnType<typeof openErasing>>;

beforeEach(async () => {
  ledger = await openWriteSide();
  erasing = await openErasing(ledger);
});
afterEach(async () => {
  await erasing.close();
  await ledger.close();
});

const about = (id: string, subjects: object[], data: object = {}) => disclosure(id, { data: { subjects, ...data } });
const referenceOf = async (identifier: { scheme: string; value: string }) =>
  (await ledger.vault.resolve([identifier], { create: false }))[0]?.reference as string;
const opened = async (entry: Entry) => openEntry(entry, await keysFor([entry], ledger.vault));
const own = async () => (await ledger.entries()).filter(({ stream }) => stream === 'ledger-erasures');
const hold = (id: string, subject: object) => ({
  ...disclosure(id),
  type: 'LegalHoldPlaced',
  data: { actor: { id: 'officer', kind: 'human' }, subjects: [subject], ground: 'legal-claims', reviewBy: '2026-12-31' },
});
const release = (id: string, subject: object, of: string) => ({
  ...disclosure(id),
  type: 'LegalHoldReleased',
  data: { actor: { id: 'officer', kind: 'human' }, subjects: [subject], target: { source: 'urn:mailit:billing', id: of } },
});

describe('erasing a person', () => {
  it('given two events, when the person is erased, then the keys are gone, the log says so, and the certificate tells what stays', async () => {
    await ledger.record([about('1', [{ ...ANNA, also: [EMAIL] }], { note: 'Anna called.' }), about('2', [EMAIL])]);
    const reference = await referenceOf(ANNA);

    const { certificate, isNew } = await erasing.erase(ANNA, { requestRef: 'request-31' });

    expect(isNew).toBe(true);
    expect(certificate).toMatchObject({
      state: 'completed',
      references: [reference],
      ground: '17(1)(b)',
      erasedAt: '2026-03-02T12:00:00.000Z',
      destroyed: { keys: 1, identifiers: 2, sessions: 0, quarantined: 0, overwritten: true },
      suppressed: false,
    });
    expect(certificate.caseFile.until).toBe('2029-03-01T12:00:00.000Z');
    expect(certificate.limits.length).toBeGreaterThan(3);
    expect(await ledger.vault.keys([reference])).toEqual(new Map());
    expect(await ledger.vault.identifiers([reference])).toEqual(new Map());
    expect(await ledger.vault.erased([reference])).toEqual(new Set([reference]));
    for (const { entry } of await ledger.entries()) {
      if (entry.source === 'urn:mailit:billing') expect(await opened(entry)).toEqual({ subjects: [undefined] });
    }
    expect((await own()).map(({ type, entry }) => [type, entry.id])).toEqual([
      ['PersonalDataErased', certificate.id],
      ['SubjectKeyDestroyed', `${certificate.id}/0`],
    ]);
  });

  it('keeps the reason and the request apart from the person: in a file that ends by itself', async () => {
    await ledger.record([about('1', [ANNA])]);
    await erasing.erase(ANNA, { requestRef: 'request-31', reason: 'Anna wrote a letter.' });
    const [intention] = await own();
    const entry = intention?.entry as Entry;
    expect(entry.data).toMatchObject({
      requestRef: ledger.vault.digest('requestRef', 'request-31'),
      sealedFields: ['reason'],
      scope: 'all',
    });
    expect(entry.sealed?.under).toBe(`case-${ledger.vault.digest('requestRef', 'request-31')}`);
    expect(intention?.data).not.toMatch(/letter|request-31/);
    expect((await opened(entry)).event).toEqual({ values: { reason: 'Anna wrote a letter.', requestRef: 'request-31' } });
  });

  it('writes every reference into the file of erasures', async () => {
    await ledger.record([about('1', [ANNA])]);
    const reference = await referenceOf(ANNA);
    await erasing.erase(ANNA);
    expect(readFileSync(join(ledger.folder, 'erasures.log'), 'utf8')).toBe(`${reference} 2026-03-02T12:00:00.000Z\n`);
  });

  it('leaves the others on an event their own, and ends what was sealed for all of them', async () => {
    await ledger.record([
      about(
        '1',
        [
          { ...ANNA, before: { street: 'A' } },
          { ...BO, before: { street: 'B' } },
          { ...CY, before: { street: 'C' } },
        ],
        {
          note: 'All three called.',
        },
      ),
    ]);
    const [{ entry }] = (await ledger.entries()) as unknown as [{ entry: Entry }];
    expect((await opened(entry)).event?.values).toMatchObject({ note: 'All three called.' });
    await erasing.erase(BO);
    const after = await opened(entry);
    expect(after.subjects).toMatchObject([{ before: { street: 'A' } }, undefined, { before: { street: 'C' } }]);
    expect(after.event).toBeUndefined();
  });

  it('gives whoever comes again a new reference, and the old records do not come back', async () => {
    await ledger.record([about('1', [ANNA])]);
    const old = await referenceOf(ANNA);
    await erasing.erase(ANNA);
    expect(await referenceOf(ANNA)).toBeUndefined();
    await ledger.record([about('2', [ANNA])]);
    expect(await referenceOf(ANNA)).not.toBe(old);
    const [first, , , second] = (await ledger.entries()).map(({ entry }) => entry) as [Entry, Entry, Entry, Entry];
    expect((await opened(first)).subjects).toEqual([undefined]);
    expect((await opened(second)).subjects).toEqual([ANNA]);
  });

  it('answers a record sent again as a duplicate, whatever it says now', async () => {
    await ledger.record([about('1', [ANNA])]);
    await erasing.erase(ANNA);
    const again = await ledger.record([about('1', [ANNA]), about('1', [BO])]);
    expect(again.items.map(({ outcome }) => outcome)).toEqual(['duplicate', 'duplicate']);
    expect(await referenceOf(ANNA)).toBeUndefined();
  });

  it('reaches everybody linked', async () => {
    await ledger.record([about('1', [ANNA]), about('2', [BO])]);
    const references = [await referenceOf(ANNA), await referenceOf(BO)].sort();
    await new LinkSubjectsHandler(ledger.store, ledger.vault, erasing.people).execute(
      new LinkSubjects([ANNA, BO], 'Both hers.', CASE_DESK, NOW),
    );
    const { certificate } = await erasing.erase(BO);
    expect(certificate).toMatchObject({ state: 'completed', references, destroyed: { keys: 2, identifiers: 2 } });
    expect(await ledger.vault.keys(references)).toEqual(new Map());
    expect((await own()).map(({ type }) => type)).toEqual(['PersonalDataErased', 'SubjectKeyDestroyed', 'SubjectKeyDestroyed']);
  });

  it.each([
    ['while quarantine is looked through', 1],
    ['just before it is recorded', 2],
  ])('reaches whoever is linked %s', async (_, look) => {
    await ledger.record([about('1', [ANNA]), about('2', [BO])]);
    const references = [await referenceOf(ANNA), await referenceOf(BO)] as string[];
    const asked = erasing.asked.holdsOn.bind(erasing.asked);
    let looks = 0;
    jest.spyOn(erasing.asked, 'holdsOn').mockImplementation(async (...about) => {
      const holds = await asked(...about);
      if (++looks === look) {
        const link = new LinkSubjects([ANNA, BO], 'Both hers.', CASE_DESK, NOW);
        await new LinkSubjectsHandler(ledger.store, ledger.vault, erasing.people).execute(link);
      }
      return holds;
    });
    expect(await erasing.erase(ANNA)).toMatchObject({ isNew: true, certificate: { state: 'completed' } });
    expect(await ledger.vault.erased(references)).toEqual(new Set(references));
    expect(await ledger.vault.keys(references)).toEqual(new Map());
  });

  it('given an erasure, when it is asked for again, then the certificate is the same and nothing is recorded', async () => {
    await ledger.record([about('1', [ANNA])]);
    const reference = await referenceOf(ANNA);
    const { certificate } = await erasing.erase(ANNA);
    const head = await ledger.store.head();
    const again = await erasing.erase({ reference });
    expect(again).toMatchObject({ isNew: false, certificate: { id: certificate.id, completedAt: certificate.completedAt } });
    expect(again.certificate.destroyed).toEqual(certificate.destroyed);
    expect(await ledger.store.head()).toBe(head);
  });

  it('makes one erasure of requests that race', async () => {
    await ledger.record([about('1', [ANNA])]);
    const answers = await Promise.all([erasing.erase(ANNA), erasing.erase(ANNA), erasing.erase({ reference: await referenceOf(ANNA) })]);
    expect(new Set(answers.map(({ certificate }) => certificate.id)).size).toBe(1);
    expect(answers.map(({ isNew }) => isNew)).toEqual([true, false, false]);
  });

  it.each([[ANNA], [{ reference: 'A'.repeat(22) }]])('knows nobody by %p: nothing is recorded', async (subject) => {
    await expect(erasing.erase(subject)).rejects.toMatchObject({ name: 'UnknownSubject' });
    expect(await ledger.entries()).toEqual([]);
    expect(await ledger.vault.erased(['A'.repeat(22)])).toEqual(new Set());
  });

  it('puts the identifiers on the suppression list when asked, and not otherwise', async () => {
    await ledger.record([about('1', [{ ...ANNA, also: [EMAIL] }]), about('2', [BO])]);
    await erasing.erase(ANNA, { suppress: true });
    await erasing.erase(BO);
    expect(await ledger.vault.suppressed([ANNA, EMAIL, BO])).toEqual([true, true, false]);
  });
});

describe('a legal hold', () => {
  it('refuses, names its exception, and the refusal is recorded', async () => {
    await ledger.record([about('1', [ANNA]), hold('h', ANNA)]);
    const reference = await referenceOf(ANNA);
    await expect(erasing.erase(ANNA, { reason: 'Anna wrote.' })).rejects.toMatchObject({
      name: 'OnLegalHold',
      holds: [{ ground: 'legal-claims', exception: '17(3)(e)', reviewBy: '2026-12-31' }],
    });
    const [refusal, ...rest] = await own();
    expect(rest).toEqual([]);
    expect(refusal).toMatchObject({ type: 'PersonalDataErasureFailed' });
    expect(refusal?.entry.data).toMatchObject({
      subjects: [{ reference }],
      exception: '17(3)(e)',
      ground: '17(1)(b)',
      systems: ['liggare'],
    });
    expect(refusal?.data).not.toContain('Anna wrote');
    expect((await ledger.vault.keys([reference])).size).toBe(1);
  });

  it('acknowledged while quarantine is looked through refuses as well', async () => {
    await ledger.record([about('1', [ANNA])]);
    const reference = await referenceOf(ANNA);
    const look = erasing.reach.quarantine.naming.bind(erasing.reach.quarantine);
    jest.spyOn(erasing.reach.quarantine, 'naming').mockImplementationOnce(async (...asked) => {
      expect(await ledger.record([hold('h', ANNA)])).toMatchObject({ recorded: 1 });
      return look(...asked);
    });
    await expect(erasing.erase(ANNA)).rejects.toMatchObject({ name: 'OnLegalHold' });
    expect((await own()).map(({ type }) => type)).toEqual(['PersonalDataErasureFailed']);
    expect((await ledger.vault.keys([reference])).size).toBe(1);
  });

  describe('that was recorded before the intention, after the last look at the holds', () => {
    /** What is recorded as the next thing once nobody stands in the way of the erasure. */
    const meanwhile = (happen: () => Promise<unknown>) => {
      const asked = erasing.asked.holdsOn.bind(erasing.asked);
      let looks = 0;
      jest.spyOn(erasing.asked, 'holdsOn').mockImplementation(async (...about) => {
        const holds = await asked(...about);
        if (++looks === 2) await happen();
        return holds;
      });
    };

    it('withdraws it: nothing is erased, log and certificate say so, and a start honours it', async () => {
      await ledger.record([about('1', [ANNA])]);
      const reference = await referenceOf(ANNA);
      meanwhile(() => ledger.record([hold('h', ANNA)]));
      await expect(erasing.erase(ANNA, { suppress: true })).rejects.toMatchObject({
        name: 'OnLegalHold',
        holds: [{ ground: 'legal-claims', exception: '17(3)(e)' }],
      });
      const [intention, withdrawal, ...rest] = await own();
      expect([intention?.type, withdrawal?.type, rest]).toEqual(['PersonalDataErased', 'PersonalDataErasureFailed', []]);
      expect(withdrawal?.entry.data).toMatchObject({
        subjects: [{ reference }],
        exception: '17(3)(e)',
        intention: { source: 'urn:liggare:erasures', id: intention?.entry.id },
      });
      expect(erasing.unfinished.count).toBe(0);
      expect(await erasing.replay()).toEqual({ completed: 0, erased: 0 });
      expect((await ledger.vault.keys([reference])).size).toBe(1);
      expect(await ledger.vault.suppressed([ANNA])).toEqual([false]);
      const certificate = await erasing.certificates.execute(new ErasureCertificate(intention?.entry.id as string));
      expect(certificate).toMatchObject({ state: 'withdrawn', suppressed: false });
      expect(certificate).not.toHaveProperty('destroyed');

      await ledger.record([release('r', ANNA, 'h')]);
      const later = await erasing.erase(ANNA);
      expect(later.certificate).toMatchObject({ state: 'completed', references: [reference] });
      expect((await erasing.erase({ reference })).certificate.id).toBe(later.certificate.id);
    });

    it('withdraws it at the next start, where a crash came first', async () => {
      await ledger.record([about('1', [ANNA])]);
      const reference = await referenceOf(ANNA);
      meanwhile(async () => {
        await ledger.record([hold('h', ANNA)]);
        jest.spyOn(erasing.asked, 'holdsOn').mockRejectedValueOnce(new Error('crashed'));
      });
      await expect(erasing.erase(ANNA)).rejects.toThrow('crashed');
      expect(await erasing.replay()).toEqual({ completed: 0, erased: 0 });
      expect((await own()).map(({ type }) => type)).toEqual(['PersonalDataErased', 'PersonalDataErasureFailed']);
      expect((await ledger.vault.keys([reference])).size).toBe(1);
    });
  });

  it('on one reference of a linked person covers all of them', async () => {
    await ledger.record([about('1', [ANNA]), about('2', [BO]), hold('h', BO)]);
    await new LinkSubjectsHandler(ledger.store, ledger.vault, erasing.people).execute(
      new LinkSubjects([ANNA, BO], 'Both hers.', CASE_DESK, NOW),
    );
    await expect(erasing.erase(ANNA)).rejects.toMatchObject({ name: 'OnLegalHold' });
  });

  it('stands in nobody’s way once it is released, nor in another person’s', async () => {
    await ledger.record([about('1', [ANNA]), about('2', [BO]), hold('h', ANNA)]);
    expect((await erasing.erase(BO)).certificate.state).toBe('completed');
    const { recorded } = await ledger.record([release('r', ANNA, 'h')]);
    expect(recorded).toBe(1);
    expect((await erasing.erase(ANNA)).certificate.state).toBe('completed');
  });
});

describe('what came into quarantine', () => {
  const broken = (id: string, data: object) => disclosure(id, { data: { purpose: 'no-such-purpose', ...data } });
  const itemsNow = async () => {
    const items = (await ledger.entries()).filter(({ type }) => type === 'RecordQuarantined');
    const keys = await ledger.vault.itemKeys(items.map(({ entry }) => entry.id));
    return items.map(({ entry }) => [entry.data['recordId'], keys.has(entry.id)]);
  };

  it('ends where it names the person, wherever it does, and stays where it does not', async () => {
    await ledger.record([
      about('1', [{ ...ANNA, also: [EMAIL, { scheme: 'personal-identity-number', value: '19811218-9876' }] }]),
      about('2', [BO]),
    ]);
    await ledger.record([
      broken('q-subject', { subjects: [ANNA] }),
      broken('q-also', { subjects: [{ ...BO, also: [{ scheme: 'email', value: ' Anna@Example.SE ' }] }] }),
      broken('q-note', { subjects: [BO], note: 'Write to anna@example.se instead.' }),
      broken('q-number', { subjects: [{ scheme: 'customer-number', value: 10027 }] }),
      broken('q-pin', { subjects: [BO], note: 'She is 811218-9876.' }),
      broken('q-name', { subjects: [BO], 'anna@example.se': true }),
      broken('q-other', { subjects: [BO], statuteRef: '10027', note: 'Order 100271' }),
      broken('10027', { subjects: [BO] }),
    ]);
    const { certificate } = await erasing.erase(ANNA);
    expect(await itemsNow()).toEqual([
      ['q-subject', false],
      ['q-also', false],
      ['q-note', false],
      ['q-number', false],
      ['q-pin', false],
      ['q-name', false],
      ['q-other', true],
      ['10027', true],
    ]);
    expect(certificate.destroyed).toMatchObject({ quarantined: 6 });
  });

  it('is looked through once: what was seen before is not read again', async () => {
    await ledger.record([about('1', [ANNA])]);
    await erasing.erase(ANNA);
    const [intention] = await own();
    expect(intention?.entry.data['seenTo']).toBe(1);
  });

  it('ends also where it was corrected or released since', async () => {
    await ledger.record([broken('1', { subjects: [ANNA] })]);
    await ledger.record([about('1', [ANNA])]);
    const { certificate } = await erasing.erase(ANNA);
    expect(await itemsNow()).toEqual([['1', false]]);
    expect(certificate.destroyed?.quarantined).toBe(1);
  });
});

describe('the person who acts', () => {
  it('is erased the same way, with sessions and credentials', async () => {
    const actor = { id: 'anna.berg', kind: 'human', role: 'clerk', capacity: 'controller', sessionRef: 's-1', credentialRef: 'badge-7' };
    await ledger.record([about('1', [BO], { actor })]);
    const { certificate } = await erasing.erase({ scheme: 'actor', value: 'anna.berg' });
    expect(certificate.destroyed).toMatchObject({ keys: 1, identifiers: 1, sessions: 2 });
    await ledger.record([about('2', [BO], { actor })]);
    const [first, , , second] = (await ledger.entries()).map(({ entry }) => entry.data.actor);
    expect(second?.reference).not.toBe(first?.reference);
    expect(second?.sessionRef).not.toBe(first?.sessionRef);
    expect((await opened((await ledger.entries())[0]?.entry as Entry)).subjects).toEqual([BO]);
  });

  it('can no longer use an API key', async () => {
    const made = await erasing.keys.create(
      { name: 'desk', scope: 'case', sources: [], groups: [], person: 'Karin Lind' },
      { reference: 'A'.repeat(22), kind: 'human' },
      NOW,
    );
    expect(await erasing.keys.identify(made.key)).toMatchObject({ keyId: made.id });
    await erasing.erase({ scheme: 'actor', value: 'Karin Lind' }, { author: ADMIN });
    expect(await erasing.keys.identify(made.key)).toBeUndefined();
    expect((await ledger.entries()).map(({ type }) => type)).toContain('ApiKeyRevoked');
  });

  it('is not erased while nobody else could administer the ledger, nor while the environment holds the key', async () => {
    const by = { reference: 'A'.repeat(22), kind: 'human' };
    await erasing.keys.create({ name: 'admin', scope: 'admin', sources: [], groups: [], person: 'Karin Lind' }, by, NOW);
    const karin = { scheme: 'actor', value: 'Karin Lind' };
    await expect(erasing.erase(karin, { author: ADMIN })).rejects.toMatchObject({ name: 'LastAdminKey' });
    await erasing.keys.start([{ id: 'bootstrap', key: 'a-key-of-the-environment', person: 'administrator' }], NOW);
    await expect(erasing.erase({ scheme: 'actor', value: 'administrator' })).rejects.toMatchObject({ name: 'ApiKeyHeld' });
    expect((await erasing.erase(karin, { author: ADMIN })).certificate.state).toBe('completed');
  });

  it('who holds an API key that works is erased by an admin alone: nobody else may take it away', async () => {
    const wanted = { name: 'desk', scope: 'case', sources: [], groups: [], person: 'Karin Lind' } as const;
    const made = await erasing.keys.create(wanted, { reference: 'A'.repeat(22), kind: 'human' }, NOW);
    const karin = { scheme: 'actor', value: 'Karin Lind' };
    await expect(erasing.erase(karin)).rejects.toMatchObject({ name: 'AdminNeeded' });
    expect(await own()).toEqual([]);
    expect(await erasing.keys.identify(made.key)).toMatchObject({ keyId: made.id });
    await erasing.keys.revoke(made.id, { reference: 'A'.repeat(22), kind: 'human' }, NOW);
    expect((await erasing.erase(karin)).certificate.state).toBe('completed');
  });

  it('is erased by somebody else, never by themselves', async () => {
    await ledger.record([about('1', [BO])]);
    const anna = { scheme: 'actor', value: 'anna.berg' };
    const herself = { ...ADMIN, personReference: await referenceOf(anna) };
    await expect(erasing.erase(anna, { author: herself })).rejects.toMatchObject({ name: 'OwnErasure' });
    expect(await own()).toEqual([]);
    expect((await erasing.erase(BO, { author: herself })).certificate.state).toBe('completed');
  });
});

describe('recording while somebody is erased', () => {
  it('uses no key that is gone: what was prepared before is prepared anew', async () => {
    await ledger.record([about('0', [ANNA])]);
    const old = await referenceOf(ANNA);
    const records: Promise<unknown>[] = [];
    for (let n = 1; n <= 200; n++) records.push(ledger.record([about(String(n), [ANNA, { ...BO }])]));
    const { certificate } = await erasing.erase({ reference: old });
    for (let n = 201; n <= 260; n++) records.push(ledger.record([about(String(n), [ANNA])]));
    await Promise.all(records);
    const entries = (await ledger.entries()).map(({ entry, position }) => ({ entry, position }));
    const end = entries.find(({ entry }) => entry.id === `${certificate.id}/0`)?.position as number;
    const recorded = entries.filter(({ entry }) => entry.source === 'urn:mailit:billing');
    expect(recorded).toHaveLength(261);
    const later = recorded.filter(({ position }) => position > end);
    expect(later.some(({ entry }) => entry.data.subjects.some(({ reference }) => reference === old))).toBe(false);
    for (const { entry } of recorded) {
      const { subjects } = await opened(entry);
      for (const [i, { reference }] of entry.data.subjects.entries()) expect(subjects[i] === undefined).toBe(reference === old);
    }
  });

  it('is not tried for ever, and acknowledges nothing that it did not record', async () => {
    await ledger.record([about('0', [ANNA])]);
    await ledger.store.fence([await referenceOf(ANNA)]);
    await expect(ledger.record([about('1', [ANNA])])).rejects.toMatchObject({ name: 'StoreUnavailable' });
  });
});

describe('when the copy of the file of erasures cannot be written', () => {
  it('nobody is erased and nothing is recorded', async () => {
    await ledger.record([about('1', [ANNA])]);
    const check = jest.spyOn(erasing.file, 'check').mockRejectedValue(new ErasureCopyUnavailable('away'));
    await expect(erasing.erase(ANNA)).rejects.toMatchObject({ name: 'ErasureCopyUnavailable' });
    expect(await own()).toEqual([]);
    check.mockRestore();
    expect((await erasing.erase(ANNA)).certificate.state).toBe('completed');
  });

  it('after the intention: it is in progress, and sending it again completes it', async () => {
    await ledger.record([about('1', [ANNA])]);
    const add = jest.spyOn(erasing.file, 'add').mockRejectedValue(new ErasureCopyUnavailable('away'));
    const failed = await erasing.erase(ANNA).catch((error: unknown) => error);
    add.mockRestore();
    const [{ entry }] = (await own()) as unknown as [{ entry: Entry }];
    expect(failed).toMatchObject({ name: 'ErasureUnfinished', id: entry.id });
    expect(erasing.unfinished.count).toBe(1);
    const { certificate } = await erasing.erase(ANNA);
    expect(certificate).toMatchObject({ id: entry.id, state: 'completed', destroyed: { keys: 1 } });
    expect(await own()).toHaveLength(2);
    expect(erasing.unfinished.count).toBe(0);
  });
});

describe('an erasure that was stopped', () => {
  const stopAfterTheKey = () =>
    jest.spyOn(erasing.reach.keys, 'revokeOf').mockImplementation(async ([reference]) => {
      if ((await ledger.vault.erased([reference as string])).size > 0) throw new StoreUnavailable('away');
    });

  it('after the key was destroyed is found by the identifier that is gone, and completed when it is sent again', async () => {
    await ledger.record([about('1', [{ ...ANNA, also: [EMAIL] }])]);
    const stopped = stopAfterTheKey();
    await expect(erasing.erase(ANNA)).rejects.toMatchObject({ name: 'ErasureUnfinished' });
    await expect(erasing.erase(ANNA)).rejects.toMatchObject({ name: 'ErasureUnfinished' });
    stopped.mockRestore();
    expect(await referenceOf(ANNA)).toBeUndefined();
    const { certificate, isNew } = await erasing.erase({ ...EMAIL, value: ' Anna@Example.se' });
    expect([isNew, certificate.state, certificate.destroyed]).toMatchObject([true, 'completed', { keys: 1, identifiers: 2 }]);
    expect((await own()).map(({ type }) => type)).toEqual(['PersonalDataErased', 'SubjectKeyDestroyed']);
  });

  it('is completed at the head of the next one, whoever that is about', async () => {
    await ledger.record([about('1', [ANNA]), about('2', [BO])]);
    const stopped = stopAfterTheKey();
    await expect(erasing.erase(ANNA)).rejects.toMatchObject({ name: 'ErasureUnfinished' });
    stopped.mockRestore();
    await erasing.erase(BO);
    expect((await own()).map(({ type }) => type)).toEqual([
      ...['PersonalDataErased', 'SubjectKeyDestroyed'],
      ...['PersonalDataErased', 'SubjectKeyDestroyed'],
    ]);
    expect(erasing.unfinished.count).toBe(0);
  });

  it('is completed by what is done once a day', async () => {
    await ledger.record([about('1', [ANNA])]);
    const stopped = stopAfterTheKey();
    await expect(erasing.erase(ANNA)).rejects.toMatchObject({ name: 'ErasureUnfinished' });
    const parts = new Map<unknown, unknown>([
      [UnfinishedErasures, erasing.unfinished],
      [CommandBus, { execute: async () => [] }],
      [Config, {}],
    ]);
    const warned: unknown[] = [];
    const log = { warn: (facts: unknown) => warned.push(facts) };
    const day = () => keepHouse({ get: (part: unknown) => parts.get(part) } as never, log as never, new AbortController().signal);
    await day();
    expect([warned, erasing.unfinished.count]).toEqual([[{ erasures: 1 }], 1]);
    stopped.mockRestore();
    await day();
    expect([warned.length, erasing.unfinished.count]).toEqual([1, 0]);
    expect((await own()).map(({ type }) => type)).toEqual(['PersonalDataErased', 'SubjectKeyDestroyed']);
  });
});

describe('somebody whom the log names and whose key was lost', () => {
  it('is closed out of the log: the reference is fenced, and the certificate says that no key was there', async () => {
    await ledger.record([about('1', [ANNA])]);
    const reference = await referenceOf(ANNA);
    await erasing.views.reached('entries', await ledger.store.head());
    const keys = jest.spyOn(ledger.vault, 'keys').mockResolvedValue(new Map());
    const identifiers = jest.spyOn(ledger.vault, 'identifiers').mockResolvedValue(new Map());
    const { certificate } = await erasing.erase({ reference });
    keys.mockRestore();
    identifiers.mockRestore();
    expect(certificate).toMatchObject({ state: 'completed', references: [reference] });
    expect(await ledger.vault.erased([reference])).toEqual(new Set([reference]));
  });
});
