// Finds a loopback port for a server that a test starts, kills and starts again on the same port.

import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';

/**
 * The range ends below the ports that systems take for outgoing connections (Linux: 32768 and up).
 * Inside that range a client that keeps dialling while its server is down ends up, one time in
 * 28,000, connected to itself, and holds the port.
 */
const FIRST_PORT = 12_000;
const BLOCKS = 200;
const BLOCK_PORTS = 100;

/** Ports of this process's blocks that were not handed out yet. */
const unused: number[] = [];
let claiming: Promise<void> | undefined;

/**
 * A free TCP port of 127.0.0.1. No other call gets the same port while this process lives, in this
 * process or in another, also while the server that uses it is down.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = unused.shift();
    if (port === undefined) {
      claiming ??= claimBlock().finally(() => {
        claiming = undefined;
      });
      await claiming;
    } else if (await isFree(port)) {
      return port;
    }
  }
}

/**
 * A process owns a block of ports while it listens on the block's first port. The kernel gives that
 * port to one process only and takes it back when the process ends, however it ends. Parallel
 * workers and parallel runs on one machine therefore never share a block, and nothing goes stale.
 */
async function claimBlock(): Promise<void> {
  const start = randomInt(BLOCKS);
  for (let i = 0; i < BLOCKS; i += 1) {
    const first = FIRST_PORT + ((start + i) % BLOCKS) * BLOCK_PORTS;
    const guard = await listenOn(first);
    if (guard === undefined) continue;
    guard.unref();
    for (let port = first + 1; port < first + BLOCK_PORTS; port += 1) unused.push(port);
    return;
  }
  throw new Error(`other processes hold all ${BLOCKS} blocks of ports from ${FIRST_PORT} on 127.0.0.1`);
}

/** A server of somebody else may listen inside the block. */
async function isFree(port: number): Promise<boolean> {
  const server = await listenOn(port);
  if (server === undefined) return false;
  await once(server.close(), 'close');
  return true;
}

async function listenOn(port: number): Promise<Server | undefined> {
  const server = createServer();
  try {
    await once(server.listen(port, '127.0.0.1'), 'listening');
    return server;
  } catch {
    return undefined;
  }
}
