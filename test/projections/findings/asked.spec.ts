/** Q11: findings by what was found, and by everything that a timeline asks events by; as they stood on a day. */
import { disclosure } from '../../support/write-side.ts';
import { viewers } from '../read-side.ts';
import { type GivenFindings, openFindings } from './given-findings.ts';

let ledger: GivenFindings;
beforeEach(async () => {
  ledger = await openFindings();
});
afterEach(() => ledger.close());

const subject = (value: string) => ({ scheme: 'customer-number', value, category: 'customer' });
const ids = ({ items }: { items: { finding: string }[] }) => items.map(({ finding }) => finding);

describe('a finding', () => {
  it('tells what was found, by which promise, and the event that proves it', async () => {
    await ledger.given(disclosure('1'));
    const finding = await ledger.found({ on: 0 });
    const { items, position } = await ledger.ask();
    const [event] = await ledger.recorded();
    expect(items).toEqual([
      {
        finding,
        ...{ rule: 'R7', title: expect.any(String), verdict: 'violates', what: 'recipient-not-registered', severity: 'critical' },
        ...{ clause: 21, article: '5(1)(b)', policyVersion: '1', detectedAt: event?.recordedAt, state: 'open', recipient: 'skatteverket' },
        event: {
          ...{ source: 'urn:mailit:billing', id: '1', position: event?.position },
          ...{ type: 'PersonalDataDisclosed', time: '2026-03-02T09:14:07.120Z' },
        },
        actor: { id: 'anna.berg', kind: 'human', role: 'accountant', capacity: 'controller' },
        subjects: [{ scheme: 'customer-number', value: '10027', category: 'customer' }],
        subjectCount: 1,
      },
    ]);
    expect(position).toBe(event?.position);
  });

  it('is asked by what was found', async () => {
    await ledger.given(disclosure('1'), disclosure('2'));
    const sold = await ledger.found({ on: 0, rule: 'R8', what: 'consideration', article: '5(1)(a)' });
    const unknown = await ledger.found({ on: 0, rule: 'R2', severity: null, clause: 15, missing: ['purpose'] });
    const old = await ledger.found({ on: 1, rule: 'R8', severity: 'high', what: 'consideration', version: '0' });
    const kept = await ledger.found({ on: 1, in: 'retention', rule: 'R17', severity: 'high', what: 'kept-too-long', clause: 26 });
    const by = async (about: object) => ids(await ledger.ask({ about })).sort();
    expect(await by({ rule: 'R8' })).toEqual([sold, old].sort());
    expect(await by({ rule: ['R2', 'R17'] })).toEqual([unknown, kept].sort());
    expect(await by({ verdict: 'undeterminable' })).toEqual([unknown]);
    expect(await by({ severity: ['high'] })).toEqual([old, kept].sort());
    expect(await by({ clause: 26 })).toEqual([kept]);
    expect(await by({ policyVersion: '0' })).toEqual([old]);
    expect(await by({ rule: 'R8', policyVersion: '0', clause: 15 })).toEqual([]);
    expect(await by({ finding: [sold, kept] })).toEqual([sold, kept].sort());
    expect((await ledger.ask({ about: { verdict: 'undeterminable' } })).items[0]).toMatchObject({ missing: ['purpose'], clause: 15 });
    expect((await ledger.ask({ about: { rule: 'R17' } })).items[0]).toMatchObject({ rule: 'R17', clause: 26, severity: 'high' });
  });

  it('is asked by everything that its event is asked by', async () => {
    await ledger.given(
      disclosure('1'),
      disclosure('2', {
        time: '2026-02-01T00:00:00.000Z',
        data: {
          actor: { id: 'bo.ek', kind: 'human', role: 'clerk', capacity: 'controller' },
          subjects: [subject('2')],
          recipient: { id: 'bank', role: 'independent-controller', country: 'SE' },
          system: 'crm',
        },
      }),
      disclosure('3', { source: 'urn:mailit:crm', data: { subjects: [subject('2'), subject('3')] } }),
    );
    const [first, second, third] = [await ledger.found({ on: 0 }), await ledger.found({ on: 1 }), await ledger.found({ on: 2 })];
    const by = async (about: object) => ids(await ledger.ask({ about })).sort();
    expect(await by({ actor: 'bo.ek' })).toEqual([second]);
    expect(await by({ subject: { scheme: 'customer-number', value: '2' } })).toEqual([second, third].sort());
    expect(await by({ subject: { scheme: 'customer-number', value: '2' }, actor: 'anna.berg' })).toEqual([third]);
    expect(await by({ recipient: 'bank' })).toEqual([second]);
    expect(await by({ source: 'urn:mailit:crm' })).toEqual([third]);
    expect(await by({ system: 'crm' })).toEqual([second]);
    expect(await by({ from: '2026-03-01' })).toEqual([first, third].sort());
    expect(await by({ to: '2026-03-01' })).toEqual([second]);
    expect(await by({ caseRef: 'VAT-2026-02', source: 'urn:mailit:billing', actor: 'anna.berg' })).toEqual([first]);
    expect(await by({ actor: 'nobody' })).toEqual([]);
    expect(await by({ detectedTo: '2020-01-01' })).toEqual([]);
    expect(await by({ detectedFrom: '2020-01-01' })).toHaveLength(3);
  });

  it('names the recipient of whom it speaks, where that is not the one on the event', async () => {
    await ledger.given(disclosure('1'));
    const finding = await ledger.found({ on: 0, rule: 'R19', what: 'recipient-not-told', recipient: 'bank' });
    expect((await ledger.ask({ about: { recipient: 'bank' } })).items).toMatchObject([{ finding, recipient: 'bank' }]);
  });

  it('is about those alone whom it concerns', async () => {
    await ledger.given(disclosure('1', { data: { subjects: [subject('1'), subject('2'), subject('3')] } }));
    const [one, two] = JSON.parse((await ledger.recorded())[0]?.data as string).data.subjects.map(
      (each: { reference: string }) => each.reference,
    );
    await ledger.found({ on: 0, whom: [one, two] });
    const { items, people } = await ledger.ask();
    expect(items[0]).toMatchObject({ subjects: [{ value: '1' }, { value: '2' }], subjectCount: 2 });
    expect(people).toEqual([one, two]);
    const about = (value: string) => ({ about: { subject: { scheme: 'customer-number', value } } });
    expect((await ledger.ask(about('3'))).items).toEqual([]);
    const asked = await ledger.ask(about('1'), viewers.ask);
    expect(asked.items[0]).toMatchObject({ subjects: [{ value: '1' }], subjectCount: 2 });
    expect(asked.people).toEqual([one]);
  });

  it('is about those whom it concerns, though the event names nobody', async () => {
    const { data, ...envelope } = disclosure('3', { type: 'RecruitmentProcessClosed' });
    const { actor } = data as { actor: object };
    const closed = { ...envelope, data: { actor, caseRef: 'REC-1', purpose: 'recruitment' } };
    await ledger.given(disclosure('1'), disclosure('2', { data: { subjects: [subject('2')] } }), closed);
    const [one, two] = (await ledger.recorded()).map(({ data }) => JSON.parse(data).data.subjects[0]?.reference) as [string, string];
    const kept = { in: 'retention', rule: 'R17', severity: 'high', what: 'kept-too-long', on: 2 } as const;
    const [first] = [await ledger.found({ ...kept, whom: [one] }), await ledger.found({ ...kept, what: 'other', whom: [two] })];
    const { items, people } = await ledger.ask({ about: { subject: { scheme: 'customer-number', value: '10027' } } }, viewers.ask);
    expect(items).toMatchObject([{ finding: first, subjects: [{ scheme: 'customer-number', value: '10027' }], subjectCount: 1 }]);
    expect(people).toEqual([one]);
    const all = await ledger.ask({}, viewers.audit);
    expect(all.items.map((item) => item.subjects)).toEqual([[{ reference: two }], [{ reference: one }]]);
    expect(all.people).toEqual([two, one]);
    expect((await ledger.ask({ about: { subject: { reference: two }, type: 'PersonalDataDisclosed' } })).items).toEqual([]);
    expect(await ledger.now(first)).toMatchObject({ people: [one] });
  });

  it('shows no more of anybody than the asker may see, and nothing that was sealed of the event', async () => {
    await ledger.given(disclosure('1', { data: { note: 'Called twice.', subjects: [{ ...subject('1'), recordRefs: ['r-1'] }] } }));
    await ledger.found({ on: 0 });
    const shown = async (viewer: keyof typeof viewers) => (await ledger.ask({}, viewers[viewer])).items[0];
    const reference = expect.stringMatching(/^[\w-]{22}$/);
    expect(await shown('audit')).toMatchObject({ actor: { reference }, subjects: [{ reference, category: 'customer' }] });
    expect(await shown('ask')).toMatchObject({ actor: { reference }, subjects: [{ value: '1' }] });
    const all = JSON.stringify(await shown('investigate'));
    expect(all).toContain('anna.berg');
    expect(all).not.toMatch(/Called twice|r-1/);
  });

  it('shows who was erased as erased', async () => {
    await ledger.given(disclosure('1'));
    await ledger.found({ on: 0 });
    const { data } = JSON.parse((await ledger.recorded())[0]?.data as string);
    const references = [data.subjects[0].reference, data.actor.reference];
    await ledger.store.fence(references);
    await ledger.vault.erase(references, new Date().toISOString());
    const [item] = (await ledger.ask()).items;
    expect(item?.subjects).toEqual([{ reference: references[0], category: 'customer', erased: true }]);
    expect(item?.actor).toMatchObject({ name: 'former staff', erased: true });
  });
});

