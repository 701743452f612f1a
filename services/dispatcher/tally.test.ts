import { expect, it } from 'vitest';
import type { SenderFigures } from '../ports/sender-figures.ts';
import { storeTally, Tally } from './tally.ts';

const billing = { tenant: 'shop', sender: 'billing' };
const news = { tenant: 'shop', sender: 'news' };

it('counts the outcomes of each sender’s attempts, and starts at zero after each take', () => {
  const tally = new Tally();
  tally.attempt(billing, { outcome: 'delivered', at: 1, code: 250, enhanced: '2.0.0' });
  tally.attempt(billing, { outcome: 'deferred', at: 2, code: 451, enhanced: null });
  tally.attempt(news, { outcome: 'bounced', at: 3, code: 550, enhanced: '5.1.1' });
  tally.attempt(news, { outcome: 'lost', at: 4, code: null, enhanced: null });
  tally.paused(news, 'relay', { until: 99, reason: 'tls', message: 'the server offers no TLS' });
  expect(tally.take()).toEqual([
    {
      ...billing,
      sent: 1,
      deferred: 1,
      bounced: 0,
      lastReply: { at: 2, code: 451, enhanced: null },
      pausedRoutes: {},
    },
    {
      ...news,
      sent: 0,
      deferred: 0,
      bounced: 1,
      lastReply: { at: 3, code: 550, enhanced: '5.1.1' },
      pausedRoutes: { relay: { until: 99, reason: 'tls', message: 'the server offers no TLS' } },
    },
  ]);
  expect(tally.take()).toEqual([]);
});

it('stores the remaining counts before it stops, and continues after a store that failed', async () => {
  const tally = new Tally();
  const stop = new AbortController();
  const stored: SenderFigures[] = [];
  const reports: string[] = [];
  let tries = 0;
  const store = {
    add: async (figures: readonly SenderFigures[]) => {
      tries += 1;
      if (tries === 1) throw new Error('away');
      stored.push(...figures);
    },
  };
  const clock = {
    now: () => 0,
    monotonic: () => 0,
    uptime: () => 0,
    // the second wait ends with the abort
    sleep: async () => {
      tally.attempt(billing, { outcome: 'delivered', at: tries, code: 250, enhanced: null });
      if (tries === 2) stop.abort();
    },
  };
  await storeTally(tally, { store, clock, report: (what) => void reports.push(what) }, stop.signal);
  expect(reports).toEqual(['the figures of senders could not be stored']);
  expect(stored.map(({ sent }) => sent)).toEqual([1, 1]);
});
