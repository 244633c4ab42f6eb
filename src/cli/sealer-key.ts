import type { Command } from 'commander';
import { withLedger } from './connect.ts';
import { print, printable, type Terminal, table, tell } from './terminal.ts';

const SHOW_HELP = `
The public key that signs tree heads, alone on standard output: what witnesses and auditors are given, and what
checking an evidence bundle or a proof asks for. With --all also those that were replaced: what they signed still verifies.

Examples
  liggare sealer-key show > ledger.vkey
  liggare sealer-key show --all`;

const ROTATE_HELP = `
Replaces the key that signs tree heads, and prints the new public key. The next tree head is signed by both keys, so that
whoever trusts the old one learns the new one. Give the new one to witnesses before they are needed again.

Example
  liggare sealer-key rotate > ledger.vkey`;

interface RingKey {
  generation: number;
  vkey: string;
  createdAt: string;
  retiredAt?: string;
}

interface Ring {
  inForce: RingKey;
  keys: RingKey[];
}

/** `liggare sealer-key show | rotate`. */
export function sealerKeyCommand(program: Command, terminal: Terminal): void {
  const key = program
    .command('sealer-key')
    .summary('the key that signs tree heads')
    .description('The key that signs tree heads: with its public half anybody can check what this ledger recorded.');
  key
    .command('show')
    .description('Prints the public key in force.')
    .option('--all', 'every key there was, with its times')
    .option('--json', 'as JSON, with every key there was')
    .addHelpText('after', SHOW_HELP)
    .action((options: { all?: boolean; json?: boolean }) => show(terminal, options));
  key
    .command('rotate')
    .description('Replaces the key.')
    .addHelpText('after', ROTATE_HELP)
    .action(() => rotate(terminal));
}

async function show(terminal: Terminal, { all, json }: { all?: boolean; json?: boolean }): Promise<void> {
  await withLedger(terminal, async (client) => {
    const ring = await client.json<Ring>('/v1/sealer-key', { repeatable: true });
    if (json) return print(terminal, JSON.stringify(ring, null, 2));
    if (!all) return print(terminal, printable(ring.inForce.vkey));
    const rows = ring.keys.map(({ vkey, createdAt, retiredAt }) => [vkey, createdAt, retiredAt ?? '']);
    // A key that is cut is none: these columns are as wide as they have to be.
    await print(terminal, table(['key', 'in force since', 'until'], rows));
  });
}

async function rotate(terminal: Terminal): Promise<void> {
  await withLedger(terminal, async (client) => {
    const { inForce } = await client.json<Ring>('/v1/sealer-key/rotate', { method: 'POST' });
    await print(terminal, printable(inForce.vkey));
    tell(terminal, 'This key signs from now on; a tree head that both keys sign introduces it. Give it to witnesses and auditors.');
  });
}
