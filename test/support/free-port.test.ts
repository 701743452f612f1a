import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, it, onTestFinished } from 'vitest';
import { freePort } from './free-port.ts';

const PORTS = 250;

/** Prints ports, and lives until its input ends: a process owns its ports while it lives. */
const PICK = `
const { freePort } = await import(process.argv[1]);
for (const port of await Promise.all(Array.from({ length: ${PORTS} }, freePort))) console.log(port);
console.log('end');
process.stdin.resume();
`;

async function pickInAnotherProcess(): Promise<number[]> {
  const module = resolve(import.meta.dirname, 'free-port.ts');
  const child = spawn(process.execPath, ['--input-type=module', '-e', PICK, module], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  onTestFinished(async () => {
    const ended = once(child, 'exit');
    child.stdin.end();
    await ended;
  });
  const ports: number[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    if (line === 'end') break;
    ports.push(Number(line));
  }
  return ports;
}

it('no port is handed out twice, neither in one process nor in several', async () => {
  const picks = await Promise.all([
    Promise.all(Array.from({ length: PORTS }, freePort)),
    pickInAnotherProcess(),
    pickInAnotherProcess(),
  ]);
  expect(picks.map((ports) => ports.length)).toEqual([PORTS, PORTS, PORTS]);
  expect(new Set(picks.flat()).size).toBe(3 * PORTS);
});

it('a port that another server listens on is not handed out', async () => {
  const port = await freePort();
  // ports of a block are handed out in order, so the next one is the next to be tried
  const server = createServer();
  await once(server.listen(port + 1, '127.0.0.1'), 'listening');
  onTestFinished(() => void server.close());
  expect(await freePort()).not.toBe(port + 1);
});
