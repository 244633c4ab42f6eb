import { hasEmailAddress, hasPersonalIdentityNumber } from '../vocabulary/identifiers.ts';
import { groupOf } from './events.ts';

/**
 * What of an event's identity may stand in clear though the event was not recorded: nobody has checked it yet, and whatever
 * could be a name stays out. A type is one that is known; a source and an id hold no identifier of a person.
 */
export function clearIdentity(event: { source?: string; id?: string; type?: string } | undefined): {
  recordSource?: string;
  recordId?: string;
  recordType?: string;
} {
  const { source, id, type } = event ?? {};
  return {
    ...(source !== undefined && isNobody(source) && { recordSource: source }),
    ...(id !== undefined && isNobody(id) && { recordId: id }),
    ...(type !== undefined && groupOf(type) !== undefined && { recordType: type }),
  };
}

/** No control characters, no broken Unicode, no e-mail address, no personal identity number. */
function isNobody(text: string): boolean {
  return !/\p{Cc}|\p{Cs}/u.test(text) && !hasEmailAddress(text) && !hasPersonalIdentityNumber(text);
}
