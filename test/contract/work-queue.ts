// What every WorkQueue promises.

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Tier, tiers } from '../../services/core/delivery/message.ts';
import { type Lane, laneKey } from '../../services/core/delivery/pacing/lane.ts';
import { queueLimits } from '../../services/core/limits/queue.ts';
import type {
  Entry,
  NewEntry,
  PublishResult,
  TakenEntry,
  WorkQueue,
} from '../../services/ports/work-queue.ts';
import { newMessageId } from './sample-message.ts';

export interface WorkQueueSubject extends AsyncDisposable {
  /** As a program sees it. */
  readonly queue: WorkQueue;
  /**
   * The same queue as another program sees it, disposed with the subject; the very same where there
   * is only one program.
   */
  other(): Promise<WorkQueue>;
  /** After which an entry that was taken and not acked comes again. */
  readonly ackWaitMs: number;
  elapse(ms: number): Promise<void>;
}

export function workQueueContract(name: string, open: () => Promise<WorkQueueSubject>): void {
  describe(`WorkQueue contract: ${name}`, () => {
    let subject: WorkQueueSubject;
    let queue: WorkQueue;
    let stop: AbortController;

    beforeEach(async () => {
      subject = await open();
      queue = subject.queue;
      stop = new AbortController();
    });
    afterEach(async () => {
      stop.abort();
      await subject[Symbol.asyncDispose]();
    });

    const take = (max: number, from = queue): Promise<readonly TakenEntry[]> => from.take(max, stop.signal);

    /** Takes and acks until there are `count`. */
    async function drain(count: number, from = queue): Promise<TakenEntry[]> {
      const all: TakenEntry[] = [];
      while (all.length < count) {
        const some = await take(count - all.length, from);
        for (const taken of some) taken.ack();
        all.push(...some);
      }
      return all;
    }

    /** Few at a time, so that a busy machine answers all of them in time. */
    async function publish(entries: readonly NewEntry[]): Promise<PublishResult[]> {
      const answers: PublishResult[] = [];
      for (let from = 0; from < entries.length; from += 100) {
        answers.push(...(await queue.publish(entries.slice(from, from + 100))));
      }
      return answers;
    }

    it.each(['acme', 'acme.example', 'a b', '*', '>', 'a.>', '%2E', 'Zürich', 'x'.repeat(63)])(
      'returns what was published, for a tenant and a sender %j',
      async (name) => {
        const lane: Lane = { tenant: name, tier: 'bulk', sender: name };
        const entry: Entry = {
          ...sampleEntry(),
          delivery: 49,
          attempt: 6,
          domain: 'xn--bcher-kva.example',
          trace: TRACE,
        };
        expect(await queue.publish([{ ...lane, entry }])).toEqual(['published']);
        expect(await take(10)).toMatchObject([{ ...lane, entry }]);
      },
    );

    it('keeps what has no trace as it is', async () => {
      await queue.publish([publication({ entry: sampleEntry() })]);
      expect(await take(1)).toMatchObject([{ entry: { trace: null } }]);
    });

    it('keeps the order of each lane', async () => {
      const sent = many(300, (i) => ({ tenant: `t${i % 7}`, sender: `s${i % 3}` }));
      expect(new Set(await publish(sent))).toEqual(new Set(['published']));
      const drained = Map.groupBy(await drain(300), laneKey);
      for (const [lane, own] of Map.groupBy(sent, laneKey)) {
        expect(drained.get(lane)?.map((t) => t.entry)).toEqual(own.map((p) => p.entry));
      }
    });

    it('a sender with a flood of entries delays no other sender of its tenant and tier', async () => {
      await publish(many(50, () => ({ sender: 'flood' })));
      await publish(many(5, () => ({ sender: 'neighbour' })));
      // a queue far away needs a moment to bring the first of each
      const started = await drain(1);
      await subject.elapse(100);
      started.push(...(await drain(12)));
      expect(started.filter((t) => t.sender === 'neighbour')).toHaveLength(5);
    });

    it('hands out no more than asked for', async () => {
      await publish(many(20));
      expect((await take(7)).length).toBeLessThanOrEqual(7);
    });

    it('gives each tier its share while all have work', async () => {
      for (const tier of ['bulk', 'normal', 'high'] as const) await publish(many(200, () => ({ tier })));
      await drain(10);
      // a queue far away needs a moment to bring the first of each
      await subject.elapse(100);
      const started: TakenEntry[] = [];
      while (started.length < 100) started.push(...(await drain(10)));
      const count = (tier: Tier): number => started.filter((t) => t.tier === tier).length;
      expect(count('high')).toBeGreaterThanOrEqual(50);
      expect(count('normal')).toBeGreaterThanOrEqual(25);
      expect(count('bulk')).toBeGreaterThanOrEqual(8);
    });

    it.each(tiers)('gives everything to %s when it alone has work', async (tier) => {
      await publish(many(150, () => ({ tier })));
      expect((await drain(150)).length).toBe(150);
    });

    it('holds a window of entries for each lane, taken ones included, and is full beyond it', async () => {
      const window = queueLimits.windowPerLane;
      const answers = await publish(many(window + 2));
      expect(answers).toEqual([...Array(window).fill('published'), 'full', 'full']);
      const others = [{ tenant: 'other' }, {}, { tier: 'high' }, { sender: 'other' }] as const;
      expect(await queue.publish(others.map(publication))).toEqual([
        'published',
        'full',
        'published',
        'published',
      ]);
      let first: TakenEntry | undefined;
      while (first === undefined)
        first = (await take(10)).find((t) => laneKey(t) === laneKey(publication({})));
      expect(await queue.publish([publication({})])).toEqual(['full']);
      first.ack();
      await expect.poll(() => queue.publish([publication({})])).toEqual(['published']);
    });

    it('hands out twice what was published twice: the claim knows better', async () => {
      const twice = publication({});
      await queue.publish([twice]);
      await queue.publish([twice]);
      expect(await drain(2)).toMatchObject([{ entry: twice.entry }, { entry: twice.entry }]);
    });

    it('hands out again what was not acked, and before what is new', async () => {
      const [lost, done, fresh] = [publication({}), publication({}), publication({})];
      await queue.publish([lost, done]);
      const taken = [...(await take(2))];
      while (taken.length < 2) taken.push(...(await take(1)));
      taken[1]?.ack();
      await subject.elapse(subject.ackWaitMs * 1.5);
      await queue.publish([fresh]);
      expect((await drain(2)).map((t) => t.entry)).toEqual([lost.entry, fresh.entry]);
    });

    it('wakes a waiting taker for an entry that comes again', async () => {
      await queue.publish([publication({})]);
      await take(1);
      const again = take(1);
      await subject.elapse(subject.ackWaitMs * 1.5);
      expect(await again).toHaveLength(1);
    });

    it('hands out at once what was given back, to another program too', async () => {
      const other = await subject.other();
      await queue.publish([publication({})]);
      const [first] = await take(1);
      const [waiting] = [take(1, other)];
      first?.giveBack();
      expect(await waiting).toMatchObject([{ entry: first?.entry }]);
    });

    it('an ack is the last word: to give back afterwards changes nothing', async () => {
      await queue.publish([publication({})]);
      const [first] = await take(1);
      first?.ack();
      first?.ack();
      first?.giveBack();
      const marker = publication({});
      await queue.publish([marker]);
      expect(await take(2)).toMatchObject([{ entry: marker.entry }]);
    });

    it('drops an entry that was handed out too often, and frees its place', async () => {
      const poison = publication({});
      await queue.publish([poison]);
      for (let times = 0; times < queueLimits.queueDeliverMax; times += 1) {
        const [taken] = await take(1);
        expect(taken?.entry).toEqual(poison.entry);
        taken?.giveBack();
      }
      const marker = publication({});
      await queue.publish([marker]);
      expect((await drain(1))[0]?.entry).toEqual(marker.entry);
      expect(new Set(await publish(many(queueLimits.windowPerLane - 1)))).toEqual(new Set(['published']));
      await expect.poll(() => queue.publish([publication({})])).toEqual(['published']);
    });

    it('shares its entries out to several takers, each entry to one', async () => {
      const other = await subject.other();
      const sent = many(400);
      await publish(sent);
      const seen: TakenEntry[] = [];
      const work = async (from: WorkQueue): Promise<void> => {
        while (seen.length < sent.length) {
          const some = await take(20, from);
          for (const taken of some) taken.ack();
          seen.push(...some);
          if (seen.length >= sent.length) stop.abort();
        }
      };
      await Promise.all([work(queue), work(other)]);
      expect(seen.map((t) => t.entry.message).toSorted()).toEqual(
        sent.map((p) => p.entry.message).toSorted(),
      );
    });

    it('lets a taker wait until there is something', async () => {
      const waiting = take(5);
      const sent = publication({});
      await queue.publish([sent]);
      expect(await waiting).toMatchObject([{ entry: sent.entry }]);
    });

    it('ends a wait with nothing when the signal aborts', async () => {
      const waiting = take(5);
      stop.abort();
      expect(await waiting).toEqual([]);
      expect(await take(5)).toEqual([]);
    });

    it('ends waits with nothing and publishes nothing once it is closed', async () => {
      const waiting = take(5);
      await queue[Symbol.asyncDispose]();
      expect(await waiting).toEqual([]);
      expect(await queue.publish([publication({})])).toEqual(['lost']);
      await expect(queue.check()).rejects.toThrow();
    });

    it('publishing nothing is answered with nothing', async () => {
      expect(await queue.publish([])).toEqual([]);
    });

    it('check resolves', async () => {
      await queue.check();
    });
  });
}

const TRACE = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';

const sampleEntry = (): Entry => ({
  message: newMessageId(Date.now()),
  delivery: 0,
  attempt: 1,
  domain: 'example.com',
  trace: null,
});

export const publication = (what: Partial<NewEntry>): NewEntry => ({
  tenant: 'acme',
  tier: 'normal',
  sender: 'news',
  entry: sampleEntry(),
  ...what,
});

export const many = (count: number, what: (i: number) => Partial<NewEntry> = () => ({})): NewEntry[] =>
  Array.from({ length: count }, (_, i) => publication(what(i)));
