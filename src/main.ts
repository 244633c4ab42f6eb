import './node-version.ts';
import 'reflect-metadata';
import { startLedger } from './start.ts';

/** Errors of the start that say what is wrong and what to do: their message is for the person who started it. */
const EXPLAINED =
  /^(InvalidConfig|FolderInUse|FolderUnusable|FilesMissing|DeclaredCodesError|MasterKeyRefused|NotALedger|LedgerTooNew|UnknownKeyStoreFormat|StoreUnavailable|OtherLog|RestoreUnfinished|KeysOlderThanLog|ErasureCopyUnavailable|ErasuresUnreadable|NotATree|TreeTooNew|OtherTree|LogNameChanged|SealerKeyMissing)$/;

try {
  const ledger = await startLedger(process.env, { housekeeping: true });
  let stopping = false;
  const stop = (): void => {
    // A second signal does not wait.
    if (stopping) process.exit(130);
    stopping = true;
    ledger.close().then(
      () => process.exit(0),
      () => process.exit(1),
    );
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
} catch (error) {
  const { name, message, stack } = error as Error;
  process.stderr.write(`Liggare did not start: ${EXPLAINED.test(name) ? message : stack}\n`);
  process.exit(1);
}
