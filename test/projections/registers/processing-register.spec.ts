/** Given what was recorded, when the register is asked for, then what it shows: as of a day, in a window, without what was retracted. */
import { ProcessingRegister, ProcessingRegisterHandler, type RegisterQuestion } from '../../../projections/registers/processing/query.ts';
import { handle } from '../../../src/ledger/handle.ts';
import { POLICIES, policies } from '../../../src/ledger/policy/decider.ts';
import { Policies } from '../../../src/ledger/policy/policies.ts';
import type { Policy } from '../../../src/policy/document.ts';
import { digestOf } from '../../../src/policy/normal-form.ts';
import { MAILIT, read } from '../../policy/given.ts';
import { disclosure, NOW } from '../../support/write-side.ts';
import { openReadSide, type ReadSide, viewers } from '../read-side.ts';

const BY = { reference: 'A'.repeat(22), kind: 'human', role: 'admin' };
const mailit = read(MAILIT);

let ledger: ReadSide;
let ask: (question?: Omit<RegisterQuestion, 'viewer'>) => Promise<Awaited<ReturnType<ProcessingRegisterHandler['execute']>>>;
let published = 0;
beforeEach(async () => {
  ledger = await openReadSide();
  const { views, store, vault, people } = ledger;
  const handler = new ProcessingRegisterHandler(views, store, vault, people, new Policies(store));
  ask = (question = {}) => handler.execute(new ProcessingRegister({ ...question, viewer: viewers.audit }));
});
afterEach(() => ledger.close());

async function publish(document: Policy): Promise<void> {
  const at = new Date(NOW).toISOString();
  await handle(ledger.store, POLICIES, policies, {
    do: 'publish',
    document,
    digest: digestOf(document),
    at,
    by: BY,
    id: `p${published++}`,
  });
  await ledger.caughtUp();
}

function used(id: string, { data, ...rest }: { data?: object; [name: string]: unknown } = {}): Record<string, unknown> {
  const { recipient, method, consideration, ...all } = disclosure(id)['data'] as Record<string, unknown>;
  return { ...disclosure(id, { type: 'PersonalDataUsed', ...rest }), data: { ...all, ...data } };
}
const about = (record: Record<string, unknown>, type: string, id: string, more: object = {}) => ({
  ...{ ...record, type, id },
  data: {
    actor: { id: 'anna.berg', kind: 'human' },
    ...{ target: { source: record['source'], id: record['id'] }, reason: 'Wrong.', approver: 'maria.ek' },
    ...more,
  },
});

const of = ({ items }: Awaited<ReturnType<typeof ask>>, wanted: string) => items.find(({ purpose }) => purpose === wanted);

test('declared beside observed, by purpose, with who is responsible', async () => {
  await publish(mailit);
  await ledger.given(disclosure('1'), used('2', { data: { purpose: 'recruitment', legalBasis: '6(1)(b)' } }));
  const answer = await ask();
  expect(answer.head).toMatchObject({
    controller: {
      ...{ id: 'mailit', name: 'MAILIT AB', registrationNumber: '556532-9496', contact: 'info@mailit.se', country: 'SE' },
      supervisoryAuthority: { id: 'imy', name: 'Integritetsskyddsmyndigheten' },
    },
    policy: { policy: 'mailit', version: '1', effectiveFrom: '2018-05-25', digest: digestOf(mailit) },
    earlierVersions: [],
    security: { declared: ['IT infrastructure', 'Information', 'Offices', 'Production'], recorded: [] },
    totals: { activities: 14, declared: 14, observed: 2 },
  });
  expect(of(answer, 'tax-reporting')).toMatchObject({
    capacity: 'controller',
    declared: {
      legalBases: [{ basis: '6(1)(c)', statutes: ['SFS 2011:1244'] }],
      recipients: [{ id: 'skatteverket', name: 'Skatteverket' }],
      retention: [{ rule: 'accounts', period: 'P7Y', statute: 'SFS 1999:1078', countedFrom: 'end-of-financial-year' }],
    },
    observed: {
      events: 1,
      legalBases: [{ code: '6(1)(c)', events: 1 }],
      recipients: [{ id: 'skatteverket', role: 'independent-controller' }],
    },
  });
  expect(of(answer, 'recruitment')?.differences).toEqual(
    expect.arrayContaining([
      { direction: 'declared-not-observed', of: 'subjectCategory', value: 'job-applicant', clauses: [19] },
      expect.objectContaining({ direction: 'observed-not-declared', of: 'subjectCategory', value: 'customer', events: 1, clauses: [19] }),
    ]),
  );
  expect(of(answer, 'newsletter')).toMatchObject({ observed: null, differences: [{ of: 'purpose', direction: 'declared-not-observed' }] });
});

test('it counts and names nobody', async () => {
  await ledger.given(disclosure('1'));
  expect((await ask()).people).toEqual([]);
  expect(JSON.stringify((await ask()).items)).not.toContain('10027');
});

test('retracted records leave, corrected ones once their replacement is there, and both come back', async () => {
  const wrong = used('1', { data: { legalBasis: '6(1)(a)' } });
  const right = used('1b');
  await ledger.given(wrong);
  const bases = async () => of(await ask(), 'tax-reporting')?.observed?.legalBases.map(({ code, events }) => `${code} ${events}`);
  const corrected = about(wrong, 'RecordCorrected', 'c', { replacement: { source: right['source'], id: '1b' } });
  await ledger.given(corrected);
  expect(await bases()).toEqual(['6(1)(a) 1']);
  await ledger.given(right);
  expect(await bases()).toEqual(['6(1)(c) 1']);
  await ledger.given(about(right, 'RecordRetracted', 'r'));
  expect(await bases()).toBeUndefined();
  await ledger.given(about({ ...right, id: 'r' }, 'RecordRetracted', 'rr'));
  expect(await bases()).toEqual(['6(1)(c) 1']);
});

