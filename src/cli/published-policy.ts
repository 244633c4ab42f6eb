import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import type { Difference } from '../policy/differences.ts';
import type { Policy } from '../policy/document.ts';
import { effectiveAt, inForceAt } from '../policy/in-force.ts';
import { PolicyFileUnreadable, readPolicyText } from '../policy-file.ts';
import type { LedgerClient } from './client.ts';
import { withLedger } from './connect.ts';
import { CliError, count, counted, EXIT, print, printable, type Terminal, table, tell } from './terminal.ts';

const PUBLISH_HELP = `
Says what changes for whom, in words; with --dry-run nothing is recorded. The first version of all may begin before its
publication, every later one begins at or after it. Publishing again what was published changes nothing. A published
policy stands in the log for ever, in clear: addresses in it are those of functions, never of people.

Examples
  liggare policy publish mailit-2.yaml --dry-run
  liggare policy publish mailit-2.yaml --reason "A distributor was added"`;

const REVIEW_HELP = `
Records that somebody went through the version that is in force; the next review is due one period of review later.
With --text, the file that people read as it was found on the website is compared with the published one by its SHA-256.

Examples
  liggare policy review --note "All of it holds"
  curl -s https://www.mailit.se/integritetspolicy > found.html && liggare policy review --text found.html`;

const SIMULATE_HELP = `
Judges what happened from one day until before another as if the policy had been in force throughout, and tells which
findings would appear, go and stay. Nothing is published or changed. That it was asked is recorded.

Example
  liggare policy simulate mailit-2.yaml --from 2026-01-01 --to 2026-04-01 --purpose security`;

interface Version {
  version: string;
  policy: string;
  effectiveFrom: string;
  state: string;
  digest: string;
  publishedAt: string;
  position: number;
  reviews: { reviewedAt: string; isPublishedText: boolean | null }[];
  reviewDue?: string;
}

interface Publication {
  outcome: string;
  policy: string;
  version: string;
  effectiveFrom: string;
  position?: number;
  replaces?: string;
  differences: Difference[];
  warnings: { path: string; message: string }[];
}

interface PublishOptions {
  dryRun?: boolean;
  reason?: string;
  json?: boolean;
}

interface ReviewOptions {
  note?: string;
  text?: string;
  json?: boolean;
}

interface SimulateOptions {
  from: string;
  to: string;
  purpose: string;
  case?: string;
  json?: boolean;
}

interface Simulation {
  events: number;
  total: { appear: number; go: number; stay: number; subjects: { appear: number; go: number } };
  items: { rule: string; title: string; verdict: string; what?: string; appear: number; go: number; stay: number }[];
  examples: {
    change: string;
    rule: string;
    what?: string;
    verdict: string;
    event: { source: string; id: string; type: string; time: string };
  }[];
  retention:
    | { rule: string; items: number; sooner: number; later: number; untold: number; overdue: { before: number; after: number } }[]
    | null;
}

/** `liggare policy publish | review | list | simulate`. */
export function publishedPolicyCommands(policy: Command, terminal: Terminal): void {
  policy
    .command('publish')
    .summary('publish a version')
    .description('Publishes a version of the policy, or says what it would change.')
    .argument('<file>', 'the policy, in YAML')
    .option('--dry-run', 'say what would change for whom, and record nothing')
    .option('--reason <text>', 'why (recorded, sealed)')
    .option('--json', 'the answer as JSON')
    .addHelpText('after', PUBLISH_HELP)
    .action((file: string, options: PublishOptions) => publish(terminal, file, options));
  policy
    .command('review')
    .summary('say that the version in force was gone through')
    .description('Records that somebody went through the version that is in force.')
    .argument('[version]', 'the version; the one in force unless told')
    .option('--note <text>', 'what was found (recorded, sealed)')
    .option('--text <file>', 'the text that was found where people read it')
    .option('--json', 'the answer as JSON')
    .addHelpText('after', REVIEW_HELP)
    .action((version: string | undefined, options: ReviewOptions) => review(terminal, version, options));
  policy
    .command('list')
    .summary('list the published versions')
    .description('Lists the versions that were published, which is in force, and when it has to be gone through.')
    .option('--json', 'as JSON')
    .action((options: { json?: boolean }) => list(terminal, options.json ?? false));
  policy
    .command('simulate')
    .summary('what a policy would have found')
    .description('Tells which findings a policy would have made, and which not, in a window of the past.')
    .argument('<file>', 'the policy, in YAML')
    .requiredOption('--from <time>', 'events that happened at or after')
    .requiredOption('--to <time>', 'events that happened before')
    .requiredOption('--purpose <code>', 'why you ask (recorded)')
    .option('--case <ref>', 'case in which you ask (recorded)')
    .option('--json', 'the answer as JSON')
    .addHelpText('after', SIMULATE_HELP)
    .action((file: string, options: SimulateOptions) => simulate(terminal, file, options));
}

