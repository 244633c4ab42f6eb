import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { liggare } from '../cli/fake-ledger.ts';
import { SHOP, shopWith } from '../policy/given.ts';
import { ServiceProcess } from './service.ts';

let folder: string;
let shop: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'liggare-policy-e2e-'));
  shop = join(folder, 'shop.yaml');
  writeFileSync(shop, SHOP);
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const versionsIn = async (data: string) => {
  const ran = await liggare(['policy', 'list', '--json'], { env: { LIGGARE_DATA: data } });
  return (JSON.parse(ran.stdout) as { items: { policy: string; version: string; digest: string; position: number }[] }).items;
};

it('the built service says in one line what it published at its first start, and at the next what is in force', async () => {
  const service = new ServiceProcess(join(folder, 'data'));
  await service.start();
  await service.end('SIGTERM');
  expect(service.output).toMatch(/^Policy mailit, version 1 from 2018-05-25, was published from \/.*\/policies\/mailit\.yaml$/m);
  await service.start();
  await service.end('SIGTERM');
  expect(service.output).toMatch(/^Policy mailit, version 1 from 2018-05-25, is in force$/m);
});

it('a policy of LIGGARE_POLICY that is wrong stops the start before anything is made, and says where it is wrong', async () => {
  writeFileSync(shop, shopWith('P24M', 'two years'));
  const service = new ServiceProcess(join(folder, 'data'), { LIGGARE_POLICY: shop });
  await expect(service.start()).rejects.toThrow();
  expect(service.output).toMatch(
    /LIGGARE_POLICY names .*shop\.yaml, which is not a policy that can be used:\n +line \d+, column \d+: retention\.orders\.period/,
  );
});

it('what was published is in a backup, and stands in what is restored of it', async () => {
  const data = join(folder, 'data');
  const second = join(folder, 'second.yaml');
  const tomorrow = new Date(Date.now() + 86_400_000).toISOString().slice(0, 10);
  writeFileSync(second, shopWith("version: '1'", "version: '2'").replace('effectiveFrom: 2024-01-01', `effectiveFrom: ${tomorrow}`));
  const env = { LIGGARE_DATA: data, LIGGARE_POLICY: shop };
  expect(await liggare(['policy', 'publish', second], { env })).toMatchObject({ code: 0 });
  const before = await versionsIn(data);
  expect(before.map(({ policy, version }) => [policy, version])).toEqual([
    ['shop', '1'],
    ['shop', '2'],
  ]);
  const copy = join(folder, 'copy');
  const restored = { LIGGARE_DATA: join(folder, 'restored'), LIGGARE_MASTER_KEY_FILE: join(data, 'master.key') };
  expect(await liggare(['backup', copy], { env })).toMatchObject({ code: 0 });
  expect(await liggare(['restore', copy, '--accept-missing-erasures'], { env: restored })).toMatchObject({ code: 0 });
  const ran = await liggare(['policy', 'list', '--json'], { env: restored });
  expect(JSON.parse(ran.stdout).items).toMatchObject(before.map(({ version, digest, position }) => ({ version, digest, position })));
  expect(await liggare(['verify'], { env: restored })).toMatchObject({ code: 0 });
});
