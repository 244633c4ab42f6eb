import { type Command, Option } from 'commander';
import { withLedger } from './connect.ts';
import { linesOfInput, type NamedPerson, personOf } from './options.ts';
import { CliError, count, EXIT, print, printable, type Terminal, table, tell } from './terminal.ts';

const GROUNDS = ['17(1)(a)', '17(1)(b)', '17(1)(c)', '17(1)(d)', '17(1)(e)', '17(1)(f)'];

const HELP = `
The key of the person and every identifier are destroyed, of everybody linked to them too: from then on nobody can tell who
they were, and there is no way back. What was recorded stays as evidence without a person. While a legal hold covers
the person it is refused, and the refusal is recorded. Staff are erased in the same way and show as former staff; their
API keys are revoked. Erasing somebody again by --reference shows the certificate of the erasure.

Grounds (Art. 17(1) GDPR)
  17(1)(a)  no longer needed for its purpose            17(1)(d)  unlawfully processed
  17(1)(b)  consent withdrawn, no other legal basis     17(1)(e)  a legal obligation to erase
  17(1)(c)  the data subject objected                   17(1)(f)  collected from a child for an online service

What stands on a command line can be read by others on the same machine, and stays in the shell's history: without
--subject, --reference and --actor whom to erase is read from standard input, as scheme:value.

Examples
  liggare erase --subject customer-number:10027 --ground "17(1)(b)" --reason "Asked for by letter" --request-ref request-31
  liggare erase --actor anna.berg --ground "17(1)(a)" --reason "Left the company in 2024" --json
  liggare erase --ground "17(1)(c)" --reason "Objected by phone" --suppress < person.txt`;

interface Options {
  subject?: string;
  reference?: string;
  actor?: string;
  ground: string;
  reason: string;
  requestRef?: string;
  suppress?: boolean;
  json?: boolean;
}

interface Certificate {
  id: string;
  state: string;
  references: string[];
  ground: string;
  erasedAt: string;
  completedAt?: string;
  destroyed?: { keys: number; identifiers: number; sessions: number; quarantined: number; overwritten?: boolean };
  stays: { counted: number; complete: boolean; byType: { type: string; events: number; why: string }[] };
  caseFile: { until: string };
  suppressed: boolean;
  projections: { name: string; acknowledged: boolean }[];
  limits: string[];
}

/** `liggare erase`. */
export function eraseCommand(program: Command, terminal: Terminal): void {
  program
    .command('erase')
    .summary('erase a data subject, or a member of staff')
    .description('Erases a person (Art. 17) and prints the certificate.')
    .option('--subject <scheme:value>', 'who is erased, by an identifier')
    .addOption(new Option('--reference <reference>', 'who is erased, by the reference that an answer showed').conflicts('subject'))
    .addOption(new Option('--actor <id>', 'which member of staff is erased').conflicts(['subject', 'reference']))
    .addOption(new Option('--ground <ground>', 'ground of the erasure').choices(GROUNDS).makeOptionMandatory())
    .requiredOption('--reason <text>', 'why (recorded, sealed)')
    .option('--request-ref <ref>', "the request's number (recorded, sealed)")
    .option('--suppress', 'nobody may contact the person again: keep keyed digests of the identifiers')
    .option('--json', 'the certificate as JSON')
    .addHelpText('after', HELP)
    .action((options: Options) => erase(terminal, options));
}

async function erase(terminal: Terminal, options: Options): Promise<void> {
  const { ground, reason, requestRef, suppress } = options;
  const subject = personIn(options) ?? (await personOfInput(terminal));
  await withLedger(terminal, async (client) => {
    const body = { subject, ground, reason, ...(requestRef !== undefined && { requestRef }), ...(suppress && { suppress }) };
    const certificate = await client.json<Certificate>('/v1/subjects/erase', {
      ...{ method: 'POST', body: JSON.stringify(body) },
      // By an identifier it is sent once: when it was carried out, nobody is known by that any more.
      repeatable: 'reference' in subject,
    });
    if (options.json) return print(terminal, JSON.stringify(certificate, null, 2));
    await print(terminal, readable(certificate, terminal.stdout.isTTY ? terminal.stdout.columns : undefined));
    tell(terminal, `Everything that stays: GET /v1/erasures/${printable(certificate.id)}.`);
  });
}

function personIn({ subject, reference, actor }: Options): NamedPerson | undefined {
  if (reference !== undefined) return { reference };
  if (actor !== undefined) return { scheme: 'actor', value: actor };
  return subject === undefined ? undefined : personOf(subject);
}

async function personOfInput(terminal: Terminal): Promise<NamedPerson> {
  const people: NamedPerson[] = [];
  for await (const { line, text } of linesOfInput(terminal)) people.push(personOf(text, `Line ${line}`));
  const [person, another] = people;
  if (person === undefined || another !== undefined) throw new CliError(EXIT.usage, 'One person is erased at a time.');
  return person;
}

/** For people: what a data protection officer puts into the file. */
function readable(certificate: Certificate, width: number | undefined): string {
  const { id, state, references, ground, erasedAt, completedAt, destroyed, stays, caseFile, suppressed, projections, limits } = certificate;
  const behind = projections.filter(({ acknowledged }) => !acknowledged).map(({ name }) => name);
  const facts: [string, string][] = [
    ['Erasure', `${id} (${state})`],
    ['Ground', `Art. ${ground}`],
    ['Decided', erasedAt],
    ['Confirmed', completedAt ?? (state === 'withdrawn' ? 'never: a legal hold stood' : 'not yet')],
    ['References', references.join(' ')],
    ['Destroyed', destroyed ? inWords(destroyed) : state === 'withdrawn' ? 'nothing' : 'not yet'],
    ['Case file', `can be opened until ${caseFile.until}`],
    ['Suppressed', suppressed ? 'yes: the identifiers must not be contacted again' : 'no'],
    ['Read models', behind.length === 0 ? 'all have seen it' : `not yet: ${behind.join(', ')}`],
    ['Stays', `${count(stays.counted)}${stays.complete ? '' : ' or more'} events, under the reference alone`],
  ];
  const head = facts.map(([name, value]) => `${name.padEnd(12)}${printable(value)}`).join('\n');
  const rows = stays.byType.map(({ type, events, why }) => [type, count(events), why]);
  const kept = rows.length === 0 ? '' : `\n${table(['type', 'events', 'why it stays'], rows, width)}`;
  return `${head}\n${kept}\nWhat the erasure does not reach\n${limits.map((limit) => `  - ${printable(limit)}`).join('\n')}\n`;
}

function inWords({ keys, identifiers, sessions, quarantined, overwritten }: NonNullable<Certificate['destroyed']>): string {
  const later = overwritten === false ? '; overwritten later, another program reads the key store' : '';
  return `keys ${count(keys)}, identifiers ${count(identifiers)}, sessions ${count(sessions)}, items in quarantine ${count(quarantined)}${later}`;
}
