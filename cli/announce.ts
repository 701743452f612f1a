// The banner of `packetboat dev`: addresses, an API key, and a request to paste.

import type { EmbeddedProgram } from '../services/embedded/main.ts';
import type { Config } from '../services/runtime/config.ts';

export function announce(program: Pick<EmbeddedProgram, 'ports' | 'firstKey'>, config: Config<'dev'>): void {
  const { http, grpc, metrics, smtp } = program.ports;
  const { firstKey } = program;
  const url = `http://${hostOf(config.httpAddr.host)}:${http}`;
  const mailGoesTo =
    config.relay === undefined ? `${url}/inbox` : `${config.relay.host}:${config.relay.port}`;
  console.log(
    [
      '',
      `Packetboat   ${url}         (docs: ${url}/docs)`,
      `gRPC         ${hostOf(config.grpcAddr.host)}:${grpc}`,
      `Metrics      http://${hostOf(config.metricsAddr.host)}:${metrics}/metrics`,
      `Mail goes to ${mailGoesTo}${config.relay === undefined ? `   (SMTP 127.0.0.1:${smtp})` : ''}`,
      `Catalog      ${config.catalogDir ?? 'examples/catalog'}`,
      `API key      ${firstKey.key ?? `none to print. ${firstKey.reason}`}`,
      '',
      'Send a message:',
      '',
      ...requestToPaste(url, firstKey.key ?? 'sk_live_...'),
      '',
      'Press Ctrl-C to stop.',
      '',
    ].join('\n'),
  );
}

/** The host to connect to. A wildcard address is only for listening. */
const hostOf = (host: string): string =>
  host === '0.0.0.0' || host === '::' ? 'localhost' : host.includes(':') ? `[${host}]` : host;

/** One line that any shell accepts. */
export function requestToPaste(url: string, key: string): string[] {
  const body = {
    recipient: 'user@example.com',
    subject: 'Your verification code',
    template: 'otp-code',
    template_data: { code: '847291', expires_in: '5 minutes' },
  };
  return [
    `curl -X POST ${url}/v1/messages -H 'Authorization: Bearer ${key}' -H 'Content-Type: application/json' -d '${JSON.stringify(body)}'`,
  ];
}
