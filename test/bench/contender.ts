// A system under test: it accepts messages and delivers them. All rows have this interface.

import { isMissing, type NeedName, needs } from '../support/need.ts';
import type { HttpDoor } from './http-client.ts';
import type { MailBatch } from './mail.ts';
import type { Part } from './usage.ts';

export interface Contender {
  /** The name in tables and results. */
  readonly name: string;
  /** The failures that an accepted message survives. */
  readonly durability: string;
  readonly needs: readonly NeedName[];
  /** Why it cannot run here although it is installed; null when it can. */
  readonly obstacle?: () => string | null;
  /** Fresh, with nothing queued, delivering everything to this port of 127.0.0.1. */
  start(sinkPort: number): Promise<System>;
}

export interface System extends AsyncDisposable {
  /** All of it, and nothing else: neither client nor sink. */
  readonly parts: readonly Part[];
  readonly door: ContenderDoor;
}

/** `direct`: sends a batch by itself and returns the accepted ids. */
export type ContenderDoor =
  | ({ readonly kind: 'http' } & HttpDoor)
  | { readonly kind: 'direct'; send(batch: MailBatch): Promise<readonly string[]> };

/** What is missing to run it here, for people; null when it can run. */
export function missing({ needs: needed, obstacle }: Contender): string | null {
  const absent = needed.filter(isMissing);
  return absent.length > 0
    ? absent.map((name) => `${name}: get ${needs[name].get}`).join('; ')
    : (obstacle?.() ?? null);
}
