// The callers of a simulated world: they send, repeat themselves with the same key, cancel and
// suppress, and remember every answer. The answers are compared with what happened (P1 to P4).

import { packetboatNames, type SendRequest } from '../../services/core/accept/send-request.ts';
import { accessRules } from '../../services/core/access/access-rules.ts';
import type { Caller } from '../../services/core/access/caller.ts';
import type { Message } from '../../services/core/delivery/message.ts';
import { Failure } from '../../services/core/failure.ts';
import { ID_RANDOM_BYTES, type MessageId, messageId } from '../../services/core/ids.ts';
import { cancelMessage } from '../../services/ingest/cancel-message.ts';
import { createSuppression } from '../../services/ingest/create-suppression.ts';
import type { Ingest } from '../../services/ingest/ingest-parts.ts';
import { type AnsweredSend, sendMessages } from '../../services/ingest/send-messages.ts';
import type { Chance } from './chance.ts';
import type { WorldClock } from './clock.ts';
import type { Break } from './laws.ts';
import { habits } from './mail-server.ts';
import type { StoreRecord } from './record.ts';

export const caller: Caller = {
  keyId: 'key',
  tenant: 'default',
  scopes: ['messages:send', 'messages:read', 'suppressions:write'],
  environment: 'live',
  senders: [],
  requestsPerMinute: 1_000_000,
  expiresAt: null,
  reach: { environments: null, senders: null },
};

/**
 * What a caller wants sent. `marker` stands in the message, so that what was stored can be told
 * apart.
 */
interface Wish {
  readonly marker: string;
  readonly key: string | null;
  readonly request: SendRequest;
}

type Told =
  | { readonly kind: 'accepted'; readonly id: MessageId; readonly body: string }
  /** `isNamed`: with a message_id, because it may be stored. */
  | { readonly kind: 'failed'; readonly failure: Failure; readonly isNamed: boolean }
  | { readonly kind: 'nothing' };

interface Answer {
  readonly wish: Wish;
  /** Grows when the day is over for which a key is taken. */
  readonly day: number;
  told: Told;
}

export interface CallersWorld {
  readonly clock: WorldClock;
  readonly chance: Chance;
  readonly record: StoreRecord;
  readonly credential: string;
  readonly break: Break;
  note(line: string): void;
  storeNow(): number;
  /** One that is up, or null when all are down. */
  ingest(): Ingest | null;
  suppressed(address: string): void;
}

/** How long a caller waits for an answer. */
const PATIENCE_MS = 15_000;

export class Callers {
  readonly #w: CallersWorld;
  readonly #answers: Answer[] = [];
  readonly #keyed: Wish[] = [];
  #day = 0;
  #wishes = 0;
  /** Callers under way. */
  busy = 0;

  constructor(world: CallersWorld) {
    this.#w = world;
  }

  /** At some time within `withinMs`, one caller does what callers do. */
  plan(withinMs: number): void {
    const { chance, clock } = this.#w;
    this.#later(clock.sleep(chance.between(0, withinMs)).then(() => this.#act()));
  }

