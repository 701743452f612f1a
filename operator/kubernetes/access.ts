// The address of the API server and the credential for it. This file reads a pod's service account:
// two files and an address. The Kubernetes library reads kubeconfigs, with their contexts, commands
// and certificates; it is loaded only for them, because its generated models take 83 MiB.

import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { RequestOptions } from 'node:https';
import { isIPv6 } from 'node:net';
import { join } from 'node:path';
import { Failure } from '../../services/core/failure.ts';
import { kubernetesLimits } from '../../services/core/limits/kubernetes.ts';

export interface Access {
  /** `https://host:port`, without a trailing slash. */
  readonly server: string;
  /**
   * TLS and header options of a request: a token or a client certificate, and the trusted
   * authority.
   */
  options(): Promise<RequestOptions>;
}

/**
 * In order of precedence: the named kubeconfig; in a pod its service account; the kubeconfig that
 * kubectl would use.
 */
export interface AccessSettings {
  /** Path of a kubeconfig. */
  readonly kubeconfig?: string | undefined;
  /** Undefined outside a pod. */
  readonly serviceAccount?: ServiceAccount | undefined;
}

export interface ServiceAccount {
  /** Address of the API server. */
  readonly host: string;
  readonly port: number;
  /** Folder with `token` and `ca.crt`. */
  readonly folder: string;
}

/** From the configuration of a program. */
export function accessOf(settings: {
  readonly kubeconfig: string | undefined;
  readonly kubernetesHost: string | undefined;
  readonly kubernetesPort: number;
  readonly serviceAccountDir: string;
}): AccessSettings {
  const { kubeconfig, kubernetesHost: host, kubernetesPort: port, serviceAccountDir: folder } = settings;
  return { kubeconfig, serviceAccount: host === undefined ? undefined : { host, port, folder } };
}

/** Throws `Failure('invalid')` without a usable kubeconfig or service account. */
export async function openAccess({ kubeconfig, serviceAccount }: AccessSettings): Promise<Access> {
  return kubeconfig === undefined && serviceAccount !== undefined
    ? openServiceAccount(serviceAccount)
    : openKubeconfig(kubeconfig);
}

const contents = { token: 'token', 'ca.crt': 'certificate as PEM' } as const;
const isGood: Record<keyof typeof contents, (text: string) => boolean> = {
  token: (text) => /^[\x21-\x7e]+$/.test(text),
  'ca.crt': (text) => {
    try {
      new X509Certificate(text);
      return true;
    } catch {
      return false;
    }
  },
};

/** The kubelet replaces both files; it replaces the token long before the token expires. */
async function openServiceAccount({ host, port, folder }: ServiceAccount): Promise<Access> {
  const read = async (name: keyof typeof contents): Promise<string> => {
    const file = join(folder, name);
    const text = await readFile(file, 'utf8').catch((cause: unknown) => {
      throw new Failure('invalid', `the service account file ${file} cannot be read`, { cause });
    });
    if (text.trim() === '') throw new Failure('invalid', `the service account file ${file} is empty`);
    if (!isGood[name](text.trim()))
      throw new Failure('invalid', `the service account file ${file} contains no ${contents[name]}`);
    return text.trim();
  };
  const readBoth = async (): Promise<RequestOptions> => {
    const [token, ca] = await Promise.all([read('token'), read('ca.crt')]);
    return { ca, headers: { authorization: `Bearer ${token}` } };
  };
  let readAt = performance.now();
  let options = await readBoth();
  return {
    server: `https://${isIPv6(host) ? `[${host}]` : host}:${port}`,
    async options() {
      if (performance.now() - readAt >= kubernetesLimits.serviceAccountReadEveryMs) {
        readAt = performance.now();
        options = await readBoth().catch(() => options); // the server refuses a token that has expired
      }
      return options;
    },
  };
}

async function openKubeconfig(path: string | undefined): Promise<Access> {
  const { KubeConfig } = await import('@kubernetes/client-node');
  const config = new KubeConfig();
  const which = path === undefined ? 'the kubeconfig' : `the kubeconfig ${path}`;
  try {
    if (path === undefined) config.loadFromDefault();
    else config.loadFromFile(path);
  } catch (cause) {
    throw new Failure('invalid', `${which} cannot be read`, { cause });
  }
  const cluster = config.getCurrentCluster();
  if (cluster === null) throw new Failure('invalid', `${which} names no current cluster`);
  // without a kubeconfig the library makes up a cluster
  if (!cluster.server?.startsWith('https://'))
    throw new Failure(
      'invalid',
      path === undefined
        ? 'there is neither a kubeconfig nor a service account'
        : `${which} names no https:// server`,
    );
  return {
    server: cluster.server.replace(/\/$/, ''),
    async options() {
      const options: RequestOptions = {};
      await config.applyToHTTPSOptions(options).catch((error: unknown) => {
        // the parser's message quotes the output of a credential command, which may be a token
        throw error instanceof SyntaxError
          ? new Failure(
              'unavailable',
              `the credential command or file of ${which} returned no valid credential`,
            )
          : error;
      });
      return options;
    },
  };
}
