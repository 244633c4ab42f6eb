/** What staff say of a finding: who may say what when, how it is kept, and who reads it. */
import type { Entry } from '../../../src/ledger/entry.ts';
import { findings, MAX_REMARKS } from '../../../src/ledger/finding/decider.ts';
import { disclosure } from '../../support/write-side.ts';
import { viewers } from '../read-side.ts';
import { type GivenFindings, maria, openFindings } from './given-findings.ts';

describe('what may be said of a finding', () => {
  const seen = { rule: 'R7', appearedAt: Date.parse('2026-03-02T00:00:00Z'), isCleared: false };
  const command = (what: 'acknowledge' | 'explain', over: object = {}) => ({
    ...{ do: what, finding: 'F'.repeat(22), seen, again: false, at: '2026-03-03T00:00:00.000Z' },
    ...{ by: { reference: 'M'.repeat(22), kind: 'human' }, id: 'id', subjects: [] },
    ...over,
  });
  const said = (type: string, at = '2026-03-02T12:00:00.000Z') => ({ type, time: at, recordedAt: at }) as never;
  const after = (...facts: never[]) => facts.reduce(findings.evolve, findings.initial());
  const deciding =
    (what: 'acknowledge' | 'explain', over: object, ...facts: never[]) =>
    () =>
      findings.decide(command(what, over), after(...facts));

  it('is an event that names the finding, its rule, and nothing of what was said', () => {
    expect(deciding('explain', {})()).toMatchObject([
      { type: 'FindingExplained', data: { finding: 'F'.repeat(22), rule: 'R7', sealedFields: ['reason'] } },
    ]);
  });

  it.each([
    ['nothing was ever found', 'acknowledge', { seen: undefined }, [], 'FindingUnknown'],
    ['it was cleared', 'explain', { seen: { ...seen, isCleared: true } }, [], 'FindingCleared'],
    ['it is acknowledged', 'acknowledge', {}, [said('FindingAcknowledged')], 'FindingAcknowledgedAlready'],
    ['it is explained', 'acknowledge', {}, [said('FindingExplained')], 'FindingAcknowledgedAlready'],
    ['it is explained', 'explain', {}, [said('FindingExplained')], 'FindingExplainedAlready'],
    [
      'more was said than anybody reads',
      'explain',
      { again: true },
      Array.from({ length: MAX_REMARKS }, () => said('FindingExplained')),
      'TooManyRemarks',
    ],
  ] as const)('is refused where %s (%s)', (_, what, over, facts, name) => {
    expect(deciding(what, over, ...(facts as never[]))).toThrow(expect.objectContaining({ name }));
  });

  it.each([
    ['an explanation after an acknowledgement', 'explain', {}, [said('FindingAcknowledged')]],
    ['an explanation added on purpose', 'explain', { again: true }, [said('FindingExplained')]],
    ['anything, where it was said before it went and came back', 'acknowledge', {}, [said('FindingExplained', '2026-03-01T00:00:00.000Z')]],
  ] as const)('is taken: %s', (_, what, over, facts) => {
    expect(deciding(what, over, ...(facts as unknown as never[]))()).toHaveLength(1);
  });
});

