import { type InProcess, ledgerInProcess } from './service.ts';

let client: InProcess;
beforeAll(async () => {
  client = await ledgerInProcess();
});
afterAll(() => client.close());

let people = 0;
let events = 0;
const somebody = () => ({ scheme: 'customer-number', value: `c-${++people}` });
type Identifier = ReturnType<typeof somebody>;
type Event = Record<string, unknown> & { source: string; id: string };

/** Said on a day of January 2026. */
const said = (type: string, day: number, subject: Identifier, data: object = {}): Event => ({
  ...{
    specversion: '1.0',
    source: 'urn:mailit:mailer',
    id: `said ${++events}`,
    type,
    time: new Date(Date.UTC(2026, 0, day)).toISOString(),
  },
  data: {
    actor: { id: 'web', kind: 'service' },
    ...{ subjects: [subject], purposes: ['newsletter'], textVersion: 'newsletter-4', method: 'web', ...data },
  },
});
const objection = (day: number, subject: Identifier, data: object = {}) =>
  said('ObjectionRaised', day, subject, {
    kind: '21(2)',
    purposes: ['direct-marketing'],
    textVersion: undefined,
    method: undefined,
    ...data,
  });
const revision = (type: string, { source, id }: Event, data: object = {}) => ({
  ...{ specversion: '1.0', source, id: `revision ${++events}`, type, time: new Date().toISOString() },
  data: { actor: { id: 'a', kind: 'human' }, target: { source, id }, reason: 'Another person.', approver: 'b', ...data },
});
async function record(...all: object[]): Promise<number> {
  const { body, text } = await client.record(all);
  if (body.recorded !== all.length) throw new Error(text);
  return body.position;
}
const ask = (question: object) => client.ask('consents', question as Record<string, unknown>);
async function of(subject: Identifier, after: number, more: object = {}, purpose = 'newsletter') {
  const { body, text } = await ask({ about: { subject, purpose }, after, ...more });
  if (!body.items) throw new Error(text);
  return body.items[0];
}
const stateOf = async (...asked: Parameters<typeof of>) => (await of(...asked))?.consent?.state ?? null;
/** The ledger's clock after what was recorded. */
async function now(): Promise<string> {
  const { body } = await client.ask('timeline', { limit: 1, after: await record(said('ConsentGiven', 1, somebody())) });
  await new Promise((resolve) => setTimeout(resolve, 5));
  return body.asOf;
}

