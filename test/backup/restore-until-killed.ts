/** Restores and kills itself at a step: a process of a test, run from the sources. */
import 'reflect-metadata';
import { restoreBackup } from '../../src/backup/restore.ts';
import { readConfig } from '../../src/config.ts';
import { completeRestore } from '../../src/start.ts';

const [backup = '', step = '', tree = ''] = process.argv.slice(2);
const { dataFolder, erasureCopy } = readConfig(process.env).config;
const die = () => process.kill(process.pid, 'SIGKILL');
let chunks = 0;

await restoreBackup({
  ...{ backup, dataFolder, erasureCopy: erasureCopy as string, person: 'root', acceptMissingErasures: false, acceptLostKeys: false },
  newGeneration: tree === 'new',
  onBytes: (done, total) => {
    chunks += 1;
    if ((step === 'keys are copied' && chunks === 1) || (step === 'log is copied' && done === total)) die();
  },
  complete: async (restoring) => {
    if (step === 'all is placed') die();
    const tree = await completeRestore(process.env, restoring);
    if (step === 'the restore is recorded') die();
    return tree;
  },
});
