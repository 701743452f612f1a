import { describe, expect, test } from 'vitest';
import {
  SendItem,
  type SendMessagesRequest,
  type SendMessagesResponse,
  SendResult,
} from '../../proto/gen/packetboat/internal/v1/ingest.ts';
import { ingestLimits } from '../../services/core/limits/ingest.ts';
import { SendBatcher } from './send-batcher.ts';

const item = (requestId: string) => SendItem.create({ request_id: requestId });

/**
 * Ingest as far as the batcher can see it: it notes what comes together, and replays each item's id
 * as its answer.
 */
function recorder() {
  const turns: string[][] = [];
  const sendMessages = async ({ items }: SendMessagesRequest): Promise<SendMessagesResponse> => {
    turns.push(items.map((i) => i.request_id));
    return { results: items.map((i) => SendResult.create({ accepted: { message_id: i.request_id } })) };
  };
  return { turns, ingest: { sendMessages } };
}

describe('requests of one turn of the event loop', () => {
  test('go together, and each is answered for itself', async () => {
    const { turns, ingest } = recorder();
    const sender = new SendBatcher(ingest);
    const results = await Promise.all(['a', 'b', 'c'].map((id) => sender.send(item(id), 10)));
    expect(turns).toEqual([['a', 'b', 'c']]);
    expect(results.map((r) => r.accepted?.message_id)).toEqual(['a', 'b', 'c']);
    await sender.send(item('d'), 10);
    expect(turns).toEqual([['a', 'b', 'c'], ['d']]);
  });

  test('are at most as many as a turn takes', async () => {
    const { turns, ingest } = recorder();
    const sender = new SendBatcher(ingest);
    const ids = Array.from({ length: ingestLimits.turnItemsMax * 2 + 1 }, (_, i) => String(i));
    await Promise.all(ids.map((id) => sender.send(item(id), 10)));
    expect(turns.map((turn) => turn.length)).toEqual([
      ingestLimits.turnItemsMax,
      ingestLimits.turnItemsMax,
      1,
    ]);
    expect(turns.flat()).toEqual(ids);
  });

  test('and at most as large, but for one that is larger by itself', async () => {
    const { turns, ingest } = recorder();
    const sender = new SendBatcher(ingest);
    const sizes = [
      ingestLimits.turnBytesMax,
      1,
      ingestLimits.turnBytesMax - 1,
      1,
      ingestLimits.turnBytesMax * 2,
      1,
    ];
    await Promise.all(sizes.map((bytes, i) => sender.send(item(String(i)), bytes)));
    expect(turns).toEqual([['0'], ['1', '2'], ['3'], ['4'], ['5']]);
  });

  test('all learn of it when ingest breaks, or answers too few', async () => {
    const broken = new SendBatcher({ sendMessages: () => Promise.reject(new Error('broken')) });
    await expect(Promise.all([broken.send(item('a'), 1), broken.send(item('b'), 1)])).rejects.toThrow(
      'broken',
    );
    const short = new SendBatcher({ sendMessages: async () => ({ results: [SendResult.create({})] }) });
    const [first, second] = await Promise.allSettled([short.send(item('a'), 1), short.send(item('b'), 1)]);
    expect([first?.status, second?.status]).toEqual(['fulfilled', 'rejected']);
  });
});
