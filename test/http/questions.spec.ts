/** When a question is recorded, seen from whoever answers it. */
import type { CommandBus, QueryBus } from '@nestjs/cqrs';
import type { Answer, Question } from '../../projections/question.ts';
import { Timeline } from '../../projections/timeline/query.ts';
import type { Caller } from '../../src/http/auth.ts';
import { Questions } from '../../src/http/questions.ts';
import type { RecordQuestion } from '../../src/ledger/question/record-question.ts';
import { Vocabulary } from '../../src/vocabulary/vocabulary.ts';

const ANNA = 'q83vEjRWeJCrze8SNFZ4kA';
const reason = { purpose: 'rights-fulfilment' };
const caller = { keyId: 'k', scope: 'case', may: () => true } as unknown as Caller;
const answer: Answer<object> = {
  ...{ items: [{ position: 1 }], next: null, position: 1, asOf: '2026-03-02T00:00:00.000Z' },
  ...{ people: [ANNA], correlationId: 'c', isFurtherPage: false },
};

/** Questions over a ledger that records as `record` says and answers as `query` does. */
function given(query: (question: Question) => Promise<Answer<object>>, record: () => Promise<void> = async () => undefined) {
  const recorded: RecordQuestion['asked'][] = [];
  const execute = ({ asked }: RecordQuestion) => {
    recorded.push(asked);
    return record();
  };
  const commands = { execute } as unknown as CommandBus;
  const queries = { execute: ({ question }: Timeline) => query(question) } as unknown as QueryBus;
  const questions = new Questions(commands, queries, Vocabulary.builtIn());
  const ask = (body: object = {}) => questions.ask('timeline', (question) => new Timeline(question) as never, { reason, ...body }, caller);
  const once = (why: object = reason) =>
    questions.recorded('proof', () => new Timeline({} as never) as never, { axes: ['position'], reason: why as never }, caller);
  return { ask, once, recorded };
}

describe('A question', () => {
  it('is recorded once, as soon as it is known about whom it is', async () => {
    const known: number[] = [];
    const { ask, recorded } = given(async ({ onPeople }) => {
      onPeople?.([ANNA], 'c');
      known.push(recorded.length);
      return answer;
    });
    expect((await ask({ about: { subject: [{ reference: ANNA }] } })).items).toEqual(answer.items);
    expect(known).toEqual([1]);
    expect(recorded).toMatchObject([{ question: 'timeline', axes: ['subject'], subjects: [ANNA], correlationId: 'c', reason }]);
  });

  it('is recorded with the people of its answer where nobody knows them before', async () => {
    const { ask, recorded } = given(async () => answer);
    await ask();
    expect(recorded).toMatchObject([{ axes: [], subjects: [ANNA] }]);
  });

  it('is answered only when it is recorded, however early the answer is ready', async () => {
    let isRecorded = () => {};
    const recording = new Promise<void>((resolve) => {
      isRecorded = resolve;
    });
    const early = given(
      async ({ onPeople }) => {
        onPeople?.([ANNA], 'c');
        return answer;
      },
      () => recording,
    );
    let isAnswered = false;
    const asking = early.ask().then(() => {
      isAnswered = true;
    });
    await new Promise(setImmediate);
    expect(isAnswered).toBe(false);
    isRecorded();
    await asking;
    expect(isAnswered).toBe(true);
  });

  it.each([true, false])('is not answered when it cannot be recorded (known beforehand: %s)', async (isKnown) => {
    const failing = async () => {
      throw new Error('the log cannot be written');
    };
    const { ask } = given(async ({ onPeople }) => {
      if (isKnown) onPeople?.([ANNA], 'c');
      await new Promise(setImmediate);
      return answer;
    }, failing);
    await expect(ask()).rejects.toThrow('the log cannot be written');
  });

  it('that cannot be answered says why, recorded or not', async () => {
    const { ask } = given(
      async ({ onPeople }) => {
        onPeople?.([ANNA], 'c');
        throw new Error('too long');
      },
      async () => {
        throw new Error('the log cannot be written');
      },
    );
    await expect(ask()).rejects.toThrow('too long');
    await new Promise(setImmediate);
  });

  it('is not recorded again for further pages about the same people', async () => {
    const { ask, recorded } = given(async ({ onPeople }) => {
      onPeople?.([ANNA], 'c');
      return { ...answer, isFurtherPage: true };
    });
    await ask({ about: { subject: [{ reference: ANNA }] }, cursor: 'next' });
    expect(recorded).toEqual([]);
  });
});

describe('A question without pages', () => {
  it('is recorded with the people in its answer, and then told', async () => {
    const { once, recorded } = given(async () => answer);
    expect(await once({ ...reason, caseRef: null })).toBe(answer);
    expect(recorded).toMatchObject([{ question: 'proof', axes: ['position'], subjects: [ANNA], correlationId: 'c', reason }]);
  });

  it('is not told when it cannot be recorded, and not recorded when it has no answer', async () => {
    const failing = given(
      async () => answer,
      async () => {
        throw new Error('the log cannot be written');
      },
    );
    await expect(failing.once()).rejects.toThrow('the log cannot be written');
    const unanswered = given(async () => {
      throw new Error('not sealed yet');
    });
    await expect(unanswered.once()).rejects.toThrow('not sealed yet');
    expect(unanswered.recorded).toEqual([]);
  });

  it('is asked for a purpose that is known', async () => {
    const { once, recorded } = given(async () => answer);
    await expect(once({ purpose: 'curiosity' })).rejects.toMatchObject({ options: { errors: [{ rule: 'unknown-code' }] } });
    expect(recorded).toEqual([]);
  });
});
