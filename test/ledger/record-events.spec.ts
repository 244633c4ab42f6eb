import { NotPermittedToRecord } from '../../src/ledger/record/record-events.ts';
import { keysFor, openEntry } from '../../src/ledger/sealing.ts';
import { anybody, disclosure, openWriteSide } from '../support/write-side.ts';

type WriteSide = Awaited<ReturnType<typeof openWriteSide>>;

let ledger: WriteSide;
beforeEach(async () => {
  ledger = await openWriteSide();
});
afterEach(() => ledger.close());

const outcomes = (answer: { items: { outcome: string }[] }) => answer.items.map((item) => item.outcome);

describe('Recording an event', () => {
  it('answers its position and keeps it in the stream of its source', async () => {
    const answer = await ledger.record([disclosure('1')]);

    expect(answer).toMatchObject({ recorded: 1, duplicates: 0, conflicts: 0, quarantined: 0, refused: 0, position: 1 });
    const [event] = await ledger.entries();
    expect(event).toMatchObject({ stream: 'processing-urn:mailit:billing', revision: 0, type: 'PersonalDataDisclosed' });
    expect(event?.entry).toMatchObject({ format: 1, source: 'urn:mailit:billing', id: '1', time: '2026-03-02T09:14:07.120Z', version: 1 });
  });

  it('keeps codes in clear and nothing that names anybody', async () => {
    const note = 'Called Erik Ek about invoice 77';
    await ledger.record([disclosure('1', { data: { note, clientAddress: '192.0.2.7' } })]);

    const [event] = await ledger.entries();
    expect(event?.entry.data).toMatchObject({ purpose: 'tax-reporting', controller: 'mailit', recipient: { id: 'skatteverket' } });
    for (const secret of ['10027', 'anna.berg', 'VAT-2026-02', 'Erik Ek', '192.0.2.7']) expect(event?.data).not.toContain(secret);
  });

  it('can be opened with the keys of its people, and says what was reported', async () => {
    await ledger.record([
      disclosure('1', {
        data: {
          note: 'as agreed',
          subjects: [
            { scheme: 'email', value: 'Eva.Ek@example.se ', also: [{ scheme: 'customer-number', value: '7' }], recordRefs: ['row-1'] },
          ],
        },
      }),
    ]);

    const [event] = await ledger.entries();
    const entry = event?.entry as NonNullable<typeof event>['entry'];
    const opened = openEntry(entry, await keysFor([entry], ledger.vault));
    expect(opened.subjects).toEqual([
      { scheme: 'email', value: 'Eva.Ek@example.se ', also: [{ scheme: 'customer-number', value: '7' }], recordRefs: ['row-1'] },
    ]);
    expect(opened.event?.values).toEqual({ note: 'as agreed', caseRef: 'VAT-2026-02' });
  });

  it('names one person by one reference, however the identifier was written', async () => {
    const about = (id: string, subject: object, time = '2026-03-02T09:00:00Z') => disclosure(id, { time, data: { subjects: [subject] } });
    await ledger.record([
      about('1', { scheme: 'email', value: 'eva@example.se', also: [{ scheme: 'personal-identity-number', value: '121212-1212' }] }),
      about('2', { scheme: 'email', value: ' EVA@Example.SE' }),
      about('3', { scheme: 'personal-identity-number', value: '201212121212' }),
    ]);

    const references = (await ledger.entries()).map(({ entry }) => entry.data.subjects[0]?.reference);
    expect(new Set(references).size).toBe(1);
    expect(references[0]).toMatch(/^[A-Za-z0-9_-]{22}$/);
  });

  it('learns further identifiers of a person whom it knows', async () => {
    const about = (id: string, subject: object) => disclosure(id, { data: { subjects: [subject] } });
    await ledger.record([about('1', { scheme: 'customer-number', value: '7' })]);
    await ledger.record([about('2', { scheme: 'customer-number', value: '7', also: [{ scheme: 'email', value: 'eva@example.se' }] })]);
    await ledger.record([about('3', { scheme: 'email', value: 'eva@example.se' })]);

    const references = (await ledger.entries()).map(({ entry }) => entry.data.subjects[0]?.reference);
    expect(new Set(references).size).toBe(1);
  });

  it('seals what belongs to an event about several people so that it needs all of their keys', async () => {
    const subjects = ['1', '2', '3'].map((value) => ({ scheme: 'customer-number', value, before: { street: `Old ${value}` } }));
    await ledger.record([disclosure('1', { data: { subjects, note: 'moved together' } })]);

    const [event] = await ledger.entries();
    const entry = event?.entry as NonNullable<typeof event>['entry'];
    const keys = await keysFor([entry], ledger.vault);
    expect(openEntry(entry, keys).event?.values).toMatchObject({ note: 'moved together' });
    keys.delete(entry.data.subjects[1]?.reference as string);
    const withoutOne = openEntry(entry, keys);
    expect(withoutOne.event).toBeUndefined();
    expect(withoutOne.subjects.map((subject) => subject?.value)).toEqual(['1', undefined, '3']);
  });

  it('seals an event about nobody under the month', async () => {
    const search = disclosure('1', {
      type: 'PersonalDataAccessed',
      data: { subjects: [], mode: 'search', outcome: 'ok', resultCount: 0, searchTerms: 'Ek, Eva' },
    });
    for (const field of ['method', 'consideration', 'recipient']) delete (search['data'] as Record<string, unknown>)[field];
    expect(outcomes(await ledger.record([search]))).toEqual(['recorded']);

    const [event] = await ledger.entries();
    const entry = event?.entry as NonNullable<typeof event>['entry'];
    expect(entry.sealed?.under).toBe('unbound-2026-03');
    expect(openEntry(entry, await keysFor([entry], ledger.vault)).event?.values).toMatchObject({ searchTerms: 'Ek, Eva' });
  });
});

