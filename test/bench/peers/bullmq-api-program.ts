// See bullmq.ts.

import { Queue } from 'bullmq';
import Fastify from 'fastify';
import { argument, serve } from '../child.ts';
import { type ApiHello, type BullMqArgument, QUEUE } from './bullmq.ts';

const { redisPort } = argument<BullMqArgument>();
const queue = new Queue(QUEUE, {
  connection: { host: '127.0.0.1', port: redisPort },
  defaultJobOptions: { attempts: 6, backoff: { type: 'exponential', delay: 30_000 }, removeOnComplete: true },
});

const string = { type: 'string' } as const;
const body = {
  type: 'object',
  required: ['from', 'to', 'subject'],
  properties: {
    from: string,
    to: { type: 'array', items: string, minItems: 1 },
    subject: string,
    html: string,
    text: string,
  },
} as const;
const accepted = { type: 'object', properties: { message_id: string, status: string } } as const;

const api = Fastify({ logger: false });
api.post('/v1/messages', { schema: { body, response: { 202: accepted } } }, async (request, reply) => {
  const job = await queue.add('send', request.body);
  reply.code(202);
  return { message_id: job.id, status: 'queued' };
});
await queue.waitUntilReady();
const address = await api.listen({ host: '127.0.0.1', port: 0 });
serve({ url: `${address}/v1/messages` } satisfies ApiHello, async () => ({}));
