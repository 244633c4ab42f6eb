import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SqliteLogReader } from '../../src/eventstore/sqlite-reader.ts';
import { MAX_TEXT } from '../../src/http/policies.controller.ts';
import type { Entry } from '../../src/ledger/entry.ts';
import type { Policy } from '../../src/policy/document.ts';
import { digestOf, normalForm } from '../../src/policy/normal-form.ts';
import { type RunningLedger, startLedger } from '../../src/start.ts';
import { MAILIT, read } from '../policy/given.ts';
import { disclosure } from '../support/write-side.ts';

const ADMIN = 'admin-key-of-the-policies';

/** MAILIT's policy with one text in place of another. */
function mailitWith(...changes: [from: string, to: string][]): string {
  return changes.reduce((text, [from, to]) => {
    if (!text.includes(from)) throw new Error(`MAILIT's policy has no ${from}`);
    return text.replace(from, () => to);
  }, MAILIT);
}
const TOMORROW = new Date(Date.now() + 86_400_000).toISOString().slice(0, 10);
const asVersion = (version: string, from: string): [string, string][] => [
  ["version: '1'", `version: '${version}'`],
  ['effectiveFrom: 2018-05-25', `effectiveFrom: ${from}`],
];
const SECOND = mailitWith(...asVersion('2', TOMORROW), ['period: P12M', 'period: P6M']);

/** Clauses from which nothing follows, at length. */
const LONG = Array.from({ length: 26 }, (_, i) => `  ${900 + i}: { title: Long, nothingFollows: ${'long '.repeat(399)} }\n`).join('');

let folder: string;
let ledger: RunningLedger;

const open = async (env: Record<string, string> = {}) =>
  startLedger({ LIGGARE_DATA: folder, LIGGARE_ADMIN_KEY: ADMIN, ...env }, { port: 0, quiet: true });

async function begin(): Promise<void> {
  folder = mkdtempSync(join(tmpdir(), 'liggare-policies-'));
  ledger = await open();
}
async function end(): Promise<void> {
  await ledger.close();
  rmSync(folder, { recursive: true, force: true });
}
/** For tests that record something. */
const aLedgerEach = () => void [beforeEach(begin), afterEach(end)];
/** For tests that record nothing, or all rest on what was recorded before the first. */
const oneLedger = () => void [beforeAll(begin), afterAll(end)];

interface Answered {
  status: number;
  headers: Headers;
  text: string;
  // biome-ignore lint/suspicious/noExplicitAny: whatever was answered
  json: any;
}

