import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readConfig } from '../src/config.ts';
import type { Entry } from '../src/ledger/entry.ts';
import { Policies } from '../src/ledger/policy/policies.ts';
import { publishPolicy } from '../src/ledger/policy/publish.ts';
import { beginWithPolicy, readNamedPolicy } from '../src/policy-at-start.ts';
import { loadDeclaredCodes } from '../src/vocabulary/declared-codes.ts';
import { Vocabulary } from '../src/vocabulary/vocabulary.ts';
import { MemoryStore } from './ledger/memory-store.ts';
import { MemoryVault } from './ledger/memory-vault.ts';
import { read, SHOP, shopWith } from './policy/given.ts';

const NOW = Date.parse('2026-11-02T09:00:00.000Z');

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'policy-at-start-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

/** A ledger's log, to be started again and again. */
function ledger() {
  const [store, vault] = [new MemoryStore(), new MemoryVault().asVault()];
  const parts = () => ({
    store,
    vault,
    policies: new Policies(store, () => NOW),
    vocabulary: Vocabulary.builtIn(),
    settings: { caseDays: 1 },
  });
  const start = async (env: Record<string, string> = {}) => {
    const { config } = readConfig(env);
    const named = await readNamedPolicy(config);
    const opened = parts();
    const told = await beginWithPolicy(opened, { config, declared: loadDeclaredCodes(config.policiesFolder), named }, NOW);
    return { ...told, ...opened };
  };
  return { store, start, parts };
}

const dataOf = (store: MemoryStore) => store.events.map(({ type, data }) => ({ type, ...(JSON.parse(data) as Entry).data }));

it('the first start publishes the policy that ships, in the name of the ledger, from the day on which its text applied', async () => {
  const { store, start } = ledger();
  const { lines, warnings, policies } = await start();
  expect(dataOf(store)).toMatchObject([
    {
      type: 'PolicyPublished',
      policy: 'mailit',
      policyVersion: '1',
      effectiveFrom: '2018-05-25',
      actor: { kind: 'service', role: 'ledger' },
    },
  ]);
  expect(lines).toEqual([
    expect.stringMatching(/^Policy mailit, version 1 from 2018-05-25, was published from .*\/policies\/mailit\.yaml$/),
  ]);
  expect(warnings).toEqual([]);
  expect((await policies.current())?.promises.policy.controller.id).toBe('mailit');
});

it('no other start publishes anything, and each says what is in force', async () => {
  const { store, start } = ledger();
  await start();
  const { lines } = await start();
  expect(store.events).toHaveLength(1);
  expect(lines).toEqual(['Policy mailit, version 1 from 2018-05-25, is in force']);
});

it('a ledger that has events and no policy gets one at its next start', async () => {
  const { store, start } = ledger();
  await store.append([
    { stream: 'processing-urn:test:one', expectedRevision: 'any', events: [{ id: '1', type: 'PersonalDataUsed', data: '{}' } as never] },
  ]);
  await start();
  expect(store.events.map(({ type }) => type)).toEqual(['PersonalDataUsed', 'PolicyPublished']);
});

it('somebody else’s ledger does not get the policy that ships, and is told what to do', async () => {
  const { store, start } = ledger();
  const { lines, warnings, policies } = await start({ LIGGARE_CONTROLLER: 'acme' });
  expect(store.events).toEqual([]);
  expect(policies.controller).toBeUndefined();
  expect(warnings).toEqual([expect.stringContaining('Name your own with LIGGARE_POLICY, or none')]);
  expect(lines).toEqual([expect.stringContaining('No policy is in force')]);
  expect((await start({ LIGGARE_CONTROLLER: 'acme', LIGGARE_POLICY: file('shop.yaml', SHOP) })).policies.controller).toBe('shop');
});

it('LIGGARE_POLICY names another', async () => {
  const { start } = ledger();
  const { lines, policies } = await start({ LIGGARE_POLICY: file('shop.yaml', SHOP) });
  expect(lines).toEqual([expect.stringContaining('Policy shop, version 1 from 2024-01-01, was published from')]);
  expect(policies.controller).toBe('shop');
});

it('LIGGARE_POLICY=none publishes nothing, and that is said', async () => {
  const { store, start } = ledger();
  const { lines, policies } = await start({ LIGGARE_POLICY: 'none' });
  expect(store.events).toEqual([]);
  expect(lines).toEqual([expect.stringContaining('liggare policy publish')]);
  expect(policies.controller).toBeUndefined();
});