describe('Sending the same pair of source and id again', () => {
  it('is a duplicate with the same content, whatever the order of its members and its trace', async () => {
    const event = disclosure('1');
    await ledger.record([event]);
    const reordered = {
      traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
      ...Object.fromEntries(Object.entries(event).reverse()),
    };

    expect(await ledger.record([reordered])).toMatchObject({
      recorded: 0,
      duplicates: 1,
      position: 1,
      items: [{ outcome: 'duplicate', position: 1 }],
    });
  });

  it('is a conflict with other content, reported and not merged', async () => {
    await ledger.record([disclosure('1')]);
    const answer = await ledger.record([disclosure('1', { data: { purpose: 'payment' } })]);

    expect(answer).toMatchObject({ recorded: 0, conflicts: 1, position: 0, items: [{ outcome: 'conflict', position: 1 }] });
    expect(await ledger.entries()).toHaveLength(1);
  });

  it('is a conflict also when the other content breaks the schema', async () => {
    await ledger.record([disclosure('1')]);
    expect(outcomes(await ledger.record([disclosure('1', { data: { purpose: 'no-such-purpose' } })]))).toEqual(['conflict']);
  });

  it('is told apart within one request', async () => {
    const answer = await ledger.record([
      disclosure('1'),
      disclosure('1'),
      disclosure('1', { data: { purpose: 'payment' } }),
      disclosure('2'),
    ]);
    expect(outcomes(answer)).toEqual(['recorded', 'duplicate', 'conflict', 'recorded']);
    expect(answer.items[1]?.position).toBe(answer.items[0]?.position);
  });

  it('records one of many racing requests', async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, () => ledger.record([disclosure('1')])));
    expect(answers.flatMap(outcomes).sort()).toEqual([...Array(19).fill('duplicate'), 'recorded']);
    expect(await ledger.entries()).toHaveLength(1);
  });

  it('admits nobody: a duplicate, a conflict and a dry run make no reference', async () => {
    await ledger.record([disclosure('1')]);
    const stranger = { subjects: [{ scheme: 'customer-number', value: 'stranger' }] };
    await ledger.record([disclosure('1', { data: stranger })]);
    await ledger.record([disclosure('2', { data: stranger })], { dryRun: true });

    const [person] = await ledger.vault.resolve([{ scheme: 'customer-number', value: 'stranger' }], { create: false });
    expect(person).toBeUndefined();
  });
});

describe('What breaks the schema', () => {
  const broken = (id: string) => disclosure(id, { data: { purpose: 'no-such-purpose', note: 'Erik Ek' } });

  it('goes to quarantine with the reasons, and is kept sealed', async () => {
    const answer = await ledger.record([broken('1')]);

    expect(answer).toMatchObject({
      quarantined: 1,
      items: [{ outcome: 'quarantined', problems: [{ path: '/data/purpose', rule: 'unknown-code' }] }],
    });
    const [event] = (await ledger.entries()).filter(({ type }) => type === 'RecordQuarantined');
    expect(event).toMatchObject({ stream: 'quarantine-urn:mailit:billing' });
    expect(event?.entry.data).toMatchObject({
      recordSource: 'urn:mailit:billing',
      recordId: '1',
      problems: [{ path: '/data/purpose', rule: 'unknown-code' }],
    });
    expect(event?.data).not.toMatch(/no-such-purpose|Erik Ek|10027/);
  });

  it('is kept once however often it is sent, and stands beside what is right in the same request', async () => {
    const first = await ledger.record([disclosure('2'), broken('1')]);
    const again = await ledger.record([broken('1')]);
    expect(outcomes(first)).toEqual(['recorded', 'quarantined']);
    expect(again.items[0]).toMatchObject({ outcome: 'quarantined', position: first.items[1]?.position });
  });

  it('admits nobody', async () => {
    await ledger.record([broken('1')]);
    expect(await ledger.vault.resolve([{ scheme: 'customer-number', value: '10027' }], { create: false })).toEqual([undefined]);
  });

  it('is recorded once it is corrected, under the same pair', async () => {
    await ledger.record([broken('1')]);
    expect(outcomes(await ledger.record([disclosure('1')]))).toEqual(['recorded']);
  });

  it('keeps nothing of a broken attribute in clear', async () => {
    await ledger.record([disclosure('eva@example.se'), { ...disclosure('3'), 'anna-berg': 1 }, { type: 'Eva Ek' }]);
    for (const { data } of await ledger.entries()) expect(data).not.toMatch(/eva@example|anna-berg|Eva Ek/);
  });
});

