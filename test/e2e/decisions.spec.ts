import { disclosure } from '../support/write-side.ts';
import { type InProcess, ledgerInProcess } from './service.ts';

let client: InProcess;
beforeAll(async () => {
  client = await ledgerInProcess();
});
afterAll(() => client.close());

let people = 0;
let events = 0;
/** Whom no other test knows. */
const somebody = (category = 'customer') => ({ scheme: 'customer-number', value: `who-${++people}`, category });
const reason = { purpose: 'customer-communication', caseRef: 'CASE-7' };
const MAILER = { id: 'mailer', kind: 'service', role: 'mailer', capacity: 'controller' };

/** What may be done of anybody, and says all that there is to say. */
const use = (data: object = {}) => ({
  ...{ type: 'PersonalDataUsed', source: 'urn:mailit:billing', actor: MAILER, subjects: [somebody()] as object[], categories: ['name'] },
  ...{ purpose: 'customer-communication', legalBasis: '6(1)(f)', system: 'crm', country: 'SE' },
  ...data,
});
const marketing = (data: object = {}) => use({ purpose: 'direct-marketing', ...data });
const newsletter = (data: object = {}) => use({ purpose: 'newsletter', legalBasis: '6(1)(a)', ...data });

const decide = (asked: object, more: object = {}, as = client) => as.send('POST', '/v1/decisions', { ...asked, reason, ...more });
const decideAll = (decisions: object[], more: object = {}) => decide({ decisions }, more);

/** An event as CloudEvents write it. */
const eventOf = ({ type, source, time = new Date().toISOString(), ...data }: Record<string, unknown>) => ({
  ...{ specversion: '1.0', source, id: `decided ${++events}`, type, time, data },
});
async function record(...all: object[]): Promise<number> {
  const { body, text } = await client.record(all);
  if (body.recorded !== all.length) throw new Error(text);
  return body.position;
}
const statement = (type: string, subject: object, data: object = {}) =>
  eventOf({
    ...{ type, source: 'urn:mailit:billing', time: new Date(Date.now() - 60_000).toISOString(), actor: { id: 'web', kind: 'service' } },
    ...{ subjects: [subject], purposes: ['newsletter'], textVersion: 'newsletter-4', method: 'web', ...data },
  });
const objection = (subject: object) =>
  statement('ObjectionRaised', subject, { kind: '21(2)', purposes: ['direct-marketing'], textVersion: undefined, method: undefined });
const erase = (subject: object) =>
  client.send('POST', '/v1/subjects/erase', { subject, ground: '17(1)(c)', reason: 'Asked for by letter.' });
/** What is said of the answer as a whole aside. */
const shownOf = ({
  decision,
  reasons,
}: {
  decision: string;
  reasons: { rule: string; what?: string; missing?: string[]; subjects?: number[]; dueAt?: string }[];
}) =>
  [decision, ...reasons.map(({ rule, what, missing, subjects }) => [rule, what ?? `? ${missing}`, ...(subjects ?? [])].join(' '))].join(
    '; ',
  );

