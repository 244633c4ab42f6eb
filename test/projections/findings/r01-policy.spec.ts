import { judgePolicy } from '../../../projections/findings/rules/r01-policy.ts';
import { ANNA, event, PROCESSOR, PROMISES } from './judging.ts';

describe('R1 · A version of the policy was in force', () => {
  it('conforms where one was', () => {
    expect(judgePolicy(event('PersonalDataUsed'), PROMISES)).toEqual([{ verdict: 'conforms' }]);
    expect(judgePolicy(event('PersonalDataUsed', { controller: 'mailit' }), PROMISES)).toEqual([{ verdict: 'conforms' }]);
  });

  it('cannot be told before the first began', () => {
    expect(judgePolicy(event('PersonalDataUsed'), undefined)).toMatchObject([
      { verdict: 'undeterminable', missing: ['policy'], clause: null },
    ]);
  });

  it('cannot be told of another controller, whose policy is not here', () => {
    const another = event('PersonalDataUsed', { controller: 'somebody' });
    expect(judgePolicy(another, PROMISES)).toMatchObject([{ verdict: 'undeterminable', missing: ['policy of the controller'], clause: 1 }]);
  });

  it('is no question of what sources and the ledger say of themselves', () => {
    expect(judgePolicy(event('SourceHeartbeat'), undefined)).toEqual([]);
    expect(judgePolicy(event('LedgerQueried'), undefined)).toEqual([]);
  });

  it('conforms where a processor works for the controller', () => {
    expect(judgePolicy(event('PersonalDataUsed', PROCESSOR), PROMISES)).toEqual([{ verdict: 'conforms' }]);
  });

  it('is no question where data is processed for somebody else', () => {
    const asProcessor = event('PersonalDataUsed', {
      controller: 'customer-ab',
      actor: { reference: ANNA, kind: 'human', capacity: 'processor' },
    });
    expect(judgePolicy(asProcessor, PROMISES)).toEqual([]);
  });
});