describe('Of a person', () => {
  it('each purpose is shown with its state, what proves it, and everything that was said', async () => {
    const subject = somebody();
    const [given, withdrawn] = [said('ConsentGiven', 3, subject), said('ConsentWithdrawn', 9, subject, { method: 'email' })];
    const after = await record(given, withdrawn);
    const { body } = await ask({ about: { subject }, after });
    expect(body.items.map(({ purpose }: { purpose: string }) => purpose)).toEqual(['direct-marketing', 'newsletter']);
    expect(body).toMatchObject({ next: null, position: expect.any(Number), asOf: expect.any(String) });
    expect(body.items[1]).toMatchObject({
      subject,
      consent: {
        ...{ state: 'withdrawn', time: '2026-01-09T00:00:00.000Z', textVersion: 'newsletter-4', method: 'email' },
        event: { source: withdrawn.source, id: withdrawn.id, position: expect.any(Number), time: '2026-01-09T00:00:00.000Z' },
      },
      history: [{ state: 'given' }, { state: 'withdrawn' }],
      directMarketing: { allowed: false, because: 'withdrawn', clause: 35, policyVersion: '1', event: { id: withdrawn.id } },
    });
    expect(body.items[0]).toMatchObject({ consent: null, history: [], directMarketing: { allowed: true, because: 'no-objection' } });
  });

  it('what was so at a moment, and what was known of it at another, are two questions', async () => {
    const subject = somebody();
    await record(said('ConsentGiven', 3, subject));
    const before = await now();
    const late = said('ConsentWithdrawn', 9, subject);
    const after = await record(late);
    expect(await stateOf(subject, after, { at: '2026-01-02' })).toBeNull();
    expect(await stateOf(subject, after, { at: '2026-01-08' })).toBe('given');
    expect(await stateOf(subject, after, { at: '2026-01-09' })).toBe('withdrawn');
    expect(await stateOf(subject, after, { at: '2026-01-20', asOf: before })).toBe('given');
    expect(await stateOf(subject, after, { asOf: '2026-01-20' })).toBeNull();
  });

  it('what was retracted says nothing from then on, and is shown as such', async () => {
    const subject = somebody();
    const withdrawn = said('ConsentWithdrawn', 9, subject);
    const first = await record(said('ConsentGiven', 3, subject), withdrawn);
    expect(await stateOf(subject, first)).toBe('withdrawn');
    const before = await now();
    const after = await record(revision('RecordRetracted', withdrawn));
    const found = await of(subject, after);
    expect([found.consent.state, found.history.map((each: object) => 'retracted' in each)]).toEqual(['given', [false, true]]);
    expect(await stateOf(subject, after, { asOf: before })).toBe('withdrawn');
  });

  it('what was corrected counts until its replacement is recorded, and then that does', async () => {
    const [wrong, right] = [somebody(), somebody()];
    const given = said('ConsentGiven', 3, wrong);
    const replacement = said('ConsentGiven', 3, right);
    const { source, id } = replacement;
    const after = await record(given, revision('RecordCorrected', given, { replacement: { source, id } }));
    expect(await stateOf(wrong, after)).toBe('given');
    const later = await record(replacement);
    expect([await stateOf(wrong, later), await stateOf(right, later)]).toEqual([null, 'given']);
  });

  it('what was said under another reference of theirs counts alike', async () => {
    const [one, other] = [somebody(), somebody()];
    await record(said('ConsentGiven', 3, one), said('ConsentWithdrawn', 9, other));
    const before = await now();
    await client.send('POST', '/v1/subjects/link', { subjects: [one, other], reason: 'Both are hers.' });
    const after = await record(said('ConsentGiven', 1, somebody()));
    expect([await stateOf(one, after), await stateOf(other, after)]).toEqual(['withdrawn', 'withdrawn']);
    expect(await stateOf(one, after, { asOf: before, at: '2026-01-20' })).toBe('given');
  });

  it('objections stand with what was decided on them', async () => {
    const subject = somebody();
    const raised = objection(3, subject, { kind: '21(1)', purposes: ['customer-communication'], reasons: 'I have changed employer.' });
    const decided = said('ObjectionDecided', 9, subject, {
      ...{
        target: { source: raised.source, id: raised.id },
        outcome: 'upheld',
        purposes: undefined,
        textVersion: undefined,
        method: undefined,
      },
    });
    const after = await record(raised, decided);
    const found = await of(subject, after, {}, 'customer-communication');
    expect(found).toMatchObject({
      consent: null,
      objections: [{ kind: '21(1)', event: { id: raised.id }, decision: { outcome: 'upheld', event: { id: decided.id } } }],
    });
    expect(found.directMarketing).toBeUndefined();
    expect((await of(subject, after, { at: '2026-01-08' }, 'customer-communication')).objections).toMatchObject([{ decision: null }]);
  });

  it('an objection to direct marketing ends all of it; whether somebody is on the suppression list is not told', async () => {
    const subject = somebody();
    const raised = objection(5, subject);
    const after = await record(said('ConsentGiven', 3, subject), raised);
    for (const purpose of ['newsletter', 'direct-marketing']) {
      expect((await of(subject, after, {}, purpose)).directMarketing).toMatchObject({
        allowed: false,
        because: 'objection',
        event: { id: raised.id },
      });
    }
    const later = await record(revision('RecordRetracted', raised));
    expect((await of(subject, later)).directMarketing).toMatchObject({ allowed: true, because: 'given' });
  });

  it('nothing is told of somebody who is not known, and nobody becomes known by being asked about', async () => {
    const { body } = await ask({ about: { subject: somebody() } });
    expect(body.items).toEqual([]);
  });

  it('the question stands in their timeline', async () => {
    const subject = somebody();
    await ask({ about: { subject }, after: await record(said('ConsentGiven', 3, subject)) });
    const after = await record(said('ConsentGiven', 1, somebody()));
    const { body } = await client.ask('timeline', { about: { subject }, after });
    expect(body.items[0]).toMatchObject({ type: 'LedgerQueried', question: 'consents', axes: ['subject'], subjects: [subject] });
  });
});

