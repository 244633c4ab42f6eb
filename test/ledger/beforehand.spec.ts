import { rmSync } from 'node:fs';
import { Beforehand, type Intended, InvalidIntention, NotPermittedToIntend } from '../../src/ledger/record/beforehand.ts';
import { Preparer } from '../../src/ledger/record/prepare.ts';
import { EventValidator, type Problem } from '../../src/ledger/record/validate.ts';
import { LedgerSettings } from '../../src/ledger/settings.ts';
import { Vocabulary } from '../../src/vocabulary/vocabulary.ts';
import { anybody, disclosure, NOW, openWriteSide } from '../support/write-side.ts';
import { golden } from './golden.ts';

let write: Awaited<ReturnType<typeof openWriteSide>>;
let beforehand: Beforehand;
const validator = new EventValidator(Vocabulary.builtIn());
beforeAll(async () => {
  write = await openWriteSide();
  const settings = new LedgerSettings({ controller: 'mailit', unboundDays: 90, quarantineDays: 90, caseDays: 1095 });
  beforehand = new Beforehand(validator, new Preparer(write.vault, settings), write.vault);
});
afterAll(async () => {
  await write.close();
  rmSync(write.folder, { recursive: true, force: true });
});

const clerk = { author: { ...anybody, maySource: () => false }, sources: [], onlyReports: false, now: NOW };
/** A key that reports for these sources. */
const system = (...sources: string[]) => ({
  author: { ...anybody, maySource: (source: string) => sources.includes(source) },
  ...{ sources, onlyReports: true, now: NOW },
});
const read = (asked: Record<string, unknown>, options: Parameters<Beforehand['read']>[1] = clerk): Promise<Intended> =>
  beforehand.read([asked], options).then(([one]) => one as Intended);
const problemsOf = async (asked: Record<string, unknown>, options?: Parameters<Beforehand['read']>[1]): Promise<string[]> => {
  const error = (await read(asked, options).catch((thrown: unknown) => thrown)) as InvalidIntention;
  return (error.problems ?? []).map(({ path, rule }) => `${path} ${rule}`);
};

const customer = (value: string, more: object = {}) => ({ scheme: 'customer-number', value, category: 'customer', ...more });
/** All that has to be said. */
const least = { type: 'PersonalDataUsed', subjects: [customer('1')], purpose: 'direct-marketing' };
/** The fields of an event side by side. */
const flat = ({ type, data }: { type: string; data: Record<string, unknown> }) => ({ type, ...data });

