import { createHmac, type KeyObject, randomBytes } from 'node:crypto';
import { recordKey } from '../../eventstore/record-key.ts';
import type { KeyVault } from '../../privacy/key-vault.ts';
import { seal } from '../../privacy/seal.ts';
import type { Author } from '../author.ts';
import { clearIdentity } from '../clear-identity.ts';
import { canonical } from '../content.ts';
import type { Entry, StoredActor } from '../entry.ts';
import { monthOf } from '../periods.ts';
import type { LedgerSettings } from '../settings.ts';
import { propertyNames } from './catalogue.ts';
import type { Draft, Prepared } from './draft.ts';
import type { Problem } from './validate.ts';

export const QUARANTINE_SOURCE = 'urn:liggare:quarantine';

/**
 * Keeps what breaks the schema: the event as it came, sealed under a key of its own that hangs on its month's, and in clear
 * only what is well-formed of its identity and which rule it breaks where.
 */
export class Quarantine {
  constructor(
    private readonly vault: KeyVault,
    private readonly settings: LedgerSettings,
  ) {}

  /** Answers stand in the order of the drafts; the keys are durable when this resolves. */
  async prepare(drafts: readonly Draft[], author: Author, actor: StoredActor, now: number): Promise<Prepared[]> {
    const { month, endsAt } = monthOf(now, this.settings.quarantineDays);
    const period = `quarantine-${month}`;
    const monthKey = await this.vault.periodKey(period, endsAt);
    const items = drafts.map((draft) => ({ draft, id: itemId(monthKey, draft.event, 0) }));
    const keys = await this.vault.newItemKeys(
      period,
      endsAt,
      items.map(({ id }) => id),
    );
    for (let again = 1; again <= MAX_ENDED; again++) {
      // The same content was here before and was ended: this is another item.
      const ended = items.filter(({ id }) => !keys.has(id));
      // By chance at last: somebody ended this content again and again, and still it is kept.
      for (const item of ended)
        item.id = again < MAX_ENDED ? itemId(monthKey, item.draft.event, again) : randomBytes(16).toString('base64url');
      const ids = ended.map(({ id }) => id);
      if (ids.length > 0) for (const [id, key] of await this.vault.newItemKeys(period, endsAt, ids)) keys.set(id, key);
    }
    return items.map(({ draft, id }) => kept(draft, { id, period, key: keys.get(id) as KeyObject, actor, keyId: author.keyId, now }));
  }
}

/** How often the same content may be ended in one month and still be taken again. */
const MAX_ENDED = 3;

function kept(draft: Draft, sealing: Sealing): Prepared {
  const { id, keyId } = sealing;
  return {
    draft,
    stream: `quarantine-${clearIdentity(draft).recordSource ?? 'unknown'}`,
    event: {
      type: 'RecordQuarantined',
      data: JSON.stringify(entryOf(draft, sealing)),
      metadata: JSON.stringify({ keyId }),
      key: recordKey(QUARANTINE_SOURCE, id),
    },
  };
}

/** The same content sent again in the same month is the same item; a keyed digest, so that nobody can test guesses once the key is gone. */
function itemId(monthKey: KeyObject, event: unknown, again: number): string {
  const content = canonical(event);
  return createHmac('sha256', monthKey).update(`item ${again}\0${content}`).digest().subarray(0, 16).toString('base64url');
}

interface Sealing {
  id: string;
  period: string;
  key: KeyObject;
  actor: StoredActor;
  keyId: string;
  now: number;
}

function entryOf(draft: Draft, { id, period, key, actor, keyId, now }: Sealing): Entry {
  const pair = { source: QUARANTINE_SOURCE, id };
  return {
    format: 1,
    ...pair,
    time: new Date(now).toISOString(),
    version: 1,
    data: {
      actor,
      subjects: [],
      quarantineId: id,
      ...clearOf(draft),
      problems: draft.problems.map(inClear),
      keyId,
      sealedUnder: period,
    },
    sealed: { under: `${period}/${id}`, part: seal(key, JSON.stringify(draft.event), { ...pair, reference: '', part: 'event' }) },
  };
}

/** What is well-formed of the envelope: a broken attribute may hold anything, so it stays sealed. */
function clearOf(draft: Draft): Record<string, unknown> {
  const { event } = draft;
  const time = timeOf(event['time']);
  const sequence = SEQUENCE.test(String(event['sequence'])) ? Number(event['sequence']) : undefined;
  return {
    ...clearIdentity(draft),
    ...(time !== undefined && { recordTime: time }),
    ...(sequence !== undefined && { recordSequence: sequence }),
  };
}

/** As the envelope's own rule says. */
const SEQUENCE = /^(0|[1-9]\d{0,14})$/;

/** A time is no name: it is shown even where it is what is wrong. */
function timeOf(time: unknown): string | undefined {
  const date = new Date(typeof time === 'string' && /^\d{4}-\d\d-\d\dT/.test(time) ? time : Number.NaN);
  return Number.isNaN(date.getTime()) ? undefined : date.toISOString();
}

/** A path in clear ends where the sender's own names begin. */
function inClear({ path, rule }: Problem): { path: string; rule: string } {
  const segments = path.split('/').slice(1);
  const foreign = segments.findIndex((segment) => !/^\d{1,4}$/.test(segment) && !propertyNames().has(segment));
  return { path: (foreign < 0 ? segments : segments.slice(0, foreign)).map((segment) => `/${segment}`).join(''), rule };
}
