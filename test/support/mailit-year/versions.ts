/** The versions of MAILIT's policy that are in force in the year: the one that ships, and what becomes of it. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';

export const POLICY_FOLDER = resolve(import.meta.dirname, '../../../policies');
const FIRST = readFileSync(resolve(POLICY_FOLDER, 'mailit.yaml'), 'utf8');

function with_(text: string, ...changes: readonly (readonly [from: string, to: string])[]): string {
  return changes.reduce((before, [from, to]) => {
    if (!before.includes(from)) throw new Error(`the policy has no ${from}`);
    return before.replace(from, () => to);
  }, text);
}

/** A distributor less, an archive for half a year, and another assessment for marketing from the new year on. */
const SECOND = with_(
  FIRST,
  ["version: '1'\neffectiveFrom: 2018-05-25", "version: '2'\neffectiveFrom: 2025-09-01"],
  ['      fakturabud: { name: Fakturabud }\n', ''],
  [
    '      stake for them, and the interest in informing customers and possible customers prevails.\n    from: 2018-05-25\n',
    '      stake for them, and the interest in informing customers and possible customers prevails.\n    from: 2018-05-25\n    until: 2025-12-31\n',
  ],
  ['  LIA-05:\n', '  LIA-06: { about: Weighed anew., from: 2025-12-15, clauses: [18] }\n  LIA-05:\n'],
  ['6(1)(f): { assessments: [LIA-04] }', '6(1)(f): { assessments: [LIA-04, LIA-06] }'],
  [
    '  svarsbyran:\n',
    `  arkivbolaget:
    name: Arkivbolaget
    role: processor
    service: Keeps old systems readable.
    agreements:
      PUB-2025-09: { from: 2025-09-01, until: 2025-12-31, countries: [SE], purposes: [contract-fulfilment], categories: [name] }
    clauses: [22]
  svarsbyran:
`,
  ],
  ['textDigest: 6373f39674b4fda34dc0c706d9506f52aafd10ef0437b3161e1d2d79d6e9e971', `textDigest: ${'b2'.repeat(32)}`],
);

/** By mistake, without its section on authorities, and without the digest of what people read. */
const THIRD = with_(
  SECOND,
  ["version: '2'\neffectiveFrom: 2025-09-01", "version: '3'\neffectiveFrom: 2025-11-14T02:00:00Z"],
  [
    `authorities:
  about: A request alone is not enough.
  needs: [request, decision, statute, scope, release]
  purposes: [authority-request]
  clauses: [23]

`,
    '',
  ],
  [`  textDigest: ${'b2'.repeat(32)}\n`, ''],
);

/** And mended an hour later. */
const FOURTH = with_(SECOND, ["version: '2'\neffectiveFrom: 2025-09-01", "version: '4'\neffectiveFrom: 2025-11-14T03:00:00Z"]);

export const POLICY_TEXTS = [FIRST, SECOND, THIRD, FOURTH] as const;

/** SHA-256 of the text that people read, as the first version and the later ones have it. */
export const TEXT_DIGESTS = ['6373f39674b4fda34dc0c706d9506f52aafd10ef0437b3161e1d2d79d6e9e971', 'b2'.repeat(32)] as const;
