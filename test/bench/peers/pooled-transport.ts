// nodemailer at its best: as many connections as Packetboat has for one route, never closed.
// (Before 10.1 Nagle's algorithm added 46 ms to each mail.)

import { createTransport } from 'nodemailer';
import { smtpOutLimits } from '../../../services/core/limits/smtp-out.ts';

export const SMTP_CONNECTIONS = smtpOutLimits.connectionsPerRouteMax;

export function pooledTransport(port: number) {
  return createTransport({
    pool: true,
    host: '127.0.0.1',
    port,
    secure: false,
    ignoreTLS: true,
    maxConnections: SMTP_CONNECTIONS,
    maxMessages: Number.POSITIVE_INFINITY,
  });
}
