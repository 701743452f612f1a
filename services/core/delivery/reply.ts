// What an SMTP reply, or a failed connection, means for a delivery. No other file decides this (R7,
// R8). The transport reports what happened, `classifyAnswer` decides what follows, and `delivery.ts`
// turns the verdict into a change.

import { Failure } from '../failure.ts';
import { deliveryLimits } from '../limits/delivery.ts';
import type { Verdict } from './delivery.ts';
import { isOurQuota } from './reply-quota.ts';

/**
 * The step of the SMTP conversation that the answer ended. `dial` and `tls` come before the
 * greeting; `starttls` is the command and `tls` the handshake; `body` lasts from the 354 reply to
 * the final dot, and `dot` from the first byte of the dot to its reply.
 */
export type Stage =
  | 'dial'
  | 'tls'
  | 'greeting'
  | 'ehlo'
  | 'starttls'
  | 'auth'
  | 'mail'
  | 'rcpt'
  | 'data'
  | 'body'
  | 'dot';

/**
 * - `accepted`: 2xx to the final dot. The server is now responsible for the mail.
 * - `refused`: the server rejected the mail, or its EHLO reply says that it would (SIZE, no
 *   SMTPUTF8).
 * - `lost`: the connection ended before the final dot, so no server has the mail.
 * - `answer_lost`: the connection ended after the final dot and before the reply. Only the server
 *   knows whether it took the mail.
 * - `fenced`: the dispatcher lost its lease before the final dot, which was not sent.
 * - `aborted`: the caller gave up before the final dot.
 * - `fault`: a fault on our side. `reason` names it.
 */
export type AnswerKind = 'accepted' | 'refused' | 'lost' | 'answer_lost' | 'fenced' | 'aborted' | 'fault';

/**
 * The cause of an answer without a reply. `dropped`, `timeout` and `protocol` belong to `lost` and
 * `answer_lost`. The others belong to `fault`: name resolution, a forbidden address, the
 * connection, TLS, the login, and reading the mail's body.
 */
export type Reason =
  | 'dropped'
  | 'timeout'
  | 'protocol'
  | 'dns'
  | 'address_refused'
  | 'connect'
  | 'tls'
  | 'auth'
  | 'body';

export interface Reply {
  /** The reply code, 200 to 599; null if there was no reply. */
  readonly code: number | null;
  /** RFC 3463 enhanced status code, for example `5.1.1`; null without one. */
  readonly enhanced: string | null;
  /**
   * The text without its codes: one line without control characters, at most
   * `deliveryLimits.replyCharsMax` characters.
   */
  readonly text: string;
}

export interface Answer extends Reply {
  readonly kind: AnswerKind;
  readonly stage: Stage;
  /** Null for `accepted`, `refused`, `fenced` and `aborted`. */
  readonly reason: Reason | null;
}

/** A closed list of words by which events, metrics and lists count answers. */
export type Category =
  | 'accepted'
  | 'mailbox' // the mailbox does not exist or takes no mail
  | 'mailbox_full'
  | 'too_large'
  | 'content'
  | 'smtputf8'
  | 'policy'
  | 'relay_denied'
  | 'busy' // overloaded, rate limited, greylisting, out of space, or a quota of ours
  | 'sender_refused'
  | 'route_refused' // the server rejects every client
  | 'refused'
  | 'connection_lost'
  | 'answer_lost'
  | 'timeout'
  | 'protocol'
  | 'fenced'
  | 'aborted'
  | 'dns'
  | 'address_refused'
  | 'connect'
  | 'tls'
  | 'auth'
  | 'body';

/**
 * A verdict, or `local`: a fault on our side (R7), which returns the delivery to `queued` and
 * counts no attempt. Scope `route` pauses the route as well, because every other message would meet
 * the same fault.
 */
export type Classification = (Verdict | { readonly kind: 'local'; readonly scope: 'route' | 'delivery' }) & {
  readonly category: Category;
};

export function classifyAnswer(answer: Answer): Classification {
  switch (answer.kind) {
    case 'accepted':
      return { kind: 'delivered', category: 'accepted' };
    case 'refused':
      return classifyRefusal(answer);
    case 'lost':
      return classifyLoss(answer);
    case 'answer_lost':
      return { kind: 'lost', category: 'answer_lost' };
    case 'fenced':
    case 'aborted':
      return { kind: 'local', scope: 'delivery', category: answer.kind };
    case 'fault':
      return classifyFault(answer.reason);
    default:
      return answer.kind satisfies never;
  }
}