describe('May I?', () => {
  it('is allowed where nothing stands against it: with an id, the version that judged, and the state that was asked', async () => {
    const { status, body } = await decide(use());
    expect([status, body]).toEqual([
      200,
      {
        id: expect.stringMatching(/^[0-9a-f-]{36}\.0$/),
        ...{ decision: 'allowed', policyVersion: '1', reasons: [], time: expect.stringMatching(/Z$/) },
        ...{ position: expect.any(Number), asOf: expect.stringMatching(/Z$/) },
      },
    ]);
  });

  it('is denied, undeterminable or allowed for each of a batch, with people named by their place alone', async () => {
    const [yes, no, silent] = [somebody('subscriber'), somebody('subscriber'), somebody('subscriber')];
    const after = await record(statement('ConsentGiven', yes), statement('ConsentGiven', no), statement('ConsentWithdrawn', no));
    const asked = [[yes], [yes, no], [silent], [yes, silent, no]].map((subjects) => newsletter({ subjects }));
    const { status, body, text } = await decideAll(asked, { after });
    expect([status, body.items.map(shownOf)]).toEqual([
      200,
      [
        'allowed',
        'denied; R15 consent-withdrawn 1',
        expect.stringMatching(/^undeterminable; R3 \? consent/),
        expect.stringMatching(/^denied; R15 consent-withdrawn 2; R3 \? consent/),
      ],
    ]);
    expect(body.items.map(({ id }: { id: string }) => id.split('.')[1])).toEqual(['0', '1', '2', '3']);
    expect(body.position).toBeGreaterThanOrEqual(after);
    for (const { value } of [yes, no, silent]) expect(text).not.toContain(value);
  });

  it('names clause, article, severity and version of what it would violate', async () => {
    const subject = somebody();
    const after = await record(objection(subject));
    const { body } = await decide(marketing({ subjects: [subject] }), { after });
    expect(body).toMatchObject({
      decision: 'denied',
      reasons: [
        {
          ...{ rule: 'R13', verdict: 'violates', what: 'after-objection', clause: 35, article: '21(3)', severity: 'critical' },
          ...{ policyVersion: '1', subjects: [0] },
        },
      ],
    });
  });

  it('needs type, subjects, purpose and reason alone, and says what else would have to be known', async () => {
    const { status, body } = await decide({ type: 'PersonalDataUsed', subjects: [somebody()], purpose: 'customer-communication' });
    expect([status, body.decision]).toEqual([200, 'undeterminable']);
    const missing = body.reasons.flatMap((one: { missing?: string[] }) => one.missing ?? []);
    expect(missing).toEqual(expect.arrayContaining(['actor', 'categories', 'legalBasis', 'country']));
  });

  it('is the same of somebody unknown as of somebody of whom nothing is known', async () => {
    const known = somebody();
    const after = await record(eventOf(use({ subjects: [known] })));
    for (const ask of [marketing, newsletter, use]) {
      const [one, other] = [await decide(ask({ subjects: [known] }), { after }), await decide(ask(), { after })];
      expect(shownOf(one.body)).toBe(shownOf(other.body));
    }
  });

  it('is what is known of all references of one person', async () => {
    const [one, other] = [somebody(), somebody()];
    await record(objection(one), eventOf(use({ subjects: [other] })));
    const subjects = [one, other].map(({ scheme, value }) => ({ scheme, value }));
    await client.send('POST', '/v1/subjects/link', { subjects, reason: 'Both are hers.' });
    const after = await record(eventOf(use()));
    expect(shownOf((await decide(marketing({ subjects: [other] }), { after })).body)).toMatch(/^denied; R13 after-objection 0/);
  });

  it('forgets what was retracted', async () => {
    const subject = somebody('subscriber');
    const withdrawn = statement('ConsentWithdrawn', subject, { time: new Date().toISOString() });
    const after = await record(statement('ConsentGiven', subject), withdrawn);
    expect((await decide(newsletter({ subjects: [subject] }), { after })).body.decision).toBe('denied');
    const { source, id } = withdrawn as { source: string; id: string };
    const data = { actor: { id: 'a', kind: 'human' }, target: { source, id }, reason: 'Another customer.', approver: 'b' };
    const position = await record({ ...withdrawn, id: `retraction ${++events}`, type: 'RecordRetracted', data });
    expect((await decide(newsletter({ subjects: [subject] }), { after: position })).body.decision).toBe('allowed');
  });
});

describe('Direct marketing', () => {
  it('asks the suppression list, which survives whoever is on it', async () => {
    const [objector, other] = [somebody(), somebody()];
    await record(objection(objector), eventOf(use({ subjects: [other] })));
    await erase({ scheme: objector.scheme, value: objector.value });
    await erase({ scheme: other.scheme, value: other.value });
    const { body } = await decide(marketing({ subjects: [other, objector] }));
    expect(shownOf(body)).toBe('denied; R13 suppressed 1');
    expect(body.reasons).toMatchObject([{ clause: 35, article: '21(3)', severity: 'critical', policyVersion: '1' }]);
    expect((await decide(marketing({ subjects: [other] }))).body.decision).toBe('allowed');
    expect((await decide(use({ subjects: [objector] }))).body.decision).toBe('allowed');
  });

  it('asks by every identifier that somebody is named by', async () => {
    const objector = somebody();
    await record(objection(objector));
    await erase({ scheme: objector.scheme, value: objector.value });
    const also = [{ scheme: objector.scheme, value: objector.value }];
    expect(shownOf((await decide(marketing({ subjects: [{ ...somebody(), also }] }))).body)).toBe('denied; R13 suppressed 0');
  });
});

