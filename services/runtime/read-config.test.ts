import { describe, expect, test } from 'vitest';
import { Failure } from '../core/failure.ts';
import { readConfig } from './read-config.ts';

const refusalOf = (read: () => unknown): string => {
  try {
    read();
  } catch (error) {
    if (error instanceof Failure) return error.message;
    throw error;
  }
  return '';
};

describe('a configuration', () => {
  test('needs no variable in development', () => {
    expect(readConfig('dev', {})).toMatchObject({
      httpAddr: { host: '127.0.0.1', port: 8080 },
      grpcAddr: { host: '127.0.0.1', port: 9090 },
      metricsAddr: { host: '127.0.0.1', port: 9100 },
      dataDir: '.packetboat',
      leaseMs: 60_000,
      lapseDelayMs: 30_000,
      republishMs: 60_000,
      logLevel: 'info',
    });
  });

  test('reports all faults at once, without values', () => {
    const message = refusalOf(() =>
      readConfig('dispatcher', {
        PACKETBOAT_METRICS_ADDR: 'somewhere',
        MONGODB_URL: 'postgres://user:secret@db.example',
        PACKETBOAT_RELAY: 'smtp://user:secret@relay.example:25',
        PACKETBOAT_ALLOW_CIDRS: '10.0.0.0/8, nonsense',
        PACKETBOAT_LOG_LEVEL: 'loud',
      }),
    );
    for (const name of ['METRICS_ADDR', 'RELAY', 'ALLOW_CIDRS', 'KEYRING_FILE', 'LOG_LEVEL'])
      expect(message).toContain(`PACKETBOAT_${name} `);
    expect(message).toContain('MONGODB_URL does not start with mongodb://');
    expect(message).not.toMatch(/secret|nonsense|loud|somewhere/);
  });

  test('treats an empty variable as absent', () => {
    expect(
      readConfig('gateway', { PACKETBOAT_HTTP_ADDR: '', PACKETBOAT_INGEST_ADDR: '' }).httpAddr.port,
    ).toBe(8080);
  });

  test('requires a keyring for every program of a cluster that uses secrets', () => {
    for (const program of ['ingest', 'dispatcher', 'catalog'] as const) {
      expect(refusalOf(() => readConfig(program, {}))).toContain(
        'PACKETBOAT_KEYRING_FILE is required, and is not set (path)',
      );
      expect(readConfig(program, { PACKETBOAT_KEYRING_FILE: '/etc/keyring' }).keyringFile).toBe(
        '/etc/keyring',
      );
    }
    expect(readConfig('sweeper', {})).not.toHaveProperty('keyringFile');
  });
});
