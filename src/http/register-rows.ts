/** An activity of the register as one line of a table: lists of codes and names, joined. What CSV leaves out, JSON has. */
import type { Activity, Declared, Difference, Direction } from '../../projections/registers/processing/activities.ts';

export const REGISTER_COLUMNS = [
  ...['capacity', 'controller', 'purpose', 'declared', 'legalBases', 'subjectCategories', 'categories', 'recipients', 'processors'],
  ...['thirdCountries', 'retention', 'statutes', 'clauses'],
  ...['observed.events', 'observed.firstAt', 'observed.lastAt', 'observed.operations', 'observed.legalBases'],
  ...['observed.subjectCategories', 'observed.categories', 'observed.recipients', 'observed.countries', 'observed.thirdCountries'],
  ...['observed.transferTools', 'observed.systems', 'declaredNotObserved', 'observedNotDeclared', 'differencesLeftOut'],
];

export function registerRow(activity: Activity): object {
  const { capacity, controller, purpose, observed, differences, differencesLeftOut } = activity;
  return {
    ...{ capacity, controller, purpose },
    declared: activity.declared !== null,
    ...(activity.capacity === 'controller' && activity.declared ? declaredCells(activity.declared) : {}),
    ...(activity.capacity === 'processor' && activity.declared && { thirdCountries: activity.declared.thirdCountries }),
    ...(observed && {
      observed: {
        ...{ events: observed.events, firstAt: observed.firstAt, lastAt: observed.lastAt },
        operations: codes(observed.operations),
        legalBases: codes(observed.legalBases),
        subjectCategories: codes(observed.subjectCategories),
        categories: unique(observed.data.map(({ category }) => category)),
        recipients: unique(observed.recipients.map(({ id }) => id)),
        countries: codes(observed.countries),
        thirdCountries: observed.thirdCountries.map(({ country }) => country),
        transferTools: unique(observed.thirdCountries.flatMap(({ transferTools }) => transferTools)),
        systems: codes(observed.systems),
      },
    }),
    declaredNotObserved: inShort(differences, 'declared-not-observed'),
    observedNotDeclared: inShort(differences, 'observed-not-declared'),
    differencesLeftOut,
  };
}

function declaredCells({ legalBases, data, recipients, processors, thirdCountries, retention, clauses }: Declared): object {
  return {
    legalBases: legalBases.map(({ basis }) => basis),
    subjectCategories: data.map(({ subjectCategory }) => subjectCategory),
    categories: unique(data.flatMap(({ categories }) => categories)),
    recipients: recipients.map(({ id }) => id),
    processors: processors.map(({ id }) => id),
    thirdCountries,
    retention: retention.map(({ period, countedFrom, trigger }) => `${period} after ${countedFrom ?? trigger}`),
    statutes: unique([...legalBases.flatMap(({ statutes = [] }) => statutes), ...retention.flatMap(({ statute = [] }) => statute)]),
    clauses: clauses.map(String),
  };
}

const codes = (counted: readonly { code: string }[]): string[] => counted.map(({ code }) => code);

const unique = (values: readonly string[]): string[] => [...new Set(values)];

const inShort = (differences: readonly Difference[], wanted: Direction): string[] =>
  differences
    .filter(({ direction }) => direction === wanted)
    .map(({ of, value, subjectCategory }) => (subjectCategory === undefined ? `${of} ${value}` : `${of} ${value} of ${subjectCategory}`));