it.each([
  [
    'is no policy',
    () => file('bad.yaml', shopWith('P24M', 'two years')),
    /^LIGGARE_POLICY names .*bad\.yaml, which is not a policy.*\n {2}line \d+, column \d+: retention\.orders\.period/m,
  ],
  ['is not there', () => join(folder, 'absent.yaml'), /^LIGGARE_POLICY names .*absent\.yaml, which cannot be read: ENOENT$/m],
  [
    'has more mistakes than anybody reads',
    () => file('bad.yaml', Array.from({ length: 40 }, (_, i) => `x${i}: 1`).join('\n')),
    /… and \d+ more: liggare policy check/,
  ],
])('LIGGARE_POLICY names a file that %s: the start stops, and says why', async (_, path, reason) => {
  const { config } = readConfig({ LIGGARE_POLICY: path() });
  const problem = await readNamedPolicy(config).catch((error: Error) => error);
  expect(problem).toMatchObject({ name: 'InvalidConfig' });
  expect((problem as Error).message.replaceAll(/^ {2}/gm, '')).toMatch(reason);
});

describe('a policy that LIGGARE_POLICY names and that is not the one that was published', () => {
  const second = shopWith("version: '1'", "version: '2'").replace('effectiveFrom: 2024-01-01', 'effectiveFrom: 2027-01-01');

  it('is never published by itself: how to do it is said', async () => {
    const { store, start } = ledger();
    await start({ LIGGARE_POLICY: file('shop.yaml', SHOP) });
    const path = file('second.yaml', second);
    const { warnings, lines } = await start({ LIGGARE_POLICY: path });
    expect(store.events).toHaveLength(1);
    expect(warnings).toEqual([expect.stringContaining(`liggare policy publish ${path} publishes it`)]);
    expect(lines).toEqual(['Policy shop, version 1 from 2024-01-01, is in force']);
  });

  it('may be one that was, and has a successor', async () => {
    const { start, parts } = ledger();
    const env = { LIGGARE_POLICY: file('shop.yaml', SHOP) };
    const { vault: _, ...first } = await start(env);
    const author = { keyId: 'key', scope: 'admin', personReference: 'A'.repeat(22), maySource: () => false, mayGroup: () => false };
    await publishPolicy(parts(), { document: read(second), author, now: NOW });
    expect(first.warnings).toEqual([]);
    expect((await start(env)).warnings).toEqual(['LIGGARE_POLICY names version 1 of the policy, and version 2 was published since']);
    expect((await start({ LIGGARE_POLICY: file('second.yaml', second) })).warnings).toEqual([]);
    expect((await start()).warnings).toEqual([]);
  });
});

describe('codes of a published policy', () => {
  const withDesk = (term: string) => shopWith('controller:', `codes: { channels: { desk: { label: At the desk, ${term} } } }\ncontroller:`);

  it('are known from the log, whatever became of its file', async () => {
    const { start } = ledger();
    await start({ LIGGARE_POLICY: file('shop.yaml', withDesk('broader: "dpv:Collect"')) });
    const { vocabulary } = await start({ LIGGARE_POLICY: 'none' });
    expect(vocabulary.has('channel', 'desk')).toBe(true);
  });

  it('mean what the log says, and a folder that says otherwise is told of', async () => {
    const { start } = ledger();
    await start({ LIGGARE_POLICY: file('shop.yaml', withDesk('broader: "dpv:Collect"')) });
    const { vocabulary, warnings } = await start({ LIGGARE_POLICY: 'none', LIGGARE_POLICIES: own() });
    expect(vocabulary.iri('channel', 'desk')?.iri).toBe('https://w3id.org/dpv#Collect');
    expect(vocabulary.has('channel', 'window')).toBe(true);
    expect(warnings).toEqual([expect.stringMatching(/^codes\.channels\.desk in LIGGARE_POLICIES is known with another term/)]);
  });

  function own(): string {
    const path = mkdtempSync(join(folder, 'own-'));
    writeFileSync(join(path, 'codes.yaml'), 'codes: { channels: { desk: { dpv: "dpv:Share" }, window: } }');
    return path;
  }
});