describe('as of a moment', () => {
  const later = async () => {
    await new Promise((resolve) => setTimeout(resolve, 5));
    return new Date().toISOString();
  };

  it('a finding is open until it was cleared, and never disappears', async () => {
    await ledger.given(disclosure('1'));
    const before = await later();
    await ledger.given(disclosure('2'));
    const [, second] = await ledger.recorded();
    const finding = await ledger.found({ on: 0, until: second?.position as number });
    expect((await ledger.ask({ asOf: before })).items).toMatchObject([{ finding, state: 'open' }]);
    expect((await ledger.ask()).items).toMatchObject([
      { finding, state: 'cleared', cleared: { at: second?.recordedAt, why: 'retracted' } },
    ]);
    const inState = async (state: object) => ids(await ledger.ask({ about: { state } as never }));
    expect(await inState(['open'])).toEqual([]);
    expect(await inState(['cleared', 'open'])).toEqual([finding]);
  });

  it('what is due later is none before, and one by nothing but time passing', async () => {
    await ledger.given(disclosure('1'));
    const due = new Date(Date.now() + 86_400_000).toISOString();
    const finding = await ledger.found({ on: 0, rule: 'R5', what: 'notice-missing', severity: 'medium', due });
    expect((await ledger.ask()).items).toEqual([]);
    expect((await ledger.ask({ asOf: new Date(Date.now() + 2 * 86_400_000).toISOString() })).items).toMatchObject([
      { finding, detectedAt: due, dueAt: due, state: 'open' },
    ]);
    const past = await ledger.found({ on: 0, rule: 'R5', what: 'notice-late', severity: 'medium', due: '2026-03-03T00:00:00.000Z' });
    expect((await ledger.ask()).items).toMatchObject([{ finding: past, dueAt: '2026-03-03T00:00:00.000Z' }]);
    expect(await ledger.now(finding)).toBeUndefined();
  });

  it('what was cleared before it was due never was a finding', async () => {
    await ledger.given(disclosure('1'), disclosure('2'));
    const [, second] = await ledger.recorded();
    await ledger.found({ on: 0, due: '2030-01-01T00:00:00.000Z', until: second?.position as number, why: 'judged-again' });
    expect((await ledger.ask({ asOf: '2031-01-01' })).items).toEqual([]);
  });

  it('what was recorded later is not known', async () => {
    await ledger.given(disclosure('1'));
    const before = await later();
    await ledger.given(disclosure('2'));
    await ledger.found({ on: 0 });
    await ledger.found({ on: 1 });
    expect((await ledger.ask({ asOf: before })).items).toHaveLength(1);
    expect((await ledger.ask()).items).toHaveLength(2);
  });
});

