import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { getPriority } from 'node:os';
import { join } from 'node:path';
import { sql } from 'kysely';
import { allProjections } from '../../projections/all.ts';
import { Views } from '../../projections/views.ts';
import { disclosure } from '../support/write-side.ts';
import { openReadSide, type ReadSide } from './read-side.ts';

let ledger: ReadSide;
let files: { log: string; file: string };
beforeAll(async () => {
  ledger = await openReadSide({ questionTimeoutMs: 300 });
  files = { log: join(ledger.folder, 'ledger.db'), file: join(ledger.folder, 'views.db') };
  await ledger.given(...Array.from({ length: 20 }, (_, i) => disclosure(`first-${i}`)));
});
afterAll(() => ledger.close());

const count = async (views = ledger.views): Promise<number> =>
  Number(
    (
      await views.db
        .selectFrom('entries_facts')
        .select(({ fn }) => fn.countAll<number>().as('n'))
        .executeTakeFirstOrThrow()
    ).n,
  );

/** Counts to far more than there is time for. */
const endless = (views: Views) =>
  sql`with recursive n(i) as (select 1 union all select i + 1 from n where i < 8000000) select count(*) from n`.execute(views.db);

describe('waiting', () => {
  test('until a projection has got there', async () => {
    const { position } = await ledger.record([disclosure('waited-for')]);
    expect(await ledger.views.reached('entries', position)).toBeGreaterThanOrEqual(position);
    expect(ledger.views.position('entries')).toBeGreaterThanOrEqual(position);
  });

  test('no longer than is said', async () => {
    await expect(ledger.views.reached('entries', 1_000_000, 20)).rejects.toMatchObject({ name: 'NotThereYet', retryAfterSeconds: 1 });
  });
});

test('each projection says where it is', () => {
  const standing = { position: expect.any(Number), recordedAt: expect.any(String), state: 'following', lagEvents: 0, lagSeconds: 0 };
  const versions = allProjections().map(({ name, version }) => ({ name, version }));
  expect(ledger.views.status()).toEqual(versions.map((each) => ({ ...each, ...standing })));
});

test('nothing can be written through them', async () => {
  await expect(sql`delete from entries_facts`.execute(ledger.views.db)).rejects.toMatchObject({ code: 'SQLITE_READONLY' });
});

test('a question that takes too long is given up by name; those behind it are answered', async () => {
  const answers = await Promise.allSettled([endless(ledger.views), count()]);
  expect(answers[0]).toMatchObject({ status: 'rejected', reason: { name: 'QuestionTooLong' } });
  expect(answers[1]).toMatchObject({ status: 'fulfilled', value: 21 });
});

test('many statements at once wait for their turn; more than may wait are refused by name', async () => {
  const answers = await Promise.allSettled(Array.from({ length: 1_100 }, () => count()));
  expect(answers.filter(({ status }) => status === 'fulfilled')).toHaveLength(1_000);
  expect(answers.at(-1)).toMatchObject({ status: 'rejected', reason: { name: 'TooManyQuestions', retryAfterSeconds: 1 } });
  expect(await count()).toBe(21);
});

test('a statement larger than statements may be is too long a question; one that is wrong is named', async () => {
  const sum = sql.raw(`select ${'1 + '.repeat(2_000)} 1`);
  await expect(sum.execute(ledger.views.db)).rejects.toMatchObject({ name: 'QuestionTooLong' });
  const bound = sql`select ${sql.join(Array.from({ length: 33_000 }, (_, i) => i))}`;
  await expect(bound.execute(ledger.views.db)).rejects.toMatchObject({ name: 'QuestionTooLong' });
  await expect(sql`select from`.execute(ledger.views.db)).rejects.toMatchObject({ name: 'StatementRefused', code: 'SQLITE_ERROR' });
});

test('on Linux the thread that writes them gives way to those that record', () => {
  if (process.platform !== 'linux') return;
  const niceness = (task: string) => {
    const afterName = readFileSync(`/proc/self/task/${task}/stat`, 'utf8').split(') ').at(-1) as string;
    return Number(afterName.split(' ')[16]);
  };
  const threads = readdirSync('/proc/self/task').map(niceness);
  expect(threads).toContain(Math.min(19, getPriority() + 5));
});

describe('made anew', () => {
  test('all at once: what is asked meanwhile is answered, and nothing is lost', async () => {
    const before = await ledger.timeline({ limit: 1000 });
    const said: string[] = [];
    const rebuild = ledger.views.rebuild(undefined, ({ done, total }) => said.push(`${done} of ${total}`));
    expect((await ledger.timeline({ limit: 1000 })).items).toEqual(before.items);
    await rebuild;
    expect((await ledger.timeline({ limit: 1000 })).items).toEqual(before.items);
    expect(said.at(-1)).toBe('21 of 21');
    await ledger.given(disclosure('after the rebuild'));
    expect(await count()).toBe(22);
  });

  test('one alone', async () => {
    await ledger.views.rebuild('completeness');
    expect((await ledger.sources()).items).toMatchObject([{ source: 'urn:mailit:billing', events: 22 }]);
  });

  test('one that there is not is named', async () => {
    await expect(ledger.views.rebuild('no-such')).rejects.toMatchObject({ name: 'UnknownProjection' });
  });
});

describe('a start', () => {
  /** Another process on the same log, after this one has stopped. */
  async function restarted(change: () => void): Promise<number> {
    await ledger.views.close();
    change();
    const views = await Views.open(files);
    try {
      await views.reached('entries', await ledger.store.head(), 20_000);
      return await count(views);
    } finally {
      await views.close();
    }
  }

  test('follows on from the files as they were left', async () => {
    expect(await restarted(() => {})).toBe(22);
    expect(existsSync(`${files.file}-wal`)).toBe(false);
    expect(statSync(files.file).mode & 0o777).toBe(0o600);
  });

  test('makes anew what was deleted, damaged or cut short', async () => {
    expect(await restarted(() => rmSync(files.file))).toBe(22);
    expect(await restarted(() => writeFileSync(files.file, 'no database'))).toBe(22);
    expect(await restarted(() => writeFileSync(files.file, readFileSync(files.file).subarray(0, 5000)))).toBe(22);
    expect(await restarted(() => writeFileSync(`${files.file}.unfinished`, 'left by a crash'))).toBe(22);
    expect(existsSync(`${files.file}.unfinished`)).toBe(false);
  });

  test('closed, they refuse what is asked', async () => {
    await expect(count()).rejects.toMatchObject({ name: 'ViewsClosed' });
    await expect(ledger.views.reached('entries', 1)).rejects.toMatchObject({ name: 'ViewsClosed' });
    expect(ledger.views.isClosed).toBe(true);
    expect(ledger.views.status()).toMatchObject(Array(allProjections().length).fill({ state: 'failing', error: 'ViewsClosed' }));
  });

  test('whose projector dies answers nobody, and says so', async () => {
    const log = join(ledger.folder, 'no-log.db');
    writeFileSync(log, 'no database');
    const views = await Views.open({ log, file: join(ledger.folder, 'views-of-nothing.db') });
    await expect(views.reached('entries', 1)).rejects.toMatchObject({ name: 'ViewsClosed' });
    await expect(count(views)).rejects.toMatchObject({ name: 'ViewsClosed' });
    expect(views.isClosed).toBe(true);
    await views.close();
  });
});
