import { open, rm } from 'node:fs/promises';
import type { LedgerClient } from './client.ts';
import { CliError, EXIT, printable, type Terminal, tell, write } from './terminal.ts';

/** Forms in which the ledger makes a whole answer itself, by the name of `--format`. */
export const FORMATS = {
  json: 'application/json',
  ndjson: 'application/x-ndjson',
  csv: 'text/csv',
  html: 'text/html',
  jsonld: 'application/ld+json',
  ical: 'text/calendar',
} as const;
export type Format = keyof typeof FORMATS;

/**
 * Writes one page of an answer as the ledger made it: to a file for whoever asks alone, or to standard output.
 * @throws CliError
 */
export async function askDocument(
  terminal: Terminal,
  client: LedgerClient,
  { address, body, format, out }: { address: string; body: Record<string, unknown>; format: Format; out?: string },
): Promise<void> {
  // Before anything is asked, and recorded: a file that is there is not replaced.
  const file = out === undefined ? undefined : await newFile(out);
  try {
    const response = await client.request(`/v1/queries/${address}`, {
      method: 'POST',
      accept: FORMATS[format],
      body: JSON.stringify(body),
      repeatable: true,
    });
    const text = await response.text();
    if (file) await file.writeFile(text);
    else await write(terminal.stdout, text.endsWith('\n') ? text : `${text}\n`);
    if (out !== undefined) tell(terminal, `Wrote ${printable(out)}; the question is recorded.`);
    const next = nextOf(response, format, text);
    if (next) tell(terminal, `There is more: --cursor ${printable(next)}.`);
  } catch (error) {
    if (out !== undefined) await rm(out, { force: true });
    throw error;
  } finally {
    await file?.close();
  }
}

/** JSON says it in itself, every other form in a header. */
function nextOf({ headers }: Response, format: Format, text: string): string | null {
  return format === 'json' ? ((JSON.parse(text) as { next?: string | null }).next ?? null) : headers.get('liggare-next');
}

async function newFile(path: string) {
  return open(path, 'wx', 0o600).catch((error: NodeJS.ErrnoException) => {
    const why = error.code === 'EEXIST' ? 'exists and is left as it is' : `cannot be written (${error.code ?? error.name})`;
    throw new CliError(EXIT.usage, `${printable(path)} ${why}.`, ['Choose another name with --out.']);
  });
}
