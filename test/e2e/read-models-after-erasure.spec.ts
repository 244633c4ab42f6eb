/** Read models hold references and codes, live as rebuilt, before an erasure as after it. */
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import SqliteDatabase from 'better-sqlite3';
import { allProjections } from '../../projections/all.ts';
import { disclosure } from '../support/write-side.ts';
import { type InProcess, ledgerInProcess } from './service.ts';

let ledger: InProcess;
beforeAll(async () => {
  ledger = await ledgerInProcess();
});
afterAll(() => ledger.close());

/** Everything personal that goes in, each where domain.md §7 says that it is sealed, digested or replaced by a reference. */
const PLANTED = {
  number: 'PLANTED-10027',
  email: 'planted.kim@example.com',
  linked: 'PLANTED-20054',
  other: 'PLANTED-30001',
  staff: 'planted.anna.berg',
  behalf: 'planted.manager',
  session: 'planted-session-1',
  credential: 'planted-credential-1',
  caseRef: 'PLANTED-CASE-7',
  requestRef: 'PLANTED-REQUEST-31',
  note: 'Planted note about Kim Lind.',
  terms: 'planted search terms',
  address: '192.0.2.77',
  row: 'planted-row-88121',
  name: 'Planted Name',
  reason: 'Planted reason of the hold.',
};

const kim = {
  scheme: 'customer-number',
  value: PLANTED.number,
  also: [{ scheme: 'email', value: PLANTED.email }],
  recordRefs: [PLANTED.row],
};
const linked = { scheme: 'customer-number', value: PLANTED.linked };
const other = { scheme: 'customer-number', value: PLANTED.other };
const actor = {
  ...{ id: PLANTED.staff, kind: 'human', role: 'accountant', capacity: 'controller', onBehalfOf: PLANTED.behalf },
  ...{ sessionRef: PLANTED.session, credentialRef: PLANTED.credential },
};
const source = 'urn:mailit:billing';
const rest = { actor, caseRef: PLANTED.caseRef, note: PLANTED.note, clientAddress: PLANTED.address };
const fact = (id: string, type: string, data: object) => ({
  ...{ specversion: '1.0', source, id, type, time: '2026-03-02T09:14:07.120Z', data: { actor, ...data } },
});
/** What is said of a processing beside who and whom. */
const { recipient: _, method: __, consideration: ___, ...used } = disclosure('x')['data'] as Record<string, unknown>;

const EVENTS = [
  disclosure('1', { data: { ...rest, subjects: [kim] } }),
  disclosure('2', { data: { ...rest, subjects: [kim, other] } }),
  disclosure('3', { data: { ...rest, subjects: [linked] } }),
  fact('4', 'PersonalDataRectified', {
    ...used,
    ...rest,
    subjects: [{ ...kim, before: { name: PLANTED.name }, after: { name: 'Kim' } }],
    fields: ['name'],
  }),
  fact('5', 'PersonalDataAccessed', { ...used, ...rest, subjects: [other], mode: 'search', outcome: 'ok', searchTerms: PLANTED.terms }),
  fact('6', 'LegalHoldPlaced', { subjects: [other], ground: 'legal-claims', reviewBy: '2026-12-31', reason: PLANTED.reason }),
  fact('7', 'LegalHoldPlaced', { subjects: [kim], ground: 'legal-claims', reviewBy: '2026-12-31', reason: PLANTED.reason }),
  fact('8', 'LegalHoldReleased', { subjects: [kim], target: { source, id: '7' }, reason: PLANTED.reason }),
  fact('9', 'RecordRetracted', { subjects: [kim], target: { source, id: '1' }, reason: PLANTED.reason, approver: PLANTED.behalf }),
  disclosure('10', { sequence: '7', data: { ...rest, subjects: [kim], purpose: 'no-such-purpose' } }),
];

