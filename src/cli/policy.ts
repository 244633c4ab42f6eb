import type { Command } from 'commander';
import { eventTypes } from '../ledger/events.ts';
import { differences } from '../policy/differences.ts';
import type { Policy } from '../policy/document.ts';
import type { Names } from '../policy/form.ts';
import { digestOf } from '../policy/normal-form.ts';
import { InvalidPolicy, parsePolicy, policySchema } from '../policy/parse.ts';
import { Vocabulary } from '../vocabulary/vocabulary.ts';
import { policyTextOf, printDifferences, publishedBefore, publishedPolicyCommands } from './published-policy.ts';
import { CliError, counted, EXIT, print, printable, type Terminal } from './terminal.ts';

const HELP = `
A policy is a document in YAML that says what a controller promises, clause by clause (src/policy/README.md). Its versions
are published in the ledger, and records are judged by the one that was in force when they happened.

Examples
  liggare policy check policies/mailit.yaml
  liggare policy diff mailit-2.yaml
  liggare policy publish mailit-2.yaml --reason "A distributor was added"
  liggare policy list
  liggare policy schema > policies/policy.schema.json`;

const CHECK_HELP = `
What is wrong is told with line, column and what to do about it; the exit code is then 2. What one part says of another
is looked at once every part is right in itself.`;

const DIFF_HELP = `
Says in words what changed from one to the other, and for whom; with one file, from the published version whose place it
would take. With two, no ledger takes part. The order of keys and lists, comments and quotes are no
change. The exit code is 0 whether there are differences or not.`;

/** What policies may name. A policy brings its own codes. */
export function policyNames(): Names {
  return { vocabulary: Vocabulary.builtIn(), eventTypes: new Set(eventTypes().map(({ type }) => type)) };
}

/** `liggare policy`. */
export function policyCommand(program: Command, terminal: Terminal): void {
  const policy = program
    .command('policy')
    .summary('check, compare, publish and review policies')
    .description('What a controller promises, as a document.')
    .addHelpText('after', HELP);
  policy
    .command('check')
    .summary('explain what is wrong with a policy')
    .description('Reads a policy, and explains every error in it.')
    .argument('<file>', 'the policy, in YAML')
    .addHelpText('after', CHECK_HELP)
    .action((file: string) => check(terminal, file));
  policy
    .command('diff')
    .summary('say what changed from one policy to another')
    .description('Says in words what changed from one policy to another, and for whom.')
    .argument('<file>', 'a policy, in YAML; with another one: the one before')
    .argument('[after]', 'the one after')
    .option('--json', 'one JSON object a line')
    .addHelpText('after', DIFF_HELP)
    .action((file: string, after: string | undefined, { json = false }: { json?: boolean }) => diff(terminal, file, after, json));
  publishedPolicyCommands(policy, terminal);
  policy
    .command('schema')
    .summary('print the JSON Schema of policies, for editors')
    .description('Prints the JSON Schema by which editors complete and check a policy while it is written.')
    .action(() => print(terminal, JSON.stringify(policySchema(policyNames()), null, 2)));
}

async function check(terminal: Terminal, file: string): Promise<void> {
  const policy = await readPolicy(file);
  const { clauses, purposes, recipients, processors = {}, retention } = policy;
  const parts = [
    counted(Object.keys(clauses).length, 'clause'),
    counted(Object.keys(purposes).length, 'purpose'),
    counted(Object.keys(recipients).length, 'recipient'),
    counted(Object.keys(processors).length, 'processor'),
    counted(Object.keys(retention).length, 'rule of retention', 'rules of retention'),
  ];
  await print(terminal, `${printable(file)}: ${nameOf(policy)}, in force from ${policy.effectiveFrom}`);
  await print(terminal, `  ${parts.join(', ')}`);
  await print(terminal, `  digest ${digestOf(policy)}`);
}

async function diff(terminal: Terminal, file: string, after: string | undefined, json: boolean): Promise<void> {
  const first = await readPolicy(file);
  const [old, now] = after === undefined ? [await publishedBefore(terminal, first), first] : [first, await readPolicy(after)];
  const found = differences(old, now);
  if (json) {
    for (const each of found) await print(terminal, JSON.stringify(each));
    return;
  }
  await print(terminal, `From ${nameOf(old)} to ${nameOf(now)}, in force from ${now.effectiveFrom}`);
  await printDifferences(terminal, found);
}

const nameOf = ({ policy, version }: Policy): string => `${policy}, version ${version}`;

async function readPolicy(file: string): Promise<Policy> {
  try {
    return parsePolicy(await policyTextOf(file), policyNames());
  } catch (error) {
    if (!(error instanceof InvalidPolicy)) throw error;
    const mistakes = error.mistakes.map(({ line, column, message }) => `line ${line}, column ${column}: ${printable(message)}`);
    throw new CliError(EXIT.usage, `${printable(file)} is not a policy that can be used.`, mistakes);
  }
}
