/** Versions of a policy, and which of them is in force when. Times are given: no clock. */

/** A version as it was published. */
export interface PublishedVersion {
  policy: string;
  version: string;
  /** A day, which means its beginning in UTC, or a moment. */
  effectiveFrom: string;
  /** Of its normal form. */
  digest: string;
}

/** Milliseconds since 1970 from which a version is in force. */
export function effectiveAt({ effectiveFrom }: Pick<PublishedVersion, 'effectiveFrom'>): number {
  return Date.parse(effectiveFrom);
}

/**
 * The version that was in force at a time: of those that had begun, the one that began last; of two that began together, the one that
 * was published later. Undefined before the first began.
 *
 * @param published in the order of publication
 * @param time milliseconds since 1970
 */
export function inForceAt<V extends Pick<PublishedVersion, 'effectiveFrom'>>(published: readonly V[], time: number): V | undefined {
  let found: V | undefined;
  for (const version of published) {
    const begins = effectiveAt(version);
    if (begins <= time && (found === undefined || begins >= effectiveAt(found))) found = version;
  }
  return found;
}

/** Why a version cannot be published, and what to do. */
export interface PublicationProblem {
  rule: 'another-policy' | 'version-published' | 'nothing-changed' | 'effective-before-publication';
  message: string;
}

/**
 * Whether a version may follow those that were published. A controller's first may carry the earlier day from which its text applied; every later
 * one begins at or after its publication, since nobody can be held to what was not yet promised.
 *
 * @param published in the order of publication
 * @param now when it would be published, milliseconds since 1970
 */
export function publicationProblem(
  published: readonly PublishedVersion[],
  next: PublishedVersion,
  now: number,
): PublicationProblem | undefined {
  const last = published.at(-1);
  if (last === undefined) return undefined;
  // First, since it is no mistake: whoever got no answer sends the same again. Version and date are part of what a digest names.
  const same = published.find(({ digest }) => digest === next.digest);
  if (same !== undefined) {
    return {
      rule: 'nothing-changed',
      message: `version ${same.version} was published with just this content: there is nothing to publish`,
    };
  }
  if (last.policy !== next.policy) {
    return { rule: 'another-policy', message: `versions of ${last.policy} were published here: the key policy must say so` };
  }
  if (published.some(({ version }) => version === next.version)) {
    return { rule: 'version-published', message: `version ${next.version} was published already: give this one another name` };
  }
  if (effectiveAt(next) < now) {
    const message = `only the first version may begin before its publication: choose effectiveFrom after ${new Date(now).toISOString()}`;
    return { rule: 'effective-before-publication', message };
  }
  return undefined;
}