/**
 * Reads a whole reply, lines separated by LF or CRLF. The enhanced code may stand in any line; the
 * first one counts. A text that is no reply gets code null and keeps its words.
 */
export function parseReply(raw: string): Reply {
  const lines = raw.split(/\r?\n/).filter((line) => line !== '');
  const code = /^[2-5]\d\d(?=[ -]|$)/.exec(lines[0] ?? '')?.[0];
  const texts = code === undefined ? lines : lines.map((line) => line.replace(/^\d{3}[ -]?/, ''));
  const enhanced = enhancedIn(texts);
  const text = texts
    .map((line) =>
      enhanced !== null && enhancedOf(line) === enhanced ? line.slice(enhanced.length).trimStart() : line,
    )
    .join(' ');
  return { code: code === undefined ? null : Number(code), enhanced, text: oneLine(text) };
}

function enhancedIn(lines: readonly string[]): string | null {
  for (const line of lines) {
    const enhanced = enhancedOf(line);
    if (enhanced !== null) return enhanced;
  }
  // qmail and its descendants write the code behind the text: "no mailbox here (#5.1.1)"
  for (const line of lines) {
    const enhanced = /\(#([245]\.\d{1,3}\.\d{1,3})\)/.exec(line)?.[1];
    if (enhanced !== undefined) return enhanced;
  }
  return null;
}

/** The enhanced code that a line begins with (RFC 2034). */
const enhancedOf = (line: string): string | null =>
  /^[245]\.\d{1,3}\.\d{1,3}(?=\s|$)/.exec(line)?.[0] ?? null;

/**
 * Makes a text from a server safe to store and show: replaces control characters with spaces and
 * cuts the text to `deliveryLimits.replyCharsMax` characters.
 */
export function oneLine(text: string): string {
  return text
    .replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, ' ')
    .trim()
    .slice(0, deliveryLimits.replyCharsMax);
}

const aboutUs = (category: Category): Classification => ({
  kind: 'deferred',
  spent: false,
  waitMs: deliveryLimits.refusalAboutUsMs,
  category,
});
const deferred = (category: Category): Classification => ({
  kind: 'deferred',
  spent: true,
  waitMs: 0,
  category,
});
const bounced = (category: Category): Classification => ({ kind: 'bounced', category });
const routeFault = (category: Category): Classification => ({ kind: 'local', scope: 'route', category });

/**
 * The login is missing, wrong, too weak or refused without TLS (RFC 4954). The route is at fault,
 * at whatever stage the code comes.
 */
const aboutLogin: ReadonlySet<number> = new Set([530, 534, 535, 538]);

function classifyRefusal(a: Answer): Classification {
  switch (a.stage) {
    case 'dial':
    case 'tls':
    case 'starttls':
      return routeFault('tls');
    case 'auth':
      return routeFault('auth');
    case 'greeting':
    case 'ehlo':
      if (isOurQuota(a)) return aboutUs('busy');
      // The server knows no message yet, so a 5xx (554: "no SMTP service here") refuses every
      // client; a 4xx will pass.
      return isPermanent(a) ? routeFault('route_refused') : aboutUs(isTransient(a) ? 'busy' : 'protocol');
    case 'mail':
      return classifyMailFrom(a);
    case 'rcpt':
    case 'data':
    case 'body':
    case 'dot':
      return classifyMessage(a);
    default:
      return a.stage satisfies never;
  }
}

/**
 * A refusal of MAIL FROM is about us, unless the code says that the message itself is unacceptable:
 * the same refusal would come each time.
 */
function classifyMailFrom(a: Answer): Classification {
  if (isAboutLogin(a)) return routeFault('auth');
  if (isOurQuota(a)) return aboutUs('busy');
  const category = categoryOf(a);
  if (isPermanent(a) && (category === 'too_large' || category === 'content' || category === 'smtputf8'))
    return bounced(category);
  if (isTransient(a)) return aboutUs('busy');
  return aboutUs(isPermanent(a) ? 'sender_refused' : 'protocol');
}

/** From RCPT on, a refusal is about this message. */
function classifyMessage(a: Answer): Classification {
  // While the body is sent the store may have recorded `committing`, and nothing is released from
  // there.
  if (isAboutLogin(a)) return a.stage === 'body' || a.stage === 'dot' ? deferred('auth') : routeFault('auth');
  if (isOurQuota(a)) return aboutUs('busy');
  if (isTransient(a)) return deferred(categoryOf(a));
  if (!isPermanent(a)) return deferred('protocol');
  // 503 (bad sequence of commands) is about the conversation, not about the mail.
  if (a.code === 503) return deferred('protocol');
  // RFC 5321 4.5.3.1.10: old servers reply 552 to RCPT where they mean 452 (too many recipients).
  if (a.code === 552 && a.stage === 'rcpt' && (a.enhanced === null || a.enhanced === '5.5.3'))
    return deferred('busy');
  // Usually the relay is not set up for us yet, so a retry is worthwhile. The route is not paused:
  // a relay may serve some domains only, and one recipient elsewhere must not stop all other mail.
  if (isRelayDenied(a)) return deferred('relay_denied');
  return bounced(categoryOf(a));
}

