// Clients while faults happen: each repeats its request under one idempotency key until the request
// is accepted, and every answer is kept. A few clients give up after the first failure instead, so
// that requests that are never repeated are judged as well.

import { setTimeout as sleep } from 'node:timers/promises';
import type { ClientDoor } from './door.ts';
import type { ClientAnswer, CopyPolicy, Told } from './ledger.ts';

export interface LoadOptions {
  readonly messages: number;
  /** Requests started in a second; by default as fast as the clients can. */
  readonly perSecond?: number;
  /** Clients that work at a time. */
  readonly clients?: number;
  /** Goes into markers and addresses, to tell the loads of one case apart. */
  readonly name?: string;
  /** Part of the recipients' domain, for rules of the sink. */
  readonly domain?: string;
  readonly copies?: CopyPolicy;
  /** Every request may be given more: `scheduled_time`, a longer text. */
  readonly more?: (i: number) => Readonly<Record<string, unknown>>;
}

const RETRY_MS = 100;
/**
 * A request that no try of this long got accepted is left as it is: the judge finds nothing wrong
 * with it, but its test can.
 */
const GIVE_UP_MS = 90_000;
/** Beyond what is kept inside the message: goes to the BlobStore first. */
const LONG_TEXT = 'A long letter about nothing in particular.\r\n'.repeat(2_000);

interface Request {
  readonly told: Omit<Told, 'answers'>;
  readonly body: Readonly<Record<string, unknown>>;
  readonly givesUp: boolean;
}

export class Load {
  /** The answers to each request so far. */
  readonly told: (Told & { readonly answers: ClientAnswer[] })[] = [];
  /** When all were accepted, refused or given up. */
  readonly finished: Promise<void>;
  readonly #door: ClientDoor;
  readonly #options: LoadOptions;
  readonly #startedAt = performance.now();
  readonly #watchers = new Set<() => void>();
  #next = 0;

  constructor(door: ClientDoor, options: LoadOptions) {
    this.#door = door;
    this.#options = options;
    const clients = Array.from({ length: options.clients ?? 16 }, () => this.#work());
    this.finished = Promise.all(clients).then(() => {});
  }

  /** Resolves when so many requests were begun. */
  async begun(count: number): Promise<void> {
    while (this.told.length < Math.min(count, this.#options.messages)) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#watchers.add(resolve);
      await promise;
    }
  }

  /** All answers but 202. */
  get troubles(): readonly ClientAnswer[] {
    return this.told.flatMap(({ answers }) => answers.filter((a) => a.kind !== 'accepted'));
  }

  async #work(): Promise<void> {
    for (let i = this.#next++; i < this.#options.messages; i = this.#next++) {
      const { perSecond } = this.#options;
      const wait =
        perSecond === undefined ? 0 : this.#startedAt + (i * 1_000) / perSecond - performance.now();
      if (wait > 0) await sleep(wait);
      await this.#send(requestOf(i, this.#options));
    }
  }

  async #send({ told, body, givesUp }: Request): Promise<void> {
    const answers: ClientAnswer[] = [];
    this.told.push({ ...told, answers });
    for (const watcher of this.#watchers) watcher();
    this.#watchers.clear();
    for (const giveUpAt = performance.now() + GIVE_UP_MS; performance.now() < giveUpAt; ) {
      const { answer, retryAfterMs } = await this.#try(told.marker, body);
      answers.push(answer);
      const isFinal =
        answer.kind === 'accepted' ||
        (answer.kind === 'refused' && answer.status < 500 && answer.status !== 409 && answer.status !== 429);
      if (isFinal || givesUp) return;
      await sleep(Math.max(RETRY_MS, retryAfterMs));
    }
  }

  async #try(
    marker: string,
    body: Request['body'],
  ): Promise<{ readonly answer: ClientAnswer; readonly retryAfterMs: number }> {
    try {
      const heard = await this.#door.ask('POST', '/v1/messages', body, { 'idempotency-key': marker });
      if (heard.status === 202) {
        return {
          answer: { kind: 'accepted', messageId: String(heard.body.message_id), isReplay: heard.isReplay },
          retryAfterMs: 0,
        };
      }
      const { error } = heard.body as { readonly error?: { readonly message_id?: string } };
      return {
        answer: { kind: 'refused', status: heard.status, messageId: error?.message_id ?? null },
        retryAfterMs: heard.retryAfterMs,
      };
    } catch (error) {
      return { answer: { kind: 'unanswered', reason: reasonOf(error) }, retryAfterMs: 0 };
    }
  }
}

function requestOf(
  i: number,
  { name = 'load', domain = 'inbox.example', copies, more }: LoadOptions,
): Request {
  const marker = `${name}-${i}`;
  const recipients = Array.from({ length: i % 10 === 0 ? 2 : 1 }, (_, k) => `${marker}-${k}@${domain}`);
  const policy = copies ?? (i % 3 === 1 ? 'at_most_once' : 'at_least_once');
  return {
    told: { marker, recipients, copies: policy },
    body: {
      to: recipients,
      subject: `Message ${marker}`,
      text: i % 25 === 24 ? LONG_TEXT : `This is message ${marker}.`,
      headers: { 'X-Marker': marker },
      copies: policy,
      ...more?.(i),
    },
    givesUp: i % 20 === 19,
  };
}

const reasonOf = (error: unknown): string => {
  const { cause } = error as Error;
  return cause instanceof Error ? cause.message : String(error);
};
