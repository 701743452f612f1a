import { describe, expect, test } from 'vitest';
import { Failure } from '../core/failure.ts';
import { readConfig } from './read-config.ts';

/** The message with which a configuration is rejected. */
const refusalOf = (read: () => unknown): string => {
  try {
    read();
  } catch (error) {
    if (error instanceof Failure) return error.message;
    throw error;
  }
  return '';
};

describe('a variable', () => {
  test.each([
    ['6', 6_000],
    ['600', 600_000],
    ['5', null],
    ['601', null],
    ['7.5', null],
    ['1e2', null],
    ['-60', null],
  ])('reads a lease of %s seconds', (text, ms) => {
    const read = () => readConfig('dev', { PACKETBOAT_LEASE_SECONDS: text }).leaseMs;
    if (ms === null) expect(read).toThrow('PACKETBOAT_LEASE_SECONDS is not a whole number from 6 to 600');
    else expect(read()).toBe(ms);
  });

  test.each([
    ['1', 1],
    ['1000000', 1_000_000],
    ['0', null],
    ['1000001', null],
    ['5e3', null],
    ['many', null],
  ])('reads a first key of %s requests a minute', (text, count) => {
    const read = () =>
      readConfig('dev', { PACKETBOAT_BOOTSTRAP_REQUESTS_PER_MINUTE: text }).bootstrapRequestsPerMinute;
    if (count === null)
      expect(read).toThrow(
        'PACKETBOAT_BOOTSTRAP_REQUESTS_PER_MINUTE is not a whole number from 1 to 1000000',
      );
    else expect(read()).toBe(count);
  });

  test.each([
    ['127.0.0.1:0', { host: '127.0.0.1', port: 0 }],
    ['[::1]:8080', { host: '::1', port: 8080 }],
    ['gateway.example:65535', { host: 'gateway.example', port: 65_535 }],
    ['gateway.example:65536', null],
    [':8080', null],
    ['8080', null],
    ['::1:8080', null],
    ['http://127.0.0.1:8080', null],
  ])('an address to listen on: %s', (text, address) => {
    const read = () => readConfig('gateway', { PACKETBOAT_HTTP_ADDR: text }).httpAddr;
    if (address === null) expect(refusalOf(read)).toContain('PACKETBOAT_HTTP_ADDR is not host:port');
    else expect(read()).toEqual(address);
  });

  test.each([
    ['smtp://127.0.0.1:2525', { host: '127.0.0.1', port: 2525, tls: 'None' }],
    ['smtp://[::1]', { host: '::1', port: 25, tls: 'None' }],
    ['smtp://localhost:25', { host: 'localhost', port: 25, tls: 'None' }],
    ['smtp://relay.example:587', { host: 'relay.example', port: 587, tls: 'Opportunistic' }],
    ['smtp://127.0.0.1.evil.example:25', { host: '127.0.0.1.evil.example', port: 25, tls: 'Opportunistic' }],
    ['smtps://relay.example', { host: 'relay.example', port: 465, tls: 'Implicit' }],
    ['smtp://user:secret@relay.example', null],
    ['smtp://relay.example/path', null],
    ['relay.example:25', null],
    ['http://relay.example', null],
  ])('a relay: %s', (text, route) => {
    const read = () => readConfig('dev', { PACKETBOAT_RELAY: text }).relay;
    if (route === null) expect(refusalOf(read)).toContain('PACKETBOAT_RELAY is not smtp://');
    else expect(read()).toMatchObject(route);
  });

  test.each([
    ['1', 1],
    ['1000000', 1_000_000],
    ['0', null],
    ['1000001', null],
    ['010', null],
    ['many', null],
  ])('connections per address: %s', (text, count) => {
    const read = () =>
      readConfig('gateway', { PACKETBOAT_CONNECTIONS_PER_ADDRESS: text }).connectionsPerAddress;
    if (count === null)
      expect(read).toThrow('PACKETBOAT_CONNECTIONS_PER_ADDRESS is not a whole number from 1 to 1000000');
    else expect(read()).toBe(count);
  });

  test.each([
    ['https://app.example', ['https://app.example']],
    ['https://app.example, http://localhost:3000', ['https://app.example', 'http://localhost:3000']],
    ['http://[::1]:3000', ['http://[::1]:3000']],
    ['*', null],
    ['null', null],
    ['app.example', null],
    ['https://app.example/', null],
    ['https://app.example:443', null],
    ['https://APP.example', null],
    ['https://app.example/path', null],
    ['https://*.example', null],
    ['ftp://app.example', null],
    ['https://app.example,', null],
  ])('origins: %s', (text, listed) => {
    const read = () => readConfig('gateway', { PACKETBOAT_CORS_ORIGINS: text }).corsOrigins;
    if (listed === null)
      expect(refusalOf(read)).toContain('PACKETBOAT_CORS_ORIGINS is not a comma-separated list of origins');
    else expect(read()).toEqual(listed);
  });

  test.each([
    ['https://mail.example', 'https://mail.example'],
    ['http://127.0.0.1:8080/', 'http://127.0.0.1:8080'],
    ['https://example.com/packetboat/', 'https://example.com/packetboat'],
    ['https://user:secret@mail.example', null],
    ['https://mail.example/?a=b', null],
    ['ftp://mail.example', null],
    ['mail.example', null],
  ])('a public URL: %s', (text, url) => {
    const read = () => readConfig('gateway', { PACKETBOAT_PUBLIC_URL: text }).publicUrl;
    if (url === null) expect(refusalOf(read)).toContain('PACKETBOAT_PUBLIC_URL is not http://');
    else expect(read()).toBe(url);
  });

  test.each([
    [
      'HOST',
      ['10.96.0.1', 'fd00::1', 'kubernetes.default.svc'],
      ['a b', '[::1]', 'https://127.0.0.1', '127.0.0.1/x', 'x@127.0.0.1'],
    ],
    ['PORT', ['1', '443', '65535'], ['0', '65536', 'abc', '443 ']],
  ])('KUBERNETES_SERVICE_%s: valid and invalid values', (name, good, bad) => {
    const env = { MONGODB_URL: 'mongodb://m', NATS_URL: 'nats://n', PACKETBOAT_KEYRING_FILE: '/keyring' };
    const read = (text: string) => readConfig('operator', { ...env, [`KUBERNETES_SERVICE_${name}`]: text });
    for (const text of good) expect(() => read(text)).not.toThrow();
    for (const text of bad)
      expect(refusalOf(() => read(text))).toContain(`KUBERNETES_SERVICE_${name} is not`);
  });

  test.each([
    [{}, false],
    [{ PACKETBOAT_ALLOW_MASS_RETIRE: 'false' }, false],
    [{ PACKETBOAT_ALLOW_MASS_RETIRE: 'true' }, true],
    [{ PACKETBOAT_ALLOW_MASS_RETIRE: 'yes' }, null],
  ])('true or false: %j', (more, value) => {
    const env = { MONGODB_URL: 'mongodb://m', NATS_URL: 'nats://n', PACKETBOAT_KEYRING_FILE: '/keyring' };
    const read = () => readConfig('operator', { ...env, ...more }).allowMassRetire;
    if (value === null) expect(refusalOf(read)).toContain('PACKETBOAT_ALLOW_MASS_RETIRE');
    else expect(read()).toBe(value);
  });

  test('a bootstrap key has the required form', () => {
    expect(refusalOf(() => readConfig('dev', { PACKETBOAT_BOOTSTRAP_KEY: 'sk_live_short' }))).not.toContain(
      'sk_live_short',
    );
    const key = `sk_live_${'a1_'.repeat(8)}`;
    expect(readConfig('dev', { PACKETBOAT_BOOTSTRAP_KEY: key }).bootstrapKey).toBe(key);
    const mistyped = `sk_live_${'0'.repeat(58)}`;
    expect(refusalOf(() => readConfig('dev', { PACKETBOAT_BOOTSTRAP_KEY: mistyped }))).toContain(
      'is a mistyped key that Packetboat generated',
    );
  });
});
