/** What falls due as a calendar (RFC 5545). It is copied to telephones and to others: it holds counts, rules and references, and no names. */
import { hash } from 'node:crypto';
import ical, { ICalEventClass, ICalEventTransparency } from 'ical-generator';
import type { RetentionDay } from '../../projections/retention/query.ts';

const DAY_MS = 86_400_000;

const DONE: Readonly<Record<RetentionDay['what'], string>> = {
  erase: 'Erase',
  'review-hold': 'Review legal holds',
  close: 'Close, or say why not',
};

/**
 * An entry for each day, purpose and rule, over the whole day. The same has the same id in every export, so that importing again replaces it.
 * @param asOf the state of the ledger that it shows, UTC
 * @param origin which ledger it is, as a name that is unique
 */
export function calendarOf(days: readonly RetentionDay[], asOf: string, origin: string): string {
  const calendar = ical({ prodId: { company: 'Liggare', product: 'Retention', language: 'EN' }, name: 'Retention', scale: 'gregorian' });
  for (const day of days) {
    const start = Date.parse(`${day.day}T00:00:00Z`);
    calendar.createEvent({
      id: `${hash('sha256', JSON.stringify([day.day, day.what, day.purpose, day.rule ?? '']), 'hex').slice(0, 32)}@${origin}`,
      start: new Date(start),
      // The end is exclusive (3.6.1).
      end: new Date(start + DAY_MS),
      allDay: true,
      stamp: new Date(asOf),
      summary: `${DONE[day.what]}: ${day.purpose} (${day.items})`,
      description: descriptionOf(day),
      class: ICalEventClass.PRIVATE,
      transparency: ICalEventTransparency.TRANSPARENT,
    });
  }
  return calendar.toString();
}

function descriptionOf({ rule, clause, statute, items, references }: RetentionDay): string {
  const more = items - references.length;
  const lines = [
    ...(rule === undefined ? [] : [`Rule: ${rule}`]),
    ...(clause === null ? [] : [`Clause: ${clause}`]),
    ...(statute === undefined ? [] : [`Statute: ${statute}`]),
    ...references,
    ...(more > 0 && references.length > 0 ? [`and ${more} more`] : []),
  ];
  return lines.join('\n');
}
