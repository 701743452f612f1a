// See bullmq.ts.

import { Worker } from 'bullmq';
import type { SendMailOptions } from 'nodemailer';
import { argument, serve } from '../child.ts';
import { type BullMqArgument, QUEUE } from './bullmq.ts';
import { pooledTransport, SMTP_CONNECTIONS } from './pooled-transport.ts';

const { redisPort, sinkPort } = argument<BullMqArgument>();
const transport = pooledTransport(sinkPort);
const worker = new Worker<SendMailOptions>(QUEUE, async ({ data }) => void (await transport.sendMail(data)), {
  connection: { host: '127.0.0.1', port: redisPort },
  // Measured: no faster with more.
  concurrency: 4 * SMTP_CONNECTIONS,
});
await worker.waitUntilReady();
serve({}, async () => ({}));