function classifyLoss(a: Answer): Classification {
  const category: Category =
    a.reason === 'timeout' ? 'timeout' : a.reason === 'protocol' ? 'protocol' : 'connection_lost';
  switch (a.stage) {
    case 'dial':
      return routeFault('connect');
    case 'starttls':
    case 'tls':
      return routeFault('tls');
    case 'auth':
      return routeFault('auth');
    case 'greeting':
    case 'ehlo':
    case 'mail':
      return aboutUs(category);
    case 'rcpt':
    case 'data':
    case 'body':
    case 'dot':
      // Counted, because this message may be what makes the server close the connection.
      return deferred(category);
    default:
      return a.stage satisfies never;
  }
}

function classifyFault(reason: Reason | null): Classification {
  switch (reason) {
    case 'body':
      return { kind: 'local', scope: 'delivery', category: 'body' };
    case 'dns':
    case 'address_refused':
    case 'connect':
    case 'tls':
    case 'auth':
      return routeFault(reason);
    default:
      return routeFault('connect');
  }
}

type ContentLoss = Extract<Verdict, { readonly kind: 'deferred' }> & { readonly category: Category };

/**
 * For an error of reading the content of a mail: a counted deferral if the content is missing or
 * damaged, null for any other error. Reading the content again will not help, so the delivery must
 * end; but the end waits for the schedule, because somebody may restore the content, and a bounce
 * cannot be undone.
 */
export function classifyContentError(error: unknown): ContentLoss | null {
  const isLost = error instanceof Failure && (error.kind === 'data_loss' || error.kind === 'not_found');
  return isLost ? { kind: 'deferred', spent: true, waitMs: 0, category: 'body' } : null;
}

/** The server asks for a login, or for a better one. */
export const isAboutLogin = (a: Reply): boolean => a.code !== null && aboutLogin.has(a.code);
const classOf = (a: Reply): number => Math.floor((a.code ?? 0) / 100);

/**
 * 5xx. If code and enhanced code contradict each other, the mail is retried: a bounce cannot be
 * undone.
 */
const isPermanent = (a: Reply): boolean => classOf(a) === 5 && !a.enhanced?.startsWith('4');

/** 4xx, or 5xx with an enhanced code 4.x.x. */
const isTransient = (a: Reply): boolean => classOf(a) === 4 || (classOf(a) === 5 && !isPermanent(a));

/** The words of Postfix, Exim, Exchange and Sendmail, in this order. */
const isRelayDenied = (a: Reply): boolean =>
  /\brelay access denied|\brelay not permitted|\bunable to relay|\brelaying denied|\brelaying is denied/i.test(
    a.text,
  );

/**
 * Categories by the second and third number of the enhanced code (RFC 3463 calls them subject and
 * detail), whatever the class; null stands for all other details.
 */
const categories: readonly (readonly [subject: number, detail: number | null, Category])[] = [
  [1, 1, 'mailbox'],
  [1, 2, 'mailbox'],
  [1, 3, 'mailbox'],
  [1, 6, 'mailbox'],
  [1, 7, 'sender_refused'],
  [1, 8, 'sender_refused'],
  [1, 10, 'mailbox'],
  [2, 1, 'mailbox'],
  [2, 2, 'mailbox_full'],
  [2, 3, 'too_large'],
  [3, 4, 'too_large'],
  [3, null, 'busy'],
  [4, null, 'busy'],
  [5, 3, 'busy'],
  [5, null, 'protocol'],
  [6, 7, 'smtputf8'],
  [6, null, 'content'],
  [7, null, 'policy'],
];

function categoryOf(a: Reply): Category {
  const [, subject, detail] = (a.enhanced ?? '').split('.').map(Number);
  const found = categories.find(([s, d]) => s === subject && (d === detail || d === null));
  const category = found?.[2] ?? (a.code === 552 ? 'too_large' : 'refused');
  // A 4xx about policy is greylisting or a rate limit; a 5xx is never `busy`.
  if (isTransient(a)) return category === 'policy' || category === 'refused' ? 'busy' : category;
  return category === 'busy' ? 'refused' : category;
}
