import { EventEmitter } from 'node:events';
import { pino } from 'pino';
import { describe, expect, test } from 'vitest';
import { runUntilSignal } from './shutdown.ts';

const log = pino({ level: 'silent' });

/** A process that can be told to end and remembers with which code it did. */
class ProcessOfTest extends EventEmitter {
  readonly exited = Promise.withResolvers<number>();
  exit(code: number): void {
    this.exited.resolve(code);
  }
}

/** A program that takes as long to stop as it is told. */
function programOf(stopping: Promise<void> = Promise.resolve()) {
  const steps: string[] = [];
  const started = Promise.withResolvers<void>();
  const start = async (): Promise<AsyncDisposable> => {
    const open = new AsyncDisposableStack();
    open.defer(() => void steps.push('store closed'));
    open.defer(() => stopping);
    open.defer(() => void steps.push('readiness off'));
    started.resolve();
    return open;
  };
  return { start, started: started.promise, steps };
}

describe('a program', () => {
  test.each(['SIGTERM', 'SIGINT'])(
    'stops on %s in reverse order of its start, with code 0',
    async (signal) => {
      const process = new ProcessOfTest();
      const { start, started, steps } = programOf();
      const ran = runUntilSignal(start, { log, process });
      await started;
      process.emit(signal);
      expect(await process.exited.promise).toBe(0);
      expect(steps).toEqual(['readiness off', 'store closed']);
      await ran;
    },
  );

  test('stops after its start if a signal arrives during the start', async () => {
    const process = new ProcessOfTest();
    const { start, steps } = programOf();
    const ran = runUntilSignal(start, { log, process });
    process.emit('SIGTERM');
    expect(await process.exited.promise).toBe(0);
    expect(steps).toEqual(['readiness off', 'store closed']);
    await ran;
  });

  test('exits at once on a second signal', async () => {
    const process = new ProcessOfTest();
    const { start, started } = programOf(new Promise(() => {}));
    void runUntilSignal(start, { log, process });
    await started;
    process.emit('SIGINT');
    process.emit('SIGINT');
    expect(await process.exited.promise).toBe(130);
  });

  test('stops and exits with code 1 when a part has failed that only a new process can replace', async () => {
    const process = new ProcessOfTest();
    const { start, started, steps } = programOf();
    const failed = Promise.withResolvers<Error>();
    const ran = runUntilSignal(async () => Object.assign(await start(), { failed: failed.promise }), {
      log,
      process,
    });
    await started;
    failed.resolve(new Error('the thread has ended'));
    expect(await process.exited.promise).toBe(1);
    expect(steps).toEqual(['readiness off', 'store closed']);
    await ran;
  });

  test('exits when the grace period is over', async () => {
    const process = new ProcessOfTest();
    const { start, started } = programOf(new Promise(() => {}));
    void runUntilSignal(start, { log, process, graceMs: 5 });
    await started;
    process.emit('SIGTERM');
    expect(await process.exited.promise).toBe(1);
  });

  test('exits with code 1 if stopping fails', async () => {
    const process = new ProcessOfTest();
    const { start, started } = programOf(Promise.reject(new Error('no')));
    const ran = runUntilSignal(start, { log, process });
    await started;
    process.emit('SIGTERM');
    expect(await process.exited.promise).toBe(1);
    await ran;
  });

  test('that fails to start rejects', async () => {
    await expect(
      runUntilSignal(() => Promise.reject(new Error('no store')), { log, process: new ProcessOfTest() }),
    ).rejects.toThrow('no store');
  });

  test('exits after an uncaught exception', async () => {
    const process = new ProcessOfTest();
    const { start, started } = programOf();
    void runUntilSignal(start, { log, process });
    await started;
    process.emit('uncaughtException', new Error('impossible'));
    expect(await process.exited.promise).toBe(1);
  });
});
