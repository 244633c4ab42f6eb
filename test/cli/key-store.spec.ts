import { FakeLedger, KEY, liggare, type Ran, type Received, type Reply } from './fake-ledger.ts';

let ledger: FakeLedger | undefined;
afterEach(async () => {
  await ledger?.stop();
  ledger = undefined;
});

async function run(argv: string[], handler: (request: Received) => Reply): Promise<Ran> {
  ledger = await FakeLedger.start(handler);
  return liggare(argv, { env: { LIGGARE_URL: ledger.url, LIGGARE_KEY: KEY } });
}
const asked = () => ledger?.received.map(({ method, path, query }) => `${method} ${path}${query.size > 0 ? `?${query}` : ''}`);

describe('liggare keys expire', () => {
  const period = { name: 'quarantine-2025-01', endsAt: '2026-02-01T00:00:00.000Z', items: 12 };

  test('lists what went', async () => {
    const ran = await run(['keys', 'expire'], () => ({ body: { dryRun: false, count: 1, periods: [period] } }));
    expect(asked()).toEqual(['POST /v1/key-store/expire']);
    expect(ran.stdout.split('\n')[2]?.split(/ {2,}/)).toEqual(['quarantine-2025-01', '2026-02-01T00:00:00.000Z', '12']);
    expect(ran.stderr).toContain('1 key was destroyed.');
  });

  test('a dry run says what would go', async () => {
    const ran = await run(['keys', 'expire', '--dry-run'], () => ({ body: { dryRun: true, count: 2, periods: [period, period] } }));
    expect(asked()).toEqual(['POST /v1/key-store/expire?dryRun=true']);
    expect(ran.stderr).toContain('2 keys would be destroyed.');
  });
});

describe('liggare keys rotate-master', () => {
  const shown = (rotation: object) => ({ body: { state: 'in-force', generation: 3, rotation } });

  test('waits until it is done, and says what is left to do', async () => {
    let looks = 0;
    const ran = await run(['keys', 'rotate-master'], ({ method }) =>
      method === 'GET' && ++looks > 1
        ? shown({ state: 'completed', done: 3, total: 3, advice: 'Keep a copy of it.' })
        : shown({ state: 'running', done: 1, total: 3 }),
    );
    expect(asked()).toEqual(['POST /v1/key-store/rotate-master', 'GET /v1/key-store', 'GET /v1/key-store']);
    expect(ran).toMatchObject({ code: 0, stderr: expect.stringContaining('for 3 people. Keep a copy of it.') });
  });

  test.each([
    ['failed', { state: 'failed', done: 1, total: 3, cause: 'KeyStoreUnavailable' }, 'KeyStoreUnavailable'],
    ['was interrupted by a restart', undefined, 'started again'],
  ])('says that it goes on when it %s', async (_, rotation, cause) => {
    const ran = await run(['keys', 'rotate-master'], ({ method }) =>
      method === 'POST'
        ? shown({ state: 'running', done: 0, total: 3 })
        : { body: { state: 'rotating', generation: 3, ...(rotation && { rotation }) } },
    );
    expect(ran.code).toBe(3);
    expect(ran.stderr).toContain(cause);
    expect(ran.stderr).toContain('it goes on');
  });
});

describe('liggare retention', () => {
  const person = (reference: string, more: object = {}) => ({ references: [reference], lastAt: '2019-03-02T09:14:07.120Z', ...more });
  const page = (items: object[], next?: string) => ({
    body: { keep: 'P7Y', before: '2019-11-22T14:00:00.000Z', items, ...(next && { next }) },
  });

  test('a dry run lists everybody once, and erases nobody', async () => {
    const ran = await run(['retention', '--dry-run'], ({ query }) =>
      query.has('cursor') ? page([person('A'), person('C', { exception: 'legal-hold' })]) : page([person('A'), person('B')], '1000'),
    );
    expect(asked()).toEqual(['GET /v1/retention', 'GET /v1/retention?cursor=1000']);
    expect(ran.stdout.split('\n')).toEqual([
      '2019-03-02T09:14:07.120Z  A',
      '2019-03-02T09:14:07.120Z  B',
      '2019-03-02T09:14:07.120Z  C  legal-hold',
      '',
    ]);
    expect(ran.stderr).toContain('2 data subjects would be erased, 1 excepted: nothing recorded since 2019-11-22T14:00:00.000Z (P7Y).');
  });

  test('erases page by page', async () => {
    const ran = await run(['retention', '--json'], ({ query }) =>
      query.has('cursor') ? page([]) : page([person('A', { erasure: 'id' })], '200'),
    );
    expect(asked()).toEqual(['POST /v1/retention', 'POST /v1/retention?cursor=200']);
    expect(JSON.parse(ran.stdout)).toEqual(person('A', { erasure: 'id' }));
    expect(ran.stderr).toContain('1 data subject was erased');
  });
});
