import { type Command, Option } from 'commander';
import { withLedger } from './connect.ts';
import { keyStoreCommands } from './key-store.ts';
import { collect } from './options.ts';
import { print, printable, type Terminal, table, tell } from './terminal.ts';

interface ShownKey {
  id: string;
  name: string;
  scope: string;
  sources: string[];
  groups: string[];
  person?: string | null;
  createdAt: string;
  revokedAt?: string;
}

const SCOPES = ['emit', 'ask', 'case', 'investigate', 'audit', 'admin'];

const CREATE_HELP = `
The key is printed alone on standard output, once: the ledger keeps only a digest of it.

Scopes
  emit         record, for the sources named and, beyond the usual types, for the groups named; suppression list
  ask          ask questions, proofs included; no sealed details, actors as references
  case         ask, and sealed details of the person asked about; quarantine; link and erase people
  investigate  everything opened, actors named
  audit        proofs, the bytes of every leaf, sources and metrics; no identities
  admin        all, and keys, retention

Examples
  liggare keys create --name billing --scope emit --source urn:mailit:billing
  liggare keys create --name breaches --scope emit --source urn:mailit:security --group breach
  LIGGARE_KEY=$(liggare keys create --name dpo --scope case --person "Data protection officer")`;

const LIST_HELP = `
Examples
  liggare keys list
  liggare keys list --revoked --json`;

const REVOKE_HELP = `
The id is the one that \`liggare keys list\` shows; the key itself never stands on a command line.

Example
  liggare keys revoke 3f9c2a71`;

/** `liggare keys create | list | revoke`, and what is done to the keys of the key store. */
export function keysCommand(program: Command, terminal: Terminal): void {
  const keys = program
    .command('keys')
    .summary('API keys, and the keys that data is sealed under')
    .description('API keys (who may record, and who may ask), and the keys that data is sealed under.');
  keys
    .command('create')
    .description('Creates an API key and prints it.')
    .requiredOption('--name <name>', 'what the key is for')
    .addOption(new Option('--scope <scope>', 'what the key may do').choices(SCOPES).makeOptionMandatory())
    .option('--source <urn>', 'source that an emitting key may write for (repeatable)', collect, [])
    .option('--group <group>', 'further group of event types that an emitting key may write (repeatable)', collect, [])
    .option('--person <name>', 'the one person to whom the key belongs (every scope but emit)')
    .addHelpText('after', CREATE_HELP)
    .action((options: CreateOptions) => create(terminal, options));
  keys
    .command('list')
    .description('Lists the API keys, without their secrets.')
    .option('--revoked', 'revoked ones too')
    .option('--json', 'as JSON')
    .addHelpText('after', LIST_HELP)
    .action((options: { revoked?: boolean; json?: boolean }) => list(terminal, options));
  keys
    .command('revoke')
    .description('Revokes an API key, at once and for good.')
    .argument('<id>', 'id of the key')
    .addHelpText('after', REVOKE_HELP)
    .action((id: string) => revoke(terminal, id));
  keyStoreCommands(keys, terminal);
}

interface CreateOptions {
  name: string;
  scope: string;
  source: string[];
  group: string[];
  person?: string;
}

async function create(terminal: Terminal, { name, scope, source, group, person }: CreateOptions): Promise<void> {
  await withLedger(terminal, async (client) => {
    const body = {
      name,
      scope,
      ...(source.length > 0 ? { sources: source } : {}),
      ...(group.length > 0 ? { groups: group } : {}),
      ...(person === undefined ? {} : { person }),
    };
    const made = await client.json<{ id: string; key: string }>('/v1/keys', {
      method: 'POST',
      body: JSON.stringify(body),
    });
    await print(terminal, made.key);
    tell(
      terminal,
      `Key ${printable(made.id)} (${scope}). It is shown this once; revoke it with: liggare keys revoke ${printable(made.id)}`,
    );
  });
}

async function list(terminal: Terminal, options: { revoked?: boolean; json?: boolean }): Promise<void> {
  await withLedger(terminal, async (client) => {
    const keys: ShownKey[] = [];
    for (let cursor: string | undefined; ; ) {
      const query: Record<string, string> = {
        limit: '1000',
        ...(options.revoked ? { revoked: 'true' } : {}),
        ...(cursor ? { cursor } : {}),
      };
      const page = await client.json<{ items: ShownKey[]; next?: string | null }>('/v1/keys', { query, repeatable: true });
      keys.push(...page.items);
      if (!page.next) break;
      cursor = page.next;
    }
    if (options.json) return print(terminal, JSON.stringify(keys, null, 2));
    const headers = ['id', 'name', 'scope', 'sources, groups or person', 'created', ...(options.revoked ? ['revoked'] : [])];
    const rows = keys.map((key) => [
      key.id,
      key.name,
      key.scope,
      key.scope === 'emit' ? [...key.sources, ...key.groups].join(' ') : key.person === null ? '(key missing)' : (key.person ?? ''),
      key.createdAt,
      ...(options.revoked ? [key.revokedAt ?? ''] : []),
    ]);
    await print(terminal, table(headers, rows, terminal.stdout.isTTY ? terminal.stdout.columns : undefined));
  });
}

async function revoke(terminal: Terminal, id: string): Promise<void> {
  await withLedger(terminal, async (client) => {
    await client.json(`/v1/keys/${encodeURIComponent(id)}`, { method: 'DELETE', repeatable: true });
    tell(terminal, `Key ${printable(id)} is revoked.`);
  });
}
