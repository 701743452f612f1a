// Graceful shutdown (P19). SIGTERM, SIGINT or the failure of a part that only a new process can
// replace stops the parts of a program in reverse order of their start. The process exits when they
// have stopped, when the grace period is over, or at once on a second signal. After a failure the
// exit code is 1, so that a supervisor starts the program again.

import { runningLimits } from '../core/limits/running.ts';
import type { Logger } from './log.ts';
import type { Program } from './program.ts';

const SIGNALS = ['SIGTERM', 'SIGINT'] as const;
/** The exit code that a shell reports for a program that a signal terminated. */
const EXIT_CODE = { SIGTERM: 143, SIGINT: 130 } as const;

/** The parts of `process` that a shutdown needs; tests pass a substitute. */
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
 * Starts a program and runs it until a signal arrives. Rejects if the start fails. An uncaught
 * exception exits the process with code 1, because the state of the process is unknown after a bug,
 * and the store has everything that matters.
 */
export async function runUntilSignal(
  start: () => Promise<AsyncDisposable & Pick<Program, 'failed'>>,
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
    log.fatal({ err: error }, 'the process exits because of an uncaught exception, which is a bug');
    target.exit(1);
  });

  const program = await start();
  const failure = await Promise.race([asked.promise, program.failed ?? asked.promise]);
  if (failure instanceof Error)
    log.fatal({ err: failure }, 'the process exits because a part that it cannot replace has failed');
  log.info('stopping');
  const timer = setTimeout(() => {
    log.error({ graceMs }, 'the grace period is over; the process exits before everything has stopped');
    target.exit(1);
  }, graceMs);
  try {
    await program[Symbol.asyncDispose]();
    log.info('stopped');
    target.exit(failure instanceof Error ? 1 : 0);
  } catch (error) {
    log.error({ err: error }, 'the program failed to stop cleanly');
    target.exit(1);
  } finally {
    clearTimeout(timer);
  }
}
