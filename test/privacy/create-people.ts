/**
 * A process that creates people from many callers at once until it is killed. Each line on standard output is an
 * acknowledgement: an identifier and its reference.
 * Arguments: key store, master key in hex, a word that tells this process's people apart.
 */
import { writeSync } from 'node:fs';
import { KeyVault } from '../../src/privacy/key-vault.ts';
import { keyFrom } from '../../src/privacy/seal.ts';

const [file, master, word] = process.argv.slice(2) as [string, string, string];
const vault = await KeyVault.openEmbedded({ file, master: keyFrom(Buffer.from(master, 'hex')), normalise: (_scheme, value) => value });

async function caller(number: number): Promise<void> {
  for (let i = 0; ; i++) {
    const shared = { scheme: 'customer-number', value: `shared-${i}` };
    const own = { scheme: 'customer-number', value: `${word}-${number}-${i}` };
    const [one, other] = await vault.resolve([shared, own], { create: true });
    writeSync(1, `${shared.value} ${one?.reference}\n${own.value} ${other?.reference}\n`);
  }
}

await Promise.all(Array.from({ length: 16 }, (_, number) => caller(number)));
