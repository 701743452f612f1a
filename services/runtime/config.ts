// Configuration: every environment variable of every program, declared once with its unit, default
// and meaning. A program reads its own at start, is told of all faults at once, and its `--help` is
// made from the same list.

import { randomBytes, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { hostname } from 'node:os';
import { z } from 'zod';
import { isBootstrapKey } from '../core/access/api-key.ts';
import type { Route } from '../core/catalog/catalog.ts';
import { sentenceOf } from '../core/documents/schema-faults.ts';
import { Failure } from '../core/failure.ts';
import { accessLimits } from '../core/limits/access.ts';
import { deliveryLimits } from '../core/limits/delivery.ts';
import { doorLimits } from '../core/limits/door.ts';
import { queueLimits } from '../core/limits/queue.ts';
import { type Cidr, parseCidr } from '../core/network/dialable.ts';
import { type DnsServer, readDnsServer } from '../core/network/dns-server.ts';

/** The programs of the `packetboat` command; `catalog` stands for `packetboat catalog apply`. */
export const programs = [
  'dev',
  'gateway',
  'ingest',
  'dispatcher',
  'sweeper',
  'operator',
  'catalog',
  'release-finalizers',
  'self-test',
] as const;
export type ProgramName = (typeof programs)[number];

/** Where to listen. */
export interface ListenAddress {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
}

export interface Variable {
  readonly name: string;
  /** What one writes there: `host:port`, `path`, `URL` … */
  readonly unit: string;
  /** As one would write it. Null: there is none. */
  readonly default: string | null;
  /** Programs that do not start without it. */
  readonly requiredBy: readonly ProgramName[];
  readonly programs: readonly ProgramName[];
  readonly help: string;
  /**
   * From the text to the value; what it throws or refuses never repeats the text, which may be a
   * secret.
   */
  readonly schema: z.ZodType;
}

const fault = (message: string) => ({ message });

/** Zod refuses what the parser answers null to. */
const parsed = <T>(parse: (text: string) => T | null, message: string) =>
  z.string().transform((text, context) => {
    const value = parse(text);
    if (value !== null) return value;
    context.addIssue({ code: 'custom', message });
    return z.NEVER;
  });

const isPort = (text: string): boolean => /^\d{1,5}$/.test(text) && Number(text) <= 65_535;

const listenAddress = parsed((text): ListenAddress | null => {
  const [, host = '', port = ''] = /^(\[[0-9a-f:]+\]|[a-z0-9.-]+):(\d{1,5})$/i.exec(text) ?? [];
  return host === '' || !isPort(port) ? null : { host: host.replace(/^\[|\]$/g, ''), port: Number(port) };
}, 'is not host:port, such as 127.0.0.1:8080');

const urlOf = (...schemes: readonly string[]) =>
  parsed(
    (text) =>
      schemes.some((scheme) => text.startsWith(`${scheme}://`) && text.length > scheme.length + 3)
        ? text
        : null,
    `does not start with ${schemes.map((scheme) => `${scheme}://`).join(' or ')}`,
  );

/** Without the slash at its end; a path in front of the routes stays. */
const publicUrl = parsed((text): string | null => {
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol) || url.username !== '' || url.password !== '')
    return null;
  return url.search === '' && url.hash === '' ? url.href.replace(/\/+$/, '') : null;
}, 'is not http://host or https://host, with a port and a path where there are some');

