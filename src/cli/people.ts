import type { Command } from 'commander';
import { withLedger } from './connect.ts';
import { collect, linesOfInput, type NamedPerson, personOf } from './options.ts';
import { CliError, counted, EXIT, print, printable, type Terminal, tell } from './terminal.ts';

const LINK_HELP = `
Questions answer about all of them from then on, and erasure reaches all of them. An identifier that nobody has becomes
one of the first who is known. Linking again what is linked changes nothing.

What stands on a command line can be read by others on the same machine, and stays in the shell's history: without
--subject those who are one person are read from standard input, one a line.

Examples
  liggare link --subject customer-number:10027 --subject customer-number:20054 --reason "Moved to the new system"
  liggare link --subject reference:q83vEjRWeJCrze8SNFZ4kA --subject actor:anna.berg --reason "Customer and employee"
  liggare link --reason "Confirmed by phone" < same-person.txt`;

const SEPARATE_HELP = `
Removes exactly that link: whom another one joins stays joined, and identifiers that were added stay with their person.
The id is the one that \`liggare link\` shows for what joins somebody.

Example
  liggare separate 0199f2d1-6f4e-7c1a-9d33-2f5b8a6c4e10 --approver maria.ek --reason "Two people of one name"`;

interface Linked {
  references: string[];
  links: { id: string; references: string[]; linkedAt: string }[];
  identifiersAdded: number;
  position?: number;
}

interface Separated {
  groups: string[][];
  position?: number;
}

/** `liggare link` and `liggare separate`. */
export function peopleCommands(program: Command, terminal: Terminal): void {
  program
    .command('link')
    .summary('say that several identifiers are one person')
    .description('Says that several identifiers or references are one person.')
    .option('--subject <scheme:value>', 'who is one person with the others (repeatable); reference:… for a reference', collect, [])
    .requiredOption('--reason <text>', 'why (recorded, sealed)')
    .option('--json', 'the answer as JSON')
    .addHelpText('after', LINK_HELP)
    .action((options: LinkOptions) => link(terminal, options));
  program
    .command('separate')
    .summary('retract a link')
    .description('Retracts one link between people.')
    .argument('<id>', 'id of the link')
    .requiredOption('--approver <id>', 'who approved it: somebody else than you (recorded)')
    .requiredOption('--reason <text>', 'why (recorded, sealed)')
    .option('--json', 'the answer as JSON')
    .addHelpText('after', SEPARATE_HELP)
    .action((id: string, options: SeparateOptions) => separate(terminal, id, options));
}

interface LinkOptions {
  subject: string[];
  reason: string;
  json?: boolean;
}

interface SeparateOptions {
  approver: string;
  reason: string;
  json?: boolean;
}

async function link(terminal: Terminal, { subject, reason, json }: LinkOptions): Promise<void> {
  const subjects = subject.length > 0 ? subject.map((text) => personOf(text)) : await peopleOfInput(terminal);
  if (subjects.length < 2) throw new CliError(EXIT.usage, 'Two or more are needed to be one person.');
  await withLedger(terminal, async (client) => {
    const body = JSON.stringify({ subjects, reason });
    const answer = await client.json<Linked>('/v1/subjects/link', { method: 'POST', body, repeatable: true });
    if (json) return print(terminal, JSON.stringify(answer, null, 2));
    const { links, references, identifiersAdded, position } = answer;
    for (const one of links) await print(terminal, `${one.id}  ${one.linkedAt}  ${one.references.map(printable).join(' ')}`);
    const added = identifiersAdded > 0 ? `; ${counted(identifiersAdded, 'identifier')} added` : '';
    const what = position === undefined ? 'It was so already' : `Recorded at position ${position}`;
    tell(terminal, `${what}: ${counted(references.length, 'reference')} of one person${added}.`);
  });
}

async function peopleOfInput(terminal: Terminal): Promise<NamedPerson[]> {
  const subjects: NamedPerson[] = [];
  for await (const { line, text } of linesOfInput(terminal)) subjects.push(personOf(text, `Line ${line}`));
  return subjects;
}

async function separate(terminal: Terminal, id: string, { approver, reason, json }: SeparateOptions): Promise<void> {
  await withLedger(terminal, async (client) => {
    const body = JSON.stringify({ target: { source: 'urn:liggare:people', id }, reason, approver });
    const answer = await client.json<Separated>('/v1/subjects/separate', { method: 'POST', body, repeatable: true });
    if (json) return print(terminal, JSON.stringify(answer, null, 2));
    for (const group of answer.groups) await print(terminal, group.map(printable).join(' '));
    const what = answer.position === undefined ? 'It was separated already' : `Recorded at position ${answer.position}`;
    tell(terminal, `${what}: ${counted(answer.groups.length, 'person', 'people')}.`);
  });
}
