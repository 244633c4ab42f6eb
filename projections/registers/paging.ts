import { type Answer, Asking, type Frame, type Question } from '../question.ts';

const DEFAULT_LIMIT = 50;

/**
 * One page of a list that is the same for all pages of an answer, since it follows from one state of the ledger.
 * @param all every item, in its order
 */
export function pageOf<Item>(
  name: string,
  all: readonly Item[],
  {
    asking,
    question,
    frame,
    limit = question.limit ?? DEFAULT_LIMIT,
  }: { asking: Asking; question: Question; frame: Frame; limit?: number },
): Omit<Answer<Item>, 'people'> {
  const first = Number(frame.last?.[0] ?? 0);
  const items = all.slice(first, first + limit);
  const end = first + items.length;
  return {
    items,
    next: end < all.length ? asking.next(name, question, frame, [end]) : null,
    position: frame.position,
    asOf: frame.asOf,
    correlationId: frame.correlationId,
    isFurtherPage: question.cursor !== undefined,
  };
}
