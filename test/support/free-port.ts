// Finds a loopback port that a server can be killed and started on again.

import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';

/**
 * Below the range that systems take ports for outgoing connections from (Linux: 32768 and up).
 * Inside that range a client that keeps dialling while its server is down ends up, one time in
 * 28,000, connected to itself, and holds the port.
 */
const FIRST_PORT = 12_000;
const LAST_PORT = 32_000;

/** A free TCP port of 127.0.0.1. It is not reserved: take it soon. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < 100; tries += 1) {
    const port = randomInt(FIRST_PORT, LAST_PORT);
    if (await isFree(port)) return port;
  }
  throw new Error(`no free port on 127.0.0.1 between ${FIRST_PORT} and ${LAST_PORT}`);
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  try {
    await once(server.listen(port, '127.0.0.1'), 'listening');
  } catch {
    return false;
  }
  await once(server.close(), 'close');
  return true;
}
