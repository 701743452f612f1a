// A sink in a process of its own, seen from the test that started it.

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout } from 'node:timers/promises';
import type { Anomaly, CopyCount, ReceivedMail, SinkCounts } from './smtp-sink.ts';
import type { Rule } from './smtp-sink-rules.ts';

const ASK_AGAIN_MS = 25;
const WAIT_MS = 30_000;

/** As `Sink`, a call away; the bytes of mails stay there. */
export interface SinkProcess extends AsyncDisposable {
  readonly port: number;
  readonly pid: number;
  counts(): Promise<SinkCounts>;
  mails(): Promise<Omit<ReceivedMail, 'raw'>[]>;
  copies(): Promise<CopyCount[]>;
  anomalies(): Promise<Anomaly[]>;
  setRules(rules: readonly Rule[]): Promise<void>;
  release(): Promise<void>;
  forget(): Promise<void>;
  until(condition: (counts: SinkCounts) => boolean, waitMs?: number): Promise<void>;
}

/** Options are the program's, for example `['--header', 'X-Round']`. */
export async function startSinkProcess(options: readonly string[] = []): Promise<SinkProcess> {
  const child = fork(new URL('smtp-sink.ts', import.meta.url), options, { silent: true, execArgv: [] });
  child.stderr?.pipe(process.stderr);
  const exited = once(child, 'exit');
  const firstLine = child.stdout === null ? [] : once(createInterface(child.stdout), 'line');
  const [line] = await Promise.race([
    firstLine,
    exited.then(() => Promise.reject(new Error('the sink did not start'))),
  ]);
  const { port, control } = JSON.parse(String(line)) as { port: number; control: string };

  const call = async <Answer>(method: string, path: string, body?: unknown): Promise<Answer> => {
    const answer = await fetch(control + path, {
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    if (!answer.ok) throw new Error(`the sink answered ${answer.status}: ${await answer.text()}`);
    return (await answer.json()) as Answer;
  };
  const counts = () => call<SinkCounts>('GET', '/counts');

  return {
    port,
    pid: child.pid ?? 0,
    counts,
    async mails() {
      const all: Omit<ReceivedMail, 'raw'>[] = [];
      for (;;) {
        const { mails } = await call<{ mails: Omit<ReceivedMail, 'raw'>[] }>(
          'GET',
          `/mails?after=${all.length}`,
        );
        if (mails.length === 0) return all;
        for (const mail of mails) all.push(mail);
      }
    },
    copies: async () => (await call<{ copies: CopyCount[] }>('GET', '/copies')).copies,
    anomalies: async () => (await call<{ anomalies: Anomaly[] }>('GET', '/anomalies')).anomalies,
    setRules: (rules) => call('PUT', '/rules', rules),
    release: () => call('POST', '/release'),
    forget: () => call('DELETE', '/mails'),
    async until(condition, waitMs = WAIT_MS) {
      for (const giveUpAt = Date.now() + waitMs; !condition(await counts()); await setTimeout(ASK_AGAIN_MS)) {
        if (Date.now() > giveUpAt) throw new Error(`waited ${waitMs} ms in vain: ${condition}`);
      }
    },
    async [Symbol.asyncDispose]() {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM');
      await exited;
    },
  };
}
