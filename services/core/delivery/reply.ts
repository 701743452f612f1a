// What another server's answer means for a delivery: the one place where that is decided (R7, R8).
// The transport says what happened, `judge` says what follows, and `delivery.ts` carries it into
// the state machine.

import { deliveryLimits } from '../limits/delivery.ts';
import type { Verdict } from './delivery.ts';

/**
 * Which question the answer belongs to. Until `greeting` nothing was said; `starttls` is the
 * command, `tls` the handshake; `body` lasts from the 354 to the final dot, `dot` from its first
 * byte to the answer.
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
 * - `accepted`: 2xx to the final dot; the server has taken responsibility.
 * - `refused`: the server said no, or we know that it would (its SIZE, its lack of SMTPUTF8).
 * - `lost`: the connection ended before the final dot. Nobody took the mail.
 * - `answer_lost`: it ended after the final dot. Only the server knows.
 * - `fenced`: the last bytes were not released; no dot was sent.
 * - `aborted`: our caller gave up before the final dot.
 * - `fault`: a trouble of ours: see `reason`.
 */
export type AnswerKind = 'accepted' | 'refused' | 'lost' | 'answer_lost' | 'fenced' | 'aborted' | 'fault';

/**
 * For `lost` and `answer_lost` the first three, for `fault` the others, which speak of our side:
 * resolver, addresses, route, login, message.
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
  /** Null when the answer was no reply of a server. */
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

/** A closed set of words: events, metrics and lists count by them. */
export type Category =
  | 'accepted'
  | 'mailbox' // there is no such mailbox, or it takes no mail
  | 'mailbox_full'
  | 'too_large'
  | 'content'
  | 'smtputf8'
  | 'policy'
  | 'relay_denied'
  | 'busy' // overloaded, rate limited, greylisting, out of space
  | 'sender_refused'
  | 'route_refused' // the server refuses whoever comes
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
 * `local`: a fault of ours (R7). The delivery goes back to `queued` and spends nothing; with scope
 * `route` the route is paused as well, because every other message would meet the same.
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
 * Reads a whole reply, lines separated by LF or CRLF. A text that is no reply gets code null and
 * keeps its words.
 */
export function parseReply(raw: string): Reply {
  const lines = raw.split(/\r?\n/).filter((line) => line !== '');
  const code = /^[2-5]\d\d(?=[ -]|$)/.exec(lines[0] ?? '')?.[0];
  const texts = code === undefined ? lines : lines.map((line) => line.replace(/^\d{3}[ -]?/, ''));
  const enhanced = /^[245]\.\d{1,3}\.\d{1,3}(?=\s|$)/.exec(texts[0] ?? '')?.[0] ?? null;
  const text = texts
    .map((line) =>
      enhanced !== null && line.startsWith(enhanced) ? line.slice(enhanced.length).trimStart() : line,
    )
    .join(' ');
  return { code: code === undefined ? null : Number(code), enhanced, text: oneLine(text) };
}

/**
 * A text from outside as it may be stored and shown: no controls, cut to
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
 * No login, a wrong one, too weak a one, or none without TLS (RFC 4954): an error of the route,
 * whatever stage it shows at.
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
      // 5xx here (554: "no SMTP service here") is said to everybody, for it has heard of no message
      // yet; 4xx and 421 are its business of the moment.
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
 * MAIL FROM: about us, unless the answer is plainly about this one message, which would be refused
 * in the same way for ever.
 */
function judgeMailFrom(a: Answer): Judgement {
  if (isAboutLogin(a)) return routeFault('auth');
  const category = categoryOf(a);
  if (isPermanent(a) && (category === 'too_large' || category === 'content' || category === 'smtputf8'))
    return bounced(category);
  if (isTransient(a)) return aboutUs('busy');
  return aboutUs(isPermanent(a) ? 'sender_refused' : 'protocol');
}

/** From RCPT on the answer is about this message. */
function judgeMessage(a: Answer): Judgement {
  // Once the body is under way the store may have recorded `committing`, from where nothing is
  // released.
  if (isAboutLogin(a)) return a.stage === 'body' || a.stage === 'dot' ? deferred('auth') : routeFault('auth');
  if (isTransient(a)) return deferred(categoryOf(a));
  if (!isPermanent(a)) return deferred('protocol');
  // 503 (bad sequence) is about the conversation, not about the mail.
  if (a.code === 503) return deferred('protocol');
  // RFC 5321 4.5.3.1.10: old servers say 552 to RCPT where 452 (too many recipients) is meant.
  if (a.code === 552 && a.stage === 'rcpt' && (a.enhanced === null || a.enhanced === '5.5.3'))
    return deferred('busy');
  // Mostly a relay that is not set up for us yet, so it is worth another try. Not a pause of the
  // route: where a relay serves some domains only, one recipient elsewhere would stop everybody's
  // mail.
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
      // Counted, because it may be this very message that makes the server give up.
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

const isAboutLogin = (a: Reply): boolean => a.code !== null && aboutLogin.has(a.code);
const classOf = (a: Reply): number => Math.floor((a.code ?? 0) / 100);

/**
 * 5xx. When code and enhanced code contradict each other the mail may be retried: a bounce cannot
 * be taken back.
 */
const isPermanent = (a: Reply): boolean => classOf(a) === 5 && !a.enhanced?.startsWith('4');

/** 4xx, or a 5xx whose enhanced code says that it will pass. */
const isTransient = (a: Reply): boolean => classOf(a) === 4 || (classOf(a) === 5 && !isPermanent(a));

/** Postfix, Exim, Exchange and Sendmail, in this order. */
const isRelayDenied = (a: Reply): boolean =>
  /\brelay access denied|\brelay not permitted|\bunable to relay|\brelaying denied|\brelaying is denied/i.test(
    a.text,
  );

/**
 * By subject and detail of the enhanced code, whatever its class; a `null` detail is the subject's
 * other details.
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
  // A 4xx that speaks of policy is greylisting or a rate limit; a server that is done for good is
  // not busy.
  if (isTransient(a)) return category === 'policy' || category === 'refused' ? 'busy' : category;
  return category === 'busy' ? 'refused' : category;
}