async function publish(terminal: Terminal, file: string, { dryRun = false, reason, json }: PublishOptions): Promise<void> {
  const document = await policyTextOf(file);
  await withLedger(terminal, async (client) => {
    const body = JSON.stringify({ document, dryRun, ...(reason !== undefined && { reason }) });
    const answer = await client.json<Publication>('/v1/policies', { method: 'POST', body, repeatable: true });
    if (json) return print(terminal, JSON.stringify(answer, null, 2));
    await print(terminal, printable(outcomeOf(answer)));
    if (answer.replaces !== undefined) {
      await print(terminal, printable(`It takes the place of version ${answer.replaces}.`));
      await printDifferences(terminal, answer.differences);
    }
    for (const { path, message } of answer.warnings) tell(terminal, `Warning: ${printable(path)} ${printable(message)}.`);
  });
}

function outcomeOf({ outcome, policy, version, effectiveFrom, position }: Publication): string {
  const name = `${policy}, version ${version}, in force from ${effectiveFrom}`;
  if (outcome === 'published') return `Published at position ${position}: ${name}`;
  return outcome === 'unchanged'
    ? `Nothing was recorded, it was published before, at position ${position}: ${name}`
    : `Would be published: ${name}`;
}

async function review(terminal: Terminal, named: string | undefined, { note, text, json }: ReviewOptions): Promise<void> {
  const textDigest = text === undefined ? undefined : await digestOfFile(text);
  await withLedger(terminal, async (client) => {
    const version = named ?? (await versionsOf(client)).find(({ state }) => state === 'in-force')?.version;
    if (version === undefined) throw new CliError(EXIT.usage, 'No version of the policy is in force.', ['liggare policy list']);
    const body = JSON.stringify({ ...(textDigest !== undefined && { textDigest }), ...(note !== undefined && { note }) });
    // Twice would be two reviews: what may have arrived is not sent again.
    const path = `/v1/policies/${encodeURIComponent(version)}/review`;
    const answer = await client.json<{ position: number; reviewDue: string; isPublishedText: boolean | null }>(path, {
      method: 'POST',
      body,
    });
    if (json) return print(terminal, JSON.stringify(answer, null, 2));
    await print(
      terminal,
      `Reviewed version ${printable(version)} at position ${answer.position}; the next review is due by ${answer.reviewDue.slice(0, 10)}.`,
    );
    if (text !== undefined) await print(terminal, textInWords(answer.isPublishedText));
  });
}

function textInWords(isPublished: boolean | null): string {
  if (isPublished === null) return 'The policy names no digest of its text: what was found could not be compared.';
  return isPublished ? 'The text that was found is the published one.' : 'The text that was found is NOT the published one.';
}

async function digestOfFile(file: string): Promise<string> {
  const bytes = await readFile(file).catch((error: NodeJS.ErrnoException) => {
    throw new CliError(EXIT.usage, `${printable(file)} cannot be read: ${error.code ?? 'unknown'}.`);
  });
  return createHash('sha256').update(bytes).digest('hex');
}

async function list(terminal: Terminal, json: boolean): Promise<void> {
  await withLedger(terminal, async (client) => {
    const versions = await versionsOf(client);
    if (json) return print(terminal, JSON.stringify({ items: versions }, null, 2));
    const headers = ['version', 'in force from', 'state', 'published', 'position', 'reviews', 'review due', 'digest'];
    const rows = versions.map((each) => [
      each.version,
      each.effectiveFrom,
      each.state,
      each.publishedAt,
      String(each.position),
      String(each.reviews.length),
      each.reviewDue?.slice(0, 10) ?? '',
      each.digest.slice(0, 12),
    ]);
    await print(terminal, table(headers, rows, terminal.stdout.isTTY ? terminal.stdout.columns : undefined));
    tell(terminal, `${counted(versions.length, 'version')} of ${printable(versions[0]?.policy ?? 'no policy')}.`);
  });
}

