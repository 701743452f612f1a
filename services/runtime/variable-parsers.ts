// Parsers from the text of an environment variable to its value. A message continues the name of
// the variable ("PACKETBOAT_HTTP_ADDR is not …") and never repeats the text, which may be a secret.

import { randomBytes } from 'node:crypto';
import { isIP } from 'node:net';
import { hostname } from 'node:os';
import { z } from 'zod';
import { isBootstrapKey } from '../core/access/api-key.ts';
import type { Route } from '../core/catalog/catalog.ts';
import { type Cidr, parseCidr } from '../core/network/dialable.ts';
import { type DnsServer, readDnsServer } from '../core/network/dns-server.ts';
import type { ListenAddress } from './listen.ts';

/** The text is invalid if `parse` returns null. */
const parsed = <T>(parse: (text: string) => T | null, message: string) =>
  z.string().transform((text, context) => {
    const value = parse(text);
    if (value !== null) return value;
    context.addIssue({ code: 'custom', message });
    return z.NEVER;
  });

/** The text itself, if it has this form. */
const matching = (isValid: (text: string) => boolean, message: string) =>
  parsed((text) => (isValid(text) ? text : null), message);

/** The entries between commas; null if one of them is null. */
function listOf<T>(text: string, parse: (entry: string) => T | null): readonly T[] | null {
  const entries = text.split(',').map((entry) => parse(entry.trim()));
  return entries.every((entry) => entry !== null) ? entries : null;
}

export const path = z.string();

const isPort = (text: string): boolean => /^\d{1,5}$/.test(text) && Number(text) <= 65_535;
const isHostName = (text: string): boolean => /^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/i.test(text);
const isKubernetesName = (text: string): boolean => /^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/.test(text);
const withoutBrackets = (host: string): string => host.replace(/^\[|\]$/g, '');

export const listenAddress = parsed((text): ListenAddress | null => {
  const [, host = '', port = ''] = /^(\[[0-9a-f:]+\]|[a-z0-9.-]+):(\d{1,5})$/i.exec(text) ?? [];
  return host === '' || !isPort(port) ? null : { host: withoutBrackets(host), port: Number(port) };
}, 'is not host:port, such as 127.0.0.1:8080');

/** A port to connect to, so 0 is not allowed. */
export const serverPort = parsed(
  (text) => (isPort(text) && Number(text) > 0 ? Number(text) : null),
  'is not a port',
);

export const serverHost = matching(
  (text) => isIP(text) !== 0 || isHostName(text),
  'is not a host name or IP address',
);

export const hostNames = parsed(
  (text) => listOf(text, (name) => (isHostName(name) ? name : null)),
  'is not a comma-separated list of host names',
);

export const grpcTarget = matching((text) => /^\S{3,1000}$/.test(text), 'is not a gRPC target');

export const urlStartingWith = (...schemes: readonly string[]) =>
  matching(
    (text) => schemes.some((scheme) => text.startsWith(`${scheme}://`) && text.length > scheme.length + 3),
    `does not start with ${schemes.map((scheme) => `${scheme}://`).join(' or ')}`,
  );

export const gatewayUrl = urlStartingWith('http', 'https').refine((text) => URL.canParse(text), {
  message: 'is not a URL',
});

/** Without a slash at the end. The path stays, since a proxy may route by it. */
export const publicUrl = parsed((text): string | null => {
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol) || url.username !== '' || url.password !== '')
    return null;
  return url.search === '' && url.hash === '' ? url.href.replace(/\/+$/, '') : null;
}, 'is not http://host or https://host, with an optional port and path');

/** As browsers send them: scheme, host, and the port unless it is the default of the scheme. */
export const origins = parsed(
  (text) =>
    listOf(text, (origin) =>
      /^https?:[^*]*$/.test(origin) && URL.parse(origin)?.origin === origin ? origin : null,
    ),
  'is not a comma-separated list of origins such as https://app.example, without paths',
);

const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(host);

/** Mail to another host is encrypted if the server offers TLS; a loopback connection needs none. */
export const relay = parsed((text): Route | null => {
  const url = URL.parse(text);
  if (
    url === null ||
    !/^smtps?:$/.test(url.protocol) ||
    url.hostname === '' ||
    !/^\/?$/.test(url.pathname + url.search + url.hash)
  )
    return null;
  if (url.username !== '' || url.password !== '') return null;
  const isImplicit = url.protocol === 'smtps:';
  const host = withoutBrackets(url.hostname);
  const port = url.port === '' ? (isImplicit ? 465 : 25) : Number(url.port);
  return {
    name: 'relay',
    host,
    port,
    tls: isImplicit ? 'Implicit' : isLoopback(host) ? 'None' : 'Opportunistic',
    credentials: null,
    ca: null,
  };
}, 'is not smtp://host:port or smtps://host:port');

export const cidrs = parsed(
  (text): readonly Cidr[] | null => listOf(text, parseCidr),
  'is not a comma-separated list of address ranges such as 10.0.0.0/8',
);

export const dnsServers = parsed(
  (text): readonly DnsServer[] | null => listOf(text, readDnsServer),
  'is not a comma-separated list of host:port',
);

export const wholeNumberBetween = (min: number, max: number) =>
  parsed((text) => {
    const count = /^(?:0|[1-9]\d{0,8})$/.test(text) ? Number(text) : Number.NaN;
    return count >= min && count <= max ? count : null;
  }, `is not a whole number from ${min} to ${max}`);

/** Whole seconds; the value is in milliseconds. */
export const secondsBetween = (minMs: number, maxMs: number) =>
  parsed(
    (text) => {
      const ms = /^\d{1,9}$/.test(text) ? Number(text) * 1_000 : Number.NaN;
      return ms >= minMs && ms <= maxMs ? ms : null;
    },
    `is not a whole number from ${minMs / 1_000} to ${maxMs / 1_000}`,
  );

export const kubernetesName = matching(
  isKubernetesName,
  'is not lower-case letters, digits, hyphens and dots',
);

export const namespaces = parsed(
  (text) => listOf(text, (name) => (name === '*' || isKubernetesName(name) ? name : null)),
  'is neither * nor a comma-separated list of namespaces',
);

export const tenant = matching(
  (text) => /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/.test(text),
  'is not lower-case letters, digits and hyphens',
);

export const installation = matching(
  (text) => /^[A-Za-z0-9_]{1,40}$/.test(text),
  'is not 1 to 40 letters, digits and underscores',
);

/** The random part distinguishes operators on one host. */
export const operatorIdentity = z
  .string()
  .max(253)
  .optional()
  .transform((text) => text ?? `${hostname()}-${randomBytes(4).toString('hex')}`);

export const bootstrapKey = matching(
  isBootstrapKey,
  'is not sk_live_ followed by 24 to 200 letters, digits and underscores, or is a mistyped key that Packetboat generated',
);

/** Any text that an HTTP header can carry: whether the key is valid is for ingest to say. */
export const apiKey = matching((text) => /^[\x21-\x7e]{1,500}$/.test(text), 'is not an API key');

export const trueOrFalse = z
  .enum(['true', 'false'], { error: 'expected true or false' })
  .transform((text) => text === 'true');

export const logLevel = z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace'], {
  message: 'is not one of fatal, error, warn, info, debug, trace',
});
