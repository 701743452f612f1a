// The most important metrics, as the programs of an installation report them after some mail was
// delivered.

import { expect, it, vi } from 'vitest';
import { onEachSubject } from './stage.ts';

onEachSubject('metrics', {}, (stage) => {
  /** Values of this series, over all programs. */
  async function valuesOf(series: string, accept = '*/*'): Promise<number[]> {
    const texts = await Promise.all(
      stage.packetboat.programs.map(async ({ operationsUrl }) =>
        (await fetch(`${operationsUrl}/metrics`, { headers: { accept } })).text(),
      ),
    );
    return texts.flatMap((text) =>
      text
        .split('\n')
        .flatMap((line) => (line.startsWith(`${series} `) ? [Number(line.slice(series.length + 1))] : [])),
    );
  }
  const sum = async (series: string): Promise<number> => (await valuesOf(series)).reduce((a, b) => a + b, 0);

  it('have the duration of deliveries by tier, and of requests by method and route', async () => {
    const mail = { from: 'billing@mail.shop.example', to: ['user@example.com'], subject: 's', text: 't' };
    const normal = await stage.rest.accepted(mail);
    const high = await stage.rest.accepted({ ...mail, priority: 'high' });
    for (const id of [normal, high]) await stage.rest.until(id, 'delivered');
    // counted right after the outcome is recorded
    await vi.waitFor(async () => {
      for (const tier of ['normal', 'high']) {
        expect(await sum(`packetboat_time_to_delivery_seconds_count{tier="${tier}"}`)).toBe(1);
        expect(await sum(`packetboat_time_to_first_reply_seconds_count{tier="${tier}"}`)).toBe(1);
        expect(await sum(`packetboat_time_to_delivery_seconds_bucket{le="28800",tier="${tier}"}`)).toBe(1);
      }
    }, 10_000);
    expect(await sum('packetboat_http_request_seconds_count{method="POST",route="/v1/messages"}')).toBe(2);
    expect(
      await sum('packetboat_http_request_seconds_count{method="GET",route="/v1/messages/:message_id"}'),
    ).toBeGreaterThan(0);
    await fetch(`${stage.packetboat.url}/nowhere`, { method: 'PROPFIND' });
    expect(await sum('packetboat_http_request_seconds_count{method="other",route="unmatched"}')).toBe(1);
  });

  it('show that no delivery waits', async () => {
    await vi.waitFor(async () => expect(await sum('packetboat_oldest_sendable_age_seconds')).toBe(0), 15_000);
    expect(await sum('packetboat_backlog_deliveries')).toBe(0);
  });

  it('have the same values in the text format', async () => {
    const series = 'packetboat_messages_total{result="queued"}';
    expect(await valuesOf(series, 'text/plain;version=0.0.4')).toEqual([2]);
    expect(await valuesOf(series)).toEqual([2]);
  });
});
