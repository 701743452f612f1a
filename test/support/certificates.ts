// Certificates for tests: an authority of the test's own and what it signs. Node can read X.509 but
// not write it, and openssl is not on every machine, so the few DER structures of RFC 5280 that a
// server certificate needs are put together here.

import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import { isIP, isIPv4 } from 'node:net';

export interface Certificate {
  /** PEM. */
  readonly key: string;
  /** PEM. */
  readonly cert: string;
}

export interface Authority {
  /** PEM; give it to a client as `ca` to make it trust what is issued here. */
  readonly cert: string;
  issue(wanted: {
    /** Host names and IPv4 addresses that the certificate is good for. */
    readonly names: readonly string[];
    /** Valid from a day ago until a day from now by default. */
    readonly from?: Date;
    readonly until?: Date;
  }): Certificate;
}

const DAY_MS = 24 * 60 * 60 * 1000;

export function makeAuthority(name = 'Packetboat test authority'): Authority {
  const { publicKey, privateKey } = makeKeys();
  const validity = validFor(new Date(Date.now() - DAY_MS), new Date(Date.now() + DAY_MS));
  const isAuthority = extension(OID.basicConstraints, true, sequence(TRUE));
  const signsCertificates = extension(OID.keyUsage, true, der(0x03, Buffer.from([1, 0b0000_0110])));
  const cert = certificate(
    { issuer: name, subject: name, validity, publicKey, extensions: [isAuthority, signsCertificates] },
    privateKey,
  );
  return {
    cert,
    issue({ names, from = new Date(Date.now() - DAY_MS), until = new Date(Date.now() + DAY_MS) }) {
      const keys = makeKeys();
      const isServer = extension(OID.basicConstraints, true, sequence());
      const isGoodFor = extension(OID.subjectAltName, false, sequence(...names.map(alternativeName)));
      const parts = {
        issuer: name,
        subject: names[0] ?? 'nobody',
        validity: validFor(from, until),
        publicKey: keys.publicKey,
        extensions: [isServer, isGoodFor],
      };
      return {
        key: String(keys.privateKey.export({ type: 'pkcs8', format: 'pem' })),
        cert: certificate(parts, privateKey),
      };
    },
  };
}

interface Parts {
  readonly issuer: string;
  readonly subject: string;
  readonly validity: Buffer;
  readonly publicKey: KeyObject;
  readonly extensions: readonly Buffer[];
}

function certificate(
  { issuer, subject, validity, publicKey, extensions }: Parts,
  signingKey: KeyObject,
): string {
  const algorithm = sequence(OID.ecdsaWithSha256);
  const version3 = der(0xa0, der(0x02, Buffer.from([2])));
  const serial = der(0x02, Buffer.concat([Buffer.from([1]), randomBytes(8)]));
  const key = publicKey.export({ type: 'spki', format: 'der' });
  const body = sequence(
    version3,
    serial,
    algorithm,
    named(issuer),
    validity,
    named(subject),
    key,
    der(0xa3, sequence(...extensions)),
  );
  const whole = sequence(body, algorithm, bits(sign('sha256', body, signingKey)));
  return `-----BEGIN CERTIFICATE-----\n${whole.toString('base64').replace(/.{1,64}/g, '$&\n')}-----END CERTIFICATE-----\n`;
}

const makeKeys = () => generateKeyPairSync('ec', { namedCurve: 'P-256' });

function der(tag: number, ...parts: Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  const long = content.length < 0x80 ? [] : content.length < 0x100 ? [0x81] : [0x82, content.length >> 8];
  return Buffer.concat([Buffer.from([tag, ...long, content.length & 0xff]), content]);
}

const oid = (hex: string) => der(0x06, Buffer.from(hex, 'hex'));
const OID = {
  ecdsaWithSha256: oid('2a8648ce3d040302'),
  commonName: oid('550403'),
  keyUsage: oid('551d0f'),
  subjectAltName: oid('551d11'),
  basicConstraints: oid('551d13'),
};
const TRUE = der(0x01, Buffer.from([0xff]));

const sequence = (...parts: Buffer[]) => der(0x30, ...parts);
const bits = (content: Buffer) => der(0x03, Buffer.from([0]), content);
const named = (name: string) => sequence(der(0x31, sequence(OID.commonName, der(0x0c, Buffer.from(name)))));
const extension = (id: Buffer, isCritical: boolean, value: Buffer) =>
  sequence(id, ...(isCritical ? [TRUE] : []), der(0x04, value));
const validFor = (from: Date, until: Date) => sequence(utcTime(from), utcTime(until));
const utcTime = (date: Date) =>
  der(0x17, Buffer.from(`${date.toISOString().slice(2, 19).replace(/[-:T]/g, '')}Z`));

function alternativeName(name: string): Buffer {
  if (isIP(name) && !isIPv4(name)) throw new Error('IPv6 is not written here');
  return isIPv4(name) ? der(0x87, Buffer.from(name.split('.').map(Number))) : der(0x82, Buffer.from(name));
}