  /** Every key once more, when it is free again. */
  nextDay(): void {
    this.#day += 1;
    for (const wish of this.#keyed) this.#later(this.#sendUntilAnswered([wish]));
  }

  /** Every key once more: the same answer. */
  repeatAll(): void {
    for (const wish of this.#keyed) this.#later(this.#sendUntilAnswered([wish]));
  }

  async #act(): Promise<unknown> {
    const { chance, clock } = this.#w;
    switch (chance.between(0, 13)) {
      case 0:
      case 1:
        return this.#send([this.#wish(null)]);
      case 2:
        return this.#sendUntilAnswered([this.#wish(null), this.#wish(this.#newKey())]);
      case 3:
      case 4:
        return this.#sendUntilAnswered([this.#wish(this.#newKey())]);
      case 5: {
        const wish = this.#wish(this.#newKey());
        const others = Array.from({ length: chance.between(1, 3) }, () => this.#sendUntilAnswered([wish]));
        return Promise.all([...others, this.#sendUntilAnswered([wish, wish])]);
      }
      case 6: {
        const key = this.#newKey();
        return Promise.all([this.#send([this.#wish(key)]), this.#send([this.#wish(key)])]);
      }
      case 7: {
        const key = this.#newKey();
        await this.#send([this.#wish(key, { subject: null })]); // refused
        return this.#sendUntilAnswered([this.#wish(key)]);
      }
      case 8:
      case 9:
      case 10: {
        const wish = this.#wish(null);
        await this.#send([wish]);
        return this.#cancel(wish);
      }
      case 11:
        await this.#send([this.#wish(null)]);
        await this.#suppress(this.#someRecipient());
        return this.#send([this.#wish(null)]);
      default: {
        // while it is on its way to be sent
        const suppressing = clock
          .sleep(chance.between(0, 20))
          .then(() => this.#suppress(this.#someRecipient()));
        return Promise.all([this.#send([this.#wish(null), this.#wish(null)]), suppressing]);
      }
    }
  }

  #someRecipient(): string {
    return this.#w.chance.pick(['ana@example.com', 'ben@example.org', 'cleo@example.net']);
  }

  #newKey(): string {
    return `key-${this.#wishes}`;
  }

  #wish(key: string | null, more: Partial<SendRequest> = {}): Wish {
    const { chance } = this.#w;
    const marker = `wish-${this.#wishes++}`;
    const now = this.#w.storeNow();
    const isScheduled = chance.happens(0.15);
    const scheduledAt = isScheduled ? now + chance.pick([-5_000, 30_000, 200_000]) : null;
    const request: SendRequest = {
      recipient: '',
      to: this.#recipients().map((email) => ({ email, name: '' })),
      cc: [],
      bcc: [],
      from: { email: 'hello@acme.example', name: 'Acme' },
      replyTo: [],
      sender: '',
      subject: marker,
      html: null,
      text: `The text of ${marker}.\r\n`,
      template: '',
      templateData: null,
      language: '',
      environment: null,
      headers: {},
      attachments: [],
      tags: {},
      metadata: { marker, key },
      tier: chance.pick(['normal', 'normal', 'high', 'bulk']),
      scheduledAt,
      expiresAt: chance.happens(0.3)
        ? Math.max(now, scheduledAt ?? 0) + chance.pick([1_000, 20_000, 60_000, 120_000])
        : null,
      copies: chance.pick(['at_least_once', 'at_least_once', 'at_most_once']),
      idempotencyKey: null,
      names: packetboatNames,
      ...more,
    };
    const wish = { marker, key, request };
    if (key !== null && request.subject !== null) this.#keyed.push(wish);
    return wish;
  }

  #recipients(): string[] {
    const { chance } = this.#w;
    const all = ['ana@example.com', 'ben@example.org', 'cleo@example.net', 'dora@example.com'];
    const picked = all.filter(() => chance.happens(0.35));
    if (picked.length === 0) picked.push(chance.pick(['ana@example.com', 'dora@example.com']));
    const habit = chance.happens(0.2) ? chance.pick([habits.never, habits.unknown, habits.poison]) : '';
    return picked.map((address, i) => (i === 0 ? habit + address : address));
  }

  async #sendUntilAnswered(wishes: readonly Wish[]): Promise<void> {
    for (let tries = 0; tries < 4; tries++) {
      const answers = await this.#send(wishes);
      const isFinal = ({ told }: Answer): boolean =>
        told.kind === 'accepted' ||
        (told.kind === 'failed' && !['unavailable', 'conflict'].includes(told.failure.kind));
      if (answers.every((a) => isFinal(a) || a.wish.key === null)) return;
      await this.#w.clock.sleep(this.#w.chance.between(100, 10_000));
    }
  }

  async #send(wishes: readonly Wish[]): Promise<readonly Answer[]> {
    const answers = wishes.map((wish): Answer => ({ wish, day: this.#day, told: { kind: 'nothing' } }));
    const ingest = this.#w.ingest();
    if (ingest === null) return answers; // nobody has heard of it
    this.#answers.push(...answers);
    const items = wishes.map(({ key, request }) => ({
      origin: { credential: this.#w.credential, address: '', requestId: null },
      idempotencyKeys: key === null ? [] : [key],
      traceparent: '',
      isCounted: false,
      messageId: messageId(this.#w.storeNow(), this.#w.chance.bytes(ID_RANDOM_BYTES)),
      judge: () => [],
      rule: accessRules['/packetboat.v1.MessagesService/SendMessage'],
      read: async () => request,
    }));
    // What was handed over and not answered in time is handed over once more under the same ids, as
    // the gateway does. Only one answer is heard, and a refusal by the second names the message,
    // which the first may have stored or still be about to.
    let heard = 1;
    const handOver = async (to: Ingest, turn: number): Promise<void> => {
      const results = await sendMessages(to, items);
      if (turn !== heard) return;
      for (const [i, answer] of answers.entries()) this.#hear(answer, results[i], turn === 2);
    };
    await Promise.race([handOver(ingest, 1), this.#w.clock.sleep(PATIENCE_MS)]);
    const another = answers.some((a) => a.told.kind === 'nothing') ? this.#w.ingest() : null;
    heard = 2;
    if (another !== null) await Promise.race([handOver(another, 2), this.#w.clock.sleep(PATIENCE_MS)]);
    heard = 3;
    return answers;
  }

  #hear(answer: Answer, result: AnsweredSend | undefined, isNamed: boolean): void {
    const { marker } = answer.wish;
    if (result === undefined) throw new Error('an item was not answered');
    if ('failure' in result) {
      answer.told = {
        kind: 'failed',
        failure: result.failure,
        isNamed: isNamed || result.failure.messageId !== null,
      };
      this.#w.note(`${marker} is told ${result.failure.code}`);
      if (result.failure.kind === 'internal')
        this.#w.break('no bug stops a process', `${marker} met an internal error`);
      return;
    }
    const { id, acceptedAs, createdAt, recipient } = result.message;
    answer.told = { kind: 'accepted', id, body: JSON.stringify([id, acceptedAs, createdAt, recipient]) };
    this.#w.note(`${marker} is told ${acceptedAs}${result.replayed ? ', again' : ''}`);
    const stored = this.#w.record.messages.get(id);
    if (stored === undefined)
      this.#w.break(
        'P1: every acknowledged message is there and ends',
        `${marker} was answered before it was stored`,
      );
    else if (stored.input.metadata.marker !== marker) {
      this.#w.break(
        'P4: a key means one request',
        `${marker} was told of ${String(stored.input.metadata.marker)}`,
      );
    } else if (stored.input.createdAt !== createdAt || stored.input.acceptedAs !== acceptedAs) {
      this.#w.break(
        'P3: one key, one message, one answer',
        `${marker} was told something else than is stored`,
      );
    }
  }

  async #cancel(wish: Wish): Promise<void> {
    const { chance, clock } = this.#w;
    const told = this.#answers.findLast((a) => a.wish === wish)?.told;
    if (told?.kind !== 'accepted') return;
    if (chance.happens(0.5)) await this.#untilMaybeSent(told.id);
    for (let tries = chance.between(1, 3); tries > 0; tries--) {
      await clock.sleep(chance.pick([0, 3, 50, 5_000, 40_000]));
      const ingest = this.#w.ingest();
      if (ingest === null) continue;
      const answered = cancelMessage(ingest, caller, told.id).then((message: Message) => {
        this.#w.note(`${wish.marker} is told cancelled`);
        this.#w.record.cancelled(message.id);
      }, refused);
      await Promise.race([answered, clock.sleep(PATIENCE_MS)]);
    }
  }

  /**
   * Some callers cancel where it hurts: when a copy may have been taken. They lose patience after
   * two minutes.
   */
  async #untilMaybeSent(id: MessageId): Promise<void> {
    const isMaybeSent = (): boolean =>
      this.#w.record.messages.get(id)?.deliveries.some((d) => d.progress.maybeSent) ?? false;
    for (let looks = 0; looks < 120 && !isMaybeSent(); looks++) await this.#w.clock.sleep(1_000);
  }

  async #suppress(recipient: string): Promise<void> {
    const ingest = this.#w.ingest();
    if (ingest === null) return;
    const answered = createSuppression(ingest, caller, { recipient, reason: '' }, []).then(() => {
      this.#w.note(`${recipient} is told suppressed`);
      this.#w.suppressed(recipient);
    }, refused);
    await Promise.race([answered, this.#w.clock.sleep(PATIENCE_MS)]);
  }

  #later(work: Promise<unknown>): void {
    this.busy += 1;
    void work.then(() => {
      this.busy -= 1;
    });
  }

  /** Compares what callers were told with what was stored. */
  judge(): void {
    const stored = [...this.#w.record.messages.values()];
    for (const [marker, answers] of Map.groupBy(this.#answers, (a) => a.wish.marker)) {
      const isRefused = answers.every(({ told }) => told.kind === 'failed' && !told.isNamed);
      if (isRefused && stored.some((m) => m.input.metadata.marker === marker)) {
        this.#w.break('P2: what was refused without a message_id is never sent', marker);
      }
    }
    for (const [key, answers] of Map.groupBy(this.#answers, (a) => a.wish.key))
      if (key !== null) this.#judgeKey(key, answers);
  }

  #judgeKey(key: string, answers: readonly Answer[]): void {
    const days = Map.groupBy(answers, (a) => a.day);
    const seen = new Set<string>();
    for (const [day, ofDay] of days) {
      const bodies = new Set(ofDay.flatMap(({ told }) => (told.kind === 'accepted' ? [told.body] : [])));
      if (bodies.size > 1)
        this.#w.break(
          'P3: one key, one message, one answer',
          `${key} has ${bodies.size} answers on day ${day}`,
        );
      for (const body of bodies) {
        if (seen.has(body))
          this.#w.break('P3: one key, one message, one answer', `${key} is still taken after 24 hours`);
        seen.add(body);
      }
    }
    const stored = [...this.#w.record.messages.values()].filter((m) => m.input.metadata.key === key);
    if (stored.length > days.size)
      this.#w.break('P3: one key, one message, one answer', `${key} made ${stored.length} messages`);
    const isReused = answers.some(
      ({ told }) => told.kind === 'failed' && told.failure.code === 'idempotency_key_reused',
    );
    if (isReused && stored.length === 0)
      this.#w.break('P4: a key means one request', `${key} is taken by a refused request`);
  }
}

/** A call that failed says so by a `Failure`; anything else is a bug. */
function refused(error: unknown): void {
  if (!(error instanceof Failure)) throw error;
}
