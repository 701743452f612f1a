// The load client as the bench sees it; the work is in `http-client-program.ts`.

import { type Child, startChild } from './child.ts';
import type { MailBatch } from './mail.ts';

/** Where a system takes messages. */
export interface HttpDoor {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}

export type ClientArgument = HttpDoor;

export interface Order extends MailBatch {
  readonly pace:
    | { readonly kind: 'asFastAsAnswered'; readonly inFlight: number }
    | { readonly kind: 'atTimes'; readonly perSecond: number };
  /** Instead of the 2.9 KB mail the one of `large-mail.ts`. */
  readonly isLarge?: boolean;
}

export interface LoadReport {
  /** Ids answered 2xx, in the order of the answers. */
  readonly accepted: readonly string[];
  /** How often each other status came. */
  readonly refused: Readonly<Record<string, number>>;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

export type HttpClient = Child<object, Order, LoadReport>;

export const startHttpClient = (door: HttpDoor): Promise<HttpClient> =>
  startChild('http-client-program.ts', door satisfies ClientArgument);
