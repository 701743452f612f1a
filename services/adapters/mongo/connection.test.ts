import { MongoServerError } from 'mongodb';
import { expect, it, onTestFinished, vi } from 'vitest';
import { startMongo } from '../../../test/support/backend.ts';
import { makeAuthority } from '../../../test/support/certificates.ts';
import { describeWith } from '../../../test/support/describe-with.ts';
import { openTestMongo } from '../../../test/support/mongo.ts';
import { startTlsFront } from '../../../test/support/tls-front.ts';
import { Failure } from '../../core/failure.ts';
import { storeLimits } from '../../core/limits/store.ts';
import { failureOf, openMongo } from './connection.ts';

const DAY = 24 * 3_600_000;

it('refuses a text that is no connection string, without repeating it', async () => {
  const opening = openMongo('mongodb://user:pass@word@@db.example:port/');
  await expect(opening).rejects.toMatchObject({
    kind: 'invalid',
    message: expect.not.stringContaining('pass'),
  });
});

it('says of a server’s error its code only: the message may quote a document', () => {
  const error = new MongoServerError({
    message: 'document failed: ana@example.com',
    code: 121,
    codeName: 'DocumentValidationFailure',
  });
  expect(failureOf(error)).toEqual(new Failure('unavailable', 'MongoDB refused: DocumentValidationFailure'));
  const duplicate = new MongoServerError({
    message: 'E11000 dup key: { idempotency: "secret" }',
    code: 11_000,
  });
  expect(failureOf(duplicate)).toMatchObject({
    kind: 'internal',
    message: expect.not.stringContaining('secret'),
  });
});

describeWith(['mongo'], 'a connection to MongoDB', () => {
  it('shows the server’s time, not that of this machine', async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() - DAY });
    onTestFinished(() => void vi.useRealTimers());
    await using mongo = await openTestMongo('clock');
    const { localTime } = await mongo.db.admin().command({ hello: 1 });
    expect(localTime.getTime() - Date.now()).toBeGreaterThan(DAY / 2);
    expect(Math.abs(mongo.now() - localTime.getTime())).toBeLessThan(DAY / 2);
  });
});

describeWith(['mongo-server'], 'a MongoDB that goes away', () => {
  it('fails the check within the check’s limit while it is frozen, and serves again afterwards', async () => {
    await using backend = await startMongo();
    await using mongo = await openMongo(backend.url);
    await mongo.check();
    backend.pause();
    // the message names the limit that ended the check
    await expect(mongo.check()).rejects.toMatchObject({
      kind: 'unavailable',
      message: `MongoDB did not reply within ${storeLimits.storeCheckMs} ms`,
    });
    backend.resume();
    await expect.poll(() => mongo.check().then(() => 'fine'), { timeout: 20_000 }).toBe('fine');
  });
});

it('a private authority is of no use without TLS', async () => {
  const { cert } = makeAuthority();
  await expect(openMongo('mongodb://127.0.0.1:1/x?tlsnot=true', { ca: cert })).rejects.toMatchObject({
    kind: 'invalid',
    message: expect.stringContaining('tls=true'),
  });
});

describeWith(['mongo-server'], 'MongoDB behind a certificate of a private authority', () => {
  it('is believed by whoever was given it, and by nobody else', async () => {
    const authority = makeAuthority();
    await using server = await startMongo();
    await using front = await startTlsFront(
      Number(new URL(server.url).port),
      authority.issue({ names: ['127.0.0.1'] }),
    );
    const url = `mongodb://127.0.0.1:${front.port}/packetboat?directConnection=true&tls=true`;
    await using mongo = await openMongo(url, { ca: authority.cert });
    await mongo.check();
    await expect(openMongo(url, { ca: makeAuthority('Another authority').cert })).rejects.toMatchObject({
      kind: 'unavailable',
    });
  });
});
