import { readFile } from 'node:fs/promises';
import { Argument, type Command, Option } from 'commander';
import { answerTable } from './answer-table.ts';
import { askDocument, FORMATS, type Format } from './ask-document.ts';
import { askProof, type ProofOptions } from './ask-proof.ts';
import type { LedgerClient } from './client.ts';
import { withLedger } from './connect.ts';
import { collect, personOf, wholeNumber } from './options.ts';
import { CliError, counted, EXIT, print, printable, type Terminal, tell, write } from './terminal.ts';

/** Questions that the ledger answers, most of them by the name in their address. */
export const QUESTIONS = [
  ...(['timeline', 'disclosures', 'actor-activity', 'consents'] as const),
  ...(['register', 'grants', 'instruction', 'processors', 'retention', 'retention-summary'] as const),
  ...(['findings', 'findings-summary'] as const),
] as const;
export type Question = (typeof QUESTIONS)[number];

/** Where a question is asked that has a longer name there. */
const ADDRESSES: Readonly<Partial<Record<Question, string>>> = { register: 'processing-register', grants: 'access-grants' };
const addressOf = (question: Question): string => ADDRESSES[question] ?? question;

/** Asked in another way: of one record, not of many. */
const PROOF = 'proof';
const OF_PROOF = ['record', 'position', 'erasure', 'head'] as const;

/** One page of an answer. */
export interface Answer {
  items: Record<string, unknown>[];
  next?: string | null;
  position?: number | null;
  asOf?: string | null;
  /** Of findings: those of sources as a whole. */
  sources?: Record<string, unknown>[];
}

/** Axes of `about` that take plain codes and names, with the option for each. */
export const AXES = [
  ['actor', '--actor <id>', 'who processed'],
  ['recipient', '--recipient <id>', 'to whom it was disclosed'],
  ['system', '--system <system>', 'in which system'],
  ['source', '--source <urn>', 'which system reported it'],
  ['purpose', '--processing-purpose <code>', 'for which purpose it was processed'],
  ['category', '--category <code>', 'category of personal data'],
  ['type', '--type <type>', 'type of event, such as PersonalDataDisclosed'],
  ['legalBasis', '--legal-basis <code>', 'legal basis, such as 6(1)(b)'],
  ['caseRef', '--processing-case <ref>', 'case in which it was processed'],
  ['country', '--country <code>', 'country, such as SE'],
  ['rule', '--rule <key>', 'findings: by which rule, such as R7; retention: by which rule of the policy'],
  [
    'state',
    '--state <state>',
    'findings: open, acknowledged, explained, cleared; retention: overdue, due, on-hold, no-trigger, no-rule, within-period',
  ],
  ['severity', '--severity <severity>', 'findings: critical, high, medium, low, gap'],
  ['verdict', '--verdict <verdict>', 'findings: violates, undeterminable'],
  ['clause', '--clause <number>', 'findings: by which clause of the policy'],
  ['policyVersion', '--policy-version <version>', 'findings: judged by which version of the policy'],
  ['finding', '--finding <id>', 'findings: this one'],
] as const;

/** Axes of `about` that are numbers. */
const NUMBERS: ReadonlySet<string> = new Set(['clause']);

/** Options that say what is asked about, and why. */
export interface AskOptions {
  purpose: string;
  case?: string;
  subject: string[];
  about?: string;
  from?: string;
  to?: string;
  asOf?: string;
  at?: string;
  on?: string;
  until?: string;
  order?: string;
  limit?: number;
  cursor?: string;
  after?: number;
  all?: boolean;
  json?: boolean;
  ndjson?: boolean;
  csv?: boolean;
  format?: Format;
  out?: string;
  standing?: string;
  usage?: boolean;
  by?: string;
  detectedFrom?: string;
  detectedTo?: string;
  record?: string;
  position?: number;
  erasure?: string;
  head?: number;
  [axis: string]: unknown;
}

