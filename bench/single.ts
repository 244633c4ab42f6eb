/**
 * Single posts from 64 connections against a trivial route of the same framework in the same run (autocannon drives both), and the
 * whole HTTP answer of a question about one person.
 */
import { closeSync, fdatasyncSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
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
  // The question that waits until the read side has caught up with the load must not give up.
  const service = await startService({ LIGGARE_AFTER_MS: '60000' });
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

/**
 * One question after the other, once the read side has caught up with the load before and the first ones have warmed it up. After
 * each a bare write of one block is synced in the same folder: every question is recorded and synced, so that no answer comes sooner.
 */
async function questions(service: Service, report: Report, count: number): Promise<void> {
  const lag = await caughtUp(service);
  const warmUp = Math.ceil(count / 3);
  for (let n = 0; n < warmUp; n++) await ask(service, n);
  const took: number[] = [];
  const synced: number[] = [];
  const disk = openSync(join(service.folder, 'bench-sync'), 'w');
  const block = Buffer.alloc(4096);
  for (let n = 0; n < count; n++) {
    took.push(await timed(() => ask(service, n)));
    synced.push(await timed(async () => writeSync(disk, block, 0, block.length, (n % 1_000) * block.length) && fdatasyncSync(disk)));
  }
  closeSync(disk);
  const told = (values: number[]) => `median ${median(values).toFixed(2)} ms, p99 ${percentile(values, 99).toFixed(2)} ms`;
  report({
    workload: 'timeline of one person over HTTP',
    detail:
      `${told(took)}, ${count} questions, each recorded and synced; beside them a bare write with its sync: ${told(synced)}. ` +
      `Not counted: ${warmUp} questions to warm up, and ${lag.toFixed(0)} ms in which the read side caught up with what was posted before`,
  });
}

function ask(service: Service, n: number, after?: number): Promise<Buffer> {
  const about = { subject: { scheme: 'customer-number', value: String(100_000 + ((n * 31) % 1_000)) } };
  const body = Buffer.from(JSON.stringify({ about, reason: { purpose: 'rights-fulfilment' }, after }));
  return post(service, '/v1/queries/timeline', 'application/json', body);
}

/** Waits until the read side knows everything that is recorded. @returns how long that took, milliseconds */
async function caughtUp(service: Service): Promise<number> {
  const last = JSON.stringify(disclosure('urn:bench:last', 0, 0));
  const { position } = JSON.parse((await post(service, '/v1/events', 'application/cloudevents+json', Buffer.from(last))).toString());
  return timed(() => ask(service, 0, position));
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
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

/** A route of the same framework that does nothing: what there is to compare with. */
export async function startTrivial(): Promise<{ url: string; stop(): Promise<void> }> {
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
