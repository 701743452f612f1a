import { MongoServerError } from 'mongodb';
import { expect, it } from 'vitest';
import { startMongo } from '../../../test/support/backend.ts';
import { describeWith } from '../../../test/support/describe-with.ts';
import { openTestMongo } from '../../../test/support/mongo.ts';
import { Failure } from '../../core/failure.ts';
import { limits } from '../../core/limits.ts';
import { failureOf, openMongo } from './connection.ts';

it('refuses a text that is no connection string, without repeating it', async () => {
  const opening = openMongo('mongodb://user:pass@word@@db.example:port/');
  await expect(opening).rejects.toMatchObject({ kind: 'invalid', message: expect.not.stringContaining('pass') });
});

it('says of a server’s error its code only: the message may quote a document', () => {
  const error = new MongoServerError({ message: 'document failed: ana@example.com', code: 121, codeName: 'DocumentValidationFailure' });
  expect(failureOf(error)).toEqual(new Failure('unavailable', 'MongoDB refused: DocumentValidationFailure'));
  const duplicate = new MongoServerError({ message: 'E11000 dup key: { idempotency: "secret" }', code: 11_000 });
  expect(failureOf(duplicate)).toMatchObject({ kind: 'internal', message: expect.not.stringContaining('secret') });
});

describeWith(['mongo'], 'a connection to MongoDB', () => {
  it('shows the server’s time', async () => {
    await using mongo = await openTestMongo('clock');
    const { localTime } = await mongo.db.admin().command({ hello: 1 });
    expect(Math.abs(mongo.now() - localTime.getTime())).toBeLessThan(1_000);
  });
});

describeWith(['mongo-server'], 'a MongoDB that goes away', () => {
  it('is named as lost in time while it is frozen, and serves on afterwards', async () => {
    await using backend = await startMongo();
    await using mongo = await openMongo(backend.url);
    await mongo.check();
    backend.pause();
    const start = performance.now();
    await expect(mongo.check()).rejects.toMatchObject({ kind: 'unavailable' });
    expect(performance.now() - start).toBeLessThan(limits.storeCheckMs + 1_000);
    backend.resume();
    await expect.poll(() => mongo.check().then(() => 'fine'), { timeout: 20_000 }).toBe('fine');
  });
});