const HELP = `
Questions
  timeline        who processed what, of whom, when, why, where and to whom
  disclosures     what was disclosed: events and distinct subjects by recipient and purpose
  actor-activity  an actor's accesses by day and hour, subjects, cases, denied attempts, searches without a case
  consents        consents and objections by person and purpose, and what proves each: --subject and --processing-purpose, --at
  register        records of processing activities (Art. 30): declared beside observed, with the differences
  grants          who may see what, for what, in which system, from when until when: --actor, --standing, --usage
  instruction     when everybody who processed was last instructed: --standing never, overdue or current
  processors      their agreements, current or not, and what was disclosed beyond them: --recipient
  retention       what is kept too long, falls due, is on hold or has no day, by person and purpose: --state, --on, --until
  retention-summary  how many of them there are, by purpose, rule and state; it names nobody
  findings        what was promised otherwise, and what cannot be told: --rule, --severity, --clause, --state, --detected-from
  findings-summary  how many of them there are, by rule or clause (--by) and week; it names nobody
  proof           that one record, or an erasure, stands in the signed tree: --record, --position or --erasure

Every question about people is recorded: who asked what, about whom and why. --purpose and --case say why *you* ask.
All other options narrow down what is asked about; each may be given several times (any of them), and all combine.

What stands on a command line can be read by others on the same machine, and stays in the shell's history. With
--about - the same is read as JSON from standard input: {"subject": {"scheme": "email", "value": "…"}}.

Examples
  liggare ask timeline --subject customer-number:10027 --purpose rights-fulfilment --case DSR-2026-014
  liggare ask timeline --subject customer-number:10027 --as-of 2026-06-30 --purpose rights-fulfilment --json
  liggare ask disclosures --recipient skatteverket --from 2026-01-01 --to 2026-04-01 --purpose tax-reporting
  liggare ask actor-activity --actor anna.berg --purpose security --all --csv
  liggare ask consents --subject customer-number:10027 --at 2026-03-31 --purpose rights-fulfilment
  liggare ask register --from 2026-01-01 --purpose security --format html --out register.html
  liggare ask grants --standing current --as-of 2026-03-31 --purpose security --all --csv
  liggare ask retention --on 2026-04-01 --until 2026-04-30 --state due --purpose rights-fulfilment
  liggare ask retention --format ical --out retention.ics --purpose rights-fulfilment
  liggare ask findings --severity critical --state open --purpose security
  liggare ask findings-summary --by clause --from 2026-01-01 --purpose security --all --csv
  liggare ask proof --record urn:mailit:billing/2026-03-02-000412 --purpose security --json
  liggare ask proof --erasure 0199f2d1-6f4e-7c1a-9d33-2f5b8a6c4e10 --purpose rights-fulfilment`;

/** `liggare ask`. */
export function askCommand(program: Command, terminal: Terminal): void {
  const command = program
    .command('ask')
    .summary('ask a question about recorded processing')
    .description('Asks who processed what, of whom, when and why.')
    .addArgument(new Argument('<question>', 'what to ask').choices([...QUESTIONS, PROOF]))
    .requiredOption('--purpose <code>', 'why you ask (recorded)')
    .option('--case <ref>', 'case in which you ask (recorded)')
    .option('--subject <scheme:value>', 'whose data (repeatable)', collect, []);
  for (const [, flags, meaning] of AXES) command.addOption(new Option(flags, meaning).argParser(collect).default([], ''));
  command
    .option('--from <time>', 'at or after this time; a day means its start in UTC')
    .option('--to <time>', 'before this time; a day means its start in UTC')
    .option('--detected-from <time>', 'findings: detected at or after this time')
    .option('--detected-to <time>', 'findings: detected before this time')
    .option('--about <file>', 'what to ask about, as JSON; - for standard input')
    .option('--as-of <time>', 'what was known then: a time, or a day (its end in UTC)')
    .option('--at <time>', 'consents: what was so then; a time, or a day (its end in UTC)')
    .option('--on <day>', 'retention: the day on which is judged; it may lie ahead')
    .option(
      '--until <day>',
      'retention: the last day of what falls due; a month after --on unless told; of retention-summary: only what falls due',
    )
    .addOption(new Option('--order <order>', 'by time').choices(['asc', 'desc']))
    .option('--limit <items>', 'items a page, 1 to 1000', wholeNumber(1, 1000))
    .option('--cursor <cursor>', 'the page after this one')
    .option('--after <position>', 'wait until the answer covers this position', wholeNumber(0, Number.MAX_SAFE_INTEGER))
    .option('--all', 'every page, one after the other')
    .option('--record <source/id>', 'proof: the record')
    .option('--position <position>', 'proof: the event at this position', wholeNumber(1, Number.MAX_SAFE_INTEGER))
    .option('--erasure <id>', 'proof: everything that makes up this erasure')
    .option('--head <leaves>', 'proof: under the older tree head of this size', wholeNumber(1, Number.MAX_SAFE_INTEGER))
    .addOption(new Option('--json', 'the answer as JSON').conflicts(['ndjson', 'csv']))
    .addOption(new Option('--ndjson', 'one item a line, as JSON').conflicts(['csv']))
    .option('--csv', 'as CSV')
    .addOption(
      new Option('--format <format>', 'as the ledger makes it; html and jsonld of the register, ical of retention').choices(
        Object.keys(FORMATS),
      ),
    )
    .option('--out <file>', 'with --format: write it to a new file')
    .addOption(new Option('--by <what>', 'findings-summary: by what they are counted, beside the week').choices(['rule', 'clause']))
    .option('--standing <standing>', 'grants, instruction: only what stands so, such as current')
    .option('--usage', 'grants: when each was last used, and what was looked up without any')
    .addHelpText('after', HELP)
    .action((question: Question | typeof PROOF, options: AskOptions) =>
      question === PROOF ? askProof(terminal, ofProofAlone(options)) : ask(terminal, question, options),
    );
}

