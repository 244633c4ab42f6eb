import { handle } from '../../src/ledger/handle.ts';
import { leafBytes, MAX_LEAF_BYTES } from '../../src/ledger/leaf.ts';
import {
  MAX_DOCUMENT_BYTES,
  POLICIES,
  type PolicyCommand,
  type PolicyFact,
  type PolicyRefused,
  policies,
  type Versions,
} from '../../src/ledger/policy/decider.ts';
import { Policies } from '../../src/ledger/policy/policies.ts';
import type { Policy } from '../../src/policy/document.ts';
import { digestOf } from '../../src/policy/normal-form.ts';
import { MAILIT, read, SHOP } from '../policy/given.ts';
import { MemoryStore } from './memory-store.ts';

const BY = { reference: 'A'.repeat(22), kind: 'human', role: 'admin' };
const AT = '2026-03-02T09:14:07.120Z';
const LATER = '2026-04-01T08:00:00.000Z';

/** The shop's policy as another version. */
function version(name: string, effectiveFrom: string, changes: Partial<Policy> = {}): Policy {
  return { ...read(SHOP), version: name, effectiveFrom, ...changes };
}
const ONE = version('1', '2024-01-01');
const TWO = version('2', '2026-05-01', { title: 'Privacy at the shop, anew' });

/** A code, and the same one in another meaning. */
const desk = { label: 'At the desk', exact: false };
const other = { label: 'At the desk', iri: 'https://w3id.org/dpv#Marketing', exact: true };

let ids = 0;
const publishing = (document: Policy, at = AT, more: object = {}): PolicyCommand => ({
  ...{ do: 'publish', document, digest: digestOf(document), at, by: BY, id: `p${ids++}` },
  ...more,
});
const reviewing = (name: string, at = LATER, more: object = {}): PolicyCommand => ({
  ...{ do: 'review', version: name, at, by: BY, id: `r${ids++}` },
  ...more,
});

function given(commands: PolicyCommand[]): Versions {
  let versions = policies.initial();
  for (const command of commands) for (const fact of policies.decide(command, versions)) versions = policies.evolve(versions, fact);
  return versions;
}
const decided = (before: PolicyCommand[], when: PolicyCommand): PolicyFact[] => policies.decide(when, given(before));

describe('the decider of policies', () => {
  it('given nothing, when one is published, then it stands in the log with its document, and may name an earlier day', () => {
    expect(decided([], publishing(ONE))).toMatchObject([
      {
        type: 'PolicyPublished',
        time: AT,
        data: {
          actor: BY,
          subjects: [],
          policy: 'shop',
          policyVersion: '1',
          effectiveFrom: '2024-01-01',
          documentDigest: digestOf(ONE),
          document: ONE,
          url: 'https://shop.example/privacy',
        },
      },
    ]);
  });

  it('given a version, when another is published for a later day, then it is', () => {
    expect(decided([publishing(ONE)], publishing(TWO))).toMatchObject([{ data: { policyVersion: '2' } }]);
  });

  it('given a version, when the same is published again, then nothing is recorded: also when others came since', () => {
    expect(decided([publishing(ONE)], publishing(ONE, LATER))).toEqual([]);
    expect(decided([publishing(ONE), publishing(TWO)], publishing(ONE, LATER))).toEqual([]);
  });

  it('given a version, when the first start comes again, then nothing is recorded', () => {
    expect(decided([publishing(ONE)], publishing(TWO, LATER, { first: true }))).toEqual([]);
    expect(decided([], publishing(ONE, AT, { first: true }))).toHaveLength(1);
  });

  it.each<[PolicyRefused['rule'], string, Policy]>([
    ['effective-before-publication', 'it begins before its publication', version('2', '2026-03-01')],
    ['version-published', 'its name is taken', version('1', '2026-05-01')],
    ['another-policy', 'it is of another policy', version('2', '2026-05-01', { policy: 'another' })],
    ['code-means-otherwise', 'a code has another term', version('2', '2026-05-01', { codes: { channels: { desk: other } } })],
  ])('given a version, when another is published and %s (%s), then it is refused', (rule, _, next) => {
    const first = version('1', '2024-01-01', { codes: { channels: { desk } } });
    expect(() => decided([publishing(first)], publishing(next))).toThrow(expect.objectContaining({ name: 'PolicyRefused', rule }));
  });

  it('given nothing, when one is published that no leaf could hold, then it is refused, and its size told', () => {
    const large = version('1', '2024-01-01', { title: 'x'.repeat(MAX_DOCUMENT_BYTES) });
    expect(() => decided([], publishing(large))).toThrow(expect.objectContaining({ name: 'PolicyTooLarge' }));
    expect(() => decided([], publishing(large))).toThrow(/has 5\d{4} bytes in normal form, and the log holds 49152/);
  });

  it('given versions, when the one in force is reviewed, then it is recorded', () => {
    expect(decided([publishing(ONE), publishing(TWO)], reviewing('1', LATER, { textDigest: 'ab'.repeat(32) }))).toMatchObject([
      { type: 'PolicyReviewed', time: LATER, data: { actor: BY, policyVersion: '1', textDigest: 'ab'.repeat(32) } },
    ]);
    expect(decided([publishing(ONE), publishing(TWO)], reviewing('2', '2026-05-01T00:00:00.000Z'))).toHaveLength(1);
  });

  it.each([
    ['PolicyNotInForce', 'does not hold yet', '2', LATER],
    ['PolicyNotInForce', 'does not hold any more', '1', '2026-06-01T00:00:00.000Z'],
    ['PolicyUnknown', 'never was', '3', LATER],
  ])('given versions, when one is reviewed that %2$s, then %1$s', (name, _, reviewed, at) => {
    expect(() => decided([publishing(ONE), publishing(TWO)], reviewing(reviewed, at))).toThrow(expect.objectContaining({ name }));
  });
});

