import { expect, it, vi } from 'vitest';
import { noticesContract } from '../../../test/contract/notices.ts';
import { startNats } from '../../../test/support/backend.ts';
import { borrow, describeWith } from '../../../test/support/describe-with.ts';
import { openNats } from './connection.ts';
import { NatsNotices } from './notices.ts';

describeWith(['nats'], 'notices over NATS', () => {
  noticesContract('nats', async () => {
    const { url } = await borrow('nats');
    const [here, there] = [openNats(url), openNats(url)];
    return {
      notices: new NatsNotices(here),
      other: new NatsNotices(there),
      [Symbol.asyncDispose]: async () => {
        await here[Symbol.asyncDispose]();
        await there[Symbol.asyncDispose]();
      },
    };
  });
});

describeWith(['nats-server'], 'notices over a NATS that fails', () => {
  it('arrive again after the server was down', async () => {
    await using server = await startNats();
    await using nats = openNats(server.url);
    await using notices = new NatsNotices(nats);
    const heard: string[] = [];
    using _listening = notices.subscribe('changed', (subject) => heard.push(subject));
    const isHeard = async (): Promise<void> => {
      heard.length = 0;
      await vi.waitFor(() => {
        notices.publish('changed.a');
        expect(heard).toContain('changed.a');
      }, 5_000);
    };
    await isHeard();
    await server.kill();
    expect(() => notices.publish('changed.a')).not.toThrow();
    await server.restart();
    await isHeard();
  });
});
