// From a signal to the end of the process (P19): SIGTERM or SIGINT stops what runs, in reverse
// order of its start; what is not done within the grace period is given up; a second signal ends
// the process at once.

import { runningLimits } from '../core/limits/running.ts';
import type { Logger } from './log.ts';

const SIGNALS = ['SIGTERM', 'SIGINT'] as const;
/** What a shell reports for a program that a signal ended. */
const EXIT_CODE = { SIGTERM: 143, SIGINT: 130 } as const;

/** The parts of `process` that ending one takes; tests hand in another. */
interface ProcessToEnd {
  on(event: (typeof SIGNALS)[number], listener: () => void): unknown;
  on(event: 'uncaughtException', listener: (error: unknown) => void): unknown;
  exit(code: number): void;
}

interface ShutdownOptions {
  readonly log: Pick<Logger, 'info' | 'error' | 'fatal'>;
  readonly graceMs?: number;
  readonly process?: ProcessToEnd;
}

/**
 * Starts a program and keeps it until a signal comes. A start that fails ends the process with code
 * 1, and so does a bug: an exception that nobody caught leaves a state that nobody knows, and
 * everything that matters is in the store.
 */
export async function runUntilSignal(
  start: () => Promise<AsyncDisposable>,
  options: ShutdownOptions,
): Promise<void> {
  const { log, graceMs = runningLimits.shutdownGraceMs, process: target = process } = options;
  const asked = Promise.withResolvers<void>();
  let isAsked = false;
  for (const signal of SIGNALS) {
    target.on(signal, () => {
      if (isAsked) return target.exit(EXIT_CODE[signal]);
      isAsked = true;
      asked.resolve();
    });
  }
  target.on('uncaughtException', (error) => {
    log.fatal({ err: error }, 'a bug stops this process');
    target.exit(1);
  });

  const program = await start();
  await asked.promise;
  log.info('stopping');
  const timer = setTimeout(() => {
    log.error({ graceMs }, 'the grace period is over before all was done');
    target.exit(1);
  }, graceMs);
  try {
    await program[Symbol.asyncDispose]();
    log.info('stopped');
    target.exit(0);
  } catch (error) {
    log.error({ err: error }, 'stopping failed');
    target.exit(1);
  } finally {
    clearTimeout(timer);
  }
}
