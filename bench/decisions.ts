/**
 * *May I?* from 64 connections against a trivial route of the same framework in the same run: decisions about one person each, of whom
 * something is known, every one of them recorded and synced before it is answered; and batches of 100.
 */
import autocannon from 'autocannon';
import { median, type Options, type Report, thousands } from './measure.ts';
import { post, type Service, startService } from './service.ts';
import { startTrivial } from './single.ts';

const CONNECTIONS = 64;
const PEOPLE = 10_000;
/** Connections and decisions of a batch. */
const [BATCHES_AT_ONCE, BATCH] = [4, 100];
const BATCH_TYPE = 'application/cloudevents-batch+json';

export async function run(report: Report, { quick }: Options): Promise<void> {
  const amount = quick ? 2_000 : 30_000;
  const runs = quick ? 2 : 5;
  const service = await startService({ LIGGARE_AFTER_MS: '60000' });
  const trivial = await startTrivial();
  try {
    const position = await given(service, quick ? 1_000 : PEOPLE);
    const people = quick ? 1_000 : PEOPLE;
    await ask(service, { ...decision(0), reason: REASON, after: position });
    await fire(service.url, '/v1/decisions', service.key, amount, people);
    await fire(trivial.url, '/', '', amount, people);
    const pairs: { ours: autocannon.Result; bare: autocannon.Result }[] = [];
    for (let r = 0; r < runs; r++) {
      pairs.push({
        ours: await fire(service.url, '/v1/decisions', service.key, amount, people),
        bare: await fire(trivial.url, '/', '', amount, people),
      });
    }
    for (const [share, target] of [
      ['p50', '≤8'],
      ['p99', '≤5'],
    ] as const) {
      report({
        workload: `${share} of decisions / ${share} of a trivial route, ${CONNECTIONS} connections`,
        ratio: median(pairs.map(({ ours, bare }) => ours.latency[share] / Math.max(1, bare.latency[share]))),
        target,
        runs,
        detail: `${median(pairs.map(({ ours }) => ours.latency[share]))} ms against ${median(pairs.map(({ bare }) => bare.latency[share]))} ms`,
      });
    }
    const rate = ({ requests, duration }: autocannon.Result) => requests.total / duration;
    report({
      workload: `decisions, ${CONNECTIONS} connections`,
      detail: `${thousands(median(pairs.map(({ ours }) => rate(ours))))}/s against ${thousands(median(pairs.map(({ bare }) => rate(bare))))}/s`,
    });
    const batches = await fire(service.url, '/v1/decisions', service.key, quick ? 20 : 300, people, BATCH);
    report({
      workload: `batches of ${BATCH} decisions, ${BATCHES_AT_ONCE} connections`,
      detail: `${thousands(rate(batches) * BATCH)} decisions/s, p50 ${batches.latency.p50} ms, p99 ${batches.latency.p99} ms`,
    });
  } finally {
    await trivial.stop();
    await service.stop();
  }
}

const REASON = { purpose: 'direct-marketing' };
const subject = (person: number) => ({ scheme: 'customer-number', value: String(100_000 + person), category: 'subscriber' });

/** May the newsletter be sent to somebody? */
const decision = (person: number) => ({
  ...{ type: 'PersonalDataUsed', source: 'urn:bench:mailer', purpose: 'newsletter', legalBasis: '6(1)(a)', categories: ['name'] },
  actor: { id: 'mailer', kind: 'service', role: 'mailer', capacity: 'controller' },
  ...{ subjects: [subject(person)], system: 'mailer', country: 'SE' },
});

/** Everybody said yes, every third no afterwards. @returns the last position */
async function given(service: Service, people: number): Promise<number> {
  let position = 0;
  for (let from = 0; from < people; from += 500) {
    const events = Array.from({ length: 500 }, (_, i) => from + i).flatMap((person) => [
      consent('ConsentGiven', person, 60),
      ...(person % 3 === 0 ? [consent('ConsentWithdrawn', person, 30)] : []),
    ]);
    const answer = JSON.parse((await post(service, '/v1/events', BATCH_TYPE, Buffer.from(JSON.stringify(events)))).toString());
    if (answer.recorded !== events.length) throw new Error(`a batch was not recorded whole: ${JSON.stringify(answer).slice(0, 300)}`);
    position = answer.position;
  }
  return position;
}

const consent = (type: string, person: number, minutesAgo: number) => ({
  ...{ specversion: '1.0', source: 'urn:bench:mailer', id: `${type}-${person}`, type },
  time: new Date(Date.now() - minutesAgo * 60_000).toISOString(),
  data: {
    actor: { id: 'web', kind: 'service' },
    ...{ subjects: [subject(person)], purposes: ['newsletter'], textVersion: 'newsletter-4', method: 'web' },
  },
});

const ask = (service: Service, body: object) => post(service, '/v1/decisions', 'application/json', Buffer.from(JSON.stringify(body)));

function fire(url: string, path: string, key: string, amount: number, people: number, batch?: number): Promise<autocannon.Result> {
  let number = 0;
  const next = () => decision((number++ * 7_919) % people);
  const body = () => (batch === undefined ? next() : { decisions: Array.from({ length: batch }, next) });
  return autocannon({
    ...{ url, amount, connections: batch === undefined ? CONNECTIONS : BATCHES_AT_ONCE },
    requests: [
      {
        method: 'POST',
        path,
        headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` },
        setupRequest: (request) => ({ ...request, body: JSON.stringify({ ...body(), reason: REASON }) }),
      },
    ],
  });
}
