/**
 * Single posts from 64 connections against a trivial route of the same framework in the same run (autocannon drives both), and the
 * whole HTTP answer of a question about one person.
 */
import 'reflect-metadata';
import { Controller, Module, Post } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import autocannon from 'autocannon';
import { median, type Options, percentile, type Report, thousands } from './measure.ts';
import { disclosure, post, type Service, startService } from './service.ts';

const CONNECTIONS = 64;

export async function run(report: Report, { quick }: Options): Promise<void> {
  const amount = quick ? 2_000 : 30_000;
  const runs = quick ? 2 : 5;
  const service = await startService();
  const trivial = await startTrivial();
  try {
    await fire(service.url, service.key, amount, 'warm');
    await fire(trivial.url, '', amount, 'warm');
    const pairs: { ours: autocannon.Result; bare: autocannon.Result }[] = [];
    for (let r = 0; r < runs; r++) {
      pairs.push({ ours: await fire(service.url, service.key, amount, `run${r}`), bare: await fire(trivial.url, '', amount, `run${r}`) });
    }
    const rate = ({ requests, duration }: autocannon.Result) => requests.total / duration;
    report({
      workload: `single posts, ${CONNECTIONS} connections / a trivial route`,
      ratio: median(pairs.map(({ ours, bare }) => rate(ours) / rate(bare))),
      target: '≥0.4',
      runs,
      detail: `${thousands(median(pairs.map(({ ours }) => rate(ours))))}/s against ${thousands(median(pairs.map(({ bare }) => rate(bare))))}/s`,
    });
    report({
      workload: 'p99 of single posts / p99 of the trivial route',
      ratio: median(pairs.map(({ ours, bare }) => ours.latency.p99 / Math.max(1, bare.latency.p99))),
      target: '≤3',
      runs,
      detail: `${median(pairs.map(({ ours }) => ours.latency.p99))} ms against ${median(pairs.map(({ bare }) => bare.latency.p99))} ms`,
    });
    await questions(service, report, quick ? 200 : 3_000);
  } finally {
    await trivial.stop();
    await service.stop();
  }
}

async function questions(service: Service, report: Report, count: number): Promise<void> {
  const took: number[] = [];
  for (let n = 0; n < count; n++) {
    const about = { subject: { scheme: 'customer-number', value: String(100_000 + ((n * 31) % 1_000)) } };
    const body = Buffer.from(JSON.stringify({ about, reason: { purpose: 'rights-fulfilment' } }));
    const start = performance.now();
    await post(service, '/v1/queries/timeline', 'application/json', body);
    took.push(performance.now() - start);
  }
  const detail = `median ${median(took).toFixed(2)} ms, p99 ${percentile(took, 99).toFixed(2)} ms, ${count} questions, the question recorded and synced each time`;
  report({ workload: 'timeline of one person over HTTP', detail });
}

class TrivialController {
  answer(): { recorded: number } {
    return { recorded: 1 };
  }
}

class TrivialModule {}

// Decorators as the calls that they are: this file runs as it stands, and Node erases types but knows no decorators.
Controller()(TrivialController);
Post()(TrivialController.prototype, 'answer', Object.getOwnPropertyDescriptor(TrivialController.prototype, 'answer') as PropertyDescriptor);
Module({ controllers: [TrivialController] })(TrivialModule);

async function startTrivial(): Promise<{ url: string; stop(): Promise<void> }> {
  const app = await NestFactory.create<NestFastifyApplication>(TrivialModule, new FastifyAdapter(), { logger: false });
  await app.listen(0, '127.0.0.1');
  return { url: await app.getUrl(), stop: () => app.close() };
}

/** Every request is an event of its own: a repeated one would only measure the recognition of duplicates. */
function fire(url: string, key: string, amount: number, name: string): Promise<autocannon.Result> {
  let number = 0;
  const source = `urn:bench:single-${name}-${Math.trunc(performance.now())}`;
  return autocannon({
    url,
    amount,
    connections: CONNECTIONS,
    requests: [
      {
        method: 'POST',
        path: key ? '/v1/events' : '/',
        headers: { 'content-type': key ? 'application/cloudevents+json' : 'application/json', authorization: `Bearer ${key}` },
        setupRequest: (request) => {
          const n = number++;
          return { ...request, body: JSON.stringify(disclosure(source, n, n % 1_000)) };
        },
      },
    ],
  });
}
