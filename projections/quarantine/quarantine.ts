import type { Kysely } from 'kysely';
import { recordKey } from '../../src/eventstore/record-key.ts';
import { isLedgersOwn } from '../../src/vocabulary/source.ts';
import type { Page, ProjectedEvent, Projection, Tx, Value } from '../projection.ts';
import type { Schema } from '../schema.ts';
import type { QuarantineState } from './tables.ts';

const COLUMNS = [
  ...['position', 'quarantine_id', 'received_at', 'source', 'id', 'type', 'time', 'sequence'],
  ...['problems', 'key_id', 'record', 'state', 'closed_at', 'closed_position'],
];
const LOOKUP = 500;

export class Quarantine implements Projection {
  readonly name = 'quarantine';
  readonly version = 1;
  readonly tables = ['quarantine_items'] as const;
  /** Whether any item is open: while none is, records need not be compared with them. */
  #anyOpen: boolean | undefined;

  async create({ schema }: Kysely<Schema>): Promise<void> {
    await schema
      .createTable('quarantine_items')
      .addColumn('position', 'integer', (column) => column.primaryKey())
      .addColumn('quarantine_id', 'text', (column) => column.notNull().unique())
      .addColumn('received_at', 'bigint', (column) => column.notNull())
      .addColumn('source', 'text')
      .addColumn('id', 'text')
      .addColumn('type', 'text')
      .addColumn('time', 'text')
      .addColumn('sequence', 'bigint')
      .addColumn('problems', 'text', (column) => column.notNull())
      .addColumn('key_id', 'text')
      .addColumn('record', 'blob')
      .addColumn('state', 'text', (column) => column.notNull())
      .addColumn('closed_at', 'bigint')
      .addColumn('closed_position', 'bigint')
      .execute();
    await schema.createIndex('quarantine_items_by_record').on('quarantine_items').columns(['record', 'state']).execute();
    await schema.createIndex('quarantine_items_by_state').on('quarantine_items').columns(['state', 'position']).execute();
    await schema.createIndex('quarantine_items_by_source').on('quarantine_items').columns(['source', 'position']).execute();
  }

  async finish(): Promise<void> {}

  /** New items first, then what closes them: each looks at positions, so that the pages' bounds make no difference. */
  async apply(tx: Tx, page: Page): Promise<void> {
    const items = page.filter(({ type }) => type === 'RecordQuarantined').flatMap(itemOf);
    if (items.length > 0) {
      // The same content sent again is the same item and changes nothing.
      tx.insertMany('quarantine_items', COLUMNS, items, { columns: ['quarantine_id'] });
      this.#anyOpen = true;
    }
    this.#anyOpen ??= await anyOpen(tx.db);
    if (this.#anyOpen) await correct(tx.db, page);
    for (const event of page) if (event.type === 'RecordReleased') await release(tx.db, event);
    if (this.#anyOpen) this.#anyOpen = undefined;
  }

  forget(): void {
    this.#anyOpen = undefined;
  }
}

/** A record closes the open items of its pair that came before it. */
async function correct(db: Kysely<Schema>, page: Page): Promise<void> {
  const records = new Map<string, ProjectedEvent[]>();
  for (const event of page) {
    if (isLedgersOwn(event.entry.source)) continue;
    const key = recordKey(event.entry.source, event.entry.id).toString('latin1');
    const same = records.get(key);
    if (same) same.push(event);
    else records.set(key, [event]);
  }
  const keys = [...records.keys()].map((key) => Buffer.from(key, 'latin1'));
  for (let from = 0; from < keys.length; from += LOOKUP) {
    const open = await db
      .selectFrom('quarantine_items')
      .select(['position', 'record'])
      .where('record', 'in', keys.slice(from, from + LOOKUP))
      .where('state', '=', 'open')
      .execute();
    for (const { position, record } of open) {
      const same = records.get(Buffer.from(record as Buffer).toString('latin1'));
      const by = same?.find((event) => event.position > position);
      if (by) await close(db, position, 'corrected', by);
    }
  }
}

/** Recording the corrected event closed the item as corrected just before; that somebody released it says more. */
async function release(db: Kysely<Schema>, event: ProjectedEvent): Promise<void> {
  const { quarantineId } = event.entry.data;
  if (typeof quarantineId !== 'string') return;
  const item = await db.selectFrom('quarantine_items').select('position').where('quarantine_id', '=', quarantineId).executeTakeFirst();
  if (item && item.position < event.position) await close(db, item.position, 'released', event);
}

async function anyOpen(db: Kysely<Schema>): Promise<boolean> {
  return (await db.selectFrom('quarantine_items').select('position').where('state', '=', 'open').limit(1).executeTakeFirst()) !== undefined;
}

async function close(db: Kysely<Schema>, item: number, state: QuarantineState, { recordedAt, position }: ProjectedEvent): Promise<void> {
  await db
    .updateTable('quarantine_items')
    .set({ state, closed_at: recordedAt, closed_position: position })
    .where('position', '=', item)
    .execute();
}

function itemOf({ position, recordedAt, entry: { data } }: ProjectedEvent): Value[] {
  const { quarantineId, recordSource, recordId, recordType, recordTime, recordSequence, problems, keyId } = data;
  const source = text(recordSource);
  const id = text(recordId);
  return [
    position,
    String(quarantineId),
    recordedAt,
    source,
    id,
    text(recordType),
    text(recordTime),
    typeof recordSequence === 'number' && Number.isSafeInteger(recordSequence) ? recordSequence : null,
    JSON.stringify(problems ?? []),
    text(keyId),
    source !== null && id !== null ? recordKey(source, id) : null,
    'open',
    null,
    null,
  ];
}

const text = (value: unknown): string | null => (typeof value === 'string' ? value : null);