/** What narrows down many records says nothing of one. @throws CliError */
function ofProofAlone({ purpose, record, position, erasure, head, json, ...others }: AskOptions): ProofOptions {
  const other = Object.entries(others).some(([name, value]) => name !== 'case' && value !== undefined && !isEmptyList(value));
  if (other) throw new CliError(EXIT.usage, 'A proof is of one record: only --case, --head and --json go with it.');
  const given = Object.entries({ record, position, erasure, head, json, case: others.case }).filter(([, value]) => value !== undefined);
  return { purpose, ...Object.fromEntries(given) };
}

const isEmptyList = (value: unknown): boolean => Array.isArray(value) && value.length === 0;

async function ask(terminal: Terminal, question: Question, options: AskOptions): Promise<void> {
  if (OF_PROOF.some((name) => options[name] !== undefined)) {
    throw new CliError(EXIT.usage, '--record, --position, --erasure and --head belong to a proof.', ['liggare ask proof …']);
  }
  const body = await bodyOf(terminal, options);
  if (options.all && options.json) {
    throw new CliError(EXIT.usage, '--all and --json do not go together: an answer in JSON is one page.', ['Use --all --ndjson.']);
  }
  const { format, out } = options;
  if (format !== undefined && (options.all || options.json || options.ndjson || options.csv)) {
    throw new CliError(EXIT.usage, '--format says how one page is written: --all, --json, --ndjson and --csv do not go with it.');
  }
  if (out !== undefined && format === undefined) throw new CliError(EXIT.usage, '--out needs a --format.', ['For example --format html.']);
  if (question !== 'register' && (format === 'html' || format === 'jsonld')) {
    throw new CliError(EXIT.usage, `Only the register is made as ${format}.`, ['Use --format csv or --format json.']);
  }
  if (question !== 'retention' && format === 'ical') {
    throw new CliError(EXIT.usage, 'Only retention is made as a calendar.', ['liggare ask retention --format ical --out retention.ics …']);
  }
  await withLedger(terminal, async (client) => {
    if (format) return askDocument(terminal, client, { address: addressOf(question), body, format, ...(out !== undefined && { out }) });
    if (options.csv) return askCsv(terminal, client, question, body, options.all ?? false);
    for await (const { page, isFirst } of pages(client, question, body, options.all ?? false)) {
      if (options.json) await print(terminal, JSON.stringify(page, null, 2));
      else if (options.ndjson) for (const item of page.items) await print(terminal, JSON.stringify(item));
      else await printPage(terminal, question, page, isFirst);
      if (page.next && !options.all) tell(terminal, `There is more: --cursor ${printable(page.next)}, or --all.`);
    }
  });
}

