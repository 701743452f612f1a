import { expect, it, vi } from 'vitest';
import { startRedis } from '../../../test/support/backend.ts';
import { makeAuthority } from '../../../test/support/certificates.ts';
import { describeWith } from '../../../test/support/describe-with.ts';
import { startTlsFront } from '../../../test/support/tls-front.ts';
import { openRedis } from './connection.ts';

it('a private authority requires TLS', () => {
  const { cert } = makeAuthority();
  expect(() => openRedis('redis://127.0.0.1:1', { ca: cert })).toThrow('rediss://');
});

describeWith(['redis-server'], 'Redis behind a certificate of a private authority', () => {
  it('is trusted by a connection that has the authority, and by no other', async () => {
    const authority = makeAuthority();
    await using server = await startRedis();
    await using front = await startTlsFront(
      Number(new URL(server.url).port),
      authority.issue({ names: ['127.0.0.1'] }),
    );
    const url = `rediss://127.0.0.1:${front.port}`;
    await using redis = openRedis(url, { ca: authority.cert });
    await redis.check();
    for (const ca of [undefined, makeAuthority('Another authority').cert]) {
      await using wary = openRedis(url, { ca });
      const reason = async (): Promise<string> =>
        wary.check().then(
          () => 'answered',
          ({ cause }) => String(cause),
        );
      await vi.waitFor(async () => expect(await reason()).toMatch(/certificate/i), 10_000);
    }
  });
});
