// A loop around nodemailer: no queue, no door, nothing kept. What one process with this library
// does at most.

import { startChild } from '../child.ts';
import type { Contender } from '../contender.ts';
import type { MailBatch } from '../mail.ts';

export interface Loop {
  readonly sinkPort: number;
}

export interface LoopSent {
  readonly ids: readonly string[];
}

export const bareLoop: Contender = {
  name: 'nodemailer loop',
  durability: 'nothing: unsent mail is lost when the process ends',
  needs: [],
  async start(sinkPort) {
    const loop = await startChild<object, MailBatch, LoopSent>('peers/bare-loop-program.ts', {
      sinkPort,
    } satisfies Loop);
    return {
      parts: [{ name: 'loop', pid: loop.pid }],
      door: { kind: 'direct', send: async (batch) => (await loop.ask(batch)).ids },
      [Symbol.asyncDispose]: () => loop[Symbol.asyncDispose](),
    };
  },
};
