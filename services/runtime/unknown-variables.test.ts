import { expect, test } from 'vitest';
import { variables } from './config.ts';
import { unknownVariables } from './unknown-variables.ts';

const LISTED = '; `packetboat help PROGRAM` lists the settings';

test.each([
  ['PACKETBOAT_HTP_ADDR', '; did you mean PACKETBOAT_HTTP_ADDR?'],
  ['PACKETBOAT_HTTP_ADDRESS', '; did you mean PACKETBOAT_HTTP_ADDR?'],
  ['PACKETBOAT_HTTP_PORT', LISTED],
  ['PACKETBOAT_LOGLEVEL', '; did you mean PACKETBOAT_LOG_LEVEL?'],
  ['PACKETBOAT_KEYRING', LISTED],
  ['PACKETBOAT_BOOTSTRAP_KEYS', '; did you mean PACKETBOAT_BOOTSTRAP_KEY?'],
  ['PACKETBOAT_NONSENSE', LISTED],
  ['PACKETBOAT_', LISTED],
])('%s is unknown%s', (name, rest) => {
  expect(unknownVariables({ [name]: 'hunter2' })).toEqual([`${name} is not a setting of Packetboat${rest}`]);
});

test.each([
  [
    'a Service',
    {
      PACKETBOAT_GATEWAY_SERVICE_HOST: '10.0.0.1',
      PACKETBOAT_GATEWAY_SERVICE_PORT: '8080',
      PACKETBOAT_GATEWAY_SERVICE_PORT_HTTP: '8080',
    },
  ],
  [
    'a link',
    {
      PACKETBOAT_GATEWAY_PORT: 'tcp://10.0.0.1:8080',
      PACKETBOAT_GATEWAY_PORT_8080_TCP: 'tcp://10.0.0.1:8080',
    },
  ],
  [
    'the parts of a link',
    {
      PACKETBOAT_INGEST_PORT_9090_TCP_PROTO: 'tcp',
      PACKETBOAT_INGEST_PORT_9090_TCP_PORT: '9090',
      PACKETBOAT_INGEST_PORT_9090_TCP_ADDR: '10.0.0.1',
    },
  ],
  [
    'a Service that is called as the product is',
    { PACKETBOAT_SERVICE_HOST: '10.0.0.1', PACKETBOAT_PORT: 'tcp://10.0.0.1:8080' },
  ],
  ['settings of all programs', Object.fromEntries(Object.values(variables).map(({ name }) => [name, 'x']))],
  [
    'what the documentation names',
    { PACKETBOAT_KEY: 'sk_live_x', PACKETBOAT_TEST_BIN: '/bin', PACKETBOAT_CACHE: '/tmp' },
  ],
  ['what is not ours', { PATH: '/bin', PACKETBOATS_NAME: 'x', packetboat_http_addr: 'x' }],
])('%s: nothing is unknown', (_, environment) => expect(unknownVariables(environment)).toEqual([]));
