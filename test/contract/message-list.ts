// What every MessageList promises. An adapter's test opens by calling this with a way to get an
// empty store; nothing in here sleeps.

import { describe, expect, it } from 'vitest';
import type { Reach } from '../../services/core/access/caller.ts';
import { type CanonicalAddress, canonical } from '../../services/core/address.ts';
import type { DeliveryState } from '../../services/core/delivery/delivery.ts';
import { messageStatuses, statusOf } from '../../services/core/delivery/message.ts';
import type { MessageId } from '../../services/core/ids.ts';
import type { ListQuery, MessageList } from '../../services/ports/message-list.ts';
import type { MessageStore } from '../../services/ports/message-store.ts';
import { address } from './sample-message.ts';
import { missing, type OpenedStore, openForEachTest } from './store-in-test.ts';

const [ana, ben] = [canonical(address('ana@example.com')), canonical(address('ben@example.com'))];

export function messageListContract(
  name: string,
  open: () => Promise<OpenedStore<MessageStore & MessageList>>,
): void {
  describe(`MessageList contract: ${name}`, () => {
    const opened = openForEachTest(open);
    const { sample, put, get } = opened;

    const list = async (query: Partial<ListQuery>): Promise<MessageId[]> =>
      (await opened.store.list({ tenant: 'default', limit: 100, ...query })).map((message) => message.id);

    it('is newest first, and ordered by id at the same time', async () => {
      const ids = await put(...[3, 1, 2, 2, 2].map((n) => ({ createdAt: opened.t0 + n })));
      const same = ids.slice(2).toSorted().toReversed();
      expect(await list({})).toEqual([ids[0], ...same, ids[1]]);
      const [first] = await opened.store.list({ tenant: 'default', limit: 1 });
      expect(first).toEqual(await get(ids[0] ?? missing()));
    });

    it('lists a message once although one batch had it twice', async () => {
      const message = sample();
      await opened.store.insert([message, message]);
      expect(await list({})).toEqual([message.id]);
    });

    it.each([1, 2, 3, 7, 50])('pages of %i return each message once', async (limit) => {
      const ids = await put(...[0, 0, 0, 1, 2, 2, 2, 3, 3, 9].map((n) => ({ createdAt: opened.t0 + n })));
      const seen: MessageId[] = [];
      for (let before: ListQuery['before']; ; ) {
        const page = await opened.store.list({
          tenant: 'default',
          limit,
          ...(before === undefined ? {} : { before }),
        });
        expect(page.length).toBeLessThanOrEqual(limit);
        seen.push(...page.map((message) => message.id));
        const last = page.at(-1);
        if (last === undefined) break;
        before = { createdAt: last.createdAt, id: last.id };
      }
      expect(seen).toEqual(await list({}));
      expect(seen.toSorted()).toEqual(ids.toSorted());
    });

    it('filters by each field', async () => {
      const template = { identifier: 'otp-code', revision: 1, language: null };
      const [a = missing(), b = missing(), c = missing()] = await put(
        { createdAt: opened.t0, deliveries: [{ to: 'ana@example.com' }, { to: 'ben@example.com' }] },
        {
          createdAt: opened.t0 + 10,
          sender: 'other',
          environment: 'draft',
          deliveries: [{ to: 'ben@example.com' }],
        },
        { createdAt: opened.t0 + 20, content: { ...sample().content, template }, environment: 'testing' },
      );
      expect(await list({ recipient: ben })).toEqual([b, a]);
      expect(await list({ recipient: ana })).toEqual([c, a]);
      expect(await list({ recipient: 'example.com' as CanonicalAddress })).toEqual([]);
      expect(await list({ sender: 'other' })).toEqual([b]);
      expect(await list({ template: 'otp-code' })).toEqual([c]);
      expect(await list({ environment: 'live' })).toEqual([a]);
      expect(await list({ createdAfter: opened.t0 + 10 })).toEqual([c, b]);
      expect(await list({ createdBefore: opened.t0 + 10 })).toEqual([a]);
      expect(await list({ createdAfter: opened.t0 + 1, createdBefore: opened.t0 + 20 })).toEqual([b]);
      expect(
        await list({
          sender: 'acme',
          recipient: ana,
          createdAfter: opened.t0 + 1,
          status: 'queued',
        }),
      ).toEqual([c]);
      expect(await list({ recipient: ben, before: { createdAt: opened.t0 + 10, id: b } })).toEqual([a]);
      expect(await list({ recipient: ben, limit: 1 })).toEqual([b]);
      expect(await list({ sender: 'other', recipient: ana })).toEqual([]);
    });

    it('finds every spelling of a recipient, and keeps each as written', async () => {
      const spellings = [
        'jürgen@bücher.example',
        'JU\u0308RGEN@xn--bcher-kva.example',
        '"Jürgen"@BÜCHER.example',
      ];
      const ids = await put(
        ...spellings.map((to, i) => ({
          createdAt: opened.t0 + i,
          deliveries: [{ to: 'ben@example.com' }, { to }],
        })),
        { deliveries: [{ to: 'jurgen@xn--bcher-kva.example' }] },
      );
      const meant = ids.slice(0, spellings.length).toReversed();
      for (const spelling of spellings)
        expect(await list({ recipient: canonical(address(spelling)) })).toEqual(meant);
      const found = await opened.store.list({
        tenant: 'default',
        limit: 100,
        recipient: canonical(address(spellings[0] ?? missing())),
      });
      expect(found.map(({ deliveries }) => deliveries[1]?.recipient).toReversed()).toEqual(
        spellings.map((spelling) => address(spelling)),
      );
    });

    it.each([1, 2, 7])('full pages of %i return each message within a reach once', async (limit) => {
      const kinds = ['acme', 'other', 'third'].flatMap((sender) =>
        (['draft', 'testing', 'live'] as const).map((environment) => ({ sender, environment })),
      );
      const samples = Array.from({ length: 27 }, (_, i) => ({
        createdAt: opened.t0 + Math.floor(i / 4),
        ...(kinds[i % kinds.length] ?? missing()),
      }));
      const ids = await put(...samples);
      await put({ tenant: 'b', environment: 'draft' });
      const meantBy = (isMeant: (sample: (typeof samples)[number]) => boolean) =>
        ids.filter((_, i) => isMeant(samples[i] ?? missing()));
      for (const [within, meant] of [
        [{ environments: null, senders: null }, ids],
        [{ environments: null, senders: ['acme', 'third'] }, meantBy(({ sender }) => sender !== 'other')],
        [
          { environments: ['draft', 'testing'], senders: null },
          meantBy(({ environment }) => environment !== 'live'),
        ],
        [
          { environments: ['draft'], senders: ['other'] },
          meantBy((s) => s.environment === 'draft' && s.sender === 'other'),
        ],
        [{ environments: null, senders: ['nobody'] }, []],
        [{ environments: null, senders: [] }, []],
      ] as const satisfies readonly (readonly [Reach, readonly MessageId[]])[]) {
        const pages: MessageId[][] = [];
        for (let before: ListQuery['before']; ; ) {
          const page = await opened.store.list({
            tenant: 'default',
            within,
            limit,
            ...(before === undefined ? {} : { before }),
          });
          const last = page.at(-1);
          if (last === undefined) break;
          pages.push(page.map(({ id }) => id));
          before = { createdAt: last.createdAt, id: last.id };
        }
        expect(pages.flat().toSorted()).toEqual(meant.toSorted());
        expect(pages.slice(0, -1).every((page) => page.length === limit)).toBe(true);
      }
    });

    it('a reach narrows every other filter', async () => {
      const deliveries = [{ to: 'ben@example.com', state: 'bounced' as const, wakeAt: null }];
      const [own] = await put(
        { deliveries },
        { sender: 'other', deliveries },
        { environment: 'draft', deliveries },
      );
      const within: Reach = { environments: ['live'], senders: ['acme'] };
      expect(await list({ within, recipient: ben })).toEqual([own]);
      expect(await list({ within, status: 'bounced' })).toEqual([own]);
      expect(await list({ within, sender: 'acme' })).toEqual([own]);
      expect(await list({ within, sender: 'other' })).toEqual([]);
      expect(await list({ within, environment: 'draft' })).toEqual([]);
    });

    it.each(messageStatuses)(
      'finds each message of status %s, whatever its other deliveries',
      async (status) => {
        const rest = messageStatuses.slice(messageStatuses.indexOf(status) + 1);
        const states: readonly DeliveryState[][] = [
          [status],
          [status, status],
          ...rest.map((state) => [state, status]),
        ];
        const others = messageStatuses.filter((state) => state !== status).map((state) => [state]);
        const mixed = messageStatuses
          .slice(0, messageStatuses.indexOf(status))
          .map((state) => [status, state]);
        const inStates = (list: readonly DeliveryState[]) => ({
          deliveries: list.map((state, i) => ({ to: `r${i}@example.com`, state })),
        });
        const meant = await put(...states.map(inStates));
        await put(...[...others, ...mixed].map(inStates));
        expect((await list({ status })).toSorted()).toEqual(meant.toSorted());
        for (const message of await opened.store.list({ tenant: 'default', status, limit: 100 }))
          expect(statusOf(message.deliveries)).toBe(status);
      },
    );

    it('pages through a status with equal times', async () => {
      const ids = await put(
        ...Array.from(
          { length: 9 },
          (_, i) =>
            ({
              deliveries: [
                { state: i % 3 === 0 ? 'bounced' : 'delivered' },
                { to: 'b@example.com', state: 'delivered' },
              ],
            }) as const,
        ),
      );
      const bounced = ids
        .filter((_, i) => i % 3 === 0)
        .toSorted()
        .toReversed();
      expect(await list({ status: 'bounced' })).toEqual(bounced);
      const [first = missing(), ...more] = bounced;
      expect(await list({ status: 'bounced', before: { createdAt: opened.t0, id: first } })).toEqual(more);
      expect(await list({ status: 'bounced', limit: 2 })).toEqual(bounced.slice(0, 2));
    });

    it('lists messages of the given tenant only', async () => {
      const [mine] = await put({ tenant: 'a' }, { tenant: 'b' }, { tenant: 'a.b' }, { tenant: '' });
      expect(await list({ tenant: 'a' })).toEqual([mine]);
      expect(await list({ tenant: 'c' })).toEqual([]);
    });

    it.each(['{"$gt":""}', '$ne', "' OR 1=1 --", '.*', '%', '*'])(
      '%j is plain text in every filter',
      async (text) => {
        await put({});
        for (const filter of ['tenant', 'recipient', 'sender', 'template', 'environment'] as const)
          expect(await list({ [filter]: text })).toEqual([]);
      },
    );
  });
}
