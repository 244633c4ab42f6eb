import { Completeness } from './completeness/completeness.ts';
import { Entries } from './entries/entries.ts';
import { Findings } from './findings/findings.ts';
import { FindingRemarks } from './findings/remarks.ts';
import { Holds } from './holds/holds.ts';
import type { Projection } from './projection.ts';
import { Quarantine } from './quarantine/quarantine.ts';
import { Retention } from './retention/retention.ts';

/** Every projection, each with a memory of its own. */
export const allProjections = (): Projection[] => [
  new Entries(),
  new Completeness(),
  new Quarantine(),
  new Holds(),
  new Findings(),
  new FindingRemarks(),
  new Retention(),
];
