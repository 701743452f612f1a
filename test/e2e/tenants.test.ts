// Two tenants in one installation cannot see or change anything of each other (P16), with two keys
// each. Everything that can be equal is equal in both: names of senders, identifiers of templates,
// idempotency keys, recipients, suppressed addresses and names of keys. Domains cannot: the catalog
// gives a domain to one sender of one tenant, since its owner may use it in From.

import { beforeAll, describe, expect, it, vi } from 'vitest';
import { loadContract, type Method } from '../../services/runtime/contract.ts';
import { untilMailTo } from './mails.ts';
import { inTenant, sender, template } from './objects.ts';
import {
  type ClientRequest,
  codeOf,
  errorsOf,
  type JsonObject,
  type RestAnswer,
  type RestClient,
} from './rest-client.ts';
import { firstKeyOf } from './second-tenant.ts';
import { onEachSubject } from './stage.ts';

const { methods } = loadContract();

const notice = (text: string) =>
  template('notice', { senderRef: { name: 'shop' }, locales: [{ locale: 'en', subject: text, text }] });
const only = (name: string) =>
  template(name, { senderRef: { name: 'shop' }, locales: [{ locale: 'en', subject: name, text: name }] });
const objects = [
  ...[sender('shop'), notice('Of north'), only('only-north')],
  ...[
    sender('shop', { domain: 'south.example', from: { address: 'no-reply@south.example' } }),
    notice('Of south'),
    only('only-south'),
  ].map((object) => inTenant('south', object)),
];

const RECIPIENT = 'user@example.com';
const inAnHour = (): string => new Date(Date.now() + 3_600_000).toISOString();

/** A tenant, and the texts that no response to another tenant may contain. */
interface Tenant {
  /** The first key, and a child of it. */
  readonly keys: readonly [RestClient, RestClient];
  readonly domain: string;
  readonly subject: string;
  /**
   * Of a message that waits for its time, and of a key: what stands in paths, by the name of the
   * field.
   */
  readonly ids: Readonly<Record<string, string>>;
  readonly marks: string[];
}

type Call = readonly [verb: string, path: string, request?: ClientRequest];

/** A good call of each rpc. The same words in both tenants but for ids. */
const goodCalls: Readonly<Record<string, (tenant: Tenant) => readonly Call[]>> = {
  SendMessage: () => [
    [
      'POST',
      '/v1/messages',
      {
        body: { recipient: RECIPIENT, sender: 'shop', template: 'notice' },
        headers: { 'Idempotency-Key': 'equal in both' },
      },
    ],
  ],
  SendMessageBatch: () => [
    [
      'POST',
      '/v1/messages/batch',
      {
        body: {
          messages: [
            { recipient: RECIPIENT, sender: 'shop', template: 'notice', idempotency_key: 'batch in both' },
          ],
        },
      },
    ],
  ],
  SendEmail: () => [['POST', '/email/send-email', { body: { identifier: 'notice', receiver: RECIPIENT } }]],
  GetMessage: ({ ids }) => [['GET', `/v1/messages/${ids.message_id}`]],
  ListMessages: () => [
    ['GET', '/v1/messages?limit=100'],
    ['GET', `/v1/messages?limit=100&recipient=${RECIPIENT}`],
    ['GET', '/v1/messages?limit=100&sender=shop&template=notice&environment=live'],
    ...['scheduled', 'queued', 'sending', 'delivered'].map(
      (status) => ['GET', `/v1/messages?limit=100&status=${status}`] as const,
    ),
  ],
  CancelMessage: ({ ids }) => [['DELETE', `/v1/messages/${ids.message_id}`]],
  ListMessageEvents: ({ ids }) => [['GET', `/v1/messages/${ids.message_id}/events`]],
  CreateSuppression: () => [['POST', '/v1/suppressions', { body: { recipient: 'gone@example.com' } }]],
  ListSenders: () => [['GET', '/v1/senders']],
  ListTemplates: () => [['GET', '/v1/templates']],
  CreateKey: () => [['POST', '/v1/keys', { body: { name: 'equal in both' } }]],
  ListKeys: () => [['GET', '/v1/keys']],
  RevokeKey: ({ ids }) => [['DELETE', `/v1/keys/${ids.key_id}`]],
};

/** What stands in paths, and what an id that nobody has looks like. */
const unknownIds: Readonly<Record<string, string>> = {
  message_id: 'msg_00000000000000000000000000',
  key_id: '000000000000',
};

const parametersOf = (pattern: string): string[] =>
  [...pattern.matchAll(/\{(\w+)\}/g)].map(([, name]) => name ?? '');

