/** How far a long run has come: a bar on a terminal, a plain line now and then elsewhere; always on standard error. */
import { SingleBar } from 'cli-progress';
import { count, type Terminal, tell } from './terminal.ts';

export interface ProgressOptions {
  /** What is counted, in the plural: `events`. */
  unit: string;
  /** Size of the whole in whatever measure `at` is given; absent where nobody knows (a pipe). */
  total?: number;
  /** Between two plain lines. */
  everyMs?: number;
}

const BAR_WIDTH = 24;

export class Progress {
  private readonly startedAt = performance.now();
  private readonly bar: SingleBar | undefined;
  private saidAt = performance.now();
  private at = 0;
  private done = 0;

  constructor(
    private readonly terminal: Terminal,
    private readonly options: ProgressOptions,
  ) {
    if (!terminal.stderr.isTTY || options.total === undefined) return;
    this.bar = new SingleBar({
      stream: terminal.stderr as NodeJS.WriteStream,
      hideCursor: true,
      clearOnComplete: true,
      fps: 8,
      format: '{bar} {words}',
      barsize: BAR_WIDTH,
      barCompleteChar: '█',
      barIncompleteChar: '░',
    });
    this.bar.start(Math.max(1, options.total), 0, { words: this.words });
  }

  /**
   * @param at how much of `total` is behind us
   * @param done how many units that was
   */
  update(at: number, done: number): void {
    this.at = at;
    this.done = done;
    this.bar?.update(Math.min(at, this.options.total ?? at), { words: this.words });
    const now = performance.now();
    if (this.bar === undefined && now - this.saidAt >= (this.options.everyMs ?? 5_000)) {
      this.saidAt = now;
      tell(this.terminal, this.words);
    }
  }

  /** Says something without tearing the bar apart. */
  note(text: string): void {
    if (this.bar && this.terminal.stderr.isTTY) this.terminal.stderr.write('\r\u001b[K');
    tell(this.terminal, text);
  }

  stop(): void {
    this.bar?.stop();
  }

  /** `42% · 3,600 events · 9,000/s · 2 s left`. */
  private get words(): string {
    const seconds = this.seconds;
    const rate = this.done / Math.max(seconds, 0.001);
    const parts = [`${count(this.done)} ${this.options.unit}`, `${count(rate)}/s`];
    const { total } = this.options;
    if (total !== undefined && total > 0) {
      const share = Math.min(1, this.at / total);
      parts.unshift(`${Math.floor(share * 100)}%`);
      if (share > 0) parts.push(`${duration((seconds / share) * (1 - share))} left`);
    }
    return parts.join(' · ');
  }

  /** Seconds since the start. */
  get seconds(): number {
    return (performance.now() - this.startedAt) / 1000;
  }
}

/** `0.4 s`, `42 s`, `3 min 20 s`, `2 h 5 min`. */
export function duration(seconds: number): string {
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}
