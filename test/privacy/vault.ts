/** What the specifications of the key vault share. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { type EmbeddedKeyVaultOptions, KeyVault } from '../../src/privacy/key-vault.ts';
import { randomKey } from '../../src/privacy/seal.ts';

/** A folder with the vaults opened on it; all closed and removed by `clear`. */
export class VaultFolder {
  readonly path = mkdtempSync(join(tmpdir(), 'liggare-'));
  readonly file = join(this.path, 'keys.db');
  /** Of the vaults opened from now on, where they are not given another. */
  master = randomKey();
  readonly #open = new Set<KeyVault>();

  async open(options: Partial<EmbeddedKeyVaultOptions> = {}): Promise<KeyVault> {
    const vault = await KeyVault.openEmbedded({
      file: this.file,
      master: this.master,
      normalise: (_scheme, value) => value.trim(),
      ...options,
    });
    this.#open.add(vault);
    return vault;
  }

  async close(vault: KeyVault): Promise<void> {
    this.#open.delete(vault);
    await vault.close();
  }

  /** As after a new start. */
  async reopen(vault: KeyVault): Promise<KeyVault> {
    await this.close(vault);
    return this.open();
  }

  /** Changes or reads the file behind the vaults' backs, as another process would. */
  inDatabase<Out>(act: (db: Database.Database) => Out): Out {
    const db = new Database(this.file);
    db.pragma('foreign_keys = ON');
    try {
      return act(db);
    } finally {
      db.close();
    }
  }

  /** Of every file. */
  bytes(): Buffer[] {
    return readdirSync(this.path).map((name) => readFileSync(join(this.path, name)));
  }

  /** Of everything that holds data, by name; the shared memory beside it is scratch. */
  data(): Map<string, string> {
    const names = readdirSync(this.path).filter((name) => !name.endsWith('-shm'));
    const all = names.map((name) => [name, readFileSync(join(this.path, name)).toString('base64')] as const);
    return new Map(all.filter(([, bytes]) => bytes !== ''));
  }

  async clear(): Promise<void> {
    for (const vault of this.#open) await vault.close();
    rmSync(this.path, { recursive: true });
  }
}

export const customer = (value: string) => ({ scheme: 'customer-number', value });
export const email = (value: string) => ({ scheme: 'email', value });

/** In the order asked for; somebody absent is undefined. */
export async function references(
  vault: KeyVault,
  people: Parameters<KeyVault['resolve']>[0],
  create = true,
): Promise<(string | undefined)[]> {
  return (await vault.resolve(people, { create })).map((person) => person?.reference);
}
