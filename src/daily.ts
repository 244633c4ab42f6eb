const DAY_MS = 86_400_000;
/** After a failure. */
const AGAIN_MS = 3_600_000;

/**
 * Does the work now and then once a day, for as long as the process runs; what failed, an hour later. One at a time.
 * @param work ends as soon as it can be left for another day when the signal is given
 * @returns how to stop it, and wait for what is under way
 */
export function daily(work: (signal: AbortSignal) => Promise<void>, onFailure: (error: Error) => void): () => Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  let round: Promise<void> = Promise.resolve();
  const stopping = new AbortController();
  const next = (ms: number) => {
    if (stopping.signal.aborted) return;
    timer = setTimeout(begin, ms);
    timer.unref();
  };
  const begin = () => {
    round = work(stopping.signal).then(
      () => next(DAY_MS),
      (error: Error) => {
        onFailure(error);
        next(AGAIN_MS);
      },
    );
  };
  begin();
  return async () => {
    stopping.abort();
    clearTimeout(timer);
    await round;
  };
}
