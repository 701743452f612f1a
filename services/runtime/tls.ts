// The TLS identity of a program towards other programs: its certificate, its private key, and the
// authority that signed the certificates of the others. The three files may be replaced while the
// program runs. New connections then use the new files; files that are invalid are reported and
// ignored.

import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { experimental } from '@grpc/grpc-js';
import { Failure } from '../core/failure.ts';
import { runningLimits } from '../core/limits/running.ts';
import type { Config } from './config.ts';

type CaListener = experimental.CaCertificateUpdateListener;
type IdentityListener = experimental.IdentityCertificateUpdateListener;

/**
 * The current content of the three files, in the form that the gRPC library expects: it registers
 * listeners and uses what they receive.
 */
export interface TlsIdentity extends experimental.CertificateProvider, Disposable {
  /** Reads the files again. This also happens every `runningLimits.tlsReadEveryMs`. */
  refresh(): Promise<void>;
}

type Settings = Pick<Config<'ingest'>, 'tlsCertFile' | 'tlsKeyFile' | 'tlsCaFile'>;

interface Read {
  readonly certificate: Buffer;
  readonly privateKey: Buffer;
  readonly caCertificate: Buffer;
}

/**
 * Null if none of the three variables is set. Throws `Failure('invalid')`, with the name of the
 * variable, if one of the three is not set or its file is missing or invalid.
 */
export async function openTlsIdentity(
  settings: Settings,
  report: (what: string, error: unknown) => void,
): Promise<TlsIdentity | null> {
  const { tlsCertFile, tlsKeyFile, tlsCaFile } = settings;
  if (tlsCertFile === undefined && tlsKeyFile === undefined && tlsCaFile === undefined) return null;
  const missing = Object.entries({
    PACKETBOAT_TLS_CERT_FILE: tlsCertFile,
    PACKETBOAT_TLS_KEY_FILE: tlsKeyFile,
    PACKETBOAT_TLS_CA_FILE: tlsCaFile,
  }).flatMap(([name, value]) => (value === undefined ? [name] : []));
  if (tlsCertFile === undefined || tlsKeyFile === undefined || tlsCaFile === undefined)
    throw new Failure(
      'invalid',
      `${missing.join(' and ')} must be set too: TLS needs all three of PACKETBOAT_TLS_CERT_FILE, PACKETBOAT_TLS_KEY_FILE and PACKETBOAT_TLS_CA_FILE`,
    );

  const read = () => readAll({ certificate: tlsCertFile, privateKey: tlsKeyFile, caCertificate: tlsCaFile });
  let present = await read();
  const authorities = new Set<CaListener>();
  const identities = new Set<IdentityListener>();

  async function refresh(): Promise<void> {
    try {
      const next = await read();
      if (isSame(present, next)) return;
      present = next;
      for (const listener of identities) listener(next);
      for (const listener of authorities) listener(next);
    } catch (error) {
      report('the new TLS files are invalid; the program keeps using the old ones', error);
    }
  }
  const timer = setInterval(() => void refresh(), runningLimits.tlsReadEveryMs).unref();

  return {
    refresh,
    addCaCertificateListener(listener) {
      authorities.add(listener);
      process.nextTick(() => listener(present));
    },
    removeCaCertificateListener: (listener) => void authorities.delete(listener),
    addIdentityCertificateListener(listener) {
      identities.add(listener);
      process.nextTick(() => listener(present));
    },
    removeIdentityCertificateListener: (listener) => void identities.delete(listener),
    [Symbol.dispose]: () => clearInterval(timer),
  };
}

const isSame = (a: Read, b: Read): boolean =>
  a.certificate.equals(b.certificate) &&
  a.privateKey.equals(b.privateKey) &&
  a.caCertificate.equals(b.caCertificate);

async function readAll(files: { readonly [K in keyof Read]: string }): Promise<Read> {
  const certificate = await readOne('PACKETBOAT_TLS_CERT_FILE', files.certificate);
  const privateKey = await readOne('PACKETBOAT_TLS_KEY_FILE', files.privateKey);
  const caCertificate = await readOne('PACKETBOAT_TLS_CA_FILE', files.caCertificate);
  const own = parse('PACKETBOAT_TLS_CERT_FILE', 'certificate', () => new X509Certificate(certificate));
  parse('PACKETBOAT_TLS_CA_FILE', 'certificate', () => new X509Certificate(caCertificate));
  const key = parse('PACKETBOAT_TLS_KEY_FILE', 'private key', () => createPrivateKey(privateKey));
  // while only one of the two files is replaced, they do not match; the next read finds both
  if (!own.checkPrivateKey(key))
    throw new Failure(
      'invalid',
      'PACKETBOAT_TLS_KEY_FILE is not the key of the certificate in PACKETBOAT_TLS_CERT_FILE',
    );
  return { certificate, privateKey, caCertificate };
}

async function readOne(name: string, path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    throw new Failure(
      'invalid',
      `${name} cannot be read: ${error instanceof Error && 'code' in error ? error.code : 'unreadable'}`,
    );
  }
}

/** The library's own message may quote the content of the file. */
function parse<T>(name: string, what: string, read: () => T): T {
  try {
    return read();
  } catch {
    throw new Failure('invalid', `${name} contains no ${what} in PEM`);
  }
}

/**
 * Returns whether a peer has privileges: its certificate must contain exactly one of these names.
 */
export function namedPeers(
  names: readonly string[],
): (certificate: Uint8Array, fingerprint: string) => boolean {
  const known = new Map<string, boolean>();
  return (certificate, fingerprint) => {
    const judged = known.get(fingerprint);
    if (judged !== undefined) return judged;
    const read = new X509Certificate(certificate);
    const isNamed = names.some(
      (name) => read.checkHost(name, { subject: 'never', wildcards: false }) !== undefined,
    );
    if (known.size >= runningLimits.tlsPeersKnownMax) known.clear();
    known.set(fingerprint, isNamed);
    return isNamed;
  };
}