describe('pages', () => {
  it.each(['asc', 'desc'] as const)('are of one state, while new findings come (%s)', async (order) => {
    await ledger.given(...Array.from({ length: 12 }, (_, i) => disclosure(String(i))));
    for (let i = 0; i < 12; i++) await ledger.found({ on: i, ...(i % 3 === 0 && { in: 'retention', rule: 'R17' }) });
    const all = ids(await ledger.ask({ order }));
    expect(all).toHaveLength(12);
    const paged: string[] = [];
    for (let cursor: string | null | undefined; cursor !== null; ) {
      const page = await ledger.ask({ order, limit: 5, ...(cursor !== undefined && { cursor }) });
      paged.push(...ids(page));
      cursor = page.next;
      await ledger.given(disclosure(`new ${paged.length}`));
      await ledger.found({ on: (await ledger.recorded()).length - 1 });
    }
    expect(paged).toEqual(all);
  });

  it('go on by what was found as by everything', async () => {
    await ledger.given(...Array.from({ length: 9 }, (_, i) => disclosure(String(i))));
    const wanted: string[] = [];
    for (let i = 0; i < 9; i++) {
      const finding = await ledger.found({ on: i, rule: `R${(i % 3) + 7}`, what: `w${i}` });
      if (i % 3 !== 2) wanted.unshift(finding);
    }
    const paged: string[] = [];
    for (let cursor: string | null | undefined; cursor !== null; ) {
      const page = await ledger.ask({ about: { rule: ['R7', 'R8'] }, limit: 2, ...(cursor !== undefined && { cursor }) });
      paged.push(...ids(page));
      cursor = page.next;
    }
    expect(paged).toEqual(wanted);
  });

  it('belong to their question', async () => {
    await ledger.given(disclosure('1'), disclosure('2'));
    await ledger.found({ on: 0 });
    await ledger.found({ on: 1 });
    const { next } = await ledger.ask({ about: { rule: 'R7' }, limit: 1 });
    await expect(ledger.ask({ about: { rule: 'R7', clause: 3 }, limit: 1, cursor: String(next) })).rejects.toThrow('cursor');
    expect((await ledger.ask({ about: { rule: ['R7'] }, limit: 1, cursor: String(next) })).items).toHaveLength(1);
  });
});
