// What the answer of another server means for a delivery (R7, R8). The transport reports what
// happened, `judge` decides what follows, and `delivery.ts` applies the decision to the state
// machine.

import { deliveryLimits } from '../limits/delivery.ts';
import type { Verdict } from './delivery.ts';
import { isOurQuota } from './reply-quota.ts';

/**
 * The command that an answer belongs to. Before `greeting` the server has said nothing. `starttls`
 * is the command, `tls` the handshake. `body` lasts from the 354 to the final dot, `dot` from the
 * first byte of the dot to its reply.
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
 * - `accepted`: 2xx to the final dot; the server has taken responsibility for the mail.
 * - `refused`: the server replied 4xx or 5xx, or its offers show that it would (SIZE, SMTPUTF8).
 * - `lost`: the connection ended before the final dot, so no server has the mail.
 * - `answer_lost`: the connection ended after the final dot, so the server may have the mail.
 * - `fenced`: the fence did not release the last bytes; no dot was sent.
 * - `aborted`: the caller gave up before the final dot.
 * - `fault`: the fault is ours: see `reason`.
 */
export type AnswerKind = 'accepted' | 'refused' | 'lost' | 'answer_lost' | 'fenced' | 'aborted' | 'fault';

/**
 * The first three belong to `lost` and `answer_lost`. The others belong to `fault` and name the part
 * on our side: resolver, addresses, route, login, message.
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
  /** Null when no server replied, or when the text is no SMTP reply. */
  readonly code: number | null;
  /** RFC 3463, for example `5.1.1`. */
  readonly enhanced: string | null;
  /**
   * Without the codes; one line of at most `deliveryLimits.replyCharsMax` characters, without
   * controls.
   */
  readonly text: string;
}

export interface Answer extends Reply {
  readonly kind: AnswerKind;
  readonly stage: Stage;
  /** Null for `accepted`, `refused`, `fenced` and `aborted`. */
  readonly reason: Reason | null;
}

/** A closed set: events, metrics and lists group by it. */
export type Category =
  | 'accepted'
  | 'mailbox' // the mailbox does not exist, or receives no mail
  | 'mailbox_full'
  | 'too_large'
  | 'content'
  | 'smtputf8'
  | 'policy'
  | 'relay_denied'
  | 'busy' // the server is overloaded or full, greylists, or applies a quota
  | 'sender_refused'
  | 'route_refused' // the server refuses every client
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
 * `local`: the fault is ours (R7). The delivery goes back to `queued` and spends no attempt. With
 * scope `route` the route is paused as well, because every other message would fail in the same way.
 */
export type Judgement = (Verdict | { readonly kind: 'local'; readonly scope: 'route' | 'delivery' }) & {
  readonly category: Category;
};

export function judge(answer: Answer): Judgement {
  switch (answer.kind) {
    case 'accepted':
      return { kind: 'delivered', category: 'accepted' };
    case 'refused':
      return judgeRefusal(answer);
    case 'lost':
      return judgeLoss(answer);
    case 'answer_lost':
      return { kind: 'lost', category: 'answer_lost' };
    case 'fenced':
    case 'aborted':
      return { kind: 'local', scope: 'delivery', category: answer.kind };
    case 'fault':
      return faultOf(answer.reason);
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
 * A text from outside in a form that can be stored and shown: without controls, cut to
 * `deliveryLimits.replyCharsMax`.
 */
export function oneLine(text: string): string {
  return text
    .replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, ' ')
    .trim()
    .slice(0, deliveryLimits.replyCharsMax);
}

const aboutUs = (category: Category): Judgement => ({
  kind: 'deferred',
  spent: false,
  waitMs: deliveryLimits.refusalAboutUsMs,
  category,
});
const deferred = (category: Category): Judgement => ({ kind: 'deferred', spent: true, waitMs: 0, category });
const bounced = (category: Category): Judgement => ({ kind: 'bounced', category });
const routeFault = (category: Category): Judgement => ({ kind: 'local', scope: 'route', category });

/**
 * RFC 4954: login required, mechanism too weak, credentials invalid, TLS required. The route is at
 * fault at whatever stage the code comes.
 */
const aboutLogin: ReadonlySet<number> = new Set([530, 534, 535, 538]);

function judgeRefusal(a: Answer): Judgement {
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
      return judgeMailFrom(a);
    case 'rcpt':
    case 'data':
    case 'body':
    case 'dot':
      return judgeMessage(a);
    default:
      return a.stage satisfies never;
  }
}

