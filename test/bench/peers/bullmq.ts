// What a Node team builds by itself: an API on fastify that adds a job to BullMQ before it answers,
// a worker that hands it to nodemailer's pool, and a Redis that syncs its log before it answers.

import { freePort } from '../../support/free-port.ts';
import { requireFile } from '../../support/need.ts';
import { startProgram } from '../../support/process.ts';
import { type Child, startChild } from '../child.ts';
import type { Contender } from '../contender.ts';

export const QUEUE = 'mail';

export interface BullMqArgument {
  readonly redisPort: number;
  readonly sinkPort: number;
}

export interface ApiHello {
  readonly url: string;
}

export const bullMq: Contender = {
  name: 'BullMQ + nodemailer',
  durability: 'power loss: Redis AOF, synced before the response (appendfsync always)',
  needs: ['redis-server'],
  async start(sinkPort) {
    await using started = new AsyncDisposableStack();
    const redisPort = await freePort();
    const redis = started.use(
      await startProgram({
        name: 'bench-redis',
        command: requireFile('redis-server'),
        args: (folder) => [
          ...['--bind', '127.0.0.1', '--port', String(redisPort), '--dir', folder],
          ...['--save', '', '--appendonly', 'yes', '--appendfsync', 'always'],
        ],
        ready: /Ready to accept connections/,
      }),
    );
    const argument: BullMqArgument = { redisPort, sinkPort };
    const worker: Child<object, object, object> = started.use(
      await startChild('peers/bullmq-worker-program.ts', argument),
    );
    const api: Child<ApiHello, object, object> = started.use(
      await startChild('peers/bullmq-api-program.ts', argument),
    );
    const all = started.move();
    return {
      parts: [
        { name: 'api', pid: api.pid },
        { name: 'worker', pid: worker.pid },
        { name: 'redis', pid: redis.pid ?? 0 },
      ],
      door: { kind: 'http', url: api.hello.url, headers: {} },
      [Symbol.asyncDispose]: () => all.disposeAsync(),
    };
  },
};