const relay = parsed((text): Route | null => {
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
  const host = url.hostname.replace(/^\[|\]$/g, '');
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

const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(host);

const cidrs = parsed((text): readonly Cidr[] | null => {
  const ranges = text.split(',').map((range) => parseCidr(range.trim()));
  return ranges.every((range) => range !== null) ? ranges : null;
}, 'is not a list of ranges like 10.0.0.0/8, with commas between');

/** As browsers write them: scheme, host and a port that is not the scheme's own. */
const origins = parsed((text): readonly string[] | null => {
  const listed = text.split(',').map((origin) => origin.trim());
  return listed.every((origin) => /^https?:[^*]*$/.test(origin) && URL.parse(origin)?.origin === origin)
    ? listed
    : null;
}, 'is not a list of origins like https://app.example, with commas between and nothing behind the host and port');

/** Whole seconds, read as milliseconds. */
const secondsBetween = (minMs: number, maxMs: number) =>
  parsed(
    (text) =>
      /^\d{1,9}$/.test(text) && Number(text) * 1_000 >= minMs && Number(text) * 1_000 <= maxMs
        ? Number(text) * 1_000
        : null,
    `is not a whole number from ${minMs / 1_000} to ${maxMs / 1_000}`,
  );

/** Of a server: 0 is nobody's. */
const serverPort = parsed(
  (text) => (isPort(text) && Number(text) > 0 ? Number(text) : null),
  'is not a port',
);
const serverHost = parsed(
  (text) => (isIP(text) !== 0 || isHostName(text) ? text : null),
  'is not a host name or IP address',
);

const path = z.string();

/**
 * The file's text rather than its path: clients want the certificates, and a file that is none is a
 * fault of the setting.
 */
const caFile = z.string().transform((file, context) => {
  try {
    const text = readFileSync(file, 'utf8');
    new X509Certificate(text);
    return text;
  } catch (error) {
    const isThere = !(error instanceof Error && 'syscall' in error);
    context.addIssue({ code: 'custom', message: isThere ? 'holds no certificate as PEM' : 'cannot be read' });
    return z.NEVER;
  }
});

const isHostName = (text: string): boolean => /^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/i.test(text);

const isKubernetesName = (text: string): boolean => /^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/.test(text);
const kubernetesName = parsed(
  (text) => (isKubernetesName(text) ? text : null),
  'is not lower-case letters, digits, hyphens and dots',
);

function readDnsServers(text: string): readonly DnsServer[] | null {
  const servers = text.split(',').map((server) => readDnsServer(server.trim()));
  return servers.every((server) => server !== null) ? servers : null;
}

export const variables = {
  httpAddr: {
    name: 'PACKETBOAT_HTTP_ADDR',
    unit: 'host:port',
    default: '127.0.0.1:8080',
    requiredBy: [],
    programs: ['dev', 'gateway'],
    help: 'Address of the REST API, the documentation and, in development, the inbox.',
    schema: listenAddress,
  },
  publicUrl: {
    name: 'PACKETBOAT_PUBLIC_URL',
    unit: 'URL',
    default: 'http://PACKETBOAT_HTTP_ADDR',
    requiredBy: [],
    programs: ['dev', 'gateway'],
    help: 'Where callers reach REST, for the description of the API that clients are generated from. Set this behind a proxy: no header that a caller sends decides this URL.',
    schema: publicUrl.optional(),
  },
  grpcAddr: {
    name: 'PACKETBOAT_GRPC_ADDR',
    unit: 'host:port',
    default: '127.0.0.1:9090',
    requiredBy: [],
    programs: ['dev', 'ingest'],
    help: 'Address of the gRPC API.',
    schema: listenAddress,
  },
  trustedProxies: {
    name: 'PACKETBOAT_TRUSTED_PROXIES',
    unit: 'CIDR, …',
    default: null,
    requiredBy: [],
    programs: ['dev', 'gateway'],
    help: 'Addresses of the proxies and load balancers before the gateway: their Forwarded or X-Forwarded-For header says where a request comes from. Headers of everybody else are ignored.',
    schema: cidrs.optional(),
  },
  metricsAddr: {
    name: 'PACKETBOAT_METRICS_ADDR',
    unit: 'host:port',
    default: '127.0.0.1:9100',
    requiredBy: [],
    programs: ['dev', 'gateway', 'ingest', 'dispatcher', 'sweeper', 'operator'],
    help: 'Address of /metrics, /healthz and /readyz.',
    schema: listenAddress,
  },
  ingestAddr: {
    name: 'PACKETBOAT_INGEST_ADDR',
    unit: 'gRPC target',
    default: '127.0.0.1:9090',
    requiredBy: [],
    programs: ['gateway'],
    help: 'Address of ingest: host:port, dns:///name:port or ipv4:a:port,b:port. The gateway balances its calls over all addresses that this resolves to.',
    schema: parsed((text) => (/^\S{3,1000}$/.test(text) ? text : null), 'is not a gRPC target'),
  },
  connectionsPerAddress: {
    name: 'PACKETBOAT_CONNECTIONS_PER_ADDRESS',
    unit: `connections, 1 to ${doorLimits.httpConnectionsPerAddressMaxMax}`,
    default: String(doorLimits.httpConnectionsPerAddressMax),
    requiredBy: [],
    programs: ['dev', 'gateway'],
    help: 'How many HTTP connections one address (IPv6: one /64) may have open at a time; further ones get a 503. A load balancer counts as one address, unless PACKETBOAT_TRUSTED_PROXIES names it.',
    schema: parsed(
      (text) =>
        /^[1-9]\d{0,6}$/.test(text) && Number(text) <= doorLimits.httpConnectionsPerAddressMaxMax
          ? Number(text)
          : null,
      `is not a whole number from 1 to ${doorLimits.httpConnectionsPerAddressMaxMax}`,
    ),
  },
  corsOrigins: {
    name: 'PACKETBOAT_CORS_ORIGINS',
    unit: 'https://host, …',
    default: null,
    requiredBy: [],
    programs: ['dev', 'gateway'],
    help: 'Origins whose pages may call the API from a browser. Without it browsers let no other site read an answer.',
    schema: origins.optional(),
  },
  tlsCertFile: {
    name: 'PACKETBOAT_TLS_CERT_FILE',
    unit: 'path',
    default: null,
    requiredBy: [],
    programs: ['gateway', 'ingest'],
    help: 'Certificate of this program, as PEM, for the connection between gateways and ingest. Without the three TLS files that connection is not encrypted.',
    schema: path.optional(),
  },
  tlsKeyFile: {
    name: 'PACKETBOAT_TLS_KEY_FILE',
    unit: 'path',
    default: null,
    requiredBy: [],
    programs: ['gateway', 'ingest'],
    help: 'Private key of the certificate in PACKETBOAT_TLS_CERT_FILE, as PEM.',
    schema: path.optional(),
  },
  tlsCaFile: {
    name: 'PACKETBOAT_TLS_CA_FILE',
    unit: 'path',
    default: null,
    requiredBy: [],
    programs: ['gateway', 'ingest'],
    help: "Certificate of the authority that signed the other side's certificate, as PEM. The program reads all three files again when they change.",
    schema: path.optional(),
  },
  tlsPeerNames: {
    name: 'PACKETBOAT_TLS_PEER_NAMES',
    unit: 'host name, …',
    default: null,
    requiredBy: [],
    programs: ['ingest'],
    help: 'Names in the certificates of gateways. Other callers with a certificate can use the public API only.',
    schema: parsed((text): readonly string[] | null => {
      const names = text.split(',').map((name) => name.trim());
      return names.every(isHostName) ? names : null;
    }, 'is not a list of host names, with commas between').optional(),
  },
  dataDir: {
    name: 'PACKETBOAT_DATA_DIR',
    unit: 'path',
    default: '.packetboat',
    requiredBy: [],
    programs: ['dev', 'gateway'],
    help: 'Folder for the database, content, keys and inbox of embedded mode. The gateway keeps large requests there while it reads them.',
    schema: path,
  },
  catalogDir: {
    name: 'PACKETBOAT_CATALOG_DIR',
    unit: 'path',
    default: 'examples/catalog, beside the program',
    requiredBy: [],
    programs: ['dev'],
    help: 'Folder of Sender and Template files. Changes take effect within a second.',
    schema: path.optional(),
  },
  bootstrapKey: {
    name: 'PACKETBOAT_BOOTSTRAP_KEY',
    unit: 'sk_live_ and 24 to 200 letters, digits and underscores',
    default: null,
    requiredBy: [],
    programs: ['dev', 'ingest'],
    help: 'An API key of your own making (live, all scopes), made at start while its tenant has no working live key that may make keys for all senders. In development one is made up.',
    schema: z
      .string()
      .refine(
        isBootstrapKey,
        fault('is not sk_live_ and 24 to 200 letters, digits and underscores, or is a mistyped key of ours'),
      )
      .optional(),
  },
  bootstrapTenant: {
    name: 'PACKETBOAT_BOOTSTRAP_TENANT',
    unit: 'name',
    default: 'default',
    requiredBy: [],
    programs: ['dev', 'ingest'],
    help: 'Tenant that PACKETBOAT_BOOTSTRAP_KEY belongs to.',
    schema: parsed(
      (text) => (/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/.test(text) ? text : null),
      'is not lower-case letters, digits and hyphens',
    ),
  },
  bootstrapRequestsPerMinute: {
    name: 'PACKETBOAT_BOOTSTRAP_REQUESTS_PER_MINUTE',
    unit: `requests, 1 to ${accessLimits.requestsPerMinuteMax}`,
    default: String(accessLimits.requestsPerMinuteDefault),
    requiredBy: [],
    programs: ['dev', 'ingest'],
    help: 'Limit of that key when it is made. No key of the tenant can have a higher limit.',
    schema: parsed((text) => {
      const count = /^[1-9][0-9]{0,6}$/.test(text) ? Number(text) : 0;
      return count >= 1 && count <= accessLimits.requestsPerMinuteMax ? count : null;
    }, `is not a whole number from 1 to ${accessLimits.requestsPerMinuteMax}`),
  },
  relay: {
    name: 'PACKETBOAT_RELAY',
    unit: 'smtp://host:port or smtps://host:port',
    default: null,
    requiredBy: [],
    programs: ['dev', 'dispatcher'],
    help: "Server that all mail is sent to, instead of the senders' own routes. In development the default is the inbox.",
    schema: relay.optional(),
  },
  allowCidrs: {
    name: 'PACKETBOAT_ALLOW_CIDRS',
    unit: 'CIDR, …',
    default: null,
    requiredBy: [],
    programs: ['dev', 'dispatcher'],
    help: 'Private address ranges that mail may be sent to, for relays inside your network. In development loopback is allowed.',
    schema: cidrs.optional(),
  },
  leaseMs: {
    name: 'PACKETBOAT_LEASE_SECONDS',
    unit: `seconds, ${deliveryLimits.leaseMinMs / 1_000} to ${deliveryLimits.leaseMaxMs / 1_000}`,
    default: String(deliveryLimits.leaseMs / 1_000),
    requiredBy: [],
    programs: ['dev', 'dispatcher'],
    help: 'How long the deliveries of a killed or disconnected dispatcher wait until another dispatcher takes them over. A running dispatcher renews its leases.',
    schema: secondsBetween(deliveryLimits.leaseMinMs, deliveryLimits.leaseMaxMs),
  },
  lapseDelayMs: {
    name: 'PACKETBOAT_LAPSE_DELAY_SECONDS',
    unit: `seconds, 0 to ${deliveryLimits.lapseDelayMaxMs / 1_000}`,
    default: String(deliveryLimits.lapseDelayMs / 1_000),
    requiredBy: [],
    programs: ['dev', 'sweeper'],
    help: 'How long a delivery whose lease ended waits before the next attempt: its message may be what kills dispatchers.',
    schema: secondsBetween(0, deliveryLimits.lapseDelayMaxMs),
  },
  republishMs: {
    name: 'PACKETBOAT_REPUBLISH_SECONDS',
    unit: `seconds, ${queueLimits.republishMinMs / 1_000} to ${queueLimits.republishMaxMs / 1_000}`,
    default: String(queueLimits.republishMs / 1_000),
    requiredBy: [],
    programs: ['dev', 'ingest', 'sweeper'],
    help: 'How long a queued delivery waits for a dispatcher before it is put into the queue again, in case the queue lost it.',
    schema: secondsBetween(queueLimits.republishMinMs, queueLimits.republishMaxMs),
  },
  keyringFile: {
    name: 'PACKETBOAT_KEYRING_FILE',
    unit: 'path',
    default: null,
    requiredBy: ['ingest', 'dispatcher', 'operator', 'catalog'],
    programs: ['dev', 'ingest', 'dispatcher', 'operator', 'catalog'],
    help: 'File with the secrets of this installation, or a folder with one file for each purpose. Ingest needs suppression and cursor; dispatchers need suppression, return and catalog; the operator and `catalog apply` need catalog. Embedded mode makes its own in the data folder.',
    schema: path.optional(),
  },
  mongodbUrl: {
    name: 'MONGODB_URL',
    unit: 'URL',
    default: 'mongodb://127.0.0.1:27017/packetboat',
    requiredBy: [],
    programs: ['ingest', 'dispatcher', 'sweeper', 'operator', 'catalog'],
    help: 'MongoDB, the store. If the URL names no database, the database is packetboat.',
    schema: urlOf('mongodb', 'mongodb+srv'),
  },
  mongodbCa: {
    name: 'MONGODB_CA_FILE',
    unit: 'path',
    default: "the system's",
    requiredBy: [],
    programs: ['ingest', 'dispatcher', 'sweeper', 'operator', 'catalog'],
    help: "Certificate of the private authority that signed MongoDB's certificate, as PEM. MONGODB_URL needs tls=true.",
    schema: caFile.optional(),
  },
  natsUrl: {
    name: 'NATS_URL',
    unit: 'URL, …',
    default: 'nats://127.0.0.1:4222',
    requiredBy: [],
    programs: ['ingest', 'dispatcher', 'sweeper', 'operator', 'catalog'],
    help: 'NATS with JetStream: the queue, and notices of changes of the catalog.',
    schema: urlOf('nats', 'tls'),
  },
  natsCa: {
    name: 'NATS_CA_FILE',
    unit: 'path',
    default: "the system's",
    requiredBy: [],
    programs: ['ingest', 'dispatcher', 'sweeper', 'operator', 'catalog'],
    help: "Certificate of the private authority that signed NATS's certificate, as PEM. NATS_URL must begin with tls://.",
    schema: caFile.optional(),
  },
  redisUrl: {
    name: 'REDIS_URL',
    unit: 'URL',
    default: 'redis://127.0.0.1:6379',
    requiredBy: [],
    programs: ['ingest', 'dispatcher'],
    help: 'Redis: the budgets, which are the rate limits of keys and senders, and the counts of failed authentications.',
    schema: urlOf('redis', 'rediss'),
  },
  redisCa: {
    name: 'REDIS_CA_FILE',
    unit: 'path',
    default: "the system's",
    requiredBy: [],
    programs: ['ingest', 'dispatcher'],
    help: "Certificate of the private authority that signed Redis's certificate, as PEM. REDIS_URL must begin with rediss://.",
    schema: caFile.optional(),
  },
  installation: {
    name: 'PACKETBOAT_INSTALLATION',
    unit: '1 to 40 letters, digits and underscores',
    default: null,
    requiredBy: [],
    programs: ['ingest', 'dispatcher', 'sweeper'],
    help: 'Name of this installation on a NATS or Redis server that several installations share.',
    schema: parsed(
      (text) => (/^[A-Za-z0-9_]{1,40}$/.test(text) ? text : null),
      'is not 1 to 40 letters, digits and underscores',
    ).optional(),
  },
  namespace: {
    name: 'PACKETBOAT_NAMESPACE',
    unit: 'name',
    default: 'default',
    requiredBy: [],
    programs: ['operator', 'release-finalizers'],
    help: 'Namespace of the Lease that elects the operator that works.',
    schema: kubernetesName,
  },
  namespaces: {
    name: 'PACKETBOAT_NAMESPACES',
    unit: 'name, … or *',
    default: 'PACKETBOAT_NAMESPACE',
    requiredBy: [],
    programs: ['operator', 'release-finalizers'],
    help: 'Namespaces whose Senders and Templates are used; * for all.',
    schema: parsed((text): readonly string[] | null => {
      const names = text.split(',').map((name) => name.trim());
      return names.every((name) => name === '*' || isKubernetesName(name)) ? names : null;
    }, 'is neither * nor names of namespaces with commas between').optional(),
  },
  cluster: {
    name: 'PACKETBOAT_CLUSTER',
    unit: 'name',
    default: 'default',
    requiredBy: [],
    programs: ['operator'],
    help: 'Name of this cluster. Clusters that write to the same catalog need different names.',
    schema: kubernetesName,
  },
  identity: {
    name: 'PACKETBOAT_IDENTITY',
    unit: 'name',
    default: 'the host name and a number of its own',
    requiredBy: [],
    programs: ['operator'],
    help: 'Name of this operator in the Lease, different from that of each other operator. In a pod, use the name of the pod.',
    schema: z
      .string()
      .max(253)
      .optional()
      .transform((text) => text ?? `${hostname()}-${randomBytes(4).toString('hex')}`),
  },
  leaseName: {
    name: 'PACKETBOAT_LEASE_NAME',
    unit: 'name',
    default: 'packetboat-operator',
    requiredBy: [],
    programs: ['operator', 'release-finalizers'],
    help: 'Name of the Lease that elects the operator that works.',
    schema: kubernetesName,
  },
  dnsServers: {
    name: 'PACKETBOAT_DNS_SERVERS',
    unit: 'host:port, …',
    default: "the system's",
    requiredBy: [],
    programs: ['operator'],
    help: 'Recursive DNS servers to ask for the records of sending domains.',
    schema: parsed(readDnsServers, 'is not a list of host:port, with commas between').optional(),
  },
  kubeconfig: {
    name: 'KUBECONFIG',
    unit: 'path',
    default: 'in a pod its service account, elsewhere as kubectl finds it',
    requiredBy: [],
    programs: ['operator', 'release-finalizers'],
    help: 'File that says how to reach the API server, and as whom.',
    schema: path.optional(),
  },
  kubernetesHost: {
    name: 'KUBERNETES_SERVICE_HOST',
    unit: 'host',
    default: 'as Kubernetes sets it in a pod',
    requiredBy: [],
    programs: ['operator', 'release-finalizers'],
    help: 'Host of the API server, for access by service account. Kubernetes sets this variable in every pod.',
    schema: serverHost.optional(),
  },
  kubernetesPort: {
    name: 'KUBERNETES_SERVICE_PORT',
    unit: 'port',
    default: '443',
    requiredBy: [],
    programs: ['operator', 'release-finalizers'],
    help: 'Port of the API server. Kubernetes sets this variable in every pod.',
    schema: serverPort,
  },
  serviceAccountDir: {
    name: 'PACKETBOAT_SERVICE_ACCOUNT_DIR',
    unit: 'path',
    default: '/var/run/secrets/kubernetes.io/serviceaccount',
    requiredBy: [],
    programs: ['operator', 'release-finalizers'],
    help: 'Folder with the `token` and `ca.crt` of the service account. The program reads both again every minute.',
    schema: path,
  },
  url: {
    name: 'PACKETBOAT_URL',
    unit: 'URL',
    default: 'http://127.0.0.1:8080',
    requiredBy: [],
    programs: ['self-test'],
    help: 'The gateway to send through.',
    schema: urlOf('http', 'https').refine((text) => URL.canParse(text), fault('is not a URL')),
  },
  apiKey: {
    name: 'PACKETBOAT_API_KEY',
    unit: 'API key',
    default: null,
    requiredBy: ['self-test'],
    programs: ['self-test'],
    help: 'The key to send with.',
    schema: parsed(
      (text) => (/^[\x21-\x7e]{1,500}$/.test(text) ? text : null),
      'is not an API key',
    ).optional(),
  },
  sender: {
    name: 'PACKETBOAT_SENDER',
    unit: 'name',
    default: 'self-test',
    requiredBy: [],
    programs: ['self-test'],
    help: 'The sender to send as. Its route must lead to PACKETBOAT_SMTP_ADDR.',
    schema: kubernetesName,
  },
  smtpAddr: {
    name: 'PACKETBOAT_SMTP_ADDR',
    unit: 'host:port',
    default: '127.0.0.1:2525',
    requiredBy: [],
    programs: ['self-test'],
    help: 'Address on which this command receives the message.',
    schema: listenAddress,
  },
  waitMs: {
    name: 'PACKETBOAT_WAIT_SECONDS',
    unit: 'seconds, 1 to 3600',
    default: '120',
    requiredBy: [],
    programs: ['self-test'],
    help: 'How long to wait, from the first try to send the message until it is delivered.',
    schema: secondsBetween(1_000, 3_600_000),
  },
  logLevel: {
    name: 'PACKETBOAT_LOG_LEVEL',
    unit: 'fatal, error, warn, info, debug or trace',
    default: 'info',
    requiredBy: [],
    programs: [
      'dev',
      'gateway',
      'ingest',
      'dispatcher',
      'sweeper',
      'operator',
      'catalog',
      'release-finalizers',
      'self-test',
    ],
    help: 'The lowest level that is logged.',
    schema: z.enum(
      ['fatal', 'error', 'warn', 'info', 'debug', 'trace'],
      fault('is none of fatal, error, warn, info, debug, trace'),
    ),
  },
} as const satisfies Record<string, Variable>;

type Variables = typeof variables;
/**
 * What a program is configured with: its own variables, read. All of them have a log level, which
 * the intersection tells TypeScript.
 */
export type Config<P extends ProgramName> = {
  readonly [K in keyof Variables as P extends Variables[K]['programs'][number]
    ? K
    : never]: P extends Variables[K]['requiredBy'][number]
    ? NonNullable<z.output<Variables[K]['schema']>>
    : z.output<Variables[K]['schema']>;
} & { readonly logLevel: z.output<Variables['logLevel']['schema']> };

export type ProcessEnvironment = Readonly<Record<string, string | undefined>>;

const ofProgram = (program: ProgramName): [string, Variable][] =>
  Object.entries<Variable>(variables).filter(([, variable]) => variable.programs.includes(program));

/**
 * An empty variable counts as absent. Throws `Failure('invalid')` with every fault, one a line; no
 * message repeats a value.
 */
export function readConfig<P extends ProgramName>(program: P, environment: ProcessEnvironment): Config<P> {
  const faults: string[] = [];
  const values = ofProgram(program).map(([key, variable]) => {
    const text = environment[variable.name] || undefined;
    if (text === undefined && variable.requiredBy.includes(program))
      faults.push(`${variable.name} is not set; it needs a value (${variable.unit})`);
    const fallback = variable.schema.safeParse(undefined).success
      ? undefined
      : (variable.default ?? undefined);
    const read = variable.schema.safeParse(text ?? fallback, { error: sentenceOf });
    if (!read.success)
      faults.push(`${variable.name} ${read.error.issues.map((issue) => issue.message).join(', ')}`);
    return [key, read.data];
  });
  if (faults.length > 0)
    throw new Failure(
      'invalid',
      `The configuration cannot be used:\n${faults.map((line) => `  ${line}`).join('\n')}`,
    );
  return Object.fromEntries(values) as Config<P>;
}

/** For `--help`: every variable of a program, with its unit and default. */
export function describeConfig(program: ProgramName): string {
  const lines = ofProgram(program).map(([, variable]) => {
    const needed = variable.requiredBy.includes(program)
      ? 'needed'
      : `default: ${variable.default ?? 'none'}`;
    return `  ${variable.name}\n      ${variable.help}\n      ${variable.unit}; ${needed}`;
  });
  return `Environment:\n${lines.join('\n')}\n`;
}
