// Why a route is paused, for the people who can repair it: in the status of its Sender, and with the
// deliveries that wait for it.

import { deliveryLimits } from '../limits/delivery.ts';
import type { Answer, Category, Stage } from './reply.ts';

export interface RoutePause {
  readonly reason: Category;
  /** One sentence of our own. A server's words stay out of it: they may hold addresses. */
  readonly message: string;
}

/** For an answer that `judge` calls a fault of the route. */
export function routePause(category: Category, answer: Answer): RoutePause {
  return { reason: category, message: messageOf(answer) };
}

function messageOf({ kind, stage, code, enhanced, text }: Answer): string {
  if (kind !== 'refused') return text;
  if (code === null) return `the server's reply to ${commandOf[stage]} is no SMTP`;
  return `the server replied ${enhanced === null ? code : `${code} ${enhanced}`} to ${commandOf[stage]}`;
}

const commandOf: Record<Stage, string> = {
  dial: 'the connection',
  tls: 'the TLS handshake',
  greeting: 'the connection',
  ehlo: 'EHLO',
  starttls: 'STARTTLS',
  auth: 'AUTH',
  mail: 'MAIL',
  rcpt: 'RCPT',
  data: 'DATA',
  body: 'the mail',
  dot: 'the mail',
};

/** The messages of several paused routes, by name, as the hold of a delivery shows them. */
export const pausedRoutesText = (routes: readonly (readonly [name: string, message: string])[]): string =>
  routes
    .map(([name, message]) => `${name}: ${message}`)
    .join('; ')
    .slice(0, deliveryLimits.replyCharsMax);
