import { Injectable } from '@nestjs/common';
import { CommandBus, type Query, QueryBus } from '@nestjs/cqrs';
import type { About } from '../../projections/entries/about.ts';
import type { Answer, Question, Viewer } from '../../projections/question.ts';
import { newId } from '../ledger/new-id.ts';
import { type Reason, RecordQuestion } from '../ledger/question/record-question.ts';
import { Vocabulary } from '../vocabulary/vocabulary.ts';
import type { Caller } from './auth.ts';
import { answerError, HttpProblem } from './problem.ts';
import { type QuestionDto, ReasonDto } from './question.dto.ts';
import { checked } from './validation.ts';

const MAX_REASON = 1024;

answerError('InvalidCursor', {
  type: 'invalid',
  detail: 'The cursor does not belong to this question: send the next of its last answer, and otherwise the same question.',
});
answerError('InvalidMoment', {
  type: 'invalid',
  detail: 'A time is a date-time with an offset (2026-03-02T09:14:07Z) or a date (2026-03-02) that exists.',
});
for (const name of ['NotThereYet', 'TooManyQuestions', 'ViewsClosed']) {
  answerError<Error & { retryAfterSeconds?: number }>(name, {
    type: 'unavailable',
    detail: name === 'NotThereYet' ? 'The read side has not got there yet; ask again.' : 'Questions cannot be answered now; ask again.',
    retryAfterSeconds: (error) => error.retryAfterSeconds ?? 1,
  });
}
answerError('QuestionTooLong', {
  type: 'too-broad',
  detail: 'The question takes too long: narrow it down, by a window of time or another axis.',
});

/**
 * Asks, records that it was asked, and only then answers (domain.md §6: questions are processing too). Where it is known
 * beforehand about whom it is, it is recorded while the answer is made.
 */
@Injectable()
export class Questions {
  constructor(
    private readonly commands: CommandBus,
    private readonly queries: QueryBus,
    private readonly vocabulary: Vocabulary,
  ) {}

  async ask<Found extends Answer<object>>(
    name: string,
    make: (question: Question) => Query<Found>,
    body: QuestionDto,
    caller: Caller,
  ): Promise<Found> {
    const { reason, about, ...rest } = withoutNulls(body) as QuestionDto;
    this.know(reason);
    let recorded: Promise<void> | undefined;
    const record = (subjects: readonly string[], correlationId: string): Promise<void> => {
      recorded ??= this.record({ question: name, axes: Object.keys(about ?? {}), reason, subjects, correlationId }, caller);
      return recorded;
    };
    const isFirstPage = rest.cursor === undefined;
    const onPeople: Question['onPeople'] = (people, correlationId) => {
      // Should it fail, the question fails below; should the question fail first, nobody is left to hear of this.
      if (isFirstPage) record(people, correlationId).catch(() => undefined);
    };
    const answer = await this.queries.execute(make({ ...rest, about: about as About, viewer: viewerOf(caller), onPeople }));
    // Further pages about one person belong to the first; whom a further page of others names, nobody has recorded yet.
    const isRecorded = answer.isFurtherPage && (about?.subject !== undefined || answer.people.length === 0);
    if (!isRecorded) await record(answer.people, answer.correlationId);
    return answer;
  }

  /**
   * A question that is not asked in pages: answered, recorded with the people in its answer, and only then told.
   * @param axes names of what it asks by, never a value
   */
  async recorded<Found extends Pick<Answer<object>, 'people' | 'correlationId'> & { answers?: readonly string[] }>(
    name: string,
    make: (viewer: Viewer) => Query<Found>,
    { axes, reason }: { axes: readonly string[]; reason: Reason },
    caller: Caller,
  ): Promise<Found> {
    const why = withoutNulls(reason) as Reason;
    this.know(why);
    const answer = await this.queries.execute(make(viewerOf(caller)));
    const { people: subjects, correlationId, answers } = answer;
    await this.record({ question: name, axes, reason: why, subjects, correlationId, ...(answers && { answers }) }, caller);
    return answer;
  }

  /** Records the opening of one quarantined item: about whom is not known before it is opened. */
  async recordOpening(quarantineId: string, reason: Reason, caller: Caller): Promise<void> {
    this.know(reason);
    await this.record({ question: 'quarantine', axes: [], reason, subjects: [], correlationId: newId(), quarantineId }, caller);
  }

  /** Records one check of the suppression list: the list has one purpose, and whom it was asked about stays unsaid. */
  async recordCheck(caller: Caller): Promise<void> {
    const reason = { purpose: 'direct-marketing' };
    await this.record({ question: 'suppression', axes: [], reason, subjects: [], correlationId: newId() }, caller);
  }

  /** Records that somebody begins to be told of critical findings, which name nobody: the stream has one purpose. */
  async recordStream(caller: Caller): Promise<void> {
    const reason = { purpose: 'security' };
    await this.record({ question: 'findings-stream', axes: [], reason, subjects: [], correlationId: newId() }, caller);
  }

  /** A reason in words, or as a purpose that is known. @throws HttpProblem */
  reasonOf(reason: unknown): string | Reason {
    if (typeof reason === 'object') {
      const given = checked(ReasonDto, reason);
      this.know(given);
      return given;
    }
    const isText = typeof reason === 'string' && reason.trim().length > 0 && reason.length <= MAX_REASON && reason.isWellFormed();
    if (isText) return reason;
    const error = { path: '/reason', rule: 'required', message: `is a text of 1 to ${MAX_REASON} characters, or a purpose and a case` };
    throw new HttpProblem('invalid', { detail: 'See errors for each field and its rule.', errors: [error] });
  }

  private record(asked: Omit<RecordQuestion['asked'], 'author' | 'now'>, caller: Caller): Promise<void> {
    return this.commands.execute(new RecordQuestion({ ...asked, author: caller, now: Date.now() }));
  }

  /** A purpose is defined before use, the purpose of asking too. */
  private know({ purpose }: Reason): void {
    if (this.vocabulary.has('purpose', purpose)) return;
    const known = this.vocabulary.codes('purpose').join(', ');
    const error = { path: '/reason/purpose', rule: 'unknown-code', message: `is the code of a purpose: ${known}` };
    throw new HttpProblem('invalid', { detail: 'See errors for each field and its rule.', errors: [error] });
  }
}

/** `null` says the same as nothing: `cursor` may be the `next` of a last page. */
export function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (value === null || typeof value !== 'object') return value;
  const given = Object.entries(value).filter(([, member]) => member !== null && member !== undefined);
  return Object.fromEntries(given.map(([name, member]) => [name, withoutNulls(member)]));
}

function viewerOf(caller: Caller): Viewer {
  const may = (permission: Parameters<Caller['may']>[0]) => caller.may(permission);
  return {
    keyId: caller.keyId,
    nameSubjects: may('ask'),
    openSubject: may('openSubject'),
    openAll: may('openAll'),
    nameActors: may('nameActors'),
    othersOnEvent: may('othersOnEvent'),
    quarantine: may('quarantine'),
  };
}
