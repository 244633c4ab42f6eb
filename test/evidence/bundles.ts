/** A ledger that exports evidence, without HTTP; and archives made of any files, for what a ledger never writes. */
import { createWriteStream, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { openPromise } from 'yauzl';
import { ZipFile } from 'yazl';
import { Sources, SourcesHandler } from '../../projections/completeness/query.ts';
import { Evidence, EvidenceHandler } from '../../projections/evidence/query.ts';
import { EvidenceController } from '../../src/http/evidence.controller.ts';
import { Questions } from '../../src/http/questions.ts';
import { callerOf, type Scope } from '../../src/ledger/api-key/permissions.ts';
import { type RecordQuestion, RecordQuestionHandler } from '../../src/ledger/question/record-question.ts';
import { LedgerSettings } from '../../src/ledger/settings.ts';
import { Vocabulary } from '../../src/vocabulary/vocabulary.ts';
import { openReadSide } from '../projections/read-side.ts';
import { MemoryLog } from '../support/memory-log.ts';

export type Body = Parameters<EvidenceController['evidence']>[0];
export const reason = { purpose: 'rights-fulfilment' };

export interface Exported {
  stream: Readable;
  headers: Record<string, string>;
  /** What the log of the program says of it. */
  errors: object[];
}

export async function openExporting() {
  const side = await openReadSide();
  const { store, vault, views, people } = side;
  const log = new MemoryLog(store);
  const settings = new LedgerSettings({ controller: 'mailit', unboundDays: 365_000, quarantineDays: 365_000, caseDays: 1095 });
  const recording = new RecordQuestionHandler(store, vault, settings);
  const commands = { execute: (command: RecordQuestion) => recording.execute(command) };
  const [evidence, sources] = [new EvidenceHandler(views, store, vault, people, log), new SourcesHandler(views)];
  const queries = {
    execute: (query: object) => (query instanceof Evidence ? evidence.execute(query) : sources.execute(query as Sources)),
  };
  const questions = new Questions(commands as never, queries as never, Vocabulary.builtIn());
  const controller = new EvidenceController(questions, queries as never, log, store);
  const folder = mkdtempSync(join(tmpdir(), 'liggare-evidence-'));
  let count = 0;
  const begin = async (scope: Scope, body: Partial<Body> = {}): Promise<Exported> => {
    const caller = callerOf({ id: scope, name: scope, scope, sources: [], groups: [] });
    const headers: Record<string, string> = {};
    const errors: object[] = [];
    const reply = {
      type: () => reply,
      header: (name: string, value: string) => {
        headers[name] = value;
        return reply;
      },
    };
    const request = { id: 'r', log: { error: (said: object) => errors.push(said) } };
    await side.caughtUp();
    const stream = await controller.evidence({ reason, ...body } as Body, caller, request as never, reply as never);
    return { stream, headers, errors };
  };
  return {
    ...side,
    log,
    find: (question: Evidence['question']) => evidence.execute(new Evidence(question)),
    begin,
    /** Exports into a file of its own. @returns its path */
    export: async (scope: Scope, body: Partial<Body> = {}): Promise<string> => {
      const file = join(folder, `${++count}.zip`);
      await pipeline((await begin(scope, body)).stream, createWriteStream(file));
      return file;
    },
    /** A path for another archive. */
    path: () => join(folder, `${++count}.zip`),
    close: async () => {
      await side.close();
      rmSync(folder, { recursive: true });
    },
  };
}

export type Exporting = Awaited<ReturnType<typeof openExporting>>;

/** The files of an archive, in their order. */
export async function filesOf(path: string): Promise<Map<string, Buffer>> {
  const files = new Map<string, Buffer>();
  const zip = await openPromise(path, { autoClose: false });
  for await (const entry of zip.eachEntry()) files.set(entry.fileName, await buffer(await zip.openReadStreamPromise(entry)));
  zip.close();
  return files;
}

/** An archive of these files. */
export async function zipped(path: string, files: Iterable<readonly [string, Buffer]>): Promise<string> {
  const zip = new ZipFile();
  for (const [name, content] of files) zip.addBuffer(content, name);
  zip.end();
  writeFileSync(path, await buffer(zip.outputStream as Readable));
  return path;
}

export const linesOf = (file: Buffer): string[] => file.toString().split('\n').slice(0, -1);
export const ofLines = (lines: readonly string[]): Buffer => Buffer.from(lines.map((line) => `${line}\n`).join(''));