async function send(path: string, init: { method?: string; type?: string; accept?: string; body?: unknown } = {}): Promise<Answered> {
  const { method = init.body === undefined ? 'GET' : 'POST', type = 'application/json', accept, body } = init;
  const answer = await fetch(new URL(path, ledger.url), {
    method,
    headers: { authorization: `Bearer ${ADMIN}`, ...(body !== undefined && { 'content-type': type }), ...(accept && { accept }) },
    ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const text = await answer.text();
  return { status: answer.status, headers: answer.headers, text, json: text.startsWith('{') ? JSON.parse(text) : undefined };
}

interface Recorded {
  position: number;
  entry: Entry;
}

/** What stands in the log of one type. */
function recorded(type: string): Recorded[] {
  const reader = new SqliteLogReader(join(folder, 'ledger.db'));
  try {
    const events = reader.readAll(0, 10_000).filter((event) => event.type === type);
    return events.map(({ position, data }) => ({ position, entry: JSON.parse(data) as Entry }));
  } finally {
    reader.close();
  }
}

describe('the first start', () => {
  aLedgerEach();

  it('publishes MAILIT’s policy once, behind the key of the tree, and a restart adds nothing', async () => {
    const [published] = recorded('PolicyPublished');
    expect(published).toMatchObject({ position: 2, entry: { data: { policy: 'mailit', documentDigest: digestOf(read(MAILIT)) } } });
    await ledger.close();
    ledger = await open();
    expect(recorded('PolicyPublished')).toHaveLength(1);
    expect((await send('/v1/policies')).json.items).toMatchObject([{ version: '1', state: 'in-force', effectiveFrom: '2018-05-25' }]);
  });

  it('stands in the log so that the document’s digest can be checked', async () => {
    const [published] = recorded('PolicyPublished') as [Recorded];
    const { document, documentDigest } = published.entry.data as unknown as { document: Policy; documentDigest: string };
    expect(normalForm(document)).toBe(normalForm(read(MAILIT)));
    expect(digestOf(document)).toBe(documentDigest);
  });
});

describe('POST /v1/policies', () => {
  aLedgerEach();

  it('publishes a version, and says in words what changes for whom', async () => {
    const { status, json } = await send('/v1/policies', { body: { document: SECOND, reason: 'Recruitment is shorter.' } });
    expect(status).toBe(201);
    expect(json).toMatchObject({
      outcome: 'published',
      policy: 'mailit',
      version: '2',
      effectiveFrom: TOMORROW,
      replaces: '1',
      warnings: [],
    });
    const [kept] = json.differences.filter(({ section }: { section: string }) => section === 'retention');
    expect(kept).toEqual({
      section: 'retention',
      kind: 'changed',
      whom: ['job-applicant'],
      words: expect.stringContaining('is kept for 6 months instead of 12 months (shorter)'),
    });
    const { entry, position } = recorded('PolicyPublished')[1] as { entry: Entry; position: number };
    expect(json.position).toBe(position);
    expect(entry).toMatchObject({
      source: 'urn:liggare:policies',
      data: { policyVersion: '2', sealedFields: ['reason'], actor: { kind: 'human' } },
    });
    expect(entry.sealed?.under).toMatch(/^case-/);
    expect(JSON.stringify(entry)).not.toContain('Recruitment is shorter');
  });

  it('takes the text itself as application/yaml', async () => {
    const dry = await send('/v1/policies?dryRun=true', { body: SECOND, type: 'application/yaml' });
    expect(dry).toMatchObject({ status: 200, json: { outcome: 'would-publish', version: '2' } });
    expect(dry.json.position).toBeUndefined();
    expect(recorded('PolicyPublished')).toHaveLength(1);
    expect(await send('/v1/policies', { body: SECOND, type: 'application/yaml; charset=utf-8' })).toMatchObject({ status: 201 });
  });

  it('takes the document as an object, as it is told', async () => {
    const { document } = (await send('/v1/policies/1')).json;
    const body = { document: { ...document, version: '2', effectiveFrom: TOMORROW }, dryRun: true };
    expect(await send('/v1/policies', { body })).toMatchObject({ status: 200, json: { outcome: 'would-publish' } });
  });

  it('changes nothing where the same was published: whoever got no answer sends it again', async () => {
    await send('/v1/policies', { body: { document: SECOND } });
    const again = await send('/v1/policies', { body: { document: SECOND } });
    expect(again).toMatchObject({ status: 200, json: { outcome: 'unchanged', version: '2', differences: [] } });
    expect(recorded('PolicyPublished')).toHaveLength(2);
    expect(again.json.position).toBe(recorded('PolicyPublished')[1]?.position);
  });

  it('of racing publishers of one version lets one win', async () => {
    const texts = ['P6M', 'P7M', 'P8M', 'P9M'].map((period) =>
      mailitWith(...asVersion('2', TOMORROW), ['period: P12M', `period: ${period}`]),
    );
    const answers = await Promise.all(texts.map((document) => send('/v1/policies', { body: { document } })));
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 409, 409, 409]);
    for (const { status, json } of answers) if (status === 409) expect(json.errors[0].rule).toBe('version-published');
  });

  it('warns of what may name a person, which nobody could take back', async () => {
    const document = mailitWith(...asVersion('2', TOMORROW), ['contact: info@mailit.se', 'contact: anna.berg@mailit.se']);
    const { json } = await send('/v1/policies', { body: { document, dryRun: true } });
    expect(json.warnings).toEqual([
      { path: 'controller.contact', rule: 'address-of-a-person', message: expect.not.stringContaining('anna') },
    ]);
  });
});

