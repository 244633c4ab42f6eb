/**
 * Run as a process of its own: erases somebody on the folder named on the command line, and is killed just before the step of
 * that number that changes anything. Steps are told on standard output; after the last one the process ends by itself.
 */
import 'reflect-metadata';
import { writeSync } from 'node:fs';
import type { Reach } from '../../../src/ledger/erasure/carrying-out.ts';
import { ADMIN, openErasing } from '../../support/erasing.ts';
import { openWriteSide } from '../../support/write-side.ts';

const [folder, last] = process.argv.slice(2) as [string, string];
let step = 0;

/** Whatever changes something, by the part that it is asked of. */
const CHANGING: Partial<Record<keyof Reach, readonly string[]>> = {
  store: ['append'],
  vault: ['endItems', 'suppress', 'erase', 'periodKey'],
  fence: ['fence'],
  file: ['add'],
  keys: ['revokeOf'],
};

function killing<T extends object>(name: string, part: T, methods: readonly string[]): T {
  return new Proxy(part, {
    get(target, member) {
      const value = Reflect.get(target, member, target);
      if (typeof value !== 'function') return value;
      if (!methods.includes(String(member))) return value.bind(target);
      return (...given: unknown[]) => {
        if (step === Number(last)) process.kill(process.pid, 'SIGKILL');
        step++;
        writeSync(1, `${name}.${String(member)}\n`);
        return value.apply(target, given);
      };
    },
  });
}

const ledger = await openWriteSide(folder);
const erasing = await openErasing(ledger, (reach) => {
  const parts = Object.entries(reach).map(([name, part]) => [name, killing(name, part, CHANGING[name as keyof Reach] ?? [])]);
  return Object.fromEntries(parts) as Reach;
});
await erasing.erase({ scheme: 'actor', value: 'anna.berg' }, { suppress: true, requestRef: 'request-31', author: ADMIN });
if (step === Number(last)) process.kill(process.pid, 'SIGKILL');
await erasing.close();
await ledger.store.close();
await ledger.vault.close();
writeSync(1, 'ended\n');
