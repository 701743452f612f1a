// `packetboat self-test`, which `helm test` runs: starts an SMTP server, sends a message to it
// through an installation, and waits for the delivery.

import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { systemClock } from '../services/adapters/system/clock.ts';
import { Failure } from '../services/core/failure.ts';
import { tasksLimits } from '../services/core/limits/tasks.ts';
import { type Inbox, startInbox } from '../services/inbox/inbox.ts';
import type { Config } from '../services/runtime/config.ts';
import type { Logger } from '../services/runtime/log.ts';

type Settings = Pick<Config<'self-test'>, 'url' | 'apiKey' | 'smtpAddr' | 'sender' | 'waitMs'>;

const errorBody = z.object({
  error: z.object({
    message: z.string(),
    errors: z.array(z.object({ field: z.string(), message: z.string() })).default([]),
  }),
});
const acceptedBody = z.object({ message_id: z.string() });
const messageBody = z.object({
  status: z.string(),
  deliveries: z.array(
    z.object({
      status: z.string(),
      hold: z.string().optional(),
      last_reply: z.object({ text: z.string() }).optional(),
    }),
  ),
});

/**
 * Resolves when this process has received the message. Rejects with a `Failure` that contains the
 * last state.
 */
export async function runSelfTest(settings: Settings, log: Pick<Logger, 'info'>): Promise<void> {
  await using open = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'packetboat-self-test-'));
  open.defer(() => rm(folder, { recursive: true, force: true }));
  const inbox = open.use(await startInbox({ smtp: settings.smtpAddr, folder }));
  log.info({ smtpPort: inbox.smtpPort }, 'listening for SMTP');
  const giveUpAt = systemClock.monotonic() + settings.waitMs;

  const subject = `Self-test ${randomBytes(12).toString('hex')}`;
  const request = {
    ...{
      sender: settings.sender,
      to: ['self-test@example.net'],
      subject,
      text: 'Sent by packetboat self-test.',
    },
    // without it, deleting the sender after a failed test would wait for this message
    expires_at: new Date(systemClock.now() + settings.waitMs + tasksLimits.selfTestAnswerMs).toISOString(),
  };
  const id = await untilDone('sent', () => send(settings, request), giveUpAt, log);
  log.info({ message_id: id }, 'accepted');
  await untilDone('delivered', () => look(settings, id, inbox, subject), giveUpAt, log);
  log.info({ message_id: id }, 'delivered');
}

/** Identical in each attempt, as its idempotency key requires. */
interface Request {
  readonly sender: string;
  readonly to: readonly string[];
  readonly subject: string;
  readonly text: string;
  readonly expires_at: string;
}

/** The result of one try, or the reason why there is none yet. */
type Attempt = { readonly done: string } | { readonly notYet: string };

async function untilDone(
  what: string,
  attempt: () => Promise<Attempt>,
  giveUpAt: number,
  log: Pick<Logger, 'info'>,
): Promise<string> {
  let lastLogged = '';
  for (;;) {
    const tried = await attempt();
    if ('done' in tried) return tried.done;
    if (systemClock.monotonic() >= giveUpAt)
      throw new Failure('unavailable', `The message was not ${what}: ${tried.notYet}`);
    if (tried.notYet !== lastLogged) log.info(`not ${what} yet: ${tried.notYet}`);
    lastLogged = tried.notYet;
    await systemClock.sleep(tasksLimits.selfTestEveryMs);
  }
}

/**
 * A rejected request is sent again, because ingest may not know a new sender yet. A rejected API
 * key is final.
 */
async function send(settings: Settings, request: Request): Promise<Attempt> {
  const answer = await ask(settings, '/v1/messages', {
    method: 'POST',
    body: JSON.stringify(request),
    headers: { 'idempotency-key': request.subject },
  });
  if ('notYet' in answer) return answer;
  const { data } = acceptedBody.safeParse(answer.body);
  return data === undefined ? { notYet: `${answer.status} without a message_id` } : { done: data.message_id };
}

async function look(settings: Settings, id: string, inbox: Inbox, subject: string): Promise<Attempt> {
  const answer = await ask(settings, `/v1/messages/${id}`, {});
  if ('notYet' in answer) return answer;
  const { data } = messageBody.safeParse(answer.body);
  if (data === undefined) return { notYet: `${answer.status} without a message` };
  const isHere = inbox.mails.list().some((mail) => mail.subject === subject);
  const [delivery] = data.deliveries;
  if (delivery?.status === 'delivered') {
    if (isHere) return { done: id };
    throw new Failure(
      'conflict',
      `The message was delivered elsewhere: the route of sender ${settings.sender} does not lead to this process.`,
    );
  }
  const why = [delivery?.hold, delivery?.last_reply?.text].filter((reason) => reason !== undefined);
  return { notYet: [`status ${data.status}`, ...why].join(', ') };
}

async function ask(
  { url, apiKey }: Settings,
  path: string,
  init: { readonly method?: string; readonly body?: string; readonly headers?: Record<string, string> },
): Promise<{ readonly status: number; readonly body: unknown } | { readonly notYet: string }> {
  let response: Response;
  try {
    const headers = { ...init.headers, authorization: `Bearer ${apiKey}` };
    response = await fetch(new URL(path, url), {
      ...init,
      headers,
      signal: AbortSignal.timeout(tasksLimits.selfTestAnswerMs),
    });
  } catch (error) {
    const { cause } = error as { readonly cause?: { readonly code?: unknown } };
    return { notYet: `the gateway is unreachable (${String(cause?.code ?? 'timeout')})` };
  }
  const body: unknown = await response.json().catch(() => null);
  if (response.ok) return { status: response.status, body };
  const error = errorBody.safeParse(body).data?.error;
  const fields = error?.errors.map(({ field, message }) => `${field}: ${message}`) ?? [];
  const reason = [String(response.status), error?.message, ...fields]
    .filter((part) => part !== undefined)
    .join(' ');
  if (response.status === 401 || response.status === 403)
    throw new Failure('unauthenticated', `The gateway rejected the API key: ${reason}`);
  return { notYet: reason };
}