describe('POST /v1/policies refuses, and records nothing', () => {
  oneLedger();

  it.each([
    ['effective-before-publication', mailitWith(...asVersion('2', '2026-01-01'))],
    ['version-published', mailitWith(['P12M', 'P6M'])],
    ['another-policy', mailitWith(...asVersion('2', TOMORROW), ['policy: mailit', 'policy: another'])],
  ])('refuses by rule: %s', async (rule, document) => {
    for (const dryRun of [true, false]) {
      const { status, json } = await send('/v1/policies', { body: { document, dryRun } });
      expect([status, json.errors]).toEqual([409, [{ path: '/document', rule, message: expect.any(String) }]]);
    }
    expect(recorded('PolicyPublished')).toHaveLength(1);
  });

  it('tells every mistake by line and column, of a text and of an object', async () => {
    const { status, json } = await send('/v1/policies', {
      body: { document: mailitWith(['P12M', 'a year'], ['country: SE', 'country: Sweden']) },
    });
    expect([status, json.errors.length]).toEqual([400, 2]);
    const line = MAILIT.slice(0, MAILIT.indexOf('P12M')).split('\n').length;
    expect(json.errors).toContainEqual({
      path: '/document',
      rule: 'policy',
      message: expect.stringMatching(new RegExp(`^line ${line}, column \\d+: retention\\..*is a period of ISO 8601`)),
      line,
      column: expect.any(Number),
    });
    const object = await send('/v1/policies', { body: { document: { title: 'x', formt: 2 } } });
    expect(object.json.errors).toContainEqual(expect.objectContaining({ line: 3, message: expect.stringContaining('formt') }));
  });

  it.each([
    ['nothing', {}, 400],
    ['a number', { document: 7 }, 400],
    ['a list', { document: [] }, 400],
    ['another field', { document: 'x', publish: true }, 400],
    ['an empty text', { document: '' }, 400],
    ['a text that is too long', { document: ' '.repeat(MAX_TEXT + 1) }, 413],
    ['a policy that no leaf could hold', { document: mailitWith(...asVersion('2', TOMORROW), ['clauses:\n', `clauses:\n${LONG}`]) }, 413],
  ])('%s is answered with %3$s', async (_, body, status) => {
    expect((await send('/v1/policies', { body })).status).toBe(status);
  });
});

describe('what is published holds at once', () => {
  aLedgerEach();

  const deskPolicy = mailitWith(...asVersion('2', TOMORROW), [
    'codes:\n',
    'codes:\n  channels: { desk: { label: At the desk, broader: "dpv:Collect" } }\n',
  ]);
  const collected = (id: string) => {
    const { type: _, ...event } = disclosure(id);
    const { recipient, method, consideration, ...data } = event['data'] as Record<string, unknown>;
    return { ...event, type: 'PersonalDataCollected', data: { ...data, origin: 'subject', channel: 'desk' } };
  };
  const outcome = async (id: string) =>
    (await send('/v1/events?items=all', { body: collected(id), type: 'application/cloudevents+json' })).json.items[0].outcome;

  it('its codes are known, and the published schemas name them', async () => {
    expect(await outcome('before')).toBe('quarantined');
    expect((await send('/schemas/PersonalDataCollected')).text).not.toContain('"desk"');
    await send('/v1/policies', { body: { document: deskPolicy } });
    expect(await outcome('after')).toBe('recorded');
    expect((await send('/schemas/PersonalDataCollected')).text).toContain('"desk"');
    await ledger.close();
    ledger = await open();
    expect(await outcome('after-restart')).toBe('recorded');
  });

  it('its controller stands on records that name none, and not the one of the environment', async () => {
    await ledger.close();
    ledger = await open({ LIGGARE_CONTROLLER: 'somebody-else' });
    await send('/v1/events', { body: disclosure('one'), type: 'application/cloudevents+json' });
    expect(recorded('PersonalDataDisclosed')[0]?.entry.data.controller).toBe('mailit');
  });
});

