// Every environment variable of every program, declared once with its unit, default and meaning.
// `read-config.ts` reads the variables of a program from this table, `describe-config.ts` writes
// `--help` from it, and `variable-reference.ts` the reference in docs/running.md.

import type { z } from 'zod';
import { accessLimits } from '../core/limits/access.ts';
import { deliveryLimits } from '../core/limits/delivery.ts';
import { doorLimits } from '../core/limits/door.ts';
import { queueLimits } from '../core/limits/queue.ts';
import { runningLimits } from '../core/limits/running.ts';
import { certificateFile } from './certificate-file.ts';
import {
  apiKey,
  bootstrapKey,
  cidrs,
  dnsServers,
  gatewayUrl,
  grpcTarget,
  hostNames,
  installation,
  kubernetesName,
  listenAddress,
  logLevel,
  namespaces,
  operatorIdentity,
  origins,
  path,
  publicUrl,
  relay,
  secondsBetween,
  serverHost,
  serverPort,
  tenant,
  trueOrFalse,
  urlStartingWith,
  wholeNumberBetween,
} from './variable-parsers.ts';

/** The programs of the `packetboat` command; `catalog` is `packetboat catalog apply`. */
export const programs = [
  'dev',
  'gateway',
  'ingest',
  'dispatcher',
  'sweeper',
  'operator',
  'catalog',
  'self-test',
] as const;
export type ProgramName = (typeof programs)[number];

export interface Variable {
  readonly name: string;
  /** The form of the value: `host:port`, `path`, `URL` … */
  readonly unit: string;
  /**
   * In that form, or a description if the program finds the value elsewhere. Null: there is no
   * default.
   */
  readonly default: string | null;
  /** The programs that do not start without the variable; none if absent. */
  readonly requiredBy?: readonly ProgramName[];
  readonly programs: readonly ProgramName[];
  readonly help: string;
  /** Parses the text. No message repeats the text, which may be a secret. */
  readonly schema: z.ZodType;
}