describe('One request with more than one of something', () => {
  it('keeps one part a person, however often an event names them', async () => {
    const twice = [
      { scheme: 'customer-number', value: '7', also: [{ scheme: 'email', value: 'eva@example.se' }] },
      { scheme: 'email', value: 'eva@example.se', before: { street: 'Old street' } },
    ];
    await ledger.record([disclosure('1', { data: { subjects: twice, note: 'about one' } })]);

    const [event] = await ledger.entries();
    const entry = event?.entry as NonNullable<typeof event>['entry'];
    expect(entry.data.subjects).toHaveLength(1);
    const opened = openEntry(entry, await keysFor([entry], ledger.vault));
    expect(opened.subjects).toEqual([{ ...twice[0], repeated: [twice[1]] }]);
    expect(opened.event?.values).toMatchObject({ note: 'about one' });
  });

  it('tells sessions of two systems apart, and finds one session again', async () => {
    const within = (id: string, system: string, actor: string) =>
      disclosure(id, { data: { system, actor: { id: actor, kind: 'human', role: 'clerk', capacity: 'controller', sessionRef: '1' } } });
    await ledger.record([within('1', 'crm', 'anna'), within('2', 'billing', 'bo'), within('3', 'crm', 'anna')]);

    const sessions = (await ledger.entries()).map(({ entry }) => entry.data.actor.sessionRef);
    expect(sessions[2]).toBe(sessions[0]);
    expect(sessions[1]).not.toBe(sessions[0]);
  });

  it('compares a repetition with what stands in the log', async () => {
    const recorded = disclosure('1');
    await ledger.record([recorded]);
    const other = disclosure('1', { data: { purpose: 'payment' } });
    expect(outcomes(await ledger.record([other, recorded]))).toEqual(['conflict', 'duplicate']);
  });

  it('puts a broken copy before its corrected one, so that the item is closed', async () => {
    const answer = await ledger.record([disclosure('1', { data: { purpose: 'no-such-purpose' } }), disclosure('1')]);
    expect(outcomes(answer)).toEqual(['quarantined', 'recorded']);
    expect(answer.items[0]?.position).toBeLessThan(answer.items[1]?.position as number);
  });

  it('stores a legal request that becomes larger than one append', async () => {
    const crowd = Array.from({ length: 1000 }, (_, n) => ({ scheme: 'c', value: String(n) }));
    const answer = await ledger.record(Array.from({ length: 60 }, (_, n) => disclosure(String(n), { data: { subjects: crowd } })));
    expect(answer).toMatchObject({ recorded: 60, position: 60 });
  });

  it('counts a category of subjects once in what stays in clear', async () => {
    const crowd = Array.from({ length: 1000 }, (_, n) => ({ scheme: 'c', value: String(n), category: 'supplier-contact' }));
    expect(outcomes(await ledger.record([disclosure('1', { data: { subjects: crowd } })]))).toEqual(['recorded']);
    const wordy = disclosure('2', { data: { scope: Array.from({ length: 9 }, (_, n) => `${n}${'x'.repeat(1000)}`) } });
    expect(outcomes(await ledger.record([wordy]))).toEqual(['refused']);
  });
});

describe('What is no event', () => {
  it.each([[null], [42], ['text'], [[]], [true]])('refuses %p and keeps nothing', async (value) => {
    expect(await ledger.record([value])).toMatchObject({ refused: 1, items: [{ outcome: 'refused' }] });
    expect(await ledger.entries()).toHaveLength(0);
  });

  it('refuses what is too large or too deep', async () => {
    const deep = JSON.parse(`${'{"a":'.repeat(100)}1${'}'.repeat(100)}`);
    const answer = await ledger.record([
      disclosure('1', { data: { note: 'x'.repeat(300_000) } }),
      disclosure('2', { data: { before: deep } }),
    ]);
    expect(outcomes(answer)).toEqual(['refused', 'refused']);
  });
});

