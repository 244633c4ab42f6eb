/** Begins a new tree and kills itself at a step: a process of a test, run from the sources. */
import 'reflect-metadata';
import { beginNewTree } from '../../src/start.ts';
import { SqliteTreeStore } from '../../src/transparency/sqlite-tree-store.ts';

const [step = ''] = process.argv.slice(2);
const dieAt = (here: string) => {
  if (step === here) process.kill(process.pid, 'SIGKILL');
};

const begin = SqliteTreeStore.prototype.begin;
SqliteTreeStore.prototype.begin = async function (this: SqliteTreeStore, ...of) {
  dieAt('the log says it');
  await begin.apply(this, of);
  dieAt('the tree is begun');
};

await beginNewTree(process.env, { person: 'root', force: false, onGivenUp: () => dieAt('it is told') });
