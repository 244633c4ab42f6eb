import { jest } from '@jest/globals';
import { daily } from '../src/daily.ts';

const HOUR = 3_600_000;

beforeEach(() => void jest.useFakeTimers());
afterEach(() => void jest.useRealTimers());

/** Work that is done so many times, and fails where it is told to. */
function work() {
  const done = { times: 0, failing: false, failures: [] as string[] };
  const stop = daily(
    async () => {
      done.times += 1;
      if (done.failing) throw new Error('not now');
    },
    (error) => void done.failures.push(error.message),
  );
  return { done, stop };
}

it('is done at the start, and a day later again', async () => {
  const { done, stop } = work();
  expect(done.times).toBe(1);
  await jest.advanceTimersByTimeAsync(24 * HOUR - 1);
  expect(done.times).toBe(1);
  await jest.advanceTimersByTimeAsync(1);
  expect(done.times).toBe(2);
  await stop();
});

it('is done an hour after it failed', async () => {
  const { done, stop } = work();
  done.failing = true;
  await jest.advanceTimersByTimeAsync(24 * HOUR);
  expect(done.failures).toEqual(['not now']);
  done.failing = false;
  await jest.advanceTimersByTimeAsync(HOUR);
  expect(done.times).toBe(3);
  await jest.advanceTimersByTimeAsync(23 * HOUR);
  expect(done.times).toBe(3);
  await stop();
});

it('is never done again once it was stopped, and what is under way is finished first', async () => {
  let finish: () => void = () => undefined;
  let times = 0;
  let told: AbortSignal | undefined;
  const stop = daily(
    (signal) => {
      times += 1;
      told = signal;
      return new Promise((resolve) => {
        finish = resolve;
      });
    },
    () => undefined,
  );
  let isStopped = false;
  const stopped = stop().then(() => {
    isStopped = true;
  });
  await jest.advanceTimersByTimeAsync(1);
  expect([isStopped, told?.aborted]).toEqual([false, true]);
  finish();
  await stopped;
  await jest.advanceTimersByTimeAsync(48 * HOUR);
  expect(times).toBe(1);
});