/** Every row of every read model, once they have all of the log. */
async function rows(): Promise<Record<string, string[]>> {
  const { head } = read('ledger.db', (log) => log.prepare('select max(position) as head from events').get() as { head: number });
  const isThere = () =>
    existsSync(join(ledger.folder, 'views.db')) &&
    read('views.db', (views) => {
      const checkpoints = views.prepare('select position from checkpoints where loading = 0').all() as { position: number }[];
      return checkpoints.length === allProjections().length && checkpoints.every(({ position }) => position === head);
    });
  for (let tries = 0; !isThere(); tries++) {
    if (tries > 600) throw new Error('the read models do not catch up');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return read('views.db', (views) => {
    const tables = ['checkpoints', ...allProjections().flatMap((projection) => projection.tables)];
    const all = (table: string) => views.prepare(`select * from ${table}`).raw().all() as unknown[];
    const sorted = (table: string) =>
      all(table)
        .map((row) => JSON.stringify(row))
        .sort();
    return Object.fromEntries(tables.map((table) => [table, sorted(table)]));
  });
}

function read<T>(name: string, work: (database: SqliteDatabase.Database) => T): T {
  const database = new SqliteDatabase(join(ledger.folder, name), { readonly: true });
  try {
    return work(database);
  } finally {
    database.close();
  }
}

/** The planted values that stand anywhere in the files of the read models. */
function found(): string[] {
  const files = readdirSync(ledger.folder).filter((name) => name.startsWith('views.db'));
  const bytes = files.map((name) => readFileSync(join(ledger.folder, name)).toString('latin1'));
  return Object.values(PLANTED).filter((value) => bytes.some((text) => text.includes(value)));
}

const removeViews = (folder: string) => {
  for (const name of readdirSync(folder)) if (name.startsWith('views.db')) rmSync(join(folder, name));
};
const asked = async (about: object) =>
  (await ledger.ask('timeline', { about, order: 'asc', limit: 100 })).body.items as { source: string }[];
const recorded = async (about: object) => (await asked(about)).filter((item) => item.source === source);

test('rebuilt, they are as they were, and nobody can be told from them, before an erasure and after it', async () => {
  const { body, status } = await ledger.record(EVENTS);
  expect([status, body]).toMatchObject([200, { recorded: 9, quarantined: 1 }]);
  const subjects = [kim, linked].map(({ scheme, value }) => ({ scheme, value }));
  expect((await ledger.send('POST', '/v1/subjects/link', { subjects, reason: PLANTED.reason })).status).toBe(200);
  const before = await rows();
  expect(found()).toEqual([]);
  await ledger.restart(removeViews);
  expect(await rows()).toEqual(before);

  const [person] = subjects;
  const erasing = { subject: person, ground: '17(1)(b)', reason: PLANTED.reason, requestRef: PLANTED.requestRef, suppress: true };
  const refused = await ledger.send('POST', '/v1/subjects/erase', { ...erasing, subject: other });
  expect([refused.status, refused.body.type]).toEqual([409, expect.stringContaining('legal-hold')]);
  const erased = await ledger.send('POST', '/v1/subjects/erase', erasing);
  expect(erased.status).toBe(201);
  expect(erased.body.references).toHaveLength(2);
  const staff = await ledger.send('POST', '/v1/subjects/erase', { ...erasing, subject: { scheme: 'actor', value: PLANTED.staff } });
  expect(staff.status).toBe(201);

  const live = await rows();
  expect(found()).toEqual([]);
  await ledger.restart(removeViews);
  expect(await rows()).toEqual(live);
  expect(found()).toEqual([]);
  const lost = Object.keys(before).filter((table) => (live[table] as string[]).length < (before[table] as string[]).length);
  expect(lost).toEqual([]);

  const [reference] = erased.body.references as [string];
  const items = await recorded({ subject: { reference } });
  expect(items.length).toBeGreaterThan(5);
  expect(items).toEqual(
    items.map(() => expect.objectContaining({ actor: expect.objectContaining({ name: 'former staff', erased: true }) })),
  );
  // Others who stand on the same events keep their names.
  const shown = Object.values(PLANTED).filter((value) => JSON.stringify(items).includes(value));
  expect(shown).toEqual([PLANTED.other, PLANTED.behalf]);
  expect(await recorded({ subject: person })).toEqual([]);
  expect(await recorded({ actor: PLANTED.staff })).toEqual([]);
  expect(await recorded({ subject: { scheme: other.scheme, value: other.value } })).not.toEqual([]);
});
