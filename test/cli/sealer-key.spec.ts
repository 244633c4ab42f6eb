import { FakeLedger, KEY, liggare, type Ran } from './fake-ledger.ts';

const OLD = { generation: 1, vkey: 'ledger.example/mailit/1+2c4f3a1b+AAAA', createdAt: '2026-01-02T08:00:00.000Z' };
const NEW = { generation: 1, vkey: 'ledger.example/mailit/1+5d6e7f80+BBBB', createdAt: '2026-03-02T09:14:07.120Z' };
const RING = { inForce: NEW, keys: [{ ...OLD, retiredAt: NEW.createdAt }, NEW] };

let ledger: FakeLedger | undefined;
afterEach(async () => {
  await ledger?.stop();
});

async function run(...argv: string[]): Promise<Ran> {
  ledger = await FakeLedger.start(() => ({ body: RING }));
  return liggare(['sealer-key', ...argv], { env: { LIGGARE_URL: ledger.url, LIGGARE_KEY: KEY } });
}
const asked = () => ledger?.received.map(({ method, path }) => `${method} ${path}`);

test('the key in force stands alone on standard output', async () => {
  const ran = await run('show');
  expect(asked()).toEqual(['GET /v1/sealer-key']);
  expect(ran).toMatchObject({ code: 0, stdout: `${NEW.vkey}\n` });
});

test('every key there was is listed with its times', async () => {
  const lines = (await run('show', '--all')).stdout.split('\n');
  expect(lines.slice(2).map((line) => line.split(/ {2,}/))).toEqual([
    [OLD.vkey, OLD.createdAt, NEW.createdAt],
    expect.arrayContaining([NEW.vkey, NEW.createdAt]),
    [''],
  ]);
});

test('a program gets the whole ring', async () => {
  expect(JSON.parse((await run('show', '--json')).stdout)).toEqual(RING);
});

test('the new key is printed once it is in force', async () => {
  const ran = await run('rotate');
  expect(asked()).toEqual(['POST /v1/sealer-key/rotate']);
  expect(ran).toMatchObject({ code: 0, stdout: `${NEW.vkey}\n`, stderr: expect.stringContaining('both keys sign') });
});
