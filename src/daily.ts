const DAY_MS = 86_400_000;
/** After a failure. */
const AGAIN_MS = 3_600_000;

/**
 * Does the work now and then once a day, for as long as the process runs; what failed, an hour later. One at a time.
 * @returns how to stop it; what is under way is finished first.
 */
export function daily(work: () => Promise<void>, onFailure: (error: Error) => void): () => Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  let round: Promise<void> = Promise.resolve();
  let isStopped = false;
  const next = (ms: number) => {
    if (isStopped) return;
    timer = setTimeout(begin, ms);
    timer.unref();
  };
  const begin = () => {
    round = work().then(
      () => next(DAY_MS),
      (error: Error) => {
        onFailure(error);
        next(AGAIN_MS);
      },
    );
  };
  begin();
  return async () => {
    isStopped = true;
    clearTimeout(timer);
    await round;
  };
}
