// Lends one server of each kind to all test files of a run. It runs in the test runner's own
// process, because each test file has a process of its own. A server is started when the first test
// asks for it.

import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestProject } from 'vitest/node';
import { type OpenBackend, openBackend } from './backend.ts';
import type { BackendName } from './need.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Where to ask for a backend: `GET /nats` returns a Loan. */
    lender: string;
    /** Description of each server that was lent, for the run's summary. */
    lent: readonly string[];
  }
}

const names: readonly string[] = ['mongo', 'nats', 'redis', 'kubernetes'] satisfies BackendName[];

/**
 * Vitest calls it once before the first test file, and the function that it returns after the last.
 */
export default async function lend(project: TestProject): Promise<() => Promise<void>> {
  const open = new Map<string, Promise<OpenBackend>>();
  const lent: string[] = [];

  async function lendOne(name: BackendName): Promise<OpenBackend> {
    const backend = await openBackend(name);
    lent.push(backend.description);
    project.provide('lent', lent);
    return backend;
  }

  const server = createServer(async (request, response) => {
    const name = request.url?.slice(1) ?? '';
    if (!names.includes(name)) {
      response.writeHead(404).end(`no backend is called ${name}`);
      return;
    }
    const opening = open.get(name) ?? lendOne(name as BackendName);
    open.set(name, opening);
    try {
      const { url, description } = await opening;
      response.end(JSON.stringify({ url, description }));
    } catch (error) {
      response.writeHead(500).end(String(error));
    }
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  project.provide('lender', `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  project.provide('lent', lent);

  return async () => {
    server.close();
    server.closeAllConnections();
    const opened = await Promise.allSettled(open.values());
    await Promise.all(
      opened.map((backend) =>
        backend.status === 'fulfilled' ? backend.value[Symbol.asyncDispose]() : undefined,
      ),
    );
  };
}
