/** New critical findings as they are told: each once by whoever goes on from where it was, whatever came late. And as a stream of events. */
import fc from 'fast-check';
import { sql } from 'kysely';
import { type Horizon, newCritical, type Span } from '../../projections/findings/news.ts';
import { FindingStreams } from '../../src/http/findings-stream.controller.ts';
import { Metrics } from '../../src/http/metrics.ts';
import type { ApiKeys } from '../../src/ledger/api-key/api-keys.ts';
import { CriticalFindings } from '../../src/notify/critical-findings.ts';
import { cursorOf } from '../../src/notify/cursor.ts';
import { type GivenFindings, openFindings } from '../projections/findings/given-findings.ts';
import { disclosure } from '../support/write-side.ts';

let ledger: GivenFindings;
beforeEach(async () => {
  ledger = await openFindings();
});
afterEach(() => ledger.close());

/** So many events, each with a critical finding. */
async function found(many = 1, over: object = {}): Promise<string[]> {
  const ids: string[] = [];
  for (let i = 0; i < many; i++) {
    ids.push(await ledger.givenFound(disclosure(`event ${(await ledger.recorded()).length}`), over));
  }
  return ids;
}

describe('the spans in which findings are told', () => {
  /** A finding: when it is detected (its position, a tenth of a second each), how much later it is due, and by which position it is read. */
  const finding = fc.record({
    since: fc.integer({ min: 1, max: 12 }),
    due: fc.option(fc.integer({ min: -3, max: 30 })),
    row: fc.boolean(),
  });
  const horizon = fc.record({ position: fc.integer({ min: 0, max: 12 }), moment: fc.integer({ min: 0, max: 45 }) });

  it('tell each finding once, however late it is read and however they are cut', async () => {
    await ledger.given(disclosure('1'));
    await ledger.found({ on: 0 });
    const position = await ledger.store.head();
    const [outcome] = await ledger.db.selectFrom('findings_outcomes').select('id').execute();
    const insert = async (kept: string, row: number, { since, due }: { since: number; due: number | null }) => {
      const [detected, dueAt] = [since * 10, due === null ? null : (since + due) * 10];
      await sql`insert into ${sql.table(kept)} (row, finding, outcome, position, time, due_at, at, is_partial, since, detected_at)
        values (${row}, ${Buffer.alloc(16, row)}, ${outcome?.id}, ${position}, 0, ${dueAt}, ${Math.max(detected, dueAt ?? 0)}, 0, ${since}, ${detected})`.execute(
        ledger.db,
      );
    };
    await sql`insert into retention_outcomes select * from findings_outcomes`.execute(ledger.db);
    await fc.assert(
      fc.asyncProperty(
        fc.array(finding, { maxLength: 25 }),
        fc.array(horizon, { maxLength: 6 }),
        fc.integer({ min: 1, max: 7 }),
        async (all, cuts, page) => {
          for (const table of ['findings_rows', 'retention_findings']) await sql`delete from ${sql.table(table)}`.execute(ledger.db);
          const sorted = [...all].sort((a, b) => a.since - b.since);
          for (const [i, each] of sorted.entries()) await insert(each.row ? 'findings_rows' : 'retention_findings', i + 1, each);
          // The past is not told; the ends of spans only grow.
          const ends = [...cuts, { position: 12, moment: 500 }].map(({ position, moment }) => ({ position, moment: moment * 10 }));
          let from: Horizon = { position: 0, moment: 0, recordedAt: 0 };
          const told: string[] = [];
          for (const end of ends) {
            const to = { position: Math.max(from.position, end.position), moment: Math.max(from.moment, end.moment) };
            let last: Span['last'] | undefined;
            for (let some = 0; last === undefined || some === page; ) {
              const next = await newCritical(ledger.db, { from, to, ...(last && { last }) }, page);
              some = next.length;
              told.push(...next.map(({ notice }) => notice.finding));
              last = next.at(-1)?.at ?? last;
              if (some === 0) break;
            }
            from = { ...to, recordedAt: to.position * 10 };
          }
          expect([...told].sort()).toEqual(sorted.map((_, i) => Buffer.alloc(16, i + 1).toString('base64url')).sort());
        },
      ),
      { numRuns: 60 },
    );
  });
});

