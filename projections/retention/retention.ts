import type { Kysely } from 'kysely';
import type { Policy } from '../../src/policy/document.ts';
import type { Page, Projection, Tx } from '../projection.ts';
import type { Schema } from '../schema.ts';
import { Book } from './book.ts';
import { Corrections } from './corrections.ts';
import { Keys, Profiles } from './keys.ts';
import { Links } from './links.ts';
import { RetentionVersion, RetentionVersions } from './rules.ts';
import { createTables, indexTables, TABLES } from './schema.ts';
import { Work } from './work.ts';

/** A second or two. */
const STEP = 50_000;

/**
 * Until when data may be kept (README, "Retention"). Items are functions of what stands recorded: each event changes those of the people
 * whom it names. Most only move the day of the last processing, which needs nothing but the item; everything else is reckoned anew.
 */
export class Retention implements Projection {
  readonly name = 'retention';
  readonly version = 3;
  readonly tables = TABLES;
  readonly #keys = new Keys();
  readonly #profiles = new Profiles();
  readonly #links = new Links();
  readonly #corrections = new Corrections();
  readonly #step: number;
  #work: Work | undefined;

  /** @param options.step how much is judged again in one transaction, about */
  constructor({ step = STEP } = {}) {
    this.#step = step;
  }

  create(db: Kysely<Schema>): Promise<void> {
    return createTables(db);
  }

  finish(db: Kysely<Schema>): Promise<void> {
    return indexTables(db);
  }

  async apply(tx: Tx, page: Page): Promise<number | undefined> {
    const { db } = tx;
    await this.#profiles.load(db);
    await this.#links.load(db);
    await this.#corrections.load(db);
    const parts = { keys: this.#keys, profiles: this.#profiles, links: this.#links, corrections: this.#corrections };
    this.#work ??= new Work({ ...parts, book: new Book() }, await publishedIn(db), this.#step);
    return this.#work.apply(tx, page);
  }

  forget(): void {
    for (const part of [this.#keys, this.#profiles, this.#links, this.#corrections]) part.forget();
    this.#work = undefined;
  }
}

async function publishedIn(db: Kysely<Schema>): Promise<RetentionVersions> {
  const rows = await db.selectFrom('retention_versions').selectAll().orderBy('position').execute();
  return new RetentionVersions(
    rows.map(({ version, effective_from, document }) => new RetentionVersion(version, effective_from, JSON.parse(document) as Policy)),
  );
}
