import type { Kysely } from 'kysely';
import type { Schema } from '../schema.ts';

/** Every item ever kept, whatever became of it, by position: a page after one. */
export async function itemsAfter(db: Kysely<Schema>, position: number, limit: number): Promise<{ id: string; position: number }[]> {
  return db
    .selectFrom('quarantine_items')
    .select(['quarantine_id as id', 'position'])
    .where('position', '>', position)
    .orderBy('position')
    .limit(limit)
    .execute();
}