describe('An answer', () => {
  it('is recorded before it leaves: who asked about whom, why, and what was answered', async () => {
    const subject = somebody();
    const stranger = somebody();
    const after = await record(eventOf(use({ subjects: [subject] })));
    const { body } = await decideAll([use({ subjects: [subject, stranger] }), use({ country: 'US', subjects: [stranger] })], { after });
    const { position } = (await client.record([eventOf(use())])).body;
    const asked = await client.ask('timeline', { about: { subject: { scheme: subject.scheme, value: subject.value } }, after: position });
    const questions = asked.body.items.filter(({ question }: { question?: string }) => question === 'decisions');
    expect(questions).toMatchObject([
      {
        ...{ type: 'LedgerQueried', purpose: 'customer-communication', caseRef: 'CASE-7', answers: ['allowed', 'denied'], subjectCount: 1 },
        ...{ actor: { kind: 'human' }, correlationId: body.items[0].id.split('.')[0] },
      },
    ]);
    expect(questions[0].axes).toEqual(expect.arrayContaining(['type', 'subjects', 'purpose', 'country']));
    const unknown = await client.ask('timeline', { about: { subject: { scheme: stranger.scheme, value: stranger.value } } });
    expect(unknown.body.items).toEqual([]);
  });

  it('is recorded with the event that follows, which names it', async () => {
    const subject = somebody();
    const { body } = await decide(use({ subjects: [subject] }));
    const after = await record(eventOf({ ...use({ subjects: [subject] }), decisionId: body.id }));
    const { scheme, value } = subject;
    expect((await client.ask('timeline', { about: { subject: { scheme, value } }, after })).body.items).toMatchObject([
      { decisionId: body.id },
    ]);
    const broken = await client.record([eventOf({ ...use(), decisionId: 'yes' })]);
    expect(broken.body.items).toMatchObject([{ outcome: 'quarantined', problems: [{ path: '/data/decisionId', rule: 'malformed' }] }]);
  });
});

describe('A request', () => {
  const errorsOf = async (asked: unknown): Promise<string[]> => {
    const { status, body, text } = await client.send('POST', '/v1/decisions', asked);
    expect([status, text]).toEqual([400, text]);
    return body.errors.map(({ path, rule }: { path: string; rule: string }) => `${path} ${rule}`);
  };

  it.each([
    ['an unknown code', () => ({ ...use({ purpose: 'curiosity' }), reason }), '/purpose unknown-code'],
    [
      'an unknown code in a batch',
      () => ({ decisions: [use(), use({ purpose: 'curiosity' })], reason }),
      '/decisions/1/purpose unknown-code',
    ],
    ['no subjects', () => ({ type: 'PersonalDataUsed', purpose: 'payment', reason }), '/subjects required'],
    ['no reason', () => use(), '/reason required'],
    ['a reason that is none', () => ({ ...use(), reason: { purpose: 'curiosity' } }), '/reason/purpose unknown-code'],
    ['an erasure', () => ({ ...use({ type: 'PersonalDataErased' }), reason }), '/type not-asked-beforehand'],
    [
      'more than 1,000 subjects',
      () => ({ ...use({ subjects: Array.from({ length: 1_001 }, () => somebody()) }), reason }),
      '/subjects too-many',
    ],
    ['no decision', () => ({ decisions: [], reason }), '/decisions too-few'],
    ['more than 100', () => ({ decisions: Array.from({ length: 101 }, () => use()), reason }), '/decisions too-many'],
    ['what is no decision', () => ({ decisions: [use(), 7], reason }), '/decisions/1 object'],
    ['a batch and one beside it', () => ({ ...use(), decisions: [use()], reason }), ' unknown-property'],
    ['decisions that are no list', () => ({ decisions: { length: 1 }, reason }), '/decisions array'],
    ['a list', () => [use()], ' object'],
    ['text', () => '"may I?"', ' object'],
    ['nothing', () => null, ' object'],
  ])('with %s is refused', async (_, asked, error) => {
    expect(await errorsOf(asked())).toContain(error);
  });

  it('may name 10,000 people, and no more', async () => {
    const of = (count: number) => use({ subjects: Array.from({ length: count }, (_, i) => ({ ...somebody(), value: `many-${i}` })) });
    const batch = Array.from({ length: 10 }, () => of(1_000));
    expect((await decideAll(batch)).body.items.map(({ decision }: { decision: string }) => decision)).toEqual(Array(10).fill('allowed'));
    expect(await errorsOf({ decisions: [...batch, of(1)], reason })).toEqual(['/decisions too-many-subjects']);
  });
});

