/** Given what was recorded, when the registers of clauses 20, 22 and 39 are asked for, then what stood on that day. */

import type { Question, Viewer } from '../../../projections/question.ts';
import { AccessGrants, AccessGrantsHandler, type GrantQuestion } from '../../../projections/registers/grants/query.ts';
import { Instruction, InstructionHandler, type InstructionQuestion } from '../../../projections/registers/instruction/query.ts';
import { Processors, ProcessorsHandler } from '../../../projections/registers/processors/query.ts';
import { handle } from '../../../src/ledger/handle.ts';
import { POLICIES, policies } from '../../../src/ledger/policy/decider.ts';
import { Policies } from '../../../src/ledger/policy/policies.ts';
import { digestOf } from '../../../src/policy/normal-form.ts';
import { MAILIT, read } from '../../policy/given.ts';
import { disclosure, NOW } from '../../support/write-side.ts';
import { openReadSide, type ReadSide, viewers } from '../read-side.ts';

const BY = { reference: 'A'.repeat(22), kind: 'human', role: 'admin' };
const MARIA = { id: 'maria.ek', kind: 'human' };

let ledger: ReadSide;
let known: Policies;
beforeEach(async () => {
  ledger = await openReadSide();
  known = new Policies(ledger.store);
});
afterEach(() => ledger.close());

async function publish(): Promise<void> {
  const document = read(MAILIT);
  const command = { do: 'publish', document, digest: digestOf(document), at: new Date(NOW).toISOString(), by: BY, id: 'p' } as const;
  await handle(ledger.store, POLICIES, policies, command);
  await ledger.caughtUp();
}

let ids = 0;
/** Something that was arranged in the house. */
function arranged(type: string, data: object, time = '2026-01-10T08:00:00Z', id = `a${ids++}`): Record<string, unknown> {
  return { ...disclosure(id, { type, source: 'urn:mailit:staff', time }), data: { actor: MARIA, ...data } };
}
function retracted(id: string, by = `r-${id}`): Record<string, unknown> {
  const said = { target: { source: 'urn:mailit:staff', id }, reason: 'Wrong.', approver: 'anna.berg' };
  return arranged('RecordRetracted', said, '2026-03-01T00:00:00Z', by);
}
function accessed(actor: string, time: string, data: object = {}, who: object = {}): Record<string, unknown> {
  const { recipient, method, consideration, ...all } = disclosure('')['data'] as Record<string, unknown>;
  return {
    ...disclosure(`x${ids++}`, { type: 'PersonalDataAccessed', time }),
    data: {
      ...all,
      mode: 'view',
      outcome: 'ok',
      actor: { id: actor, kind: 'human', role: 'accountant', capacity: 'controller', ...who },
      ...data,
    },
  };
}
const sent = (id: string, time: string, data: object = {}) => disclosure(id, { time, data });