describe('a stream of findings', () => {
  let isHeld = true;
  const streams = () => {
    const findings = new CriticalFindings(ledger.views, ledger.store, { tickMs: 10 });
    const keys = { holds: async () => isHeld } as unknown as ApiKeys;
    return new FindingStreams(findings, ledger.store, keys, new Metrics());
  };
  beforeEach(async () => {
    isHeld = true;
    await ledger.given(disclosure('first'));
  });

  interface Block {
    id: string;
    event?: string;
    data?: { finding: string };
  }

  /** Reads as a browser does (HTML, server-sent events), until so many were told. */
  async function read(stream: AsyncIterable<unknown>, many: number): Promise<Block[]> {
    const blocks: Block[] = [];
    for await (const chunk of stream) {
      for (const text of String(chunk)
        .split('\n\n')
        .filter((block) => block !== '')) {
        const fields = Object.fromEntries(
          text.split('\n').map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]),
        );
        blocks.push({ ...fields, ...(fields['data'] && { data: JSON.parse(fields['data']) }) } as unknown as Block);
      }
      if (blocks.filter(({ data }) => data).length >= many) break;
    }
    return blocks;
  }
  const ids = (blocks: Block[]) => blocks.flatMap(({ data }) => data?.finding ?? []);

  it('tells of what is found from now on, and says at once where that is', async () => {
    await found(2);
    const { stream } = await streams().open('key', undefined);
    const iterator = stream[Symbol.asyncIterator]();
    expect(String((await iterator.next()).value)).toMatch(/^retry: 5000\nid: 1(\.\d+){3}\n\n/);
    const expected = await found(2);
    const blocks = await read({ [Symbol.asyncIterator]: () => iterator }, 2);
    expect(ids(blocks)).toEqual(expected);
    expect(blocks.find(({ data }) => data)).toMatchObject({
      event: 'finding.critical',
      data: { rule: 'R7', event: { type: 'PersonalDataDisclosed' } },
    });
  });

  it('goes on after any event that was received', async () => {
    const first = await streams().open('key', undefined);
    const begin = (await first.stream[Symbol.asyncIterator]().next()).value as Buffer;
    const start = /id: (\S+)/.exec(String(begin))?.[1] as string;
    first.end();
    const expected = await found(5);
    const all = await read((await streams().open('key', start)).stream, 5);
    expect(ids(all)).toEqual(expected);
    const told = all.filter(({ data }) => data);
    await found(1, { severity: 'low' });
    expected.push(...(await found(1)));
    for (const [i, { id }] of told.entries()) {
      const rest = await read((await streams().open('key', id)).stream, expected.length - i - 1);
      expect(ids(rest)).toEqual(expected.slice(i + 1));
    }
  });

  it.each(['nonsense', '1.99999.1.1', '1.1.1772442847120.1772442847121', '1.1.1.9007199254740991'])(
    'refuses to go on after what is no event of this log (%s)',
    async (id) => {
      const all = streams();
      for (let times = 0; times < 20; times++) {
        await expect(all.open('key', id)).rejects.toMatchObject({
          type: 'invalid',
          options: { errors: [{ path: '/last-event-id', rule: 'unknown-place' }] },
        });
      }
    },
  );

  it('begins now where the header is empty', async () => {
    const { stream, end } = await streams().open('key', '');
    const { value } = await stream[Symbol.asyncIterator]().next();
    const begin = cursorOf(/id: (\S+)/.exec(String(value))?.[1] as string);
    expect(begin?.from.position).toBe(await ledger.store.head());
    end();
  });

  it('ends with its key, before anything else is told', async () => {
    const { stream } = await streams().open('key', undefined);
    const iterator = stream[Symbol.asyncIterator]();
    await iterator.next();
    isHeld = false;
    await found(1);
    expect(await iterator.next()).toMatchObject({ done: true });
  });

  it('ends with the process', async () => {
    const all = streams();
    const { stream } = await all.open('key', undefined);
    const iterator = stream[Symbol.asyncIterator]();
    await iterator.next();
    all.onModuleDestroy();
    expect(await iterator.next()).toMatchObject({ done: true });
  });

  it('holds no more than a little for whoever does not read', async () => {
    const { stream, end } = await streams().open('key', undefined);
    stream.read();
    await found(30);
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(stream.readableLength).toBeLessThan(17 * 1024);
    end();
  });

  it('is one of a bounded number, for a key and in all', async () => {
    const all = streams();
    const open: { end(): void }[] = [];
    for (let i = 0; i < 10; i++) open.push(await all.open('key', undefined));
    await expect(all.open('key', undefined)).rejects.toMatchObject({ type: 'too-many-requests' });
    for (let i = 10; i < 100; i++) open.push(await all.open(`key ${i}`, undefined));
    await expect(all.open('another', undefined)).rejects.toMatchObject({ type: 'unavailable' });
    all.onModuleDestroy();
  });

  it('says once that findings cannot be read, and tells them when they can again', async () => {
    const said: (string | undefined)[] = [];
    let isBroken = true;
    const views = new Proxy(ledger.views, {
      get: (target, name) => {
        if (name === 'db' && isBroken) throw Object.assign(new Error('it quotes a value'), { name: 'QuestionTooLong' });
        return Reflect.get(target, name);
      },
    });
    const findings = new CriticalFindings(views, ledger.store, { tickMs: 5 });
    findings.onFailing((cause) => said.push(cause));
    const begin = await findings.fromNow();
    const expected = await found(1);
    const ending = new AbortController();
    const told = findings.from(begin, ending.signal);
    const first = told.next();
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(said).toEqual(['QuestionTooLong']);
    isBroken = false;
    expect((await first).value).toMatchObject({ notice: { finding: expected[0] } });
    expect(said).toEqual(['QuestionTooLong', undefined]);
    ending.abort();
    await told.return();
  });
});
