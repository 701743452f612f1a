// The client of all rows that are spoken to over HTTP, in a process of its own. Two ways: as fast
// as the server answers with so many requests under way, for rates; or at given times whatever the
// server does, for latencies that do not leave out the bad moments (open loop).

import { setTimeout } from 'node:timers/promises';
import { argument, serve } from './child.ts';
import type { ClientArgument, LoadReport, Order } from './http-client.ts';
import { HttpConnection } from './http-connection.ts';
import { largeBody } from './large-mail.ts';
import { idsOf, requestBody } from './mail.ts';
import { percentile } from './statistics.ts';

const { url: address, headers } = argument<ClientArgument>();
const url = new URL(address);
/**
 * As many as a service with this load would open to another; requests that find none free wait, and
 * their waiting counts.
 */
const CONNECTIONS_MAX = 256;
const idle: HttpConnection[] = [];
const waiting: ((connection: HttpConnection) => void)[] = [];
let open = 0;

interface Tally {
  readonly accepted: string[];
  readonly refused: Record<string, number>;
  readonly ms: number[];
}

async function hand(
  id: string,
  body: string | readonly Buffer[],
  since: number,
  tally: Tally,
): Promise<void> {
  const connection = await borrow();
  const status = await connection.post(body);
  tally.ms.push(performance.now() - since);
  giveBack(connection);
  if (status >= 200 && status < 300) tally.accepted.push(id);
  else tally.refused[status] = (tally.refused[status] ?? 0) + 1;
}

/**
 * The one used last, since a server may have closed those that were idle for long; a new one; or
 * the next that comes free.
 */
async function borrow(): Promise<HttpConnection> {
  for (let connection = idle.pop(); connection !== undefined; connection = idle.pop()) {
    if (connection.isOpen) return connection;
    open -= 1;
  }
  if (open < CONNECTIONS_MAX) {
    open += 1;
    return await HttpConnection.open(url, headers);
  }
  const { promise, resolve } = Promise.withResolvers<HttpConnection>();
  waiting.push(resolve);
  return await promise;
}

function giveBack(connection: HttpConnection): void {
  const next = waiting.shift();
  if (next === undefined) idle.push(connection);
  else next(connection);
}

async function asFastAsAnswered(order: Order, tally: Tally, inFlight: number): Promise<void> {
  const ids = idsOf(order);
  const next = ids.values();
  const one = async () => {
    for (const id of next)
      await hand(id, order.isLarge ? largeBody(id) : requestBody(id), performance.now(), tally);
  };
  await Promise.all(Array.from({ length: inFlight }, one));
}

/** Latency counts from when a request was meant to be sent, also if this process was late. */
async function atTimes(order: Order, tally: Tally, perSecond: number): Promise<void> {
  const ids = idsOf(order);
  const interval = 1_000 / perSecond;
  const start = performance.now();
  const under: Promise<void>[] = [];
  for (const [i, id] of ids.entries()) {
    const intended = start + i * interval;
    while (performance.now() < intended) await setTimeout(1);
    under.push(hand(id, requestBody(id), intended, tally));
  }
  await Promise.all(under);
}

serve<Order>({}, async (order): Promise<LoadReport> => {
  const tally: Tally = { accepted: [], refused: {}, ms: [] };
  if (order.pace.kind === 'asFastAsAnswered') await asFastAsAnswered(order, tally, order.pace.inFlight);
  else await atTimes(order, tally, order.pace.perSecond);
  const { accepted, refused, ms } = tally;
  return {
    accepted,
    refused,
    p50Ms: percentile(ms, 0.5),
    p99Ms: percentile(ms, 0.99),
    maxMs: Math.max(...ms),
  };
});
