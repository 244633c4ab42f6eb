import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Command, InvalidArgumentError } from 'commander';
import { answerTable } from './answer-table.ts';
import type { Answer, Question } from './ask.ts';
import { LedgerClient } from './client.ts';
import { openFolder } from './connect.ts';
import { DEMO_CUSTOMER, demoEvents } from './demo-events.ts';
import { wholeNumber } from './options.ts';
import { duration, Progress } from './progress.ts';
import { EventSender } from './send-events.ts';
import { CliError, count, counted, EXIT, print, printable, type Terminal, tell } from './terminal.ts';

interface Options {
  events: number;
  seed: number;
  until: string;
  keep?: boolean;
}

/** A fixed end, so that everybody sees the same year unless they ask for another. */
const UNTIL = '2026-06-30T17:00:00.000Z';
const SHOWN = 10;

const HELP = `
Nothing of yours is touched: the ledger lives in a temporary folder, which is removed at the end unless --keep is given.

Examples
  liggare demo
  liggare demo --events 20000 --seed 7 --keep`;

/** `liggare demo`. */
export function demoCommand(program: Command, terminal: Terminal): void {
  program
    .command('demo')
    .summary('see it work: a ledger with a made-up year, and three questions')
    .description('Fills a ledger in a temporary folder with a made-up year of a company, and asks it three questions.')
    .option('--events <number>', 'how many events', wholeNumber(100, 1_000_000), 4000)
    .option('--seed <number>', 'same seed, same events', wholeNumber(0, 2_147_483_647), 1)
    .option('--until <time>', 'when the year ends', pastTime, UNTIL)
    .option('--keep', 'leave the folder where it is')
    .addHelpText('after', HELP)
    .action((options: Options) => demo(terminal, options));
}

function pastTime(text: string): string {
  const time = Date.parse(text);
  if (Number.isFinite(time) && time > Date.UTC(2019, 0) && time < Date.now() + 3_600_000) return new Date(time).toISOString();
  throw new InvalidArgumentError('A time in the past is expected, such as 2026-06-30T17:00:00Z.');
}

async function demo(terminal: Terminal, options: Options): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'liggare-demo-'));
  const data = join(folder, 'data');
  try {
    await show({ ...terminal, env: demoEnvironment(terminal.env, data) }, options);
    await print(terminal, options.keep ? goOnHere(data) : GO_ON);
  } finally {
    if (!options.keep) await rm(folder, { recursive: true, force: true });
  }
}

/** The demo's own folder and defaults: neither the service nor the keys that the caller has set up. */
function demoEnvironment(env: NodeJS.ProcessEnv, data: string): NodeJS.ProcessEnv {
  const own = Object.entries(env).filter(([name]) => !name.startsWith('LIGGARE_'));
  return { ...Object.fromEntries(own), LIGGARE_DATA: data, LIGGARE_LOG_LEVEL: 'error' };
}

async function show(terminal: Terminal, options: Options): Promise<void> {
  tell(terminal, `Starting a ledger in ${printable(terminal.env['LIGGARE_DATA'] as string)}.`);
  const key = randomBytes(32).toString('base64url');
  const ledger = await openFolder(terminal, { ephemeralAdmin: { key, person: 'Demo' } });
  try {
    const client = new LedgerClient({ url: ledger.url, key }, { onWait: (why) => tell(terminal, why) });
    const position = await feed(terminal, client, options);
    for (const question of questions(options.until)) await answer(terminal, client, question, position);
  } finally {
    await ledger.close();
  }
}

async function feed(terminal: Terminal, client: LedgerClient, options: Options): Promise<number> {
  const progress = new Progress(terminal, { unit: 'events', total: options.events });
  const sender = new EventSender(client, {
    batch: 500,
    onUnrecorded: ({ line, outcome, problems }) => {
      throw new CliError(
        EXIT.notAllRecorded,
        `Event ${line} of the demo is ${outcome} (${problems.map(({ path, rule }) => `${path} ${rule}`).join(', ')}).`,
      );
    },
    onProgress: (answered) => progress.update(answered, answered),
  });
  try {
    let line = 0;
    for (const event of demoEvents({ seed: options.seed, count: options.events, until: options.until })) {
      const json = JSON.stringify(event);
      line += 1;
      await sender.add({ line, json, bytes: Buffer.byteLength(json), source: event.source });
    }
    await sender.finish();
  } finally {
    progress.stop();
  }
  const rate = sender.totals.recorded / Math.max(progress.seconds, 0.001);
  await print(
    terminal,
    `${counted(sender.totals.recorded, 'event')} of a made-up year are recorded, each one validated, pseudonymised, sealed and synced ` +
      `to disk (${duration(progress.seconds)}, ${count(rate)}/s).`,
  );
  return sender.position ?? 0;
}

interface DemoQuestion {
  title: string;
  question: Question;
  about: Record<string, unknown>;
  reason: { purpose: string; caseRef?: string };
}

function questions(until: string): DemoQuestion[] {
  const year = { from: new Date(Date.parse(until) - 365 * 86_400_000).toISOString(), to: until };
  return [
    {
      title: `Who processed data of customer ${DEMO_CUSTOMER}, and why? (Art. 15)`,
      question: 'timeline',
      about: { subject: { scheme: 'customer-number', value: DEMO_CUSTOMER } },
      reason: { purpose: 'rights-fulfilment', caseRef: 'DSR-1' },
    },
    {
      title: 'What went to Skatteverket and to the distributors, and about how many people?',
      question: 'disclosures',
      about: { recipient: ['skatteverket', 'kuvert-distribution', 'fakturabud'], ...year },
      reason: { purpose: 'tax-reporting' },
    },
    {
      title: 'What did erik.sandberg do, and when? Look at the hours.',
      question: 'actor-activity',
      about: { actor: 'erik.sandberg', ...year },
      reason: { purpose: 'security', caseRef: 'INC-1' },
    },
  ];
}

async function answer(
  terminal: Terminal,
  client: LedgerClient,
  { title, question, about, reason }: DemoQuestion,
  after: number,
): Promise<void> {
  const body = JSON.stringify({ about, reason, after, limit: SHOWN });
  // The read side may still be catching up: what it answers with then is 503 or 504, and both are worth another try.
  const page = await client.json<Answer>(`/v1/queries/${question}`, { method: 'POST', body, repeatable: true, patienceMs: 120_000 });
  const width = terminal.stdout.isTTY ? terminal.stdout.columns : undefined;
  const more = page.next ? `\n… and more: these are the first ${count(page.items.length)}.` : '';
  await print(terminal, `\n── ${title}\n   POST /v1/queries/${question} ${JSON.stringify({ about, reason })}\n`);
  await print(terminal, `${answerTable(question, page.items, width)}${more}`);
}

const GO_ON = `
Every question above was itself recorded, with who asked and why. How to go on:
  npm start                                  a ledger of your own, on http://127.0.0.1:3000 (it prints an admin key once)
  npm run liggare -- --help                  all commands
  npm run liggare -- demo --keep             this demo, and the folder stays for questions of your own`;

function goOnHere(data: string): string {
  const here = `LIGGARE_DATA=${printable(data)}`;
  return `
The ledger stays in ${printable(data)}. Ask it more:
  ${here} npm run liggare -- ask timeline --actor anna.berg --purpose security
  ${here} npm run liggare -- ask disclosures --purpose rights-fulfilment
  ${here} npm run liggare -- sources
  ${here} npm start                          run it as a service`;
}
