import { LRUCache } from 'lru-cache';

/**
 * Counts by key in fixed windows. Remembers a bounded number of keys: when more come, the one not seen for longest is
 * forgotten, so that whoever has that many addresses gains a few attempts but no memory of ours.
 */
export class WindowLimit {
  private readonly windows: LRUCache<string, { endsAt: number; used: number }>;

  constructor(
    private readonly allowed: number,
    private readonly windowMs: number,
    maxKeys = 10_000,
  ) {
    this.windows = new LRUCache({ max: maxKeys });
  }

  /**
   * Uses one of what the key may in the window.
   * @param now any clock that does not run backwards, ms.
   * @returns 0 when it was allowed, else the milliseconds after which it is again.
   */
  take(key: string, now: number): number {
    const window = this.windows.get(key);
    if (!window || now >= window.endsAt) {
      this.windows.set(key, { endsAt: now + this.windowMs, used: 1 });
      return 0;
    }
    if (window.used >= this.allowed) return window.endsAt - now;
    window.used++;
    return 0;
  }
}

/** One household or host has a whole /64 of IPv6 addresses (RFC 6177): they count as one. */
export function addressGroup(address: string): string {
  if (!address.includes(':')) return address;
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address);
  if (mapped) return mapped[1] as string;
  const [head = '', tail] = address.split('%')[0]?.split('::') ?? [];
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - left.length - right.length);
  const groups = [...left, ...Array<string>(zeros).fill('0'), ...right];
  return `${groups
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':')}::/64`;
}
