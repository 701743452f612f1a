import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import packageJson from '../package.json' with { type: 'json' };
import { programs, variables } from '../services/runtime/config.ts';
import { requestToPaste } from './announce.ts';

const command = fileURLToPath(new URL('./packetboat.ts', import.meta.url));

function packetboat(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  return new Promise<{ code: number; out: string; complaint: string }>((resolve) => {
    const child = execFile(
      process.execPath,
      [command, ...args],
      { env: { PATH: process.env.PATH, ...env } },
      (_, out, complaint) => resolve({ code: child.exitCode ?? -1, out, complaint }),
    );
  });
}

describe('the packetboat command', () => {
  test('prints its version', async () => {
    expect(await packetboat(['--version'])).toEqual({
      code: 0,
      out: `${packageJson.version}\n`,
      complaint: '',
    });
  });

  test('lists its programs and tasks', async () => {
    const { code, out } = await packetboat(['--help']);
    expect(code).toBe(0);
    for (const name of programs) expect(out).toMatch(new RegExp(`^  ${name} `, 'm'));
  });

  test.each([
    ['dev', ['dev', '--help']],
    ['dispatcher', ['help', 'dispatcher']],
    ['catalog', ['catalog', 'apply', '--help']],
  ] as const)('lists every variable of %s with unit and default', async (program, args) => {
    const { code, out } = await packetboat(args);
    expect(code).toBe(0);
    for (const { name, programs: ofVariable } of Object.values(variables))
      expect(out.includes(`  ${name}\n`)).toBe((ofVariable as readonly string[]).includes(program));
    expect(out).toMatch(/; (?:required|default: )/);
  });

  test('does not start with an invalid configuration, and prints all faults', async () => {
    const { code, out, complaint } = await packetboat(['ingest'], {
      PACKETBOAT_GRPC_ADDR: 'nowhere',
      REDIS_URL: 'http://cache.example',
    });
    expect([code, out]).toEqual([1, '']);
    expect(complaint).toBe(
      [
        'The configuration is invalid:',
        '  PACKETBOAT_GRPC_ADDR is not host:port, such as 127.0.0.1:8080',
        `  PACKETBOAT_KEYRING_FILE is required, and is not set (${variables.keyringFile.unit})`,
        '  REDIS_URL does not start with redis:// or rediss://',
        '',
      ].join('\n'),
    );
  });

  test('suggests the setting for a misspelt name, together with the faults', async () => {
    const { code, complaint } = await packetboat(['sweeper'], {
      PACKETBOAT_LOGLEVEL: 'debug',
      MONGODB_URL: 'none',
    });
    expect(code).toBe(1);
    expect(complaint).toMatch(
      /^PACKETBOAT_LOGLEVEL is not a setting of Packetboat; did you mean PACKETBOAT_LOG_LEVEL\?\nThe configuration/,
    );
  });

  test('warns of an unknown setting in the log of a program that starts', async () => {
    const { out } = await packetboat(['gateway'], {
      PACKETBOAT_HTP_ADDR: 'x',
      PACKETBOAT_METRICS_ADDR: '192.0.2.1:9',
      PACKETBOAT_GATEWAY_SERVICE_HOST: '10.0.0.1',
    });
    expect(out.match(/[A-Z_]+ is not a setting of Packetboat[^"]*/g)).toEqual([
      'PACKETBOAT_HTP_ADDR is not a setting of Packetboat; did you mean PACKETBOAT_HTTP_ADDR?',
    ]);
  });

  test.each([
    [['catalog', 'apply'], /required option '-f, --folder <dir>'/],
    [['postman'], /unknown command 'postman'/],
  ])('refuses %j', async (args, reason) => {
    const { code, complaint } = await packetboat(args);
    expect(code).toBe(1);
    expect(complaint).toMatch(reason);
  });
});

describe('the request to paste', () => {
  test('is one line that a shell accepts', () => {
    const [line = '', ...more] = requestToPaste('http://127.0.0.1:8080', 'sk_live_x');
    expect(more).toEqual([]);
    expect(line).toMatch(
      /^curl -X POST http:\/\/127\.0\.0\.1:8080\/v1\/messages -H '[^']+' -H '[^']+' -d '[^'\n]+'$/,
    );
  });
});
