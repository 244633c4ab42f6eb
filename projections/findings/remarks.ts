import type { Kysely } from 'kysely';
import type { Page, ProjectedEvent, Projection, Tx, Value } from '../projection.ts';
import type { Schema } from '../schema.ts';
import type { RemarkKind } from './remarks-tables.ts';

const COLUMNS = ['position', 'finding', 'kind', 'recorded_at'];
const KINDS: Readonly<Record<string, RemarkKind>> = { FindingAcknowledged: 'acknowledged', FindingExplained: 'explained' };
const FINDING_BYTES = 16;

/** Kept apart from the findings, which are found anew by other rules without anybody having said anything else. */
export class FindingRemarks implements Projection {
  readonly name = 'remarks';
  readonly version = 1;
  readonly tables = ['findings_remarks'] as const;

  async create({ schema }: Kysely<Schema>): Promise<void> {
    await schema
      .createTable('findings_remarks')
      .addColumn('position', 'integer', (column) => column.primaryKey())
      .addColumn('finding', 'blob', (column) => column.notNull())
      .addColumn('kind', 'text', (column) => column.notNull())
      .addColumn('recorded_at', 'bigint', (column) => column.notNull())
      .execute();
    await schema.createIndex('findings_remarks_by_finding').on('findings_remarks').columns(['finding', 'position']).execute();
  }

  async finish(): Promise<void> {}

  async apply(tx: Tx, page: Page): Promise<void> {
    const rows = page.flatMap(rowOf);
    if (rows.length > 0) tx.insertMany('findings_remarks', COLUMNS, rows);
  }

  forget(): void {}
}

function rowOf({ type, position, recordedAt, entry: { data } }: ProjectedEvent): Value[] {
  const kind = KINDS[type];
  const finding = kind && typeof data['finding'] === 'string' ? Buffer.from(data['finding'], 'base64url') : undefined;
  return kind && finding?.length === FINDING_BYTES ? [position, finding, kind, recordedAt] : [];
}