describe('access grants', () => {
  const ask = (question: Omit<GrantQuestion, 'viewer'> = {}, viewer: Viewer = viewers.investigate) =>
    new AccessGrantsHandler(ledger.views, ledger.store, ledger.vault, ledger.people).execute(new AccessGrants({ ...question, viewer }));
  const inShort = async (question: Omit<GrantQuestion, 'viewer'> = {}) =>
    (await ask(question)).items.map(({ grantee, standing, purposes = [] }) => `${grantee.id} ${standing} ${purposes.join()}`.trim());
  const granted = (grantee: string, data: object = {}, time?: string, id?: string) =>
    arranged('AccessGranted', { grantee, ...data }, time, id);
  const revoked = (grantee: string, data: object = {}, time = '2026-02-01T00:00:00Z') =>
    arranged('AccessRevoked', { grantee, ...data }, time);

  test('who may see what, for what, in which system, from when until when, and by whom', async () => {
    const grant = {
      purposes: ['payment'],
      categories: ['bank-account'],
      systems: ['billing'],
      validFrom: '2026-01-01',
      validUntil: '2099-12-31',
    };
    await ledger.given(granted('anna.berg', grant, '2026-01-01T09:00:00Z', 'g1'));
    const { items } = await ask();
    expect(items).toEqual([
      {
        ...{ grantee: { id: 'anna.berg' }, standing: 'current', purposes: ['payment'], categories: ['bank-account'], systems: ['billing'] },
        ...{ from: '2026-01-01T00:00:00.000Z', until: '2099-12-31T23:59:59.999Z', grantedBy: { id: 'maria.ek' } },
        granted: { source: 'urn:mailit:staff', id: 'g1', position: 1 },
      },
    ]);
  });

  test('whoever may not name actors gets references; the question is about whoever is granted', async () => {
    await ledger.given(granted('anna.berg'));
    const { items, people } = await ask({}, viewers.ask);
    expect(items[0]).toMatchObject({ grantee: { reference: people[0] }, grantedBy: { reference: expect.any(String) } });
    expect(JSON.stringify(items)).not.toMatch(/anna|maria/);
    expect(people).toHaveLength(1);
  });

  test('a revocation takes back what was granted before it: all, or what it names', async () => {
    await ledger.given(
      granted('all', { purposes: ['payment'] }),
      revoked('all'),
      granted('named', { purposes: ['payment', 'recruitment'] }),
      revoked('named', { purposes: ['payment'] }),
      granted('other', { purposes: ['payment'] }),
      revoked('other', { purposes: ['recruitment'] }),
      granted('again', { purposes: ['payment'] }),
      revoked('again'),
      granted('again', { purposes: ['payment'] }, '2026-02-02T00:00:00Z'),
      granted('widely'),
      revoked('widely', { purposes: ['payment'] }),
    );
    expect((await inShort()).sort()).toEqual([
      'again current payment',
      'again revoked payment',
      'all revoked payment',
      'named current payment,recruitment',
      'other current payment',
      'widely current',
    ]);
    const parts = (await ask({ about: { actor: ['named', 'other', 'widely'] } })).items.map((item) => [
      item.grantee.id,
      item.revokedInPart,
    ]);
    const part = [{ at: '2026-02-01T00:00:00.000Z', purposes: ['payment'] }];
    expect(Object.fromEntries(parts)).toEqual({ named: part, other: undefined, widely: part });
    const [whole] = (await ask({ about: { actor: 'all' } })).items;
    expect(whole?.revoked).toMatchObject({ at: '2026-02-01T00:00:00.000Z', by: { id: 'maria.ek' } });
    expect(whole?.until).toBe('2026-02-01T00:00:00.000Z');
  });

  test('as of a day, and by how a grant stands', async () => {
    await ledger.given(granted('now'), granted('later', { validFrom: '2099-01-01' }), granted('before', { validUntil: '2026-01-31' }));
    const asOf = (await ask()).asOf;
    await new Promise((resolve) => setTimeout(resolve, 5));
    await ledger.given(revoked('now'));
    expect(await inShort({ asOf })).toEqual(['now current', 'before ended', 'later not-yet']);
    expect(await inShort()).toEqual(['now revoked', 'before ended', 'later not-yet']);
    expect(await inShort({ standing: 'ended' })).toEqual(['before ended']);
    expect(await inShort({ asOf: '2099-06-01', standing: 'current' })).toEqual(['later current']);
  });

  test('narrowed down by person, purpose, category and system: what limits nothing reaches everything', async () => {
    await ledger.given(
      granted('anna', { purposes: ['payment'], systems: ['billing'] }),
      granted('bo', { categories: ['tax'] }),
      granted('cy'),
    );
    const found = async (about: object) => (await inShort({ about })).map((line) => line.split(' ')[0]);
    expect(await found({ purpose: 'payment' })).toEqual(['anna', 'bo', 'cy']);
    expect(await found({ purpose: 'recruitment' })).toEqual(['bo', 'cy']);
    expect(await found({ system: 'crm', category: 'name' })).toEqual(['cy']);
    expect(await found({ actor: 'bo' })).toEqual(['bo']);
    expect(await found({ actor: 'nobody' })).toEqual([]);
  });

  test('a retracted grant is gone, a retracted revocation too', async () => {
    await ledger.given(granted('anna', {}, undefined, 'g1'), { ...revoked('anna'), id: 'v1' });
    expect(await inShort()).toEqual(['anna revoked']);
    await ledger.given(retracted('v1'));
    expect(await inShort()).toEqual(['anna current']);
    await ledger.given(retracted('g1'));
    expect(await inShort()).toEqual([]);
  });

  test('how grants were used, and what was looked up without any', async () => {
    await ledger.given(
      granted('anna', { purposes: ['tax-reporting'] }, '2026-01-01T00:00:00Z'),
      granted('anna', { purposes: ['recruitment'] }, '2026-01-02T00:00:00Z'),
      granted('bo', { categories: ['name'] }, '2026-01-03T00:00:00Z'),
      accessed('anna', '2026-02-01T00:00:00Z'),
      accessed('anna', '2026-02-02T00:00:00Z'),
      accessed('bo', '2026-02-03T00:00:00Z'),
      accessed('cy', '2026-02-04T00:00:00Z'),
      accessed('cy', '2026-02-05T00:00:00Z', { outcome: 'denied' }),
      accessed('robot', '2026-02-05T00:00:00Z', {}, { kind: 'service' }),
      accessed('cy', '2026-02-05T00:00:00Z', { controller: 'alfa' }, { capacity: 'processor' }),
    );
    const { items, usage } = await ask({ usage: true });
    expect(items.map(({ grantee, lastUsedAt }) => [grantee.id, lastUsedAt])).toEqual([
      ['anna', '2026-02-02T00:00:00.000Z'],
      ['anna', null],
      ['bo', null],
    ]);
    expect(usage).toEqual({ accessesWithoutGrant: 2, peopleWithoutGrant: 2, grantsNeverUsed: 2 });
    expect((await ask()).usage).toBeUndefined();
  });

  test('several grants cover an access between them, as the rules see it', async () => {
    const both = ['name', 'organisation-number'];
    await ledger.given(
      granted('anna', { categories: ['name'] }, '2026-01-01T00:00:00Z'),
      granted('anna', { categories: ['organisation-number', 'tax'] }, '2026-01-02T00:00:00Z'),
      granted('anna', { categories: ['usage'] }, '2026-01-03T00:00:00Z'),
      granted('bo', { categories: ['name'] }, '2026-01-04T00:00:00Z'),
      granted('bo', { categories: ['organisation-number'], purposes: ['recruitment'] }, '2026-01-05T00:00:00Z'),
      granted('cy', { categories: ['name'] }, '2026-01-06T00:00:00Z'),
      granted('cy', { categories: ['organisation-number'], validUntil: '2026-01-31' }, '2026-01-07T00:00:00Z'),
      accessed('anna', '2026-02-01T00:00:00Z', { categories: both }),
      accessed('bo', '2026-02-02T00:00:00Z', { categories: both }),
      accessed('cy', '2026-02-03T00:00:00Z', { categories: both }),
    );
    const { items, usage } = await ask({ usage: true });
    expect(items.map(({ grantee, lastUsedAt }) => [grantee.id, lastUsedAt])).toEqual([
      ['anna', '2026-02-01T00:00:00.000Z'],
      ['anna', '2026-02-01T00:00:00.000Z'],
      ['anna', null],
      ['bo', null],
      ['bo', null],
      ['cy', null],
      ['cy', undefined],
    ]);
    // One of Bo's is for another purpose; Cy's were granted once, and one of them had ended.
    expect(usage).toMatchObject({ accessesWithoutGrant: 1, peopleWithoutGrant: 1 });
  });

  test('page by page nothing is lost or repeated', async () => {
    await ledger.given(...['a', 'b', 'c'].map((name) => granted(name)));
    const first = await ask({ limit: 2 });
    const second = await ask({ limit: 2, cursor: first.next as string });
    expect([...first.items, ...second.items]).toEqual((await ask()).items);
    expect(second.next).toBeNull();
    await expect(ask({ limit: 2, cursor: first.next as string, standing: 'ended' })).rejects.toMatchObject({ name: 'InvalidCursor' });
  });
});