describe('the registry of policies', () => {
  async function published(): Promise<{ store: MemoryStore; registry: Policies }> {
    const store = new MemoryStore();
    await handle(store, POLICIES, policies, publishing(ONE));
    await handle(store, POLICIES, policies, publishing(TWO));
    await handle(store, POLICIES, policies, reviewing('1'));
    return { store, registry: new Policies(store, () => Date.parse(LATER)) };
  }

  it('knows every version, by the clock of the log and the place where it stands', async () => {
    const { store, registry } = await published();
    const versions = await registry.versions();
    expect(versions).toMatchObject([
      { version: '1', digest: digestOf(ONE), position: 1, publishedAt: store.events[0]?.recordedAt, publisher: BY.reference },
      { version: '2', digest: digestOf(TWO), position: 2, publishedAt: store.events[1]?.recordedAt, reviews: [] },
    ]);
    expect(versions[0]?.reviews).toMatchObject([{ position: 3, reviewedAt: store.events[2]?.recordedAt, reviewer: BY.reference }]);
    expect(versions[1]?.promises.purpose('newsletter')).toBeDefined();
  });

  it('tells which is in force at a time', async () => {
    const { registry } = await published();
    expect((await registry.current())?.version).toBe('1');
    expect((await registry.current(Date.parse('2026-05-01')))?.version).toBe('2');
    expect(await registry.current(Date.parse('2023-12-31'))).toBeUndefined();
  });

  it('tells what was known at an earlier moment', async () => {
    const { store, registry } = await published();
    const first = Date.parse(store.events[0]?.recordedAt as string);
    expect(await registry.versions(first)).toMatchObject([{ version: '1', reviews: [] }]);
    expect((await registry.current(Date.parse('2026-05-01'), first))?.version).toBe('1');
    expect(await registry.versions(first - 1)).toEqual([]);
  });

  it('has heard of what was published before it was asked, and keeps what it read', async () => {
    const { store, registry } = await published();
    await registry.versions();
    const later = version('3', '2027-01-01');
    await handle(store, POLICIES, policies, publishing(later));
    expect((await registry.version('3'))?.promises.policy).toEqual(later);
    const { reads } = store;
    await registry.versions();
    expect(store.reads).toBe(reads + 1);
    expect(registry.known.map((each) => each.version)).toEqual(['1', '2', '3']);
  });

  it('of racing publishers lets one win: the other is judged by what then stands', async () => {
    const store = new MemoryStore();
    await handle(store, POLICIES, policies, publishing(ONE));
    store.beforeAppend = async () => void (await handle(store, POLICIES, policies, publishing(TWO)));
    const same = version('2', '2026-06-01');
    await expect(handle(store, POLICIES, policies, publishing(same))).rejects.toMatchObject({ rule: 'version-published' });
    expect(await new Policies(store).versions()).toHaveLength(2);
  });
});

it('a policy as large as may be is a leaf of the tree', async () => {
  const store = new MemoryStore();
  const base = read(MAILIT);
  const size = Buffer.byteLength(JSON.stringify(base));
  const full = { ...base, title: 'ö'.repeat((MAX_DOCUMENT_BYTES - size + base.title.length) / 2 - 10) };
  await handle(store, POLICIES, policies, publishing(full));
  expect(leafBytes(store.events[0] as never).length).toBeLessThan(MAX_LEAF_BYTES);
});
