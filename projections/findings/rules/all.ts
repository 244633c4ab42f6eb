import { R2 } from './r02-purpose.ts';
import { R3 } from './r03-legal-basis.ts';
import { R4 } from './r04-categories.ts';
import { R5 } from './r05-origin.ts';
import { R6 } from './r06-grant.ts';
import { R7 } from './r07-recipient.ts';
import { R8 } from './r08-sale.ts';
import { R9 } from './r09-processor.ts';
import { R10 } from './r10-authority.ts';
import { R11 } from './r11-territory.ts';
import { R12 } from './r12-restriction.ts';
import { R13 } from './r13-marketing.ts';
import { R14 } from './r14-objection.ts';
import { R15 } from './r15-withdrawn-consent.ts';
import { R16 } from './r16-erased.ts';
import { R19 } from './r19-recipients-told.ts';
import { R25 } from './r25-review.ts';
import { R26 } from './r26-published-text.ts';
import { R27 } from './r27-instruction.ts';
import { R28 } from './r28-complete.ts';
import { R29 } from './r29-time.ts';
import { R30 } from './r30-identifier-in-clear.ts';
import { R32 } from './r32-approver.ts';
import type { LawRule, Rule } from './rule.ts';

/** Those that need no policy. */
export const LAW: readonly LawRule[] = [R29, R30, R32];

/**
 * Every rule but R1, which is asked first (it says whether there is a policy to judge by), and R17, whose day moves with whatever
 * is processed (projections/retention).
 */
export const RULES: readonly Rule[] = [
  ...[R2, R3, R4, R5, R6, R7, R8, R9, R10, R11, R12, R13, R14, R15, R16, R19, R25, R26, R27, R28],
  ...LAW,
];