describe('instruction of staff', () => {
  const ask = (question: Omit<InstructionQuestion, 'viewer'> = {}, viewer: Viewer = viewers.investigate) =>
    new InstructionHandler(ledger.views, ledger.store, ledger.vault, ledger.people, known).execute(
      new Instruction({ ...question, viewer }),
    );
  const inShort = async (question: Omit<InstructionQuestion, 'viewer'> = {}) =>
    (await ask(question)).items.map(({ staff, standing }) => `${staff.id} ${standing}`);
  const instructed = (staff: string, time: string, id?: string) =>
    arranged('StaffInstructed', { staff, textVersion: `instruction-${time.slice(0, 4)}` }, time, id);

  test('whoever processed: never instructed, overdue, or current, the most pressing first', async () => {
    await publish();
    await ledger.given(
      accessed('anna', '2026-02-01T00:00:00Z'),
      accessed('anna', '2026-02-02T00:00:00Z'),
      accessed('bo', '2026-02-01T00:00:00Z'),
      accessed('cy', '2026-02-01T00:00:00Z'),
      accessed('robot', '2026-02-01T00:00:00Z', {}, { kind: 'service' }),
      instructed('anna', '2025-01-01T10:00:00Z'),
      instructed('bo', '2024-01-01T10:00:00Z'),
      instructed('nobody', '2025-01-01T10:00:00Z'),
    );
    expect(await inShort()).toEqual(['cy never', 'bo overdue', 'anna overdue']);
    await ledger.given(instructed('bo', '2026-03-01T10:00:00Z'));
    expect(await inShort({ asOf: '2027-03-01' })).toEqual(['cy never', 'anna overdue', 'bo current']);
    expect(await inShort({ asOf: '2027-03-02' })).toEqual(['cy never', 'anna overdue', 'bo overdue']);
  });

  test('the last instruction, its text, when the next is due, and what was processed', async () => {
    await publish();
    await ledger.given(
      accessed('anna', '2026-02-01T00:00:00Z'),
      accessed('anna', '2026-02-02T00:00:00Z'),
      instructed('anna', '2025-03-05T10:00:00Z', 's1'),
      instructed('anna', '2024-03-05T10:00:00Z'),
    );
    expect((await ask()).items).toEqual([
      {
        ...{ staff: { id: 'anna' }, standing: 'overdue', instructedAt: '2025-03-05T10:00:00.000Z', textVersion: 'instruction-2025' },
        ...{ record: { source: 'urn:mailit:staff', id: 's1', position: 4 }, dueAt: '2026-03-05T23:59:59.999Z' },
        processed: { events: 2, firstAt: '2026-02-01T00:00:00.000Z', lastAt: '2026-02-02T00:00:00.000Z' },
      },
    ]);
  });

  test('a retracted instruction was none; without a policy nothing is due', async () => {
    await ledger.given(accessed('anna', '2026-02-01T00:00:00Z'), instructed('anna', '2001-01-01T10:00:00Z', 's1'));
    expect((await ask()).items[0]).not.toHaveProperty('dueAt');
    expect(await inShort()).toEqual(['anna current']);
    await ledger.given(retracted('s1'));
    expect(await inShort()).toEqual(['anna never']);
    expect(await inShort({ standing: 'current' })).toEqual([]);
  });

  test('in a window, of one person, and without names for whoever may not name actors', async () => {
    await ledger.given(accessed('anna', '2026-02-01T00:00:00Z'), accessed('bo', '2026-02-10T00:00:00Z'));
    expect(await inShort({ about: { from: '2026-02-05' } })).toEqual(['bo never']);
    expect(await inShort({ about: { actor: 'anna' } })).toEqual(['anna never']);
    const { items, people } = await ask({ about: { actor: 'anna' } }, viewers.ask);
    expect(items[0]?.staff).toEqual({ reference: people[0] });
  });
});