export const variables = {
  httpAddr: {
    name: 'PACKETBOAT_HTTP_ADDR',
    unit: 'host:port',
    default: '127.0.0.1:8080',
    programs: ['dev', 'gateway'],
    help: 'Address of the REST API, the documentation and, in development, the inbox.',
    schema: listenAddress,
  },
  publicUrl: {
    name: 'PACKETBOAT_PUBLIC_URL',
    unit: 'URL',
    default: 'http://PACKETBOAT_HTTP_ADDR',
    programs: ['dev', 'gateway'],
    help: 'URL at which callers reach the REST API, for the description of the API. Set this behind a proxy: the gateway does not take the URL from the headers of requests.',
    schema: publicUrl.optional(),
  },
  grpcAddr: {
    name: 'PACKETBOAT_GRPC_ADDR',
    unit: 'host:port',
    default: '127.0.0.1:9090',
    programs: ['dev', 'ingest'],
    help: 'Address of the gRPC API.',
    schema: listenAddress,
  },
  trustedProxies: {
    name: 'PACKETBOAT_TRUSTED_PROXIES',
    unit: 'CIDR, …',
    default: null,
    programs: ['dev', 'gateway'],
    help: 'Addresses of the proxies and load balancers in front of the gateway. The gateway reads the address of a caller from the Forwarded or X-Forwarded-For header that these send, and ignores the headers of everybody else.',
    schema: cidrs.optional(),
  },
  metricsAddr: {
    name: 'PACKETBOAT_METRICS_ADDR',
    unit: 'host:port',
    default: '127.0.0.1:9100',
    programs: ['dev', 'gateway', 'ingest', 'dispatcher', 'sweeper', 'operator'],
    help: 'Address of /metrics, /healthz and /readyz.',
    schema: listenAddress,
  },
  ingestAddr: {
    name: 'PACKETBOAT_INGEST_ADDR',
    unit: 'gRPC target',
    default: '127.0.0.1:9090',
    programs: ['gateway'],
    help: 'Address of ingest: host:port, dns:///name:port or ipv4:a:port,b:port. The gateway balances its calls over all addresses that the name resolves to.',
    schema: grpcTarget,
  },
  connectionsPerAddress: {
    name: 'PACKETBOAT_CONNECTIONS_PER_ADDRESS',
    unit: `connections, 1 to ${doorLimits.httpConnectionsPerAddressMaxMax}`,
    default: String(doorLimits.httpConnectionsPerAddressMax),
    programs: ['dev', 'gateway'],
    help: 'Maximum number of HTTP connections that one address (IPv6: one /64) may have open. Further connections get a 503. A load balancer counts as one address unless PACKETBOAT_TRUSTED_PROXIES lists it.',
    schema: wholeNumberBetween(1, doorLimits.httpConnectionsPerAddressMaxMax),
  },
  corsOrigins: {
    name: 'PACKETBOAT_CORS_ORIGINS',
    unit: 'https://host, …',
    default: null,
    programs: ['dev', 'gateway'],
    help: 'Origins whose pages may call the API from a browser. By default, browsers do not let pages of other origins read responses.',
    schema: origins.optional(),
  },
  tlsCertFile: {
    name: 'PACKETBOAT_TLS_CERT_FILE',
    unit: 'path',
    default: null,
    programs: ['gateway', 'ingest'],
    help: 'Certificate of this program, as PEM, for the connection between gateways and ingest. The connection is encrypted only if all three TLS files are set.',
    schema: path.optional(),
  },
  tlsKeyFile: {
    name: 'PACKETBOAT_TLS_KEY_FILE',
    unit: 'path',
    default: null,
    programs: ['gateway', 'ingest'],
    help: 'Private key of the certificate in PACKETBOAT_TLS_CERT_FILE, as PEM.',
    schema: path.optional(),
  },
  tlsCaFile: {
    name: 'PACKETBOAT_TLS_CA_FILE',
    unit: 'path',
    default: null,
    programs: ['gateway', 'ingest'],
    help: "Certificate of the authority that signed the other side's certificate, as PEM. The program reads all three files again when they change.",
    schema: path.optional(),
  },
  tlsPeerNames: {
    name: 'PACKETBOAT_TLS_PEER_NAMES',
    unit: 'host name, …',
    default: null,
    programs: ['ingest'],
    help: 'Names in the certificates of gateways. Callers with any other certificate can use the public API only.',
    schema: hostNames.optional(),
  },
  dataDir: {
    name: 'PACKETBOAT_DATA_DIR',
    unit: 'path',
    default: '.packetboat',
    programs: ['dev', 'gateway'],
    help: 'Folder for the database, content, keys and inbox of embedded mode. The gateway stores large request bodies there while it reads them.',
    schema: path,
  },
  catalogDir: {
    name: 'PACKETBOAT_CATALOG_DIR',
    unit: 'path',
    default: 'examples/catalog, beside the program',
    programs: ['dev'],
    help: 'Folder of Sender and Template files. Changes take effect within a second.',
    schema: path.optional(),
  },
  bootstrapKey: {
    name: 'PACKETBOAT_BOOTSTRAP_KEY',
    unit: 'sk_live_ followed by 24 to 200 letters, digits and underscores',
    default: null,
    programs: ['dev', 'ingest'],
    help: 'An API key that you choose (live, all scopes). The program creates the key at start, unless the tenant has a working live key that may make keys for all senders. In development the program generates a key.',
    schema: bootstrapKey.optional(),
  },
  bootstrapTenant: {
    name: 'PACKETBOAT_BOOTSTRAP_TENANT',
    unit: 'name',
    default: 'default',
    programs: ['dev', 'ingest'],
    help: 'Tenant of PACKETBOAT_BOOTSTRAP_KEY.',
    schema: tenant,
  },
  bootstrapRequestsPerMinute: {
    name: 'PACKETBOAT_BOOTSTRAP_REQUESTS_PER_MINUTE',
    unit: `requests, 1 to ${accessLimits.requestsPerMinuteMax}`,
    default: String(accessLimits.requestsPerMinuteDefault),
    programs: ['dev', 'ingest'],
    help: 'Rate limit of PACKETBOAT_BOOTSTRAP_KEY when the key is created. No key of the tenant can have a higher limit.',
    schema: wholeNumberBetween(1, accessLimits.requestsPerMinuteMax),
  },
  relay: {
    name: 'PACKETBOAT_RELAY',
    unit: 'smtp://host:port or smtps://host:port',
    default: null,
    programs: ['dev', 'dispatcher'],
    help: "Server that receives all mail, instead of the senders' own routes. In development the default is the inbox.",
    schema: relay.optional(),
  },
  allowCidrs: {
    name: 'PACKETBOAT_ALLOW_CIDRS',
    unit: 'CIDR, …',
    default: null,
    programs: ['dev', 'dispatcher'],
    help: 'Private address ranges to which mail may be sent, for relays inside your network. In development loopback is allowed.',
    schema: cidrs.optional(),
  },
  leaseMs: {
    name: 'PACKETBOAT_LEASE_SECONDS',
    unit: `seconds, ${deliveryLimits.leaseMinMs / 1_000} to ${deliveryLimits.leaseMaxMs / 1_000}`,
    default: String(deliveryLimits.leaseMs / 1_000),
    programs: ['dev', 'dispatcher', 'sweeper'],
    help: 'How long the deliveries of a killed or disconnected dispatcher wait until another dispatcher takes them over. A running dispatcher renews its leases. Set the same value for dispatchers and sweepers.',
    schema: secondsBetween(deliveryLimits.leaseMinMs, deliveryLimits.leaseMaxMs),
  },
  lapseDelayMs: {
    name: 'PACKETBOAT_LAPSE_DELAY_SECONDS',
    unit: `seconds, 0 to ${deliveryLimits.lapseDelayMaxMs / 1_000}`,
    default: String(deliveryLimits.lapseDelayMs / 1_000),
    programs: ['dev', 'sweeper'],
    help: 'How long a delivery waits for its next attempt after its lease has lapsed: the message may have crashed the dispatcher.',
    schema: secondsBetween(0, deliveryLimits.lapseDelayMaxMs),
  },
  republishMs: {
    name: 'PACKETBOAT_REPUBLISH_SECONDS',
    unit: `seconds, ${queueLimits.republishMinMs / 1_000} to ${queueLimits.republishMaxMs / 1_000}`,
    default: String(queueLimits.republishMs / 1_000),
    programs: ['dev', 'ingest', 'sweeper'],
    help: 'How long a queued delivery waits for a dispatcher before it is published to the queue again, in case the queue lost its entry.',
    schema: secondsBetween(queueLimits.republishMinMs, queueLimits.republishMaxMs),
  },
  keyringFile: {
    name: 'PACKETBOAT_KEYRING_FILE',
    unit: 'path',
    default: null,
    requiredBy: ['ingest', 'dispatcher', 'operator', 'catalog'],
    programs: ['dev', 'ingest', 'dispatcher', 'operator', 'catalog'],
    help: 'File with the secrets of this installation, or a folder with one file for each purpose. Ingest needs suppression and cursor; dispatchers need suppression, return and catalog; the operator and `catalog apply` need catalog. Embedded mode generates a keyring in the data folder.',
    schema: path.optional(),
  },
  mongodbUrl: {
    name: 'MONGODB_URL',
    unit: 'URL',
    default: 'mongodb://127.0.0.1:27017/packetboat',
    programs: ['ingest', 'dispatcher', 'sweeper', 'operator', 'catalog'],
    help: 'MongoDB, the store. If the URL names no database, the database is packetboat.',
    schema: urlStartingWith('mongodb', 'mongodb+srv'),
  },
  mongodbCa: {
    name: 'MONGODB_CA_FILE',
    unit: 'path',
    default: "the system's",
    programs: ['ingest', 'dispatcher', 'sweeper', 'operator', 'catalog'],
    help: "Certificate of the private authority that signed MongoDB's certificate, as PEM. MONGODB_URL needs tls=true.",
    schema: certificateFile.optional(),
  },
  natsUrl: {
    name: 'NATS_URL',
    unit: 'URL, …',
    default: 'nats://127.0.0.1:4222',
    programs: ['ingest', 'dispatcher', 'sweeper', 'operator', 'catalog'],
    help: 'NATS with JetStream: the queue, and the notices of changes to the catalog.',
    schema: urlStartingWith('nats', 'tls'),
  },
  natsCa: {
    name: 'NATS_CA_FILE',
    unit: 'path',
    default: "the system's",
    programs: ['ingest', 'dispatcher', 'sweeper', 'operator', 'catalog'],
    help: "Certificate of the private authority that signed NATS's certificate, as PEM. NATS_URL must begin with tls://.",
    schema: certificateFile.optional(),
  },
  redisUrl: {
    name: 'REDIS_URL',
    unit: 'URL',
    default: 'redis://127.0.0.1:6379',
    programs: ['ingest', 'dispatcher'],
    help: 'Redis: the budgets (rate limits of keys and senders) and the counts of failed authentications.',
    schema: urlStartingWith('redis', 'rediss'),
  },
  redisCa: {
    name: 'REDIS_CA_FILE',
    unit: 'path',
    default: "the system's",
    programs: ['ingest', 'dispatcher'],
    help: "Certificate of the private authority that signed Redis's certificate, as PEM. REDIS_URL must begin with rediss://.",
    schema: certificateFile.optional(),
  },
  installation: {
    name: 'PACKETBOAT_INSTALLATION',
    unit: '1 to 40 letters, digits and underscores',
    default: null,
    programs: ['ingest', 'dispatcher', 'sweeper'],
    help: 'Name of this installation on a NATS or Redis server that several installations share.',
    schema: installation.optional(),
  },
  namespace: {
    name: 'PACKETBOAT_NAMESPACE',
    unit: 'name',
    default: 'default',
    programs: ['operator'],
    help: 'Namespace of the Lease by which operators elect a leader.',
    schema: kubernetesName,
  },
  namespaces: {
    name: 'PACKETBOAT_NAMESPACES',
    unit: 'name, … or *',
    default: 'PACKETBOAT_NAMESPACE',
    programs: ['operator'],
    help: 'Namespaces whose Senders and Templates the operator reconciles; * for all.',
    schema: namespaces.optional(),
  },
  cluster: {
    name: 'PACKETBOAT_CLUSTER',
    unit: 'name',
    default: 'default',
    programs: ['operator'],
    help: 'Name of this cluster. Clusters that write to the same catalog need different names.',
    schema: kubernetesName,
  },
  identity: {
    name: 'PACKETBOAT_IDENTITY',
    unit: 'name',
    default: 'the host name and a random suffix',
    programs: ['operator'],
    help: 'Name of this operator in the Lease. Each operator needs a different name. In a pod, use the name of the pod.',
    schema: operatorIdentity,
  },
  allowMassRetire: {
    name: 'PACKETBOAT_ALLOW_MASS_RETIRE',
    unit: 'true or false',
    default: 'false',
    programs: ['operator'],
    help: 'Whether the operator retires the catalog entries of missing objects although most objects of a namespace are missing at once, or although the API server is at an older state than the catalog.',
    schema: trueOrFalse,
  },
  leaseName: {
    name: 'PACKETBOAT_LEASE_NAME',
    unit: 'name',
    default: 'packetboat-operator',
    programs: ['operator'],
    help: 'Name of the Lease by which operators elect a leader.',
    schema: kubernetesName,
  },
  dnsServers: {
    name: 'PACKETBOAT_DNS_SERVERS',
    unit: 'host:port, …',
    default: "the system's",
    programs: ['operator'],
    help: 'Recursive DNS servers to query for the records of sending domains.',
    schema: dnsServers.optional(),
  },
  kubeconfig: {
    name: 'KUBECONFIG',
    unit: 'path',
    default: "the service account in a pod, else kubectl's default",
    programs: ['operator'],
    help: 'File with the address of the API server and the credentials for it.',
    schema: path.optional(),
  },
  kubernetesHost: {
    name: 'KUBERNETES_SERVICE_HOST',
    unit: 'host',
    default: 'as Kubernetes sets it in a pod',
    programs: ['operator'],
    help: 'Host of the API server, for access by service account. Kubernetes sets this variable in every pod.',
    schema: serverHost.optional(),
  },
  kubernetesPort: {
    name: 'KUBERNETES_SERVICE_PORT',
    unit: 'port',
    default: '443',
    programs: ['operator'],
    help: 'Port of the API server. Kubernetes sets this variable in every pod.',
    schema: serverPort,
  },
  serviceAccountDir: {
    name: 'PACKETBOAT_SERVICE_ACCOUNT_DIR',
    unit: 'path',
    default: '/var/run/secrets/kubernetes.io/serviceaccount',
    programs: ['operator'],
    help: 'Folder with the `token` and `ca.crt` of the service account. The program reads both again every minute.',
    schema: path,
  },
  url: {
    name: 'PACKETBOAT_URL',
    unit: 'URL',
    default: 'http://127.0.0.1:8080',
    programs: ['self-test'],
    help: 'URL of the gateway to send through.',
    schema: gatewayUrl,
  },
  apiKey: {
    name: 'PACKETBOAT_API_KEY',
    unit: 'API key',
    default: null,
    requiredBy: ['self-test'],
    programs: ['self-test'],
    help: 'API key to send with.',
    schema: apiKey.optional(),
  },
  sender: {
    name: 'PACKETBOAT_SENDER',
    unit: 'name',
    default: 'self-test',
    programs: ['self-test'],
    help: 'Sender to send as. Its route must lead to PACKETBOAT_SMTP_ADDR.',
    schema: kubernetesName,
  },
  smtpAddr: {
    name: 'PACKETBOAT_SMTP_ADDR',
    unit: 'host:port',
    default: '127.0.0.1:2525',
    programs: ['self-test'],
    help: 'Address on which this command receives the message.',
    schema: listenAddress,
  },
  waitMs: {
    name: 'PACKETBOAT_WAIT_SECONDS',
    unit: `seconds, ${runningLimits.selfTestWaitMinMs / 1_000} to ${runningLimits.selfTestWaitMaxMs / 1_000}`,
    default: '120',
    programs: ['self-test'],
    help: 'How long to wait for the delivery, from the first try to send the message.',
    schema: secondsBetween(runningLimits.selfTestWaitMinMs, runningLimits.selfTestWaitMaxMs),
  },
  logLevel: {
    name: 'PACKETBOAT_LOG_LEVEL',
    unit: 'fatal, error, warn, info, debug or trace',
    default: 'info',
    programs: ['dev', 'gateway', 'ingest', 'dispatcher', 'sweeper', 'operator', 'catalog', 'self-test'],
    help: 'Lowest level that is logged.',
    schema: logLevel,
  },
} as const satisfies Record<string, Variable>;

type Variables = typeof variables;

type RequiredBy<V> = V extends { readonly requiredBy: readonly (infer P)[] } ? P : never;

/**
 * The parsed variables of a program. Every program has a log level; the intersection tells
 * TypeScript so when `P` is not known.
 */
export type Config<P extends ProgramName> = {
  readonly [K in keyof Variables as P extends Variables[K]['programs'][number]
    ? K
    : never]: P extends RequiredBy<Variables[K]>
    ? NonNullable<z.output<Variables[K]['schema']>>
    : z.output<Variables[K]['schema']>;
} & { readonly logLevel: z.output<Variables['logLevel']['schema']> };

/** The variables of a program, each with the key of its value in the configuration. */
export const variablesOf = (program: ProgramName): [string, Variable][] =>
  Object.entries<Variable>(variables).filter(([, variable]) => variable.programs.includes(program));

/** Whether a program does not start without this variable. */
export const isRequiredBy = (program: ProgramName, { requiredBy = [] }: Variable): boolean =>
  requiredBy.includes(program);