describe('What the author may not report', () => {
  const onlyBilling = {
    ...anybody,
    maySource: (source: string) => source === 'urn:mailit:billing',
    mayGroup: (group: string) => group === 'processing',
  };

  it.each([
    ['another source', disclosure('1', { source: 'urn:mailit:crm' }), 'source-not-permitted'],
    ["the ledger's own source", disclosure('1', { source: 'urn:liggare:keys' }), 'source-of-the-ledger'],
    ["the ledger's own type", disclosure('1', { type: 'ApiKeyCreated' }), 'type-of-the-ledger'],
    ['a group that the key was not given', disclosure('1', { type: 'BreachConfirmed' }), 'group-not-permitted'],
  ])('stops the whole request for %s, and records the attempt', async (_, event, rule) => {
    const attempt = ledger.record([disclosure('ok'), event], {}, onlyBilling);

    await expect(attempt).rejects.toThrow(NotPermittedToRecord);
    await expect(attempt).rejects.toMatchObject({ problems: [{ index: 1, rule }] });
    expect((await ledger.entries()).map(({ type }) => type)).toEqual(['RecordRefused']);
  });

  it('records of an attempt nothing that nobody has checked', async () => {
    const planted = disclosure('1', { source: 'urn:other:811218-9876', type: 'Anna Andersson anna@example.com' });
    await expect(ledger.record([planted], {}, onlyBilling)).rejects.toThrow(NotPermittedToRecord);
    for (const { data } of await ledger.entries()) expect(data).not.toMatch(/811218|anna/i);
  });

  it('refuses to correct or retract a record of another source', async () => {
    const retraction = disclosure('2', {
      type: 'RecordRetracted',
      data: { target: { source: 'urn:mailit:crm', id: '1' }, reason: 'wrong', approver: 'chief' },
    });
    const author = { ...onlyBilling, mayGroup: () => true };
    await expect(ledger.record([retraction], {}, author)).rejects.toMatchObject({ problems: [{ rule: 'target-not-permitted' }] });
  });

  it('refuses to correct or retract a record of a group that the key was not given', async () => {
    const { actor, subjects } = disclosure('').data as Record<string, unknown>;
    const said = { actor, subjects };
    const hold = { ...disclosure('hold', { type: 'LegalHoldPlaced' }), data: { ...said, ground: 'legal-claims', reviewBy: '2027-01-31' } };
    const pointing = (id: string, target: string) => ({
      ...disclosure(id, { type: 'RecordRetracted' }),
      data: { actor, target: { source: 'urn:mailit:billing', id: target }, reason: 'wrong', approver: 'chief' },
    });
    await ledger.record([hold, disclosure('other')]);
    const author = { ...onlyBilling, mayGroup: (group: string) => group !== 'legal-hold' };

    const attempt = ledger.record([pointing('1', 'hold')], {}, author);
    await expect(attempt).rejects.toMatchObject({ problems: [{ path: '/data/target', rule: 'group-not-permitted' }] });
    expect((await ledger.entries()).at(-1)?.type).toBe('RecordRefused');
    expect(outcomes(await ledger.record([pointing('2', 'other'), pointing('3', 'unknown')], {}, author))).toEqual(['recorded', 'recorded']);
    expect(outcomes(await ledger.record([pointing('4', 'hold')]))).toEqual(['recorded']);
    // That retraction is about a hold as well.
    await expect(ledger.record([pointing('5', '4')], {}, author)).rejects.toMatchObject({ problems: [{ rule: 'group-not-permitted' }] });
    expect(outcomes(await ledger.record([pointing('5', '4'), pointing('6', '2')]))).toEqual(['recorded', 'recorded']);
  });

  it('refuses only that line of a stream', async () => {
    const answer = await ledger.record(
      [disclosure('1', { source: 'urn:mailit:crm' }), disclosure('2')],
      { forbidden: 'refuse' },
      onlyBilling,
    );
    expect(outcomes(answer)).toEqual(['refused', 'recorded']);
  });
});

describe('A dry run', () => {
  it('answers as if it recorded, and records nothing', async () => {
    await ledger.record([disclosure('1')]);
    const before = await ledger.store.head();
    const events = [disclosure('1'), disclosure('2'), disclosure('2'), disclosure('3', { data: { purpose: 'no-such-purpose' } }), 7];

    expect(outcomes(await ledger.record(events, { dryRun: true }))).toEqual([
      'duplicate',
      'recorded',
      'duplicate',
      'quarantined',
      'refused',
    ]);
    expect(await ledger.store.head()).toBe(before);
  });
});
