/** What a verification of a data folder found, in words. */
import type { Finding, Place, Verification } from '../verify/result.ts';
import { duration } from './progress.ts';
import { count, counted, printable } from './terminal.ts';

export function foundInWords(verification: Verification): string {
  const { first, findings, hindrances, notes } = verification;
  const lines = [headlineOf(verification)];
  if (first && findings.length > 1) lines.push('', 'All that was found:', ...findings.map((finding) => `  ${inWords(finding)}`));
  lines.push(...notListed(verification).map((line) => `  ${line}`));
  if (hindrances.length > 0) lines.push('', 'What could not be told:', ...hindrances.map(({ what }) => `  ${what}`));
  lines.push('', ...factsOf(verification), ...notes);
  return `${lines.map(printable).join('\n')}\n`;
}

function headlineOf(verification: Verification): string {
  const { verdict, first, hindrances, origin = '', size = 0, from = 0, since, resumedAt, unsigned = 0, unsealed = 0 } = verification;
  if (first) return `TAMPERED WITH: ${inWords(first)}`;
  if (verdict === 'could-not-tell') return `Could not tell: ${hindrances[0]?.what}`;
  // Nobody vouches for events that no head covers: "intact" must not be read as if it were of them too.
  const uncovered = unsigned + unsealed;
  if (uncovered > 0) {
    const all = size + unsealed;
    return `Intact as far as it is signed: ${count(all - uncovered)} of ${counted(all, 'event')} of ${origin}; the last ${count(uncovered)} ${uncovered === 1 ? 'is' : 'are'} covered by no tree head`;
  }
  // What an interrupted run had read counts as read.
  const believed = since === undefined ? 0 : resumedAt === undefined ? from : Math.min(from, since.size);
  const which = believed > 0 ? `the ${counted(size - believed, 'event')} from leaf ${count(believed)} on` : counted(size, 'event');
  return `Intact: ${which} of ${origin} ${size - believed === 1 ? 'is' : 'are'} as sealed`;
}

/** `leaf 17 (position 18, stream …, revision 3, PersonalDataDisclosed, urn:mailit:billing 2026-03-02-000412): it is not as it was sealed`. */
export function inWords({ what, kind, ...place }: Finding): string {
  return `${whereOf(place)}: ${what} [${kind}]`;
}

function whereOf({ index, lastIndex, generation, head, size, tile, projection, object, ...event }: Place): string {
  const names = [
    object,
    projection === undefined ? undefined : `read model ${projection}`,
    head === undefined ? undefined : `head ${count(head)}`,
    tile,
    index === undefined ? undefined : lastIndex === undefined ? `leaf ${count(index)}` : `leaves ${count(index)} to ${count(lastIndex)}`,
    index === undefined && event.position !== undefined ? `position ${count(event.position)}` : undefined,
  ].filter((name) => name !== undefined);
  const name = names.length > 0 ? names.join(', ') : size === undefined ? 'the ledger' : `size ${count(size)}`;
  const details = [
    index !== undefined && event.position !== undefined ? `position ${count(event.position)}` : undefined,
    event.stream && `stream ${event.stream}`,
    event.revision === undefined ? undefined : `revision ${count(event.revision)}`,
    event.type,
    event.source === undefined ? undefined : [event.source, event.id].filter((part) => part !== undefined).join(' '),
    head !== undefined && size !== undefined ? counted(size, 'leaf', 'leaves') : undefined,
    generation !== undefined && generation > 1 ? `generation ${generation}` : undefined,
  ].filter((detail) => detail !== undefined && detail !== '');
  return details.length > 0 ? `${name} (${details.join(', ')})` : name;
}

function notListed({ found, findings }: Verification): string[] {
  return Object.entries(found).flatMap(([kind, all = 0]) => {
    const listed = findings.filter((finding) => finding.kind === kind).length;
    return all > listed ? [`and ${count(all - listed)} more of ${kind}`] : [];
  });
}

type Fact = [name: string, text: string | undefined];

function factsOf(verification: Verification): string[] {
  if (verification.origin === undefined || verification.size === undefined) return [];
  const facts = [
    ...treeFacts(verification),
    ...readFacts(verification),
    ...headFacts(verification),
    ...witnessFacts(verification),
    ...projectionFacts(verification),
  ];
  return facts.flatMap(([name, text]) => (text === undefined ? [] : [`${name.padEnd(12)} ${text}`]));
}

function treeFacts({ origin, generation = 1, generations = 1, size = 0, position = 0 }: Verification): Fact[] {
  const others = `${generations}; the tree of generation ${generation} was made anew, of the others the heads were checked`;
  return [
    ['Tree', `${origin}, ${leaves(size)}, up to position ${count(position)}`],
    ['Generations', generations > 1 ? others : undefined],
  ];
}

function readFacts({ since, resumedAt, from = 0, milliseconds }: Verification): Fact[] {
  return [
    ['Since', since && `${leaves(since.size)}: the ledger ${since.isContinued ? 'goes on from there' : 'does NOT go on from there'}`],
    ['Resumed', resumedAt === undefined ? undefined : `${leaves(resumedAt)} had been read by an earlier run`],
    ['Read', `leaves ${from > 0 ? `from ${count(from)} on` : 'all'}, in ${duration(milliseconds / 1000)}`],
  ];
}

function headFacts({ heads = 0, keys = 0, newestHead, unsigned = 0, unsealed = 0 }: Verification): Fact[] {
  return [
    ['Heads', `${count(heads)} checked, ${counted(keys, 'key')}`],
    ['Newest head', newestHead && `${leaves(newestHead.size)}, number ${count(newestHead.number)}, signed ${newestHead.signedAt}`],
    ['Not signed', unsigned > 0 ? `${leaves(unsigned)} that no head covers yet` : undefined],
    ['Not sealed', unsealed > 0 ? `${counted(unsealed, 'event')} that ${unsealed === 1 ? 'is' : 'are'} no leaf yet` : undefined],
  ];
}

function witnessFacts({ witnesses, cosignatures }: Verification): Fact[] {
  const unchecked = cosignatures?.unchecked ?? 0;
  const why = witnesses.length === 0 ? 'no --witness given' : 'no --witness given for whom they are of';
  return [
    ...witnesses.map(
      ({ name, size, at }): Fact => [
        'Witness',
        at === undefined ? `${name} cosigned nothing` : `${name} cosigned ${leaves(size)} at ${at}`,
      ],
    ),
    ['Cosignatures', unchecked > 0 ? `not checked, ${why} (${count(unchecked)} of them; form and time were looked at)` : undefined],
  ];
}

function projectionFacts({ projections }: Verification): Fact[] {
  return projections.map(({ name, state, counted: rows = 0, why, position = 0 }) => [
    'Read model',
    state === 'not-compared'
      ? `${name}: not compared, ${why}`
      : `${name}: ${state}, ${count(rows)} counted up to position ${count(position)}`,
  ]);
}

const leaves = (size: number): string => counted(size, 'leaf', 'leaves');
