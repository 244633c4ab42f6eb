import type { Readable } from 'node:stream';

/** One line of a stream; `text` is absent where the line is longer than allowed or not UTF-8. */
export interface Line {
  /** From 1, empty lines counted, so that it can be found in the file that was sent. */
  number: number;
  text?: string;
  fault?: 'line-too-long' | 'not-utf8';
}

const NEWLINE = 0x0a;

/**
 * Cuts a stream into chunks of lines: a chunk is full at `maxLines` or `maxBytes`, and goes early when nothing more has come for
 * `idleMs`, so that a slow sender gets its acknowledgements too. Holds one chunk and one line: the next bytes are read
 * when the chunk has been dealt with (back-pressure). Empty lines are skipped.
 */
export async function* chunksOfLines(
  stream: Readable,
  { maxLines, maxBytes, maxLineBytes, idleMs }: { maxLines: number; maxBytes: number; maxLineBytes: number; idleMs: number },
): AsyncGenerator<Line[]> {
  const splitter = new LineSplitter(maxLineBytes);
  const bytes = stream[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  // Read ahead by one; whatever befalls it meanwhile is seen when it is awaited.
  const read = () => {
    const next = bytes.next();
    next.catch(() => undefined);
    return next;
  };
  let chunk: Line[] = [];
  let size = 0;
  for (let next = read(); ; ) {
    const got = chunk.length > 0 ? await orIdle(next, idleMs) : await next;
    if (got !== 'idle' && !got.done) {
      next = read();
      for (const line of splitter.push(got.value)) {
        chunk.push(line);
        size += line.text?.length ?? 0;
        if (chunk.length < maxLines && size < maxBytes) continue;
        yield chunk;
        chunk = [];
        size = 0;
      }
      continue;
    }
    if (got !== 'idle') chunk.push(...splitter.end());
    if (chunk.length > 0) yield chunk;
    chunk = [];
    size = 0;
    if (got !== 'idle') return;
  }
}

async function orIdle<T>(next: Promise<T>, idleMs: number): Promise<T | 'idle'> {
  let timer: NodeJS.Timeout | undefined;
  const idle = new Promise<'idle'>((resolve) => {
    timer = setTimeout(resolve, idleMs, 'idle');
  });
  try {
    return await Promise.race([next, idle]);
  } finally {
    clearTimeout(timer);
  }
}

/** Keeps at most one unfinished line, and of a line that is too long nothing. */
class LineSplitter {
  private rest: Buffer[] = [];
  private restBytes = 0;
  private number = 0;
  private readonly utf8 = new TextDecoder('utf-8', { fatal: true });

  constructor(private readonly maxBytes: number) {}

  *push(bytes: Buffer): Generator<Line> {
    let from = 0;
    for (let end = bytes.indexOf(NEWLINE); end >= 0; end = bytes.indexOf(NEWLINE, from)) {
      this.keep(bytes.subarray(from, end));
      from = end + 1;
      yield* this.take();
    }
    this.keep(bytes.subarray(from));
  }

  *end(): Generator<Line> {
    if (this.restBytes > 0) yield* this.take();
  }

  private keep(part: Buffer): void {
    this.restBytes += part.length;
    if (this.restBytes > this.maxBytes) this.rest = [];
    else this.rest.push(part);
  }

  private *take(): Generator<Line> {
    const number = ++this.number;
    const tooLong = this.restBytes > this.maxBytes;
    const line = Buffer.concat(this.rest);
    this.rest = [];
    this.restBytes = 0;
    if (tooLong) {
      yield { number, fault: 'line-too-long' };
      return;
    }
    let text: string;
    try {
      text = this.utf8.decode(line);
    } catch {
      yield { number, fault: 'not-utf8' };
      return;
    }
    if (text.trim() !== '') yield { number, text };
  }
}