describe('A key that reports', () => {
  it('asks about nothing but what it may record, and need not name its only source', async () => {
    const own = client.with(await client.keyOf('emit')) as InProcess;
    const { source, ...unnamed } = use();
    expect([(await decide(unnamed, {}, own)).status, (await decide({ ...unnamed, source }, {}, own)).status]).toEqual([200, 200]);
    const { status, body } = await decideAllAs(own, [use(), use({ source: 'urn:mailit:crm' })]);
    expect([status, body.errors]).toMatchObject([403, [{ path: '/decisions/1/source', rule: 'source-not-permitted', index: 1 }]]);
    const several = client.with(await client.keyOf('emit', { sources: ['urn:mailit:crm', 'urn:mailit:billing'] })) as InProcess;
    expect((await decide(unnamed, {}, several)).body.errors).toMatchObject([{ path: '/source', rule: 'required' }]);
  });

  const decideAllAs = (as: InProcess, decisions: object[]) => decide({ decisions }, {}, as);

  it('is a question of its own in the log', async () => {
    const own = client.with(await client.keyOf('emit')) as InProcess;
    const subject = somebody();
    const after = await record(eventOf(use({ subjects: [subject] })));
    await decide(use({ subjects: [subject] }), { after }, own);
    const { position } = (await client.record([eventOf(use())])).body;
    const { scheme, value } = subject;
    const asked = await client.ask('timeline', { about: { subject: { scheme, value } }, after: position });
    expect(asked.body.items[0]).toMatchObject({ question: 'decisions', actor: { kind: 'service', role: 'emit' } });
  });

  it('is answered for keys of people, and for nobody without a key', async () => {
    for (const scope of ['ask', 'case', 'investigate']) {
      const { source: _, ...asked } = use();
      expect([scope, (await decide(asked, {}, client.with(await client.keyOf(scope)) as InProcess)).status]).toEqual([scope, 200]);
    }
    expect((await decide(use(), {}, client.with(await client.keyOf('audit')) as InProcess)).status).toBe(403);
    expect((await decide(use(), {}, client.with(undefined) as InProcess)).status).toBe(401);
  });
});

/** Only of what was recorded: that it arrived late, that what came before was not recorded … */
const RECORDED_ONLY = ['R17', 'R19', 'R28', 'R29', 'R30', 'R32'];

