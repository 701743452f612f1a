// How the API server is reached, and as whom. A pod's service account is read here: two files and an address. Kubeconfigs, with their contexts, commands and
// certificates, are the Kubernetes library's, which is loaded only where one is used: its generated models take 83 MiB.

import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { RequestOptions } from 'node:https';
import { isIPv6 } from 'node:net';
import { join } from 'node:path';
import { Failure } from '../../services/core/failure.ts';
import { limits } from '../../services/core/limits.ts';

export interface Access {
  /** `https://host:port`, without a slash at its end. */
  readonly server: string;
  /** What a request carries: a token or a certificate, and whom to trust. */
  options(): Promise<RequestOptions>;
}

/** In this order: the kubeconfig that is named; in a pod the service account; a kubeconfig where kubectl finds one. */
export interface AccessSettings {
  /** Path of a kubeconfig. */
  readonly kubeconfig?: string | undefined;
  /** What a pod is given; undefined: not in a pod. */
  readonly serviceAccount?: ServiceAccount | undefined;
}

export interface ServiceAccount {
  /** Address of the API server. */
  readonly host: string;
  readonly port: number;
  /** Folder of `token` and `ca.crt`. */
  readonly folder: string;
}

/** As the settings of a program tell it. */
export function accessOf(settings: {
  readonly kubeconfig: string | undefined;
  readonly kubernetesHost: string | undefined;
  readonly kubernetesPort: number;
  readonly serviceAccountDir: string;
}): AccessSettings {
  const { kubeconfig, kubernetesHost: host, kubernetesPort: port, serviceAccountDir: folder } = settings;
  return { kubeconfig, serviceAccount: host === undefined ? undefined : { host, port, folder } };
}

/** Throws `Failure('invalid')` when there is none that can be used. */
export async function openAccess({ kubeconfig, serviceAccount }: AccessSettings): Promise<Access> {
  return kubeconfig === undefined && serviceAccount !== undefined ? openServiceAccount(serviceAccount) : openKubeconfig(kubeconfig);
}

const holds = { token: 'token', 'ca.crt': 'certificate as PEM' } as const;
const isGood: Record<keyof typeof holds, (text: string) => boolean> = {
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

/** The kubelet replaces both files, the token long before it ends. */
async function openServiceAccount({ host, port, folder }: ServiceAccount): Promise<Access> {
  const read = async (name: keyof typeof holds): Promise<string> => {
    const file = join(folder, name);
    const text = await readFile(file, 'utf8').catch((cause: unknown) => {
      throw new Failure('invalid', `${file} of the service account cannot be read`, { cause });
    });
    if (text.trim() === '') throw new Failure('invalid', `${file} of the service account is empty`);
    if (!isGood[name](text.trim())) throw new Failure('invalid', `${file} of the service account holds no ${holds[name]}`);
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
      if (performance.now() - readAt >= limits.serviceAccountReadEveryMs) {
        readAt = performance.now();
        options = await readBoth().catch(() => options); // a token that is good no more is the server's to refuse
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
  if (cluster === null) throw new Failure('invalid', `${which} names no cluster`);
  // without any, the library makes one up
  if (!cluster.server?.startsWith('https://'))
    throw new Failure(
      'invalid',
      path === undefined ? 'there is no kubeconfig, and no service account' : `${which} names no https:// server`,
    );
  return {
    server: cluster.server.replace(/\/$/, ''),
    async options() {
      const options: RequestOptions = {};
      await config.applyToHTTPSOptions(options).catch((error: unknown) => {
        // what a command printed may be a token, and a parser quotes it
        throw error instanceof SyntaxError ? new Failure('unavailable', `what ${which} names gives no credential that can be read`) : error;
      });
      return options;
    },
  };
}