describe('What is asked about before it is done', () => {
  it('is the event that would follow, in clear as it would stand in the log', async () => {
    const event = disclosure('stands', { source: 'urn:mailit:billing', data: { note: 'By phone.', releasedBy: 'maria.ek' } });
    await write.record([event]);
    const entries = await write.entries();
    const entry = entries.find(({ entry: { id } }) => id === 'stands')?.entry;
    const { type, source, data } = event as { type: string; source: string; data: Record<string, unknown> };
    const intended = await read({ type, source, ...data });
    const stored = { ...entry?.data, subjects: entry?.data.subjects.map(({ reference, category }) => ({ reference, category })) };
    expect(JSON.parse(JSON.stringify(intended.data))).toEqual(JSON.parse(JSON.stringify(stored)));
    expect(intended).toMatchObject({ type, source, time: NOW });
    expect([...intended.known]).toEqual(intended.subjects);
  });

  it('makes nobody known, and gives whoever is not known a reference that nobody has', async () => {
    const subjects = [customer('stranger', { also: [{ scheme: 'email', value: 'stranger@example.com' }] }), customer('10027')];
    const asked = { ...least, subjects, actor: { id: 'nobody', kind: 'human', role: 'clerk', capacity: 'controller' } };
    for (let time = 0; time < 2; time++) {
      const { data, subjects: references, known, identifiers } = await read(asked);
      expect([data.actor.reference, references[0]]).toEqual(['?0', '?1']);
      expect([...known]).toEqual([references[1]]);
      expect(identifiers[0]).toEqual([
        { scheme: 'customer-number', value: 'stranger' },
        { scheme: 'email', value: 'stranger@example.com' },
      ]);
    }
    expect(await write.vault.resolve([{ scheme: 'customer-number', value: 'stranger' }], { create: false })).toEqual([undefined]);
  });

  it('needs type, subjects and purpose alone; what is left out is left out, and nobody stands for an actor', async () => {
    const { data } = await read(least);
    expect(JSON.parse(JSON.stringify(data))).toEqual({
      ...{ actor: { reference: '', kind: '' }, controller: 'mailit', purpose: 'direct-marketing' },
      subjects: [{ reference: '?1', category: 'customer' }],
    });
    expect(await problemsOf({})).toEqual(expect.arrayContaining(['/type required']));
    expect(await problemsOf({ type: 'PersonalDataUsed' })).toEqual(['/subjects required', '/purpose required']);
  });

  it('happens now, or within a day', async () => {
    expect((await read(least)).time).toBe(NOW);
    expect((await read({ ...least, time: '2026-03-02T20:00:00+01:00' })).time).toBe(Date.parse('2026-03-02T19:00:00Z'));
    expect(await problemsOf({ ...least, time: new Date(NOW - 6 * 60_000).toISOString() })).toEqual(['/time time-in-past']);
    expect(await problemsOf({ ...least, time: new Date(NOW + 25 * 3_600_000).toISOString() })).toEqual(['/time time-in-future']);
    expect(await problemsOf({ ...least, time: 'soon' })).toEqual(['/time malformed']);
  });

  it.each([
    ['no type of event', { type: 'PersonalDataSold' }, '/type unknown-type'],
    ['no processing', { type: 'ConsentGiven', textVersion: '1', method: 'web', purposes: ['newsletter'] }, '/type not-asked-beforehand'],
    ['an erasure', { type: 'PersonalDataErased' }, '/type not-asked-beforehand'],
    ['an unknown code', { purpose: 'curiosity' }, '/purpose unknown-code'],
    ['a field that no such event has', { colour: 'red' }, '/colour unknown-property'],
    ['half an actor', { actor: { id: 'anna.berg', kind: 'human' } }, '/actor/role required'],
    ['a recipient without an id', { type: 'PersonalDataDisclosed', recipient: { role: 'processor' } }, '/recipient/id required'],
    ['nobody', { subjects: [] }, '/subjects too-few'],
    ['too many people', { subjects: Array.from({ length: 1_001 }, (_, i) => customer(String(i))) }, '/subjects too-many'],
    ['an e-mail address in clear', { statuteRef: 'kim.lind@example.com' }, '/statuteRef email-in-clear'],
    ['a source that is none', { source: 'billing' }, '/source malformed'],
    ['what is no text', { type: 7 }, '/type wrong-type'],
    ['a hostile name', JSON.parse('{"__proto__": {"purpose": "x"}}'), '/__proto__ unknown-property'],
  ])('is refused where it is %s', async (_, fields, problem) => {
    expect(await problemsOf(Object.defineProperties({ ...least }, Object.getOwnPropertyDescriptors(fields)))).toContain(problem);
  });

  it('has the problems that recording it would have', async () => {
    const broken = golden('PersonalDataDisclosed');
    Object.assign(broken.data, { purpose: 'curiosity', country: 'Sweden', statuteRef: 'kim.lind@example.com', colour: 'red' });
    const recorded = validator.validate(broken, NOW).map(({ path, ...rest }: Problem) => ({ path: path.replace('/data', ''), ...rest }));
    const error = (await read(flat(broken)).catch((thrown: unknown) => thrown)) as InvalidIntention;
    expect(error).toBeInstanceOf(InvalidIntention);
    expect(error.problems).toEqual(recorded.map((problem) => ({ index: 0, ...problem })));
  });
});

describe('A key that reports', () => {
  it('asks about its own sources, and need not name the only one', async () => {
    expect((await read(least, system('urn:mailit:mailer'))).source).toBe('urn:mailit:mailer');
    expect((await read({ ...least, source: 'urn:mailit:crm' }, system('urn:mailit:crm', 'urn:mailit:mailer'))).source).toBe(
      'urn:mailit:crm',
    );
    expect(await problemsOf(least, system('urn:mailit:crm', 'urn:mailit:mailer'))).toEqual(['/source required']);
  });

  it.each([
    ['another source', { ...least, source: 'urn:mailit:crm' }, '/source source-not-permitted'],
    ['a source of the ledger', { ...least, source: 'urn:liggare:keys' }, '/source source-of-the-ledger'],
    ['a type of the ledger', { ...least, type: 'LedgerQueried' }, '/type type-of-the-ledger'],
  ])('may not ask about %s', async (_, asked, problem) => {
    await expect(read(asked, system('urn:mailit:mailer'))).rejects.toBeInstanceOf(NotPermittedToIntend);
    expect(await problemsOf(asked, system('urn:mailit:mailer'))).toEqual([problem]);
  });

  it('is nothing that the ledger says of itself, whoever asks', async () => {
    await expect(read({ ...least, source: 'urn:liggare:questions' })).rejects.toBeInstanceOf(NotPermittedToIntend);
    await expect(read({ ...least, type: 'LedgerQueried' })).rejects.toBeInstanceOf(NotPermittedToIntend);
  });

  it('gets nothing where one of several is not its own', async () => {
    const both = [least, { ...least, source: 'urn:mailit:crm' }];
    await expect(beforehand.read(both, system('urn:mailit:mailer'))).rejects.toMatchObject({ problems: [{ index: 1 }] });
  });
});