it('what is answered beforehand is what is found afterwards', async () => {
  const source = 'urn:mailit:equal';
  const HUMAN = { id: 'anna.berg', kind: 'human', role: 'accountant', capacity: 'controller' };
  const [given, gone, restricted, objected] = [somebody('subscriber'), somebody('subscriber'), somebody(), somebody()];
  await record(
    statement('ConsentGiven', given),
    statement('ConsentGiven', gone),
    statement('ConsentExpired', gone),
    statement('ProcessingRestricted', restricted, { ground: '18(1)(a)', scope: 'all', purposes: undefined, textVersion: undefined }),
    statement('ObjectionRaised', objected, { kind: '21(1)', purposes: ['customer-communication'], textVersion: undefined }),
    eventOf({ type: 'StaffInstructed', source, time: '2026-01-02T00:00:00Z', actor: { id: 'house', kind: 'service' }, staff: 'anna.berg' }),
  );
  const disclosed = ({ data }: { data?: unknown }, more: object = {}) => ({
    ...{ type: 'PersonalDataDisclosed', ...(data as object), subjects: [somebody()], ...more },
  });
  const base = disclosure('shape') as { data: object };
  const accessed = (more: object = {}) => use({ type: 'PersonalDataAccessed', actor: HUMAN, mode: 'view', outcome: 'ok', ...more });
  const collected = (more: object = {}) => use({ type: 'PersonalDataCollected', origin: 'subject', channel: 'email', ...more });
  const asked: Record<string, unknown>[] = [
    ...[use(), use({ country: 'US' }), use({ legalBasis: '6(1)(b)' }), use({ categories: ['tax'] }), use({ purpose: 'recruitment' })],
    ...[use({ subjects: [restricted] }), use({ subjects: [objected] }), use({ subjects: [objected, somebody(), restricted] })],
    ...[use({ actor: HUMAN }), use({ actor: { ...HUMAN, id: 'nobody' } }), use({ controller: 'customer-ab' })],
    use({ actor: { ...MAILER, capacity: 'processor' }, controller: 'mailit' }),
    ...[
      newsletter({ subjects: [given] }),
      newsletter({ subjects: [gone] }),
      newsletter({ subjects: [given, gone, somebody('subscriber')] }),
    ],
    ...[newsletter({ legalBasis: '6(1)(f)', subjects: [gone] }), marketing({ assessmentRef: 'LIA-99' }), marketing()],
    ...[accessed(), accessed({ caseRef: 'C-1' }), accessed({ outcome: 'denied' }), accessed({ system: 'archive', caseRef: 'C-1' })],
    ...[collected(), collected({ origin: 'observed' }), collected({ channel: 'phone', noticeRef: 'notice-3' })],
    ...[
      disclosed(base),
      disclosed(base, { consideration: 'payment' }),
      disclosed(base, { recipient: { id: 'trader', role: 'independent-controller', country: 'US' } }),
    ],
    ...[disclosed(base, { recipient: { id: 'polisen', role: 'authority', country: 'SE' }, purpose: 'authority-request' })],
    ...[disclosed(base, { recipient: { id: 'cloud', role: 'processor', country: 'DE' } }), disclosed(base, { statuteRef: 'SFS 1900:1' })],
    ...[use({ subjects: [{ ...somebody(), category: undefined }] }), use({ type: 'PersonalDataStored', subjects: [restricted] })],
  ].map((one, i) => ({ ...one, source, time: new Date(Date.now() + i).toISOString() }));

  const position = (await client.record([eventOf(use())])).body.position;
  const beforehand = (await decideAll(asked, { after: position })).body.items as Parameters<typeof shownOf>[0][];
  const recorded = asked.map(eventOf);
  const after = await record(...recorded);
  const question = { about: { source }, limit: 1000, after };
  const found = (await client.ask('findings', question)).body.items as Record<string, unknown>[];

  const shape = ({ rule, verdict, what, missing, clause, article, severity, policyVersion }: Record<string, unknown>) =>
    JSON.stringify([rule, verdict, what ?? null, missing ?? null, clause, article, severity ?? null, policyVersion]);
  const answered = beforehand.map(({ reasons }) =>
    reasons
      .filter(({ dueAt }) => dueAt === undefined)
      .map((one) => shape(one as never))
      .sort(),
  );
  const judged = recorded.map(({ id }) =>
    found
      .filter(({ event, rule }) => (event as { id: string }).id === id && !RECORDED_ONLY.includes(rule as string))
      .map(shape)
      .sort(),
  );
  expect(answered.map((reasons, i) => [i, reasons])).toEqual(judged.map((reasons, i) => [i, reasons]));
  // Of every sort there is one.
  expect(new Set(beforehand.map(({ decision }) => decision))).toEqual(new Set(['allowed', 'denied', 'undeterminable']));
});