describe('what was published can be read', () => {
  oneLedger();
  beforeAll(async () => {
    await send('/v1/policies', { body: { document: SECOND } });
  });

  it('as a list, with what is in force, and page by page', async () => {
    const { items, next } = (await send('/v1/policies')).json;
    expect(next).toBeNull();
    expect(items).toMatchObject([
      { version: '1', state: 'in-force', reviews: [], reviewDue: expect.stringMatching(/T23:59:59\.999Z$/), url: 'https://www.mailit.se/' },
      { version: '2', state: 'to-come', digest: digestOf(read(SECOND)), publisher: expect.stringMatching(/^[\w-]{22}$/) },
    ]);
    expect(items[1]).not.toHaveProperty('reviewDue');
    const page = (await send('/v1/policies?limit=1')).json;
    expect((await send(`/v1/policies?limit=1&cursor=${page.next}`)).json).toMatchObject({ items: [{ version: '2' }], next: null });
    expect((await send('/v1/policies?asOf=2018-05-25')).json.items).toEqual([]);
    expect((await send('/v1/policies?asOf=2018-02-30')).status).toBe(400);
  });

  it('with the document, as JSON whose digest it has, and as YAML that reads as the same', async () => {
    const { json } = await send('/v1/policies/2');
    expect(digestOf(json.document)).toBe(json.digest);
    const yaml = await send('/v1/policies/2', { accept: 'application/yaml' });
    expect(yaml.headers.get('content-type')).toBe('application/yaml; charset=utf-8');
    expect(digestOf(read(yaml.text))).toBe(json.digest);
    expect((await send('/v1/policies/3')).status).toBe(404);
  });

  it('by its differences, from the version before or any other', async () => {
    const { json } = await send('/v1/policies/2/differences');
    expect(json).toMatchObject({ from: '1', to: '2' });
    expect(json.items.map(({ section }: { section: string }) => section)).toEqual(['version', 'effectiveFrom', 'retention']);
    expect((await send('/v1/policies/1/differences?from=2')).json.items.at(-1).words).toContain('12 months instead of 6 months (longer)');
    expect((await send('/v1/policies/1/differences')).json).toEqual({ from: null, to: '1', items: [] });
    expect((await send('/v1/policies/1/differences?from=7')).status).toBe(404);
  });
});

describe('POST /v1/policies/{version}/review', () => {
  aLedgerEach();

  const TEXT = read(MAILIT).publication.textDigest as string;

  it('is recorded, tells whether the text is the published one, and sets the next day', async () => {
    const { status, json } = await send('/v1/policies/1/review', { body: { textDigest: TEXT, note: 'All of it holds.' } });
    expect([status, json]).toEqual([200, expect.objectContaining({ version: '1', isPublishedText: true })]);
    const year = new Date().getUTCFullYear();
    expect(json.reviewDue.slice(0, 4)).toBe(String(year + 1));
    const [{ entry }] = recorded('PolicyReviewed') as [Recorded];
    expect(entry.data).toMatchObject({ policyVersion: '1', textDigest: TEXT, sealedFields: ['reason'] });
    expect(JSON.stringify(entry)).not.toContain('All of it holds');
    expect((await send('/v1/policies/1')).json.reviews).toMatchObject([{ isPublishedText: true, position: json.position }]);
    expect((await send('/v1/policies/1/review', { body: { textDigest: '0'.repeat(64) } })).json.isPublishedText).toBe(false);
    expect((await send('/v1/policies/1/review', { body: {} })).json.isPublishedText).toBeNull();
  });
});

describe('a review is refused', () => {
  oneLedger();
  beforeAll(async () => {
    await send('/v1/policies', { body: { document: SECOND } });
  });

  it.each([
    ['3', {}, 404],
    ['2', {}, 409],
    ['1', { textDigest: 'none' }, 400],
    ['1', { note: '' }, 400],
  ])('of version %s with %j is answered with %i', async (version, body, status) => {
    expect((await send(`/v1/policies/${version}/review`, { body })).status).toBe(status);
    expect(recorded('PolicyReviewed')).toEqual([]);
  });
});