/**
 * The reply to MAIL FROM is about us, unless it is plainly about this message, which the server
 * would always refuse.
 */
function judgeMailFrom(a: Answer): Judgement {
  if (isAboutLogin(a)) return routeFault('auth');
  if (isOurQuota(a)) return aboutUs('busy');
  const category = categoryOf(a);
  if (isPermanent(a) && (category === 'too_large' || category === 'content' || category === 'smtputf8'))
    return bounced(category);
  if (isTransient(a)) return aboutUs('busy');
  return aboutUs(isPermanent(a) ? 'sender_refused' : 'protocol');
}

/** From RCPT on a reply is about this message, unless it is about a quota of ours. */
function judgeMessage(a: Answer): Judgement {
  // From the first byte of the body on, the store may have recorded `committing`, and such a
  // delivery is never released.
  if (isAboutLogin(a)) return a.stage === 'body' || a.stage === 'dot' ? deferred('auth') : routeFault('auth');
  if (isOurQuota(a)) return aboutUs('busy');
  if (isTransient(a)) return deferred(categoryOf(a));
  if (!isPermanent(a)) return deferred('protocol');
  // 503 (bad sequence) is about the conversation, not about the mail.
  if (a.code === 503) return deferred('protocol');
  // RFC 5321 4.5.3.1.10: old servers reply 552 to RCPT where they mean 452 (too many recipients).
  if (a.code === 552 && a.stage === 'rcpt' && (a.enhanced === null || a.enhanced === '5.5.3'))
    return deferred('busy');
  // In most cases the relay is not configured for us yet, so a later attempt may succeed. The route
  // is not paused: where a relay serves some domains only, one recipient of another domain would
  // stop all mail.
  if (isRelayDenied(a)) return deferred('relay_denied');
  return bounced(categoryOf(a));
}

function judgeLoss(a: Answer): Judgement {
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
      // Counted, because this message may be the cause of the loss.
      return deferred(category);
    default:
      return a.stage satisfies never;
  }
}

function faultOf(reason: Reason | null): Judgement {
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

/** The server asks for a login, or for a better one. */
export const isAboutLogin = (a: Reply): boolean => a.code !== null && aboutLogin.has(a.code);
const classOf = (a: Reply): number => Math.floor((a.code ?? 0) / 100);

/**
 * 5xx. When code and enhanced code contradict each other, the mail is retried: a bounce cannot be
 * undone.
 */
const isPermanent = (a: Reply): boolean => classOf(a) === 5 && !a.enhanced?.startsWith('4');

/** 4xx, or 5xx with an enhanced code of class 4. */
const isTransient = (a: Reply): boolean => classOf(a) === 4 || (classOf(a) === 5 && !isPermanent(a));

/** Postfix, Exim, Exchange and Sendmail, in this order. */
const isRelayDenied = (a: Reply): boolean =>
  /\brelay access denied|\brelay not permitted|\bunable to relay|\brelaying denied|\brelaying is denied/i.test(
    a.text,
  );

/**
 * By subject and detail of the enhanced code, of any class. A `null` detail stands for all other
 * details of the subject.
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
  // A 4xx with a policy code is greylisting or a rate limit. A 5xx is never `busy`.
  if (isTransient(a)) return category === 'policy' || category === 'refused' ? 'busy' : category;
  return category === 'busy' ? 'refused' : category;
}
