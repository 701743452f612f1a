// Loaded into a program before its own code: on SIGUSR2 the thread of its database ends, as it does
// when it runs out of memory.

import { isMainThread, type Worker } from 'node:worker_threads';

if (isMainThread) {
  process.on('worker', (worker: Worker) => {
    worker.once('online', () => {
      if (worker.threadName === 'packetboat-sqlite') process.once('SIGUSR2', () => void worker.terminate());
    });
  });
}
