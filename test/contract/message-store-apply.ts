// Changes of deliveries: each is one compare-and-set with its event.

import { describe, expect, it } from 'vitest';
import type { Change, Progress } from '../../services/core/delivery/delivery.ts';
import type { MessageStore } from '../../services/ports/message-store.ts';
import { newMessageId } from './sample-message.ts';
import { MINUTE, missing, RACERS, type StoreInTest, versionOf } from './store-in-test.ts';

export function applyChanges(opened: StoreInTest<MessageStore>): void {
  const { put, get, changeOf } = opened;

  describe('apply', () => {
    it('changes the named fields, gives a new version, and keeps the rest', async () => {
      const [id = missing()] = await put({ deliveries: [{}, { to: 'ben@example.org' }] });
      const before = await get(id);
      const set: Partial<Progress> = {
        state: 'sending',
        phase: 'streaming',
        attempt: 2,
        tries: 3,
        due: opened.t0 + 1,
        wakeAt: opened.t0 + 2,
        lease: { id: 'lease-1', until: opened.t0 + MINUTE },
        lapses: 1,
        maybeSent: true,
        cancelWanted: true,
        hold: { reason: 'budget' },
        takenUp: true,
        route: 'main',
        destination: 'mx.example',
        source: '192.0.2.1',
        lastReply: { stage: 'rcpt', code: 450, enhanced: '4.2.1', text: 'später' },
      };
      const [version = missing()] = await opened.store.apply([await changeOf(id, set)]);
      expect(version).not.toBeNull();
      expect(version).not.toBe(versionOf(before));
      const after = await get(id);
      expect(after).toEqual({
        ...before,
        deliveries: [{ ...before.deliveries[0], ...set, version }, before.deliveries[1]],
      });

      const none: Partial<Progress> = {
        phase: null,
        wakeAt: null,
        lease: null,
        hold: null,
        route: null,
        destination: null,
        source: null,
        lastReply: null,
      };
      const [next = missing()] = await opened.store.apply([
        await changeOf(id, { ...none, state: 'delivered', maybeSent: false }),
      ]);
      expect((await get(id)).deliveries[0]).toEqual({
        ...after.deliveries[0],
        ...none,
        state: 'delivered',
        maybeSent: false,
        version: next,
      });
    });

    it('refuses a change of an older version, and one of a delivery that does not exist', async () => {
      const [id = missing()] = await put({});
      const change = await changeOf(id, { state: 'sending' }, { type: 'accepted', data: { route: 'main' } });
      expect(await opened.store.apply([change])).toEqual([expect.any(String)]);
      const after = await get(id);
      expect(await opened.store.apply([change])).toEqual([null]);
      expect(await opened.store.apply([{ ...change, message: newMessageId(opened.t0) }])).toEqual([null]);
      expect(await opened.store.apply([{ ...change, version: versionOf(after), delivery: 1 }])).toEqual([
        null,
      ]);
      expect(await opened.store.apply([{ ...change, version: '' }])).toEqual([null]);
      expect(await opened.store.apply([{ ...change, version: '{"$gt":""}' }])).toEqual([null]);
      expect(await opened.store.apply([])).toEqual([]);
      expect(await get(id)).toEqual(after);
    });

    it('makes the current changes of a batch and refuses the outdated ones, with results in their order', async () => {
      const ids = await put({}, {}, {}, {});
      const changes = await Promise.all(ids.map((id) => changeOf(id, { state: 'sending' })));
      const stale = changes.map((change, i) => (i % 2 === 0 ? { ...change, version: 'outdated' } : change));
      const answers = await opened.store.apply(stale);
      expect(answers.map((answer) => answer !== null)).toEqual([false, true, false, true]);
      const found = await opened.store.find(ids);
      expect(found.map((message) => message?.deliveries[0]?.state)).toEqual([
        'queued',
        'sending',
        'queued',
        'sending',
      ]);
      expect(found[1]?.deliveries[0]?.version).toBe(answers[1]);
    });

    it('makes two changes of two deliveries of one message, each with its event', async () => {
      const [id = missing()] = await put({ deliveries: [{}, { to: 'ben@example.org' }] });
      const changes = [
        await changeOf(id, { state: 'delivered', wakeAt: null }, { type: 'delivered', data: { n: 0 } }, 0),
        await changeOf(id, { state: 'bounced', wakeAt: null }, { type: 'bounced', data: { n: 1 } }, 1),
      ];
      const answers = await opened.store.apply(changes);
      const message = await get(id);
      expect(answers).toEqual(message.deliveries.map((delivery) => delivery.version));
      expect(message.deliveries.map((delivery) => delivery.state)).toEqual(['delivered', 'bounced']);
      expect(message.events).toHaveLength(4);
      for (const event of message.events.slice(2)) expect(event.data).toEqual({ n: event.delivery });
    });

    it('makes one of two changes of one delivery in a batch', async () => {
      const [id = missing()] = await put({});
      const change = await changeOf(id, { route: 'a' }, { type: 'accepted', data: {} });
      const answers = await opened.store.apply([change, { ...change, set: { route: 'b' } }]);
      expect(answers.filter((answer) => answer !== null)).toHaveLength(1);
      const message = await get(id);
      expect(answers).toContain(versionOf(message));
      expect(message.deliveries[0]?.route).toBe(answers[0] === null ? 'b' : 'a');
      expect(message.events).toHaveLength(2);
    });

    it('one of many concurrent changes is made', async () => {
      const [id = missing()] = await put({});
      const change = await changeOf(id, {});
      const racers = Array.from(
        { length: RACERS },
        (_, i): Change => ({
          ...change,
          set: { state: 'sending', lease: { id: `lease-${i}`, until: opened.t0 + MINUTE } },
          event: { type: 'accepted', data: { winner: i } },
        }),
      );
      const answers = (await Promise.all(racers.map((racer) => opened.store.apply([racer])))).flat();
      const winner = answers.findIndex((answer) => answer !== null);
      expect(answers.filter((answer) => answer !== null)).toHaveLength(1);
      const message = await get(id);
      expect(versionOf(message)).toBe(answers[winner]);
      expect(message.deliveries[0]?.lease?.id).toBe(`lease-${winner}`);
      expect(message.events.map((event) => event.data)).toEqual([{}, { winner }]);
    });

    it('loses no event of concurrent changes to one message, and stamps each with the time', async () => {
      const count = 20;
      const [id = missing()] = await put({
        deliveries: Array.from({ length: count }, (_, i) => ({ to: `r${i}@example.com` })),
      });
      await opened.elapse(MINUTE);
      const earliest = opened.store.now();
      expect(earliest).toBeGreaterThanOrEqual(opened.t0 + MINUTE);
      const message = await get(id);
      const changes = message.deliveries.map(
        (delivery, i): Change => ({
          message: id,
          delivery: i,
          version: delivery.version,
          set: { state: 'delivered', wakeAt: null },
          event: {
            type: 'delivered',
            data: { attempt: 1, counted: true, code: 250, route: null, host: 'mx.example' },
          },
        }),
      );
      const answers = (await Promise.all(changes.map((change) => opened.store.apply([change])))).flat();
      expect(answers.every((answer) => answer !== null)).toBe(true);
      const events = (await get(id)).events.slice(count);
      expect(events.map((event) => event.delivery).toSorted((a, b) => a - b)).toEqual(
        changes.map((_, i) => i),
      );
      for (const event of events) {
        expect(event).toMatchObject({ type: 'delivered', data: changes[0]?.event?.data });
        expect(event.at).toBeGreaterThanOrEqual(earliest);
        expect(event.at).toBeLessThanOrEqual(opened.store.now());
      }
    });

    it('keeps the order of events over many changes', async () => {
      const [id = missing()] = await put({});
      for (let i = 0; i < 12; i++)
        await opened.store.apply([await changeOf(id, { tries: i }, { type: 'deferred', data: { i } })]);
      const { events } = await get(id);
      expect(events.map((event) => event.data.i ?? null)).toEqual([
        null,
        ...Array.from({ length: 12 }, (_, i) => i),
      ]);
      const times = events.map((event) => event.at);
      expect(times).toEqual(times.toSorted((a, b) => a - b));
    });

    it('a change is stored, also after a restart', async () => {
      const [id = missing()] = await put({});
      await opened.store.apply([
        await changeOf(id, { state: 'delivered', wakeAt: null }, { type: 'delivered', data: { code: 250 } }),
      ]);
      const before = await get(id);
      await opened.reopen();
      expect(await get(id)).toEqual(before);
      expect(opened.store.now()).toBeGreaterThanOrEqual(opened.t0);
    });
  });
}
