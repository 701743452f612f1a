// Many wrong keys over REST and gRPC: a guessing client gets 429, and a valid key from the same
// address passes.

import { status } from '@grpc/grpc-js';
import { describe, expect, it } from 'vitest';
import { SendersServiceService } from '../../proto/gen/packetboat/v1/senders.ts';
import { accessLimits } from '../../services/core/limits/access.ts';
import { newKey } from '../support/installation.ts';
import { GrpcClient } from './grpc-client.ts';
import { codeOf, type RestAnswer, RestClient } from './rest-client.ts';
import { type E2eStage, onEachSubject } from './stage.ts';

const MAX = accessLimits.failedAuthenticationsMax;
const mail = { from: 'billing@mail.shop.example', to: ['user@example.com'], subject: 's', text: 't' };

const wrongKeys: string[] = [];

/** A request with an unknown key, a different one each time. */
const fail = ({ rest }: E2eStage, headers: Readonly<Record<string, string>> = {}): Promise<RestAnswer> =>
  rest.withKey(wrongKeys[wrongKeys.push(newKey()) - 1] ?? '').send(mail, headers);

async function failUntilLimited(
  stage: E2eStage,
  headers: Readonly<Record<string, string>> = {},
): Promise<RestAnswer> {
  const answers = await Promise.all(Array.from({ length: MAX }, () => fail(stage, headers)));
  expect(answers.map((answer) => answer.status)).toEqual(answers.map(() => 401));
  return fail(stage, headers);
}

function expectLimited(answer: RestAnswer): void {
  expect([answer.status, codeOf(answer)]).toEqual([429, 'too_many_failed_authentications']);
  const seconds = Number(answer.headers.get('retry-after'));
  expect(seconds).toBeGreaterThan(0);
  expect(seconds).toBeLessThanOrEqual(accessLimits.failureWindowMs / 1_000);
  expect(answer.headers.get('x-ratelimit-limit')).toBe('0');
}

const isRefused = (answer: RestAnswer): void =>
  expect([answer.status, codeOf(answer)]).toEqual([401, 'unauthenticated']);

onEachSubject('without a trusted proxy', { size: 2 }, (stage) => {
  it('50 wrong keys from one address get 401, further wrong keys get 429, and a valid key passes', async () => {
    // whatever the client sends in the metadata
    let spoofed = 0;
    const answers = await Promise.all(
      Array.from({ length: MAX }, () =>
        fail(stage, { 'x-forwarded-for': `198.51.100.${spoofed++}`, forwarded: `for=203.0.113.${spoofed}` }),
      ),
    );
    for (const answer of answers) isRefused(answer);
    for (const url of stage.packetboat.urls) {
      expectLimited(await new RestClient(url, newKey()).send(mail, { 'x-forwarded-for': '192.0.2.99' }));
    }
    expect((await stage.rest.send(mail)).status).toBe(202);
    const wrong = stage.rest.withKey(newKey());
    // requests with a small body, with a large body, and without a body
    expectLimited(await wrong.get('/v1/senders'));
    expectLimited(await wrong.send({ ...mail, text: 'x'.repeat(100_000) }));
    expectLimited(await wrong.send('{'));
    expect((await stage.rest.get('/v1/senders')).status).toBe(200);
  });

  it('over gRPC, failures count for the address of the connection, not for an address in the metadata', async () => {
    // the address is over the limit by now
    using wrong = new GrpcClient(stage.packetboat.grpcAddress, newKey());
    const answer = await wrong.call(SendersServiceService.listSenders, {});
    expect(answer).toMatchObject({
      code: status.RESOURCE_EXHAUSTED,
      reason: 'too_many_failed_authentications',
    });
    expect(answer.retryDelayMs).toBeGreaterThan(0);
    expect(await stage.grpc.call(SendersServiceService.listSenders, {})).toMatchObject({ code: status.OK });
  });

  it('no log contains the key or the address', () => {
    const said = stage.packetboat.programs.map((program) => program.output()).join('');
    expect(said).not.toMatch(/198\.51\.100\.|203\.0\.113\.|192\.0\.2\.99/);
    expect(wrongKeys.filter((key) => said.includes(key))).toEqual([]);
  });

  it('the metrics count the failures by reason', async () => {
    isRefused(await stage.rest.withKey(null).get('/v1/senders'));
    for (const malformed of ['sk_live_x', `${newKey()}-`])
      isRefused(await stage.rest.withKey(malformed).send(mail));
    const texts = await Promise.all(
      stage.packetboat.programs.map(async ({ operationsUrl }) =>
        (await fetch(`${operationsUrl}/metrics`)).text(),
      ),
    );
    const sum = (labels: string): number =>
      texts
        .flatMap((text) => [...text.matchAll(/^packetboat_failed_authentications_total\{([^}]*)\} (\d+)$/gm)])
        .filter(([, of]) => of === labels)
        .reduce((total, [, , count]) => total + Number(count), 0);
    expect(sum('reason="unknown",status="401"')).toBe(MAX);
    // refused by the gateway itself
    expect([sum('reason="missing",status="401"'), sum('reason="malformed",status="401"')]).toEqual([1, 2]);
    expect(sum('reason="unknown",status="429"')).toBeGreaterThanOrEqual(5);
  });
});

describe('behind a trusted proxy', () => {
  onEachSubject(
    'the gateway',
    { env: { PACKETBOAT_TRUSTED_PROXIES: '127.0.0.0/8, 10.0.0.0/8' } },
    (stage) => {
      it('counts each client separately, and a valid key from a guessing client passes', async () => {
        const guesser = { 'x-forwarded-for': '1.1.1.1, 198.51.100.1, 10.0.0.7' };
        expectLimited(await failUntilLimited(stage, guesser));
        expectLimited(await fail(stage, { forwarded: 'for=198.51.100.1;proto=https, for="10.0.0.8:1234"' }));
        expect((await stage.rest.send(mail, guesser)).status).toBe(202);
        isRefused(await fail(stage, { 'x-forwarded-for': '198.51.100.1, 198.51.100.2' }));
        isRefused(await fail(stage));
      });

      it('counts each of several concurrent requests with one wrong key', async () => {
        const wrong = stage.rest.withKey(newKey());
        const answers = await Promise.all(
          Array.from({ length: MAX + 1 }, (_, i) =>
            wrong.send(mail, { 'x-forwarded-for': `203.0.113.${i}` }),
          ),
        );
        expect(answers.map(({ status }) => status).toSorted()).toEqual([
          ...Array.from({ length: MAX }, () => 401),
          429,
        ]);
      });

      it('counts a /64 of IPv6 as one client', async () => {
        const answers = await Promise.all(
          Array.from({ length: MAX }, (_, i) => fail(stage, { 'x-forwarded-for': `2001:db8:1:2::${i}` })),
        );
        for (const answer of answers) isRefused(answer);
        expectLimited(await fail(stage, { 'x-forwarded-for': '[2001:db8:1:2:ffff::1]:4711' }));
        isRefused(await fail(stage, { 'x-forwarded-for': '2001:db8:1:3::1' }));
      });
    },
  );
});