onEachSubject('tenants', { objects, size: 2 }, (stage) => {
  let north: Tenant;
  let south: Tenant;
  const pairs = (): readonly (readonly [Tenant, Tenant])[] => [
    [north, south],
    [south, north],
  ];

  async function settle(first: RestClient, domain: string, subject: string): Promise<Tenant> {
    const keyOf = async (): Promise<{ readonly id: string; readonly rest: RestClient }> => {
      const made = await first.post('/v1/keys', { name: 'equal in both' });
      return {
        id: (made.body.key as { readonly key_id: string }).key_id,
        rest: first.withKey(String(made.body.secret)),
      };
    };
    const [child, spare] = [await keyOf(), await keyOf()];
    const message_id = await first.accepted({
      recipient: RECIPIENT,
      template: 'notice',
      scheduled_time: inAnHour(),
    });
    const { keys } = (await first.get('/v1/keys')).body as {
      readonly keys: readonly { readonly key_id: string }[];
    };
    const marks = [...keys.map(({ key_id }) => key_id), message_id, domain, subject];
    return { keys: [first, child.rest], domain, subject, ids: { message_id, key_id: spare.id }, marks };
  }

  beforeAll(async () => {
    const key = await firstKeyOf('south', stage);
    north = await settle(stage.rest, 'shop.shop.example', 'Of north');
    south = await settle(stage.rest.withKey(key), 'south.example', 'Of south');
    north.marks.push('only-north');
    south.marks.push('only-south');
  });

  it('every rpc of the contract has a call here', () => {
    expect(Object.keys(goodCalls).toSorted()).toEqual(methods.map(({ name }) => name).toSorted());
  });

  describe('an id of another tenant', () => {
    const swapped = methods.flatMap((method) =>
      method.http.flatMap(({ verb, pattern }) =>
        parametersOf(pattern).length === 0 ? [] : [[verb.toUpperCase(), pattern, method] as const],
      ),
    );

    it.each(swapped)(
      '%s %s is 404, word for word as for an id that nobody has',
      async (verb, pattern, { requestType }) => {
        const pathWith = (ids: Readonly<Record<string, string>>): string =>
          pattern.replace(/\{(\w+)\}/g, (_, name: string) => {
            if (ids[name] === undefined)
              throw new Error(`no tenant has a ${name}, which ${requestType.name} asks for`);
            return ids[name];
          });
        for (const [own, other] of pairs()) {
          for (const rest of own.keys) {
            const [foreign, unknown] = [
              await rest.request(verb, pathWith(other.ids)),
              await rest.request(verb, pathWith(unknownIds)),
            ];
            expect([foreign.status, foreign.body.error]).toEqual([404, unknown.body.error]);
            expect(unknown.status).toBe(404);
          }
          expect((await other.keys[0].message(other.ids.message_id ?? '')).status).toBe('scheduled');
          expect(revokedIn(await other.keys[0].get('/v1/keys'))).toEqual([]);
        }
      },
    );

    it('a cursor of one tenant is invalid for the other', async () => {
      for (const [own, other] of pairs()) {
        for (let i = 0; i < 2; i++)
          own.marks.push(await own.keys[0].accepted({ recipient: RECIPIENT, template: 'notice' }));
        const { body } = await own.keys[0].get('/v1/messages?limit=1');
        for (const rest of other.keys) {
          const answer = await rest.get(
            `/v1/messages?limit=1&cursor=${encodeURIComponent(String(body.next_cursor))}`,
          );
          expect([answer.status, codeOf(answer)]).toEqual([422, 'validation_failed']);
        }
      }
    });
  });

  // what ends or takes away an object comes last
  const lastOnes = ['CancelMessage', 'RevokeKey'];
  const inOrder = methods
    .toSorted((a, b) => lastOnes.indexOf(a.name) - lastOnes.indexOf(b.name))
    .map((m) => [m.name, m] as const);

  it.each(inOrder)(
    '%s of the one shows and does nothing of the other',
    async (name, { rest: { status } }: Method) => {
      const [calls = () => []] = [goodCalls[name]];
      const answersOf = new Map<Tenant, RestAnswer[]>();
      for (const [own, other] of pairs()) {
        const answers: RestAnswer[] = [];
        for (const [verb, path, request] of calls(own))
          answers.push(await own.keys[0].request(verb, path, request));
        answersOf.set(own, answers);
        for (const answer of answers) {
          // the first time in this tenant, however often the same was asked for in the other
          expect([answer.status, answer.headers.get('idempotent-replayed')]).toEqual([status, null]);
          expect(other.marks.filter((mark) => answer.text.includes(mark))).toEqual([]);
          if (typeof answer.body.message_id === 'string') own.marks.push(answer.body.message_id);
        }
      }
      // nor is anything taken for the other's
      const [ofNorth = [], ofSouth = []] = [answersOf.get(north), answersOf.get(south)];
      expect(ofNorth.length).toBeGreaterThan(0);
      for (const [i, { body }] of ofNorth.entries()) {
        for (const field of ['message_id', 'secret'] as const) {
          if (body[field] !== undefined) expect(body[field]).not.toBe(ofSouth[i]?.body[field]);
        }
      }
    },
  );

  it('lists contain only the tenant’s own objects, for every key', async () => {
    for (const { keys, domain, subject, ids } of [north, south]) {
      for (const rest of keys) {
        expect((await rest.get('/v1/senders')).body.senders).toMatchObject([{ name: 'shop', domain }]);
        expect((await rest.get('/v1/templates')).body.templates).toMatchObject([
          { identifier: 'notice', sender: 'shop' },
          { identifier: `only-${subject.slice('Of '.length)}` },
        ]);
        expect((await rest.get('/v1/messages?limit=100')).text).toContain(ids.message_id);
        expect((await rest.get('/v1/keys')).text).toContain(ids.key_id);
      }
    }
  });

  it('a message uses the tenant’s own sender and template although all names are equal', async () => {
    for (const { keys, domain, subject } of [north, south]) {
      const recipient = `reader@${domain}`;
      await keys[1].accepted({ recipient, sender: 'shop', template: 'notice' });
      const mail = (await untilMailTo(stage.sink, recipient)).raw?.toString() ?? '';
      expect(mail).toContain(`no-reply@${domain}`);
      expect(mail).toContain(`Subject: ${subject}`);
    }
  });

  it('an equal idempotency key replays only the tenant’s own message', async () => {
    const request: JsonObject = { recipient: RECIPIENT, sender: 'shop', template: 'notice' };
    const send = ({ keys: [first] }: Tenant) =>
      first.send(request, { 'Idempotency-Key': 'replayed in both' });
    const [one, two] = [await send(north), await send(south)];
    const [oneAgain, twoAgain] = [await send(north), await send(south)];
    expect([oneAgain.body, twoAgain.body]).toEqual([one.body, two.body]);
    expect(one.body.message_id).not.toBe(two.body.message_id);
  });

  it('a suppression of one tenant does not stop mail of the other', async () => {
    const statusOf = async ({ keys }: Tenant): Promise<unknown> =>
      (await keys[1].send({ recipient: 'left@example.com', template: 'notice', scheduled_time: inAnHour() }))
        .body.status;
    expect((await north.keys[0].post('/v1/suppressions', { recipient: 'left@example.com' })).status).toBe(
      201,
    );
    expect([await statusOf(north), await statusOf(south)]).toEqual(['suppressed', 'scheduled']);
    expect((await south.keys[0].post('/v1/suppressions', { recipient: 'left@example.com' })).status).toBe(
      201,
    );
    expect([await statusOf(north), await statusOf(south)]).toEqual(['suppressed', 'suppressed']);
  });

  it('a sender or template of the other tenant cannot be used by name or by From', async () => {
    for (const [own, other] of pairs()) {
      const [theirs = ''] = other.marks.filter((mark) => mark.startsWith('only-'));
      const request: JsonObject = { recipient: RECIPIENT, subject: 'a', text: 'a' };
      for (const rest of own.keys) {
        const codes = async (more: JsonObject): Promise<string[]> =>
          errorsOf(await rest.send({ ...request, ...more })).map(({ code }) => code);
        expect(await codes({ from: `a@${other.domain}` })).toEqual(['unknown_domain']);
        expect(await codes({ from: `a@${other.domain}`, sender: 'shop' })).toEqual(['foreign_domain']);
        expect(await codes({ template: theirs, text: undefined })).toEqual(['unknown_template']);
      }
    }
  });

  it('a tenant cannot revoke keys of the other, and the last key is counted for each tenant', async () => {
    for (const { keys } of [north, south]) {
      const [first] = keys;
      const own = (
        (await first.get('/v1/keys')).body.keys as readonly {
          key_id: string;
          name: string;
          revoked_at?: string;
        }[]
      ).filter((key) => key.revoked_at === undefined);
      const [root] = own.filter(({ name }) => name === 'bootstrap');
      for (const { key_id } of own.filter((key) => key !== root))
        expect((await first.delete(`/v1/keys/${key_id}`)).status).toBe(200);
      const last = await first.delete(`/v1/keys/${root?.key_id}`);
      expect([last.status, codeOf(last)]).toEqual([409, 'last_key']);
    }
  });

  it('a domain of one tenant is refused to the other, without naming the owner', async () => {
    const claim = inTenant(
      'south',
      sender('claim', { domain: 'shop.shop.example', from: { address: 'no-reply@shop.shop.example' } }),
    );
    await stage.writeCatalog('claim.yaml', [claim], { isBad: true });
    const complaint = (): string | undefined =>
      stage
        .complaints()
        .split('\n')
        .find((line) => line.includes('DomainConflict'));
    await vi.waitFor(() => expect(complaint()).toContain('is taken in another namespace'), {
      timeout: 5_000,
      interval: 100,
    });
    expect(complaint()).not.toMatch(/default|shop(?!\.)/);
    const answer = await south.keys[0].send({
      recipient: RECIPIENT,
      subject: 'a',
      text: 'a',
      from: 'a@shop.shop.example',
    });
    expect(errorsOf(answer).map(({ code }) => code)).toEqual(['unknown_domain']);
  });
});

const revokedIn = ({ body }: RestAnswer): unknown[] =>
  (body.keys as readonly { readonly revoked_at?: string }[]).filter((key) => key.revoked_at !== undefined);