describe('processors', () => {
  const ask = (question: Omit<Question, 'viewer'> = {}) =>
    new ProcessorsHandler(ledger.views, ledger.store, ledger.vault, ledger.people, known).execute(
      new Processors({ ...question, viewer: viewers.audit }),
    );
  const of = async (id: string, question: Omit<Question, 'viewer'> = {}) => (await ask(question)).items.find((item) => item.id === id);
  const to = (id: string, country?: string) => ({ recipient: { id, role: 'processor', ...(country && { country }) } });
  const engaged = (id: string, data: object, record?: string, time?: string) =>
    arranged('ProcessorEngaged', { recipient: { id, role: 'processor' }, ...data }, time, record);

  test('agreements declared and recorded, current or not on that day', async () => {
    await publish();
    await ledger.given(
      engaged('mailer', { validFrom: '2026-01-01', validUntil: '2026-01-31', countries: ['SE'], scope: 'mailings' }, 'e1'),
      engaged('mailer', { validFrom: '2099-01-01', agreementRef: 'PUB-9' }, 'e2'),
    );
    expect((await ask()).items.map(({ id, current }) => [id, current])).toEqual([
      ['mailer', false],
      ['norrdrift', true],
      ['svarsbyran', true],
    ]);
    expect(await of('mailer')).toEqual({
      ...{ id: 'mailer', role: 'processor', current: false, disclosed: null },
      agreements: [
        {
          ...{ standing: 'ended', from: '2026-01-01T00:00:00.000Z', until: '2026-01-31T23:59:59.999Z' },
          ...{ countries: ['SE'], scope: ['mailings'], engaged: { source: 'urn:mailit:staff', id: 'e1', position: 2 } },
        },
        { standing: 'not-yet', from: '2099-01-01T00:00:00.000Z', engaged: { source: 'urn:mailit:staff', id: 'e2', position: 3 } },
      ],
    });
    expect(await of('svarsbyran')).toMatchObject({
      ...{ name: 'Svarsbyrån', service: 'Answers the phone outside office hours.', clauses: [22], current: true },
      agreements: [{ standing: 'current', reference: 'PUB-2018-02', from: '2018-05-25', countries: ['SE'] }],
    });
    expect((await of('mailer', { asOf: '2099-02-01' }))?.current).toBe(true);
  });

  test('a termination ends the agreement that it names, or all; retracted, it ends none', async () => {
    const end = (data: object, id: string) =>
      arranged('ProcessorTerminated', { recipient: { id: 'mailer', role: 'processor' }, ...data }, '2026-02-01T00:00:00Z', id);
    await ledger.given(
      engaged('mailer', { agreementRef: 'A' }),
      engaged('mailer', { agreementRef: 'B' }),
      end({ agreementRef: 'A' }, 't1'),
    );
    const standings = async () => (await of('mailer'))?.agreements.map(({ standing }) => standing);
    expect(await standings()).toEqual(['ended', 'current']);
    await ledger.given(end({}, 't2'));
    expect(await standings()).toEqual(['ended', 'ended']);
    await ledger.given(retracted('t2'));
    expect(await standings()).toEqual(['ended', 'current']);
  });

  test('as the rules see it, whoever is named: a controller or none, the processor by another name, and at the same time', async () => {
    await publish();
    const at = '2026-02-01T00:00:00Z';
    const end = (id: string, data: object, record: string, time = '2026-02-02T00:00:00Z') =>
      arranged('ProcessorTerminated', { recipient: { id, role: 'processor' }, ...data }, time, record);
    const ended = async (id: string) => (await of(id))?.agreements.filter((each) => each.terminated).map(({ engaged }) => engaged?.id);
    await ledger.given(
      engaged('one', { controller: 'mailit' }, 'e1', at),
      end('one', {}, 't1'),
      engaged('two', {}, 'e2', at),
      end('two', { controller: 'mailit' }, 't2'),
      engaged('three', {}, 'e3', at),
      end('three', { controller: 'alfa' }, 't3'),
      // The same moment: by source and id it ends what was before it.
      end('four', {}, 'm', at),
      engaged('four', {}, 'a', at),
      engaged('four', {}, 'z', at),
    );
    expect([await ended('one'), await ended('two'), await ended('three'), await ended('four')]).toEqual([['e1'], ['e2'], [], ['a']]);
  });

  test('what was disclosed beyond agreements, as they stood when it happened', async () => {
    const scope = { purposes: ['tax-reporting'], categories: ['name', 'organisation-number'], countries: ['SE'] };
    await ledger.given(
      engaged('mailer', { ...scope, validFrom: '2026-02-01', validUntil: '2026-02-10' }),
      sent('1', '2026-01-31T23:59:59.999Z', to('mailer', 'SE')),
      sent('2', '2026-02-01T00:00:00Z', to('mailer', 'SE')),
      sent('3', '2026-02-10T23:59:59.999Z', to('mailer')),
      sent('4', '2026-02-11T00:00:00Z', to('mailer', 'SE')),
      sent('5', '2026-02-05T00:00:00Z', { ...to('mailer', 'SE'), purpose: 'payment' }),
      sent('6', '2026-02-05T00:00:00Z', { ...to('mailer', 'SE'), categories: ['tax'] }),
      sent('7', '2026-02-05T00:00:00Z', to('mailer', 'FI')),
      sent('8', '2026-02-05T00:00:00Z', to('stranger', 'SE')),
      sent('9', '2026-02-05T00:00:00Z'),
      { ...sent('10', '2026-02-05T00:00:00Z', to('mailer', 'SE')), source: 'urn:mailit:staff' },
      retracted('10'),
    );
    expect((await of('mailer'))?.disclosed).toEqual({
      ...{ events: 7, firstAt: '2026-01-31T23:59:59.999Z', lastAt: '2026-02-11T00:00:00.000Z' },
      ...{ withoutAgreement: 0, notCurrent: 2, beyondScope: 2, beyondCountries: 1 },
    });
    expect(await of('stranger')).toMatchObject({ agreements: [], current: false, disclosed: { events: 1, withoutAgreement: 1 } });
    expect((await ask()).items.map(({ id }) => id)).toEqual(['mailer', 'stranger']);
    expect((await of('mailer', { about: { recipient: 'mailer', from: '2026-02-11' } }))?.disclosed).toMatchObject({
      events: 1,
      notCurrent: 1,
    });
    expect((await ask({ about: { recipient: 'stranger' } })).items.map(({ id }) => id)).toEqual(['stranger']);
  });

  test('agreements under which the controller is itself the processor are not its processors', async () => {
    await publish();
    await ledger.given(engaged('mailit', { controller: 'alfa' }), engaged('theirs', { controller: 'alfa' }));
    expect((await ask()).items.map(({ id }) => id)).toEqual(['norrdrift', 'svarsbyran']);
  });

  test('it names nobody', async () => {
    await ledger.given(sent('1', '2026-02-05T00:00:00Z', to('stranger')));
    expect((await ask()).people).toEqual([]);
  });
});
