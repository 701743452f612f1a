// Programs of the bench's own (clients, and the peers that we had to write), each in a process of
// its own and spoken to over Node's IPC: it says hello once it serves, then answers one question at
// a time. `startProgram` of test/support is for programs of others.

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';

const STOP_MS = 5_000;

export interface Child<Hello, Question, Answer> extends AsyncDisposable {
  readonly pid: number;
  readonly hello: Hello;
  /** One at a time. Rejects when the child ends instead of answering. */
  ask(question: Question): Promise<Answer>;
}

/** Starts a program of this folder; `argument` reaches its `serve`. */
export async function startChild<Hello, Question extends object, Answer>(
  file: string,
  argument: object,
): Promise<Child<Hello, Question, Answer>> {
  const child = fork(new URL(file, import.meta.url), [JSON.stringify(argument)], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const { pid } = child;
  try {
    const hello = (await nextMessage(child, file)) as Hello;
    if (pid === undefined) throw new Error(`${file} did not start`);
    return {
      pid,
      hello,
      ask(question) {
        child.send(question);
        return nextMessage(child, file) as Promise<Answer>;
      },
      [Symbol.asyncDispose]: () => stop(child),
    };
  } catch (error) {
    await stop(child);
    throw error;
  }
}

async function nextMessage(child: ChildProcess, file: string): Promise<unknown> {
  const over = new AbortController();
  const { signal } = over;
  try {
    const ended = once(child, 'exit', { signal }).then(([code]) =>
      Promise.reject(new Error(`${file} ended with code ${code}`)),
    );
    const [message] = await Promise.race([once(child, 'message', { signal }), ended]);
    return message;
  } finally {
    over.abort();
  }
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
  await ended;
  clearTimeout(timer);
}

/** In the child: what the parent gave to `startChild`. */
export function argument<Argument>(): Argument {
  return JSON.parse(process.argv[2] ?? '{}') as Argument;
}

/**
 * In the child: says hello, then answers each question, until the parent ends it or is gone. A
 * failure ends the child, and so the parent's question.
 */
export function serve<Question>(hello: object, answer: (question: Question) => Promise<object>): void {
  process.on(
    'message',
    (question) => void answer(question as Question).then((answered) => process.send?.(answered)),
  );
  process.once('disconnect', () => process.exit());
  process.send?.(hello);
}
