// A program that a test starts, freezes, kills and starts again. It never outlives the test: a
// watchdog in a session of its own kills the program by pid and removes its folder when this
// process has ended, however it ended.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const READY_MS = 30_000;
const STOP_MS = 10_000;
/** A process that an ended program left behind may hold its output open for longer. */
const OUTPUT_END_MS = 500;
/** What is kept of a program's output, its end. */
const OUTPUT_CHARS = 16_384;

export interface ServerProgram {
  /** What errors call it. */
  readonly name: string;
  readonly command: string;
  /** May name the program's own folder. */
  readonly args: (folder: string) => readonly string[];
  /** On top of this process's environment; undefined takes a variable away. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Matches what the program prints, on either stream, once it serves. */
  readonly ready: RegExp;
  /** How long that may take; 30 s by default. */
  readonly readyMs?: number;
}

export interface RunningProgram extends AsyncDisposable {
  /** Of the present run. Undefined while it does not run. */
  readonly pid: number | undefined;
  /** The program's own folder, empty at first, removed at the end. */
  readonly folder: string;
  /** The end of what it printed, both streams, all runs. */
  output(): string;
  /** SIGSTOP: connections stay open, but get no reply. Returns when every thread has stopped. */
  pause(): void;
  /** SIGCONT. */
  resume(): void;
  /** SIGKILL, and waits for the end. Its folder stays. */
  kill(): Promise<void>;
  /**
   * SIGTERM, and the exit code; an error when it is still there after 10 s or a signal ended it.
   */
  stop(): Promise<number>;
  /**
   * Kills what runs and starts it again with the same arguments; `erase` empties its folder in
   * between.
   */
  restart(how?: { readonly erase?: boolean }): Promise<void>;
}

/**
 * Starts a program in an empty folder of its own. Resolves once the program prints that it is
 * ready.
 */
export async function startProgram(program: ServerProgram): Promise<RunningProgram> {
  const folder = await mkdtemp(join(tmpdir(), `packetboat-${program.name}-`));
  const watchdog = watch(folder);
  let child: ChildProcess | undefined;
  let output = '';

  async function start(): Promise<void> {
    const started = spawn(program.command, program.args(folder), {
      cwd: folder,
      env: { ...process.env, ...program.env },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true, // Ctrl-C is for the test runner; what it started, it stops itself.
    });
    child = started;
    const isReady = Promise.withResolvers<void>();
    let said = '';
    let isStarting = true;
    const collect = (text: string): void => {
      output = tail(output + text);
      if (!isStarting) return;
      said += text;
      if (program.ready.test(said)) isReady.resolve();
    };
    started.stdout.setEncoding('utf8').on('data', collect);
    started.stderr.setEncoding('utf8').on('data', collect);
    started.once('spawn', () => watchdog.guard(started.pid));
    started.once('error', isReady.reject);
    const isOver = (): void =>
      isReady.reject(new Error(`ended (${started.signalCode ?? started.exitCode}) before it was ready`));
    started.once('exit', () => {
      if (child === started) watchdog.guard(undefined);
      setTimeout(isOver, OUTPUT_END_MS).unref();
    });
    // Its last lines, which say why it ended, may come after its exit.
    started.once('close', isOver);
    const timer = setTimeout(
      () => isReady.reject(new Error('was not ready in time')),
      program.readyMs ?? READY_MS,
    );
    try {
      await isReady.promise;
    } catch (cause) {
      await kill();
      throw new Error(`${program.name} did not start; it said:\n${output}`, { cause });
    } finally {
      clearTimeout(timer);
      isStarting = false;
    }
  }

  function running(): ChildProcess | undefined {
    return child?.pid !== undefined && child.exitCode === null && child.signalCode === null
      ? child
      : undefined;
  }

  async function kill(): Promise<void> {
    const victim = running();
    if (victim === undefined) return;
    const ended = once(victim, 'exit');
    victim.kill('SIGKILL');
    await ended;
  }

  async function stop(): Promise<number> {
    const target = running();
    if (target !== undefined) {
      const ended = once(target, 'exit', { signal: AbortSignal.timeout(STOP_MS) });
      target.kill('SIGCONT');
      target.kill('SIGTERM');
      await ended;
    }
    if (child?.exitCode == null)
      throw new Error(`${program.name} was ended by ${child?.signalCode}; it said:\n${output}`);
    return child.exitCode;
  }

  async function dispose(): Promise<void> {
    await kill();
    await watchdog.release();
    await rm(folder, { recursive: true, force: true });
  }

  try {
    await start();
  } catch (error) {
    await dispose();
    throw error;
  }
  return {
    get pid() {
      return running()?.pid;
    },
    folder,
    output: () => output,
    pause: () => {
      const target = running();
      target?.kill('SIGSTOP');
      if (target?.pid !== undefined) awaitStopped(target.pid);
    },
    resume: () => void running()?.kill('SIGCONT'),
    kill,
    stop,
    restart: async ({ erase = false } = {}) => {
      await kill();
      if (erase) {
        await rm(folder, { recursive: true, force: true });
        await mkdir(folder);
      }
      await start();
    },
    [Symbol.asyncDispose]: dispose,
  };
}

function tail(output: string): string {
  return output.slice(-OUTPUT_CHARS);
}

/**
 * Reads the pid of each run, and an empty line when none runs. The end of its input means that the
 * test process has ended. The pid cannot belong to another process by then: while the test process
 * lives, only it reaps the program, and it writes the empty line in the same turn; when it ends,
 * the watchdog reads the end of its input at once.
 */
const WATCHDOG = `
while read -r line; do pid=$line; done
[ -z "$pid" ] || kill -KILL "$pid"
rm -rf -- "$1"
`;

function watch(folder: string): { guard(pid: number | undefined): void; release(): Promise<void> } {
  const shell = spawn('/bin/sh', ['-c', WATCHDOG, 'sh', folder], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  const ended = once(shell, 'exit');
  shell.unref();
  (shell.stdin as Socket).unref();
  return {
    guard: (pid) => void shell.stdin.write(`${pid ?? ''}\n`),
    release: async () => {
      shell.ref();
      shell.stdin.end();
      await ended;
    },
  };
}

/**
 * Waits until no thread of the process runs. On a busy machine the threads of a JVM stop some
 * milliseconds after the signal, and one of them may still reply. Only Linux tells; elsewhere the
 * signal has to do.
 */
function awaitStopped(pid: number): void {
  const tasks = `/proc/${pid}/task`;
  if (!existsSync(tasks)) return;
  const isStopped = (task: string): boolean => {
    try {
      // the state follows the name, which is in parentheses and may contain any character
      const stat = readFileSync(`${tasks}/${task}/stat`, 'utf8');
      return /^[TtXZ]/.test(stat.slice(stat.lastIndexOf(')') + 2));
    } catch {
      return true; // the thread has ended
    }
  };
  const giveUpAt = performance.now() + STOP_MS;
  while (!readdirSync(tasks).every(isStopped))
    if (performance.now() > giveUpAt) throw new Error(`process ${pid} did not stop`);
}