describe('remarks', () => {
  let ledger: GivenFindings;
  let finding: string;
  beforeEach(async () => {
    ledger = await openFindings();
    await ledger.given(disclosure('1'));
    finding = await ledger.found({ on: 0 });
  });
  afterEach(() => ledger.close());

  const state = async () => (await ledger.ask()).items.map(({ state: one, remarks }) => [one, remarks?.map(({ kind }) => kind)]);

  it('tell how a finding stands, by whom and when', async () => {
    const [holder] = await ledger.vault.resolve([{ scheme: 'actor', value: 'maria.ek' }], { create: true });
    const author = { ...maria, personReference: holder?.reference as string };
    expect(await state()).toEqual([['open', undefined]]);
    await ledger.remark('acknowledge', finding, { author });
    expect(await state()).toEqual([['acknowledged', ['acknowledged']]]);
    const { position } = await ledger.remark('explain', finding, { author, reason: 'The bank has another name now.' });
    const [item] = (await ledger.ask()).items;
    const at = (await ledger.store.at(position))?.recordedAt;
    expect(item).toMatchObject({ state: 'explained' });
    expect(item?.remarks?.[1]).toMatchObject({ kind: 'explained', at, by: { id: 'maria.ek' }, reason: 'The bank has another name now.' });
    const by = async (one: string) => (await ledger.ask({ about: { state: one as never } })).items.length;
    expect([await by('open'), await by('acknowledged'), await by('explained'), await by('cleared')]).toEqual([0, 0, 1, 0]);
  });

  it('are as of a day', async () => {
    const before = new Date().toISOString();
    await new Promise((resolve) => setTimeout(resolve, 5));
    await ledger.remark('explain', finding);
    const [item] = (await ledger.ask({ asOf: before })).items;
    expect(item).toMatchObject({ state: 'open' });
    expect(item).not.toHaveProperty('remarks');
    expect((await ledger.ask({ asOf: before, about: { state: 'open' } })).items).toHaveLength(1);
  });

  it('stay when the finding goes, and say nothing of it when it comes back', async () => {
    await ledger.remark('explain', finding);
    await ledger.given(disclosure('2'), disclosure('3'));
    const [first, second, third] = await ledger.recorded();
    await ledger.db
      .updateTable('findings_rows')
      .set({ until: second?.position, cleared_at: Date.now(), cleared_why: 'judged-again' })
      .execute();
    expect(await state()).toEqual([['cleared', ['explained']]]);
    await expect(ledger.remark('explain', finding)).rejects.toThrow(expect.objectContaining({ name: 'FindingCleared' }));
    expect(await ledger.found({ on: 0, since: third?.position as number })).toBe(finding);
    expect(await state()).toEqual([
      ['open', ['explained']],
      ['cleared', ['explained']],
    ]);
    expect(first?.position).toBeLessThan(second?.position as number);
    await ledger.remark('acknowledge', finding);
    expect((await state())[0]).toEqual(['acknowledged', ['explained', 'acknowledged']]);
    expect((await ledger.ask({ about: { state: 'acknowledged' } })).items).toHaveLength(1);
  });

  it('are refused of what was never found', async () => {
    await expect(ledger.remark('acknowledge', 'A'.repeat(22))).rejects.toThrow(expect.objectContaining({ name: 'FindingUnknown' }));
  });

  const secret = 'Kim asked for it by phone.';
  const logged = async () => (await ledger.entries()).map(({ entry }) => entry).filter(({ source }) => source === 'urn:liggare:findings');

  it('are sealed with whom the finding is about, and end with them', async () => {
    await ledger.remark('explain', finding, { reason: secret });
    const [entry] = await logged();
    const [event] = await ledger.recorded();
    const [{ reference }] = (JSON.parse(event?.data as string) as Entry).data.subjects as [{ reference: string }];
    expect(JSON.stringify(entry)).not.toContain('phone');
    expect(entry?.data.subjects).toEqual([{ reference, sealed: expect.any(String) }]);
    await ledger.store.fence([reference]);
    await ledger.vault.erase([reference], new Date().toISOString());
    const [item] = (await ledger.ask()).items;
    expect(item?.remarks).toMatchObject([{ kind: 'explained' }]);
    expect(item?.remarks?.[0]).not.toHaveProperty('reason');
    // Of somebody erased, too, something may be said: it ends with its month.
    await ledger.remark('explain', finding, { reason: 'The request is closed.', again: true });
    expect((await ledger.ask()).items[0]?.remarks?.[1]).toMatchObject({ reason: 'The request is closed.' });
    expect((await logged())[1]).toMatchObject({
      data: { subjects: [{ reference }] },
      sealed: { under: expect.stringMatching(/^unbound-/) },
    });
  });

  it('of a finding about nobody are kept as long as a file', async () => {
    const search = { subjects: [], categories: ['name'], purpose: 'customer-communication', legalBasis: '6(1)(f)', mode: 'search' };
    const actor = { id: 'anna.berg', kind: 'human', role: 'clerk', capacity: 'controller' };
    const data = { ...search, actor, outcome: 'ok', resultCount: 0, system: 'crm', country: 'SE' };
    await ledger.given({ ...disclosure('4'), type: 'PersonalDataAccessed', data });
    const nobody = await ledger.found({ on: 1, rule: 'R6' });
    await ledger.remark('explain', nobody, { reason: 'A test of the system.' });
    expect(await logged()).toMatchObject([{ data: { subjects: [] }, sealed: { under: expect.stringMatching(/^findings-\d{4}-\d\d$/) } }]);
    expect((await ledger.ask({ about: { finding: nobody } })).items[0]?.remarks).toMatchObject([{ reason: 'A test of the system.' }]);
  });

  it('are read by whoever sees the details of the people', async () => {
    await ledger.remark('explain', finding, { reason: secret });
    const read = async (viewer: keyof typeof viewers, about = {}) =>
      (await ledger.ask({ about }, viewers[viewer])).items[0]?.remarks?.[0]?.reason;
    const kim = { subject: { scheme: 'customer-number', value: '10027' } };
    expect(await read('investigate')).toBe(secret);
    expect(await read('case', kim)).toBe(secret);
    expect(await read('case')).toBeUndefined();
    expect(await read('ask', kim)).toBeUndefined();
    expect(await read('audit')).toBeUndefined();
    expect((await ledger.ask({}, viewers.audit)).items[0]?.remarks).toMatchObject([{ kind: 'explained', by: { kind: 'service' } }]);
  });

  it('of the same moment are decided one after the other', async () => {
    const both = await Promise.allSettled([ledger.remark('acknowledge', finding), ledger.remark('acknowledge', finding)]);
    expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  });
});
