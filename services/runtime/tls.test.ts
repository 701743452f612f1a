import { X509Certificate } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { makeAuthority } from '../../test/support/certificates.ts';
import { namedPeers, openTlsIdentity } from './tls.ts';

const authority = makeAuthority();
const { cert, key } = authority.issue({ names: ['ingest.example'] });
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'packetboat-tls-'));
  onTestFinished(() => rm(folder, { recursive: true }));
});

/** Three files with this content; undefined: no such file. */
async function files(content: { readonly cert?: string; readonly key?: string; readonly ca?: string }) {
  for (const [name, text] of Object.entries(content)) await writeFile(join(folder, name), text);
  return {
    tlsCertFile: join(folder, 'cert'),
    tlsKeyFile: join(folder, 'key'),
    tlsCaFile: join(folder, 'ca'),
  };
}
const neverReported = (what: string, error: unknown): void => void expect.fail(`${what}: ${error}`);

it('is null if no variable is set', async () => {
  const nothing = { tlsCertFile: undefined, tlsKeyFile: undefined, tlsCaFile: undefined };
  expect(await openTlsIdentity(nothing, neverReported)).toBeNull();
});

describe('an invalid file is reported with its variable, without its content', () => {
  it.each([
    ['no certificate', { key, ca: authority.cert }, 'PACKETBOAT_TLS_CERT_FILE cannot be read: ENOENT'],
    [
      'a certificate that is none',
      { cert: 'hunter2', key, ca: authority.cert },
      'PACKETBOAT_TLS_CERT_FILE contains no certificate in PEM',
    ],
    [
      'a text that is not a key',
      { cert, key: 'hunter2', ca: authority.cert },
      'PACKETBOAT_TLS_KEY_FILE contains no private key in PEM',
    ],
    [
      'an authority that is none',
      { cert, key, ca: 'hunter2' },
      'PACKETBOAT_TLS_CA_FILE contains no certificate in PEM',
    ],
    [
      'the key of another',
      { cert, key: authority.issue({ names: ['other.example'] }).key, ca: authority.cert },
      'PACKETBOAT_TLS_KEY_FILE is not the key of the certificate in PACKETBOAT_TLS_CERT_FILE',
    ],
  ])('%s', async (_, content, message) => {
    await expect(openTlsIdentity(await files(content), neverReported)).rejects.toMatchObject({
      kind: 'invalid',
      message,
    });
  });

  it('one variable of three alone', async () => {
    const { tlsCertFile } = await files({ cert });
    await expect(
      openTlsIdentity({ tlsCertFile, tlsKeyFile: undefined, tlsCaFile: undefined }, neverReported),
    ).rejects.toMatchObject({
      message:
        'PACKETBOAT_TLS_KEY_FILE and PACKETBOAT_TLS_CA_FILE must be set too: TLS needs all three of PACKETBOAT_TLS_CERT_FILE, PACKETBOAT_TLS_KEY_FILE and PACKETBOAT_TLS_CA_FILE',
    });
  });
});

it('listeners receive new files, but never a pair that does not match', async () => {
  const reports: unknown[] = [];
  using identity = await openTlsIdentity(await files({ cert, key, ca: authority.cert }), (_, error) =>
    reports.push(error),
  );
  const told: string[] = [];
  const first = new Promise<void>((heard) =>
    identity?.addIdentityCertificateListener((update) => {
      told.push(String(update?.certificate));
      heard();
    }),
  );
  await first;
  const next = authority.issue({ names: ['ingest.example'] });
  await files({ cert: next.cert });
  await identity?.refresh();
  expect(told).toEqual([cert]);
  expect(reports).toHaveLength(1);
  await files({ key: next.key });
  await identity?.refresh();
  await identity?.refresh();
  expect(told).toEqual([cert, next.cert]);
});

it('peers are recognized by an exact name in their certificate', () => {
  const isNamed = namedPeers(['gateway.example']);
  const judge = (...names: readonly string[]): boolean => {
    const certificate = new X509Certificate(authority.issue({ names }).cert);
    return isNamed(certificate.raw, certificate.fingerprint256);
  };
  expect(judge('gateway.example')).toBe(true);
  expect(judge('other.example', 'gateway.example')).toBe(true);
  expect(judge('other.example')).toBe(false);
  expect(judge('*.example')).toBe(false);
  expect(judge('gateway.example.evil.example')).toBe(false);
});
