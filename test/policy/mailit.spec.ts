import { differences } from '../../src/policy/differences.ts';
import { inForceAt } from '../../src/policy/in-force.ts';
import { isInEea } from '../../src/vocabulary/vocabulary.ts';
import { MAILIT, read } from './given.ts';

/** What the policy promises, checked against its clauses one by one. */
describe("MAILIT's policy", () => {
  const policy = read(MAILIT);
  const cites = (clause: number) => {
    const found: string[] = [];
    const look = (value: unknown, path: string) => {
      if (value === null || typeof value !== 'object') return;
      for (const [name, each] of Object.entries(value)) {
        if (name === 'clauses' && Array.isArray(each)) {
          if (each.includes(clause)) found.push(path);
        } else look(each, path === '' ? name : `${path}.${name}`);
      }
    };
    look(policy, '');
    return found;
  };

  it('is in force from the day on which the GDPR applied', () => {
    expect(inForceAt([policy], Date.parse('2018-05-25T00:00:00Z'))).toBe(policy);
    expect(inForceAt([policy], Date.parse('2018-05-24T23:59:59Z'))).toBeUndefined();
  });

  it('has 43 clauses, each cited or explained', () => {
    expect(Object.keys(policy.clauses)).toEqual(Array.from({ length: 43 }, (_, i) => String(i + 1)));
    const explained = Object.entries(policy.clauses).filter(([, { nothingFollows }]) => nothingFollows !== undefined);
    expect(explained.map(([number]) => number)).toEqual(['2', '3', '41']);
    for (const number of Object.keys(policy.clauses)) {
      expect([number, cites(Number(number)).length > 0]).toEqual([number, !['2', '3', '41'].includes(number)]);
    }
  });

  it.each([
    [1, 'controller'],
    [8, 'collection.use-of-systems'],
    [10, 'collection.contract'],
    [11, 'purposes.newsletter'],
    [12, 'collection.contact'],
    [13, 'collection.public-registers'],
    [14, 'collection.job-application'],
    [15, 'purposeLimitation'],
    [16, 'purposes.contract-fulfilment'],
    [18, 'purposes.direct-marketing'],
    [19, 'purposes.recruitment'],
    [20, 'access'],
    [21, 'disclosure'],
    [22, 'processorship'],
    [23, 'authorities'],
    [24, 'territory'],
    [25, 'recipients.skatteverket'],
    [27, 'retention.recruitment'],
    [35, 'directMarketing'],
    [36, 'recipients.imy'],
    [39, 'instruction'],
    [42, 'review'],
    [43, 'publication'],
  ])('keeps clause %i where it belongs: %s', (clause, path) => {
    expect(cites(clause)).toContain(path);
  });

  it('rests the contract on legitimate interest, since it is with the employer (16), and marketing on it alone (18)', () => {
    expect(Object.keys(policy.purposes['contract-fulfilment']?.bases ?? {})).toEqual(['6(1)(f)']);
    expect(Object.keys(policy.purposes['direct-marketing']?.bases ?? {})).toEqual(['6(1)(f)']);
    expect(Object.keys(policy.purposes['newsletter']?.bases ?? {})).toEqual(['6(1)(a)']);
  });

  it('markets to people in their professional role alone (18)', () => {
    expect(Object.keys(policy.purposes['direct-marketing']?.data ?? {})).toEqual(['customer', 'prospect']);
  });

  it('binds recipients to their purposes (25), and knows the supervisory authority under its former name (36)', () => {
    expect(policy.recipients['skatteverket']?.purposes).toEqual(['tax-reporting']);
    expect(policy.recipients['banks']?.purposes).toEqual(['payment']);
    expect(policy.recipients['distributors']?.purposes).toEqual(['customer-communication', 'invoice-distribution', 'newsletter']);
    expect(policy.recipients['imy']?.aliases).toEqual(['datainspektionen']);
  });

  it('stays within the EEA (24)', () => {
    expect(policy.territory).toMatchObject({ area: 'EEA-30' });
    for (const { country } of Object.values(policy.recipients)) expect(isInEea(country)).toBe(true);
  });

  it('says for every purpose how long data is kept (26), in recruitment 12 months after the process ended (27)', () => {
    const kept = Object.values(policy.retention).flatMap(({ purposes }) => purposes);
    expect(kept.sort()).toEqual(Object.keys(policy.purposes).sort());
    expect(policy.retention['recruitment']).toMatchObject({ trigger: 'RecruitmentProcessClosed', same: 'case', period: 'P12M' });
    expect(policy.retention['accounts']).toMatchObject({ countedFrom: 'end-of-financial-year', period: 'P7Y', statute: 'SFS 1999:1078' });
  });

  it('has every category of data that it names in a purpose, and no other', () => {
    const used = Object.values(policy.purposes).flatMap(({ data }) => Object.values(data).flat());
    expect([...new Set(used)].sort()).toEqual(Object.keys(policy.dataCategories).sort());
  });

  it('differs from itself in nothing', () => {
    expect(differences(policy, read(MAILIT))).toEqual([]);
  });
});