describe('Of everybody', () => {
  it('a purpose is shown page by page, each person once, and erased ones as erased', async () => {
    const all = Array.from({ length: 5 }, somebody);
    const [first, second, third, fourth, fifth] = all as [Identifier, Identifier, Identifier, Identifier, Identifier];
    const purposes = ['recruitment'];
    await record(
      ...[first, second, third, fourth].map((subject, i) => said('ConsentGiven', i + 1, subject, { purposes })),
      said('ConsentWithdrawn', 9, second, { purposes }),
      said('ConsentGiven', 9, fifth),
    );
    await client.send('POST', '/v1/subjects/link', { subjects: [first, fourth], reason: 'Both are hers.' });
    await client.send('POST', '/v1/subjects/erase', { subject: third, ground: '17(1)(b)', reason: 'Asked for by letter.' });
    const after = await record(said('ConsentGiven', 1, somebody()));
    const items: { subject: object; consent: { state: string }; history: object[] }[] = [];
    let cursor: string | undefined;
    let pages = 0;
    do {
      const { body, text } = await ask({ about: { purpose: 'recruitment' }, after, limit: 1, ...(cursor !== undefined && { cursor }) });
      if (!body.items) throw new Error(text);
      items.push(...body.items);
      cursor = body.next ?? undefined;
      pages += 1;
    } while (cursor !== undefined && pages < 10);
    expect(items.map(({ subject, consent, history }) => [subject, consent.state, history.length])).toEqual([
      [expect.objectContaining({ scheme: 'customer-number' }), 'given', 2],
      [second, 'withdrawn', 2],
      [{ reference: expect.any(String), erased: true }, 'given', 1],
    ]);
    const whole = await ask({ about: { purpose: 'recruitment' }, after });
    expect([whole.body.items, whole.body.next]).toEqual([items, null]);
  });

  it('each page names whom it shows in the log', async () => {
    const subject = somebody();
    const after = await record(said('ConsentGiven', 1, subject, { purposes: ['rights-fulfilment'] }));
    await ask({ about: { purpose: 'rights-fulfilment' }, after });
    const later = await record(said('ConsentGiven', 1, somebody()));
    const { body } = await client.ask('timeline', { about: { subject }, after: later });
    expect(body.items[0]).toMatchObject({ question: 'consents', axes: ['purpose'] });
  });
});

describe('A request', () => {
  it.each([
    ['an axis that consents have not', { about: { actor: 'anna.berg' } }, '/about/actor'],
    ['an order', { order: 'asc' }, '/order'],
    ['a moment that is none', { at: 'yesterday' }, '/at'],
  ])('with %s is refused', async (_, question, path) => {
    const { status, body } = await ask(question);
    expect([status, body.errors[0].path]).toEqual([400, path]);
  });

  it('with the cursor of another moment is refused', async () => {
    const subject = somebody();
    const after = await record(said('ConsentGiven', 3, subject));
    const { body } = await ask({ about: { subject }, after, limit: 1 });
    expect((await ask({ about: { subject }, limit: 1, cursor: body.next, at: '2026-01-08' })).status).toBe(400);
    expect((await ask({ about: { subject }, limit: 1, cursor: body.next })).body.items).toMatchObject([{ purpose: 'newsletter' }]);
  });

  it('is answered as CSV too', async () => {
    const subject = somebody();
    const after = await record(said('ConsentGiven', 3, subject));
    const { text } = await client.send(
      'POST',
      '/v1/queries/consents',
      { about: { subject, purpose: 'newsletter' }, after, reason: { purpose: 'rights-fulfilment' } },
      { accept: 'text/csv' },
    );
    const [columns, line] = text.split('\r\n');
    expect([columns?.startsWith('subject.scheme,subject.value,'), line]).toEqual([
      true,
      expect.stringContaining(`customer-number,${subject.value},,,newsletter,given,2026-01-03T00:00:00.000Z`),
    ]);
  });

  it('needs a key that may ask', async () => {
    for (const scope of ['emit', 'audit']) {
      const key = client.with(await client.keyOf(scope));
      expect((await key.send('POST', '/v1/queries/consents', { reason: { purpose: 'rights-fulfilment' } })).status).toBe(403);
    }
  });
});
