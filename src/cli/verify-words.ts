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

function headlineOf({ verdict, first, hindrances, origin = '', size = 0, from = 0, since, resumedAt }: Verification): string {
  if (first) return `TAMPERED WITH: ${inWords(first)}`;
  if (verdict === 'could-not-tell') return `Could not tell: ${hindrances[0]?.what}`;
  // What an interrupted run had read counts as read.
  const believed = since === undefined ? 0 : resumedAt === undefined ? from : Math.min(from, since.size);
  const which = believed > 0 ? `the ${counted(size - believed, 'event')} from leaf ${count(believed)} on` : counted(size, 'event');
  return `Intact: ${which} of ${origin} ${size - believed === 1 ? 'is' : 'are'} as sealed`;
}

/** `leaf 17 (position 18, stream …, revision 3, PersonalDataDisclosed, urn:mailit:billing 2026-03-02-000412): it is not as it was sealed`. */
export function inWords({ what, kind, ...place }: Finding): string {
  return `${whereOf(place)}: ${what} [${kind}]`;
}

function whereOf({ index, lastIndex, generation, head, size, tile, projection, ...event }: Place): string {
  const names = [
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

function factsOf(verification: Verification): string[] {
  const {
    origin,
    generation = 1,
    generations = 1,
    size,
    position,
    from = 0,
    resumedAt,
    newestHead,
    heads = 0,
    unsigned = 0,
  } = verification;
  const { unsealed = 0, keys, since, witnesses, projections, milliseconds } = verification;
  if (origin === undefined || size === undefined) return [];
  const facts: [string, string | undefined][] = [
    ['Tree', `${origin}, ${counted(size, 'leaf', 'leaves')}, up to position ${count(position ?? 0)}`],
    [
      'Generations',
      generations > 1
        ? `${generations}; the tree of generation ${generation} was made anew, of the others the heads were checked`
        : undefined,
    ],
    [
      'Since',
      since &&
        `${counted(since.size, 'leaf', 'leaves')}: the ledger ${since.isContinued ? 'goes on from there' : 'does NOT go on from there'}`,
    ],
    ['Resumed', resumedAt === undefined ? undefined : `${counted(resumedAt, 'leaf', 'leaves')} had been read by an earlier run`],
    ['Read', `leaves ${from > 0 ? `from ${count(from)} on` : 'all'}, in ${duration(milliseconds / 1000)}`],
    ['Heads', `${count(heads)} checked, ${counted(keys ?? 0, 'key')}`],
    [
      'Newest head',
      newestHead && `${counted(newestHead.size, 'leaf', 'leaves')}, number ${count(newestHead.number)}, signed ${newestHead.signedAt}`,
    ],
    ['Not signed', unsigned > 0 ? `${counted(unsigned, 'leaf', 'leaves')} that no head covers yet` : undefined],
    ['Not sealed', unsealed > 0 ? `${counted(unsealed, 'event')} that ${unsealed === 1 ? 'is' : 'are'} no leaf yet` : undefined],
    ...witnesses.map(({ name, size: seen, at }): [string, string] => [
      'Witness',
      at === undefined ? `${name} cosigned nothing` : `${name} cosigned ${counted(seen, 'leaf', 'leaves')} at ${at}`,
    ]),
    ...projections.map(({ name, state, counted: rows = 0, why, position: upTo = 0 }): [string, string] => [
      'Read model',
      state === 'not-compared'
        ? `${name}: not compared, ${why}`
        : `${name}: ${state}, ${count(rows)} counted up to position ${count(upTo)}`,
    ]),
  ];
  return facts.flatMap(([name, text]) => (text === undefined ? [] : [`${name.padEnd(12)} ${text}`]));
}