/** Asks one question over HTTP, page after page where `all` is wanted. */
async function* pages(
  client: LedgerClient,
  question: Question,
  body: Record<string, unknown>,
  all: boolean,
): AsyncGenerator<{ page: Answer; isFirst: boolean }> {
  let cursor = body['cursor'];
  for (let isFirst = true; ; isFirst = false) {
    const page = await client.json<Answer>(`/v1/queries/${addressOf(question)}`, {
      method: 'POST',
      body: JSON.stringify({ ...body, ...(cursor === undefined ? {} : { cursor }) }),
      repeatable: true,
    });
    yield { page, isFirst };
    if (!all || !page.next) return;
    cursor = page.next;
  }
}

async function printPage(terminal: Terminal, question: Question, page: Answer, isFirst: boolean): Promise<void> {
  const width = terminal.stdout.isTTY ? terminal.stdout.columns : undefined;
  if (page.items.length > 0) await print(terminal, answerTable(question, page.items, width));
  if (!isFirst) return;
  if (page.sources && page.sources.length > 0) await print(terminal, `\n${answerTable('findings-of-sources', page.sources, width)}`);
  const asOf = page.asOf ? ` as of ${printable(page.asOf)}` : '';
  tell(
    terminal,
    `${page.items.length === 0 ? 'Nothing' : counted(page.items.length, 'item')} on this page${asOf}; the question is recorded.`,
  );
}

/** CSV is made by the ledger; of every page but the first the line with the names of the columns is left out. */
async function askCsv(
  terminal: Terminal,
  client: LedgerClient,
  question: Question,
  body: Record<string, unknown>,
  all: boolean,
): Promise<void> {
  let cursor = body['cursor'];
  for (let isFirst = true; ; isFirst = false) {
    const response = await client.request(`/v1/queries/${addressOf(question)}`, {
      method: 'POST',
      accept: 'text/csv',
      body: JSON.stringify({ ...body, ...(cursor === undefined ? {} : { cursor }) }),
      repeatable: true,
    });
    const text = await response.text();
    await write(terminal.stdout, isFirst ? text : text.slice(text.indexOf('\n') + 1));
    const next = response.headers.get('liggare-next');
    if (!next) return;
    if (!all) return tell(terminal, `There is more: --cursor ${printable(next)}, or --all.`);
    cursor = next;
  }
}

/** The question that the options make. */
export async function bodyOf(terminal: Terminal, options: AskOptions): Promise<Record<string, unknown>> {
  const about: Record<string, unknown> = options.about === undefined ? {} : await aboutFrom(terminal, options.about);
  if (options.subject.length > 0) about['subject'] = single(options.subject.map((text) => personOf(text)));
  for (const [axis, flags] of AXES) {
    const values = options[optionName(flags)] as string[];
    if (values.length > 0) about[axis] = single<unknown>(NUMBERS.has(axis) ? values.map(Number) : values);
  }
  for (const bound of ['from', 'to', 'detectedFrom', 'detectedTo'] as const) {
    if (options[bound] !== undefined) about[bound] = options[bound];
  }
  const { asOf, at, on, until, order, limit, cursor, after, standing, usage, by } = options;
  const reason = { purpose: options.purpose, ...(options.case === undefined ? {} : { caseRef: options.case }) };
  const rest = Object.entries({ asOf, at, on, until, order, limit, cursor, after, standing, usage, by }).filter(
    ([, value]) => value !== undefined,
  );
  return { ...(Object.keys(about).length > 0 ? { about } : {}), reason, ...Object.fromEntries(rest) };
}

async function aboutFrom(terminal: Terminal, file: string): Promise<Record<string, unknown>> {
  let text = '';
  if (file === '-') for await (const chunk of terminal.stdin) text += chunk.toString();
  else {
    text = await readFile(file, 'utf8').catch(() => {
      throw new CliError(EXIT.usage, `${printable(file)} cannot be read.`);
    });
  }
  try {
    const about: unknown = JSON.parse(text);
    if (typeof about === 'object' && about !== null && !Array.isArray(about)) return { ...about };
  } catch {
    // Said below; the parser's words would quote the text.
  }
  throw new CliError(EXIT.usage, '--about holds no JSON object.', [
    'For example: {"subject": {"scheme": "customer-number", "value": "10027"}}',
  ]);
}

function single<T>(values: T[]): T | T[] {
  return values.length === 1 ? (values[0] as T) : values;
}

/** `--legal-basis <code>` → `legalBasis`, as commander names it. */
function optionName(flags: string): string {
  return new Option(flags).attributeName();
}
