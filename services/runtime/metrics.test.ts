import { describe, expect, test } from 'vitest';
import { createMetrics } from './metrics.ts';

const fresh = () => createMetrics({ program: 'test', version: '1.2.3' });

describe('metrics', () => {
  test('are written as OpenMetrics', async () => {
    const metrics = fresh();
    metrics.message('queued');
    const text = (await metrics.exposition()).text;
    expect((await metrics.exposition()).contentType).toContain('application/openmetrics-text');
    expect(text).toContain('packetboat_messages_total{result="queued"} 1\n');
    expect(text).toContain('packetboat_build_info{program="test",version="1.2.3"} 1\n');
    expect(text.endsWith('# EOF\n')).toBe(true);
  });

  test('include the lag of the event loop', async () => {
    expect((await fresh().exposition()).text).toContain('nodejs_eventloop_lag_p99_seconds');
  });

  test('do not change when they are read', async () => {
    const metrics = fresh();
    metrics.claimed(3);
    (await metrics.exposition()).text;
    expect((await metrics.exposition()).text).toContain('packetboat_claims_total 3\n');
  });

  test('measure mail by tier, in buckets from a tenth of a second to eight hours', async () => {
    const metrics = fresh();
    metrics.delivered('high', 400);
    metrics.delivered('high', 7 * 3_600_000);
    metrics.firstReply('bulk', 50);
    metrics.firstReply('user@example.com', 50);
    const { text } = await metrics.exposition();
    expect(text).toContain('packetboat_time_to_delivery_seconds_bucket{le="0.5",tier="high"} 1\n');
    expect(text).toContain('packetboat_time_to_delivery_seconds_bucket{le="14400",tier="high"} 1\n');
    expect(text).toContain('packetboat_time_to_delivery_seconds_bucket{le="28800",tier="high"} 2\n');
    expect(text).toContain('packetboat_time_to_first_reply_seconds_bucket{le="0.1",tier="bulk"} 1\n');
    expect(text).toContain('packetboat_time_to_first_reply_seconds_count{tier="other"} 1\n');
  });

  test('count a negative duration as 0', async () => {
    const metrics = fresh();
    metrics.delivered('normal', -5);
    metrics.oldestSendable(-5);
    const { text } = await metrics.exposition();
    expect(text).toContain('packetboat_time_to_delivery_seconds_sum{tier="normal"} 0\n');
    expect(text).toContain('packetboat_oldest_sendable_age_seconds 0\n');
  });

  test('replace unknown label values by other', async () => {
    const metrics = fresh();
    metrics.message('user@example.com');
    metrics.held('sk_live_x', 1);
    metrics.attempt('odd', 'mailbox', 5);
    metrics.dependency('mongodb://db.example', false);
    metrics.http('BREW', '/v1/messages/{message_id}', 99_999, 1);
    const text = (await metrics.exposition()).text;
    expect(text).not.toMatch(/@|sk_live|mongodb:|99999|odd|BREW/);
    expect(text).toContain('packetboat_messages_total{result="other"} 1\n');
  });

  test('bound the number of values of an open label', async () => {
    const metrics = fresh();
    for (let i = 0; i < 1_000; i++) metrics.rpc(`/made.up/Rpc${i}`, 0, 1);
    const text = (await metrics.exposition()).text;
    expect(
      new Set([...text.matchAll(/packetboat_rpcs_total\{rpc="([^"]+)"/g)].map(([, rpc]) => rpc)).size,
    ).toBe(101);
    expect(text).toContain('packetboat_rpcs_total{rpc="other",status="0"} 900\n');
  });
});