test('what was denied, and erasures, are no processing', async () => {
  const accessed = (id: string, outcome: string) => used(id, { type: 'PersonalDataAccessed', data: { mode: 'view', outcome } });
  const erased = used('3', { type: 'PersonalDataErased', data: { ground: '17(1)(a)', scope: 'all', systems: ['crm'] } });
  await ledger.given(accessed('1', 'denied'), accessed('2', 'ok'), erased);
  expect(of(await ask(), 'tax-reporting')?.observed).toMatchObject({
    events: 1,
    operations: [{ code: 'PersonalDataAccessed', events: 1 }],
  });
});

test('in a window, for a purpose', async () => {
  await ledger.given(
    used('1', { time: '2026-02-01T00:00:00Z' }),
    used('2', { time: '2026-03-01T00:00:00Z' }),
    used('3', { data: { purpose: 'payment' } }),
  );
  const answer = await ask({ about: { purpose: 'tax-reporting', from: '2026-02-15', to: '2026-03-02' } });
  expect(answer.items.map(({ purpose, observed }) => [purpose, observed?.events])).toEqual([['tax-reporting', 1]]);
  expect(answer.head.window).toEqual({ from: '2026-02-15T00:00:00.000Z', to: '2026-03-02T00:00:00.000Z' });
});

test('as of a moment: what was recorded, and which policy was in force', async () => {
  await ledger.given(used('1'));
  const before = (await ask()).asOf;
  await new Promise((resolve) => setTimeout(resolve, 5));
  await publish(mailit);
  await ledger.given(used('2'));
  expect(of(await ask({ asOf: before }), 'tax-reporting')).toMatchObject({ declared: null, observed: { events: 1 } });
  expect((await ask({ asOf: before })).head).toMatchObject({ controller: null, policy: null });
  expect(of(await ask(), 'tax-reporting')).toMatchObject({ declared: { clauses: [25] }, observed: { events: 2 } });
});

test('another version names the one before where the window reaches back to it', async () => {
  await publish(mailit);
  await publish({ ...mailit, version: '2', effectiveFrom: '2026-06-01' });
  await ledger.given(used('1'));
  const asked = async (question: Parameters<typeof ask>[0]) => {
    const { policy, earlierVersions } = (await ask(question)).head;
    return [policy?.version, earlierVersions.map(({ version }) => version)];
  };
  expect(await asked({ asOf: '2099-01-01' })).toEqual(['2', ['1']]);
  expect(await asked({ asOf: '2099-01-01', about: { from: '2026-07-01' } })).toEqual(['2', []]);
  expect(await asked({ asOf: '2099-01-01', about: { to: '2026-04-01' } })).toEqual(['2', ['1']]);
});

test('on behalf of others, with the agreements that were recorded: current ones, and not retracted', async () => {
  await publish(mailit);
  const work = (id: string, controller: string) =>
    used(id, { data: { controller, actor: { id: 'mail-engine', kind: 'service', role: 'mailer', capacity: 'processor' } } });
  const engaged = (id: string, data: object) => ({
    ...used(id, { type: 'ProcessorEngaged', source: 'urn:mailit:legal' }),
    data: { actor: { id: 'maria.ek', kind: 'human' }, recipient: { id: 'mailit', role: 'processor' }, ...data },
  });
  const beta = engaged('e2', { controller: 'beta', validUntil: '2020-12-31' });
  await ledger.given(
    work('1', 'alfa'),
    work('2', 'beta'),
    engaged('e1', { controller: 'alfa', countries: ['SE'], categories: ['name'], agreementRef: 'PUB-A' }),
    beta,
  );
  const behalf = async () =>
    (await ask()).items
      .filter(({ capacity }) => capacity === 'processor')
      .map(({ controller, declared, differences }) => [
        controller,
        declared !== null,
        differences.map((each) => `${each.of} ${each.value}`),
      ]);
  expect(await behalf()).toEqual([
    ['alfa', true, ['dataCategory organisation-number']],
    ['beta', false, ['agreement beta']],
  ]);
  await ledger.given(about(engaged('e1', {}), 'RecordRetracted', 'r1'));
  expect((await behalf())[0]).toEqual(['alfa', false, ['agreement alfa']]);
});

test('measures that were recorded stand beside those that were declared', async () => {
  const measure = (id: string, name: string, time: string) => ({
    ...used(id, { type: 'SecurityMeasureImplemented', time }),
    data: { actor: { id: 'maria.ek', kind: 'human' }, measure: name },
  });
  await ledger.given(measure('1', 'disk-encryption', '2026-01-01T00:00:00Z'), measure('2', 'disk-encryption', '2026-02-01T00:00:00Z'));
  expect((await ask()).head.security).toEqual({
    declared: [],
    recorded: [{ measure: 'disk-encryption', events: 2, firstAt: '2026-01-01T00:00:00.000Z', lastAt: '2026-02-01T00:00:00.000Z' }],
  });
});

test('page by page nothing is lost or repeated, and all pages are of one state', async () => {
  await publish(mailit);
  const all = await ask();
  const first = await ask({ limit: 10 });
  await ledger.given(used('1', { data: { purpose: 'payment', legalBasis: '6(1)(f)' } }));
  const second = await ask({ limit: 10, cursor: first.next as string });
  expect([...first.items, ...second.items]).toEqual(all.items);
  expect(second.next).toBeNull();
});