async function versionsOf(client: LedgerClient): Promise<Version[]> {
  const versions: Version[] = [];
  for (let cursor = '0'; ; ) {
    const query = { limit: '1000', cursor };
    const page = await client.json<{ items: Version[]; next: string | null }>('/v1/policies', { query, repeatable: true });
    versions.push(...page.items);
    if (page.next === null) return versions;
    cursor = page.next;
  }
}

async function simulate(terminal: Terminal, file: string, { from, to, purpose, case: caseRef, json }: SimulateOptions): Promise<void> {
  const document = await policyTextOf(file);
  await withLedger(terminal, async (client) => {
    const reason = { purpose, ...(caseRef !== undefined && { caseRef }) };
    const body = JSON.stringify({ document, from, to, reason });
    const answer = await client.json<Simulation>('/v1/policies/simulate', { method: 'POST', body });
    if (json) return print(terminal, JSON.stringify(answer, null, 2));
    const width = terminal.stdout.isTTY ? terminal.stdout.columns : undefined;
    const { total, items, examples, retention } = answer;
    const rows = items.map((each) => [each.rule, each.what ?? each.verdict, ...[each.appear, each.go, each.stay].map(count), each.title]);
    await print(terminal, table(['rule', 'what', 'appear', 'go', 'stay', 'title'], rows, width));
    const shown = examples.map(({ change, rule, what, verdict, event }) => [
      change,
      rule,
      what ?? verdict,
      event.time,
      event.type,
      event.source,
      event.id,
    ]);
    if (shown.length > 0) {
      await print(terminal, `\nFor example\n${table(['change', 'rule', 'what', 'time', 'type', 'source', 'id'], shown, width)}`);
    }
    for (const each of retention ?? []) await print(terminal, printable(retentionInWords(each)));
    const whom = `${counted(total.subjects.appear, 'person', 'people')} and ${counted(total.subjects.go, 'person', 'people')}`;
    tell(
      terminal,
      `${counted(answer.events, 'event')} judged: ${count(total.appear)} findings appear, ${count(total.go)} go, about ${whom}; ${count(total.stay)} stay.`,
    );
  });
}

function retentionInWords({ rule, items, sooner, later, untold, overdue }: NonNullable<Simulation['retention']>[number]): string {
  const parts = [`${count(sooner)} due sooner`, `${count(later)} later`, ...(untold > 0 ? [`${count(untold)} cannot be told`] : [])];
  return `Retention by ${rule}: of ${counted(items, 'item')} ${parts.join(', ')}; ${count(overdue.after)} overdue instead of ${count(overdue.before)}.`;
}

/** The published version whose place a policy would take; where it would take none's, the first. @throws CliError where there is none */
export async function publishedBefore(terminal: Terminal, policy: Policy): Promise<Policy> {
  return withLedger(terminal, async (client) => {
    const versions = await versionsOf(client);
    const before = inForceAt(versions, effectiveAt(policy)) ?? versions[0];
    if (before === undefined) {
      throw new CliError(EXIT.usage, 'No policy was published: there is nothing to compare with.', [
        'liggare policy diff <before> <after>',
      ]);
    }
    const path = `/v1/policies/${encodeURIComponent(before.version)}`;
    return (await client.json<{ document: Policy }>(path, { repeatable: true })).document;
  });
}

/** Under the keys of the document; the version's own name and day are in every heading. */
export async function printDifferences(terminal: Terminal, found: readonly Difference[]): Promise<void> {
  const told = found.filter(({ section }) => section !== 'version' && section !== 'effectiveFrom');
  if (told.length === 0) await print(terminal, 'Nothing else changed.');
  for (const [section, changes] of Object.entries(Object.groupBy(told, (each) => each.section))) {
    await print(terminal, `\n${section}`);
    for (const change of changes as Difference[]) await print(terminal, `  ${printable(lineOf(change))}`);
  }
}

const lineOf = ({ words, whom }: Difference): string => (whom.length === 0 ? words : `${words} [${whom.join(', ')}]`);

/** @throws CliError (exit 2) */
export async function policyTextOf(file: string): Promise<string> {
  try {
    return await readPolicyText(file);
  } catch (error) {
    if (!(error instanceof PolicyFileUnreadable)) throw error;
    throw new CliError(EXIT.usage, `${printable(file)} cannot be read: ${error.message}.`);
  }
}
