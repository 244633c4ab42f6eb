import { type IQueryHandler, Query, QueryHandler } from '@nestjs/cqrs';
import { KeyVault } from '../../src/privacy/key-vault.ts';
import { openCursor, sealCursor } from '../cursor.ts';
import { iso } from '../moment.ts';
import { Views } from '../views.ts';
import type { QuarantineState, QuarantineTables } from './tables.ts';

/** What was kept, without its content: what is well-formed of its identity, and which rule it breaks where. */
export interface QuarantinedItem {
  id: string;
  position: number;
  receivedAt: string;
  state: QuarantineState;
  closedAt?: string;
  source?: string;
  /** `id` of the event that was sent. */
  recordId?: string;
  type?: string;
  time?: string;
  sequence?: string;
  /** Of the API key that sent it. */
  keyId?: string;
  problems: { path: string; rule: string }[];
}

/** Items in quarantine, the newest first (domain.md §8). */
export class QuarantineList extends Query<{ items: QuarantinedItem[]; next: string | null; position: number; asOf: string }> {
  constructor(
    readonly question: {
      source?: string;
      state?: QuarantineState;
      limit?: number;
      cursor?: string;
      /** Wait until the read side has reached this position. */
      after?: number;
      /** Of the caller, to whom the cursor belongs. */
      keyId: string;
    },
  ) {
    super();
  }
}

const DEFAULT_LIMIT = 50;

@QueryHandler(QuarantineList)
export class QuarantineListHandler implements IQueryHandler<QuarantineList> {
  constructor(
    private readonly views: Views,
    private readonly vault: KeyVault,
  ) {}

  /** @throws NotThereYet, InvalidCursor */
  async execute({ question }: QuarantineList) {
    const { source, state, limit = DEFAULT_LIMIT, cursor, after, keyId } = question;
    await this.views.reached('quarantine', after ?? 0);
    const bound = { name: 'quarantine', question: [source ?? null, state ?? null], keyId };
    const frame = cursor === undefined ? this.frame() : openCursor(this.vault, cursor, bound);
    let query = this.views.db.selectFrom('quarantine_items').selectAll().where('position', '<=', frame.position);
    if (source !== undefined) query = query.where('source', '=', source);
    if (state !== undefined) query = query.where('state', '=', state);
    if (frame.last.length > 0) query = query.where('position', '<', frame.last[0] as number);
    const rows = await query
      .orderBy('position', 'desc')
      .limit(limit + 1)
      .execute();
    const items = rows.slice(0, limit).map(itemOf);
    const last = items.at(-1);
    const next = rows.length > limit && last ? sealCursor(this.vault, { ...frame, last: [last.position] }, bound) : null;
    return { items, next, position: frame.position, asOf: frame.asOf };
  }

  private frame() {
    const asOf = this.views.recordedAt('quarantine') ?? iso(Date.now());
    return { position: this.views.position('quarantine'), asOf, correlationId: '', last: [] as readonly (number | string)[] };
  }
}

function itemOf(row: QuarantineTables['quarantine_items']): QuarantinedItem {
  return {
    id: row.quarantine_id,
    position: row.position,
    receivedAt: iso(row.received_at),
    state: row.state,
    ...(row.closed_at !== null && { closedAt: iso(row.closed_at) }),
    ...(row.source !== null && { source: row.source }),
    ...(row.id !== null && { recordId: row.id }),
    ...(row.type !== null && { type: row.type }),
    ...(row.time !== null && { time: row.time }),
    ...(row.sequence !== null && { sequence: String(row.sequence) }),
    ...(row.key_id !== null && { keyId: row.key_id }),
    problems: JSON.parse(row.problems),
  };
}
