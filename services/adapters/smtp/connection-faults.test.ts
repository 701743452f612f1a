import { describe, expect, test } from 'vitest';
import { faultOf } from './connection-faults.ts';

const SECRET = 'hunter2';
const error = (message: string, code?: string) =>
  Object.assign(new Error(message), code === undefined ? {} : { code });

describe('a fault of a connection is told in words of our own', () => {
  test.each([
    [error(`read ECONNRESET ${SECRET}`, 'ESOCKET'), 'the server reset the connection'],
    [error('connection closed'), 'the server closed the connection'],
    [
      error(
        `Client network socket disconnected before secure TLS connection was established ${SECRET}`,
        'ESOCKET',
      ),
      'the server closed the connection',
    ],
    [new DOMException(SECRET, 'TimeoutError'), 'the server did not answer in time'],
    [error(SECRET, 'EHOSTUNREACH'), 'the network does not reach the server'],
    [error(SECRET, 'CERT_HAS_EXPIRED'), "the server's certificate has expired"],
    [error(`certificate has expired ${SECRET}`, 'ETLS'), "the server's certificate has expired"],
    [error(SECRET, 'ERR_TLS_CERT_ALTNAME_INVALID'), "the server's certificate is for other names"],
    [
      error(SECRET, 'DEPTH_ZERO_SELF_SIGNED_CERT'),
      "the server's certificate is signed by no authority that is trusted",
    ],
    [
      error(SECRET, 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'),
      "the server's certificate is signed by no authority that is trusted",
    ],
    [error(SECRET, 'ERR_SSL_WRONG_VERSION_NUMBER'), 'the server does not speak TLS on this port'],
    [
      error(`80CB:error:0A000410:SSL routines:ssl3_read_bytes:${SECRET}`, 'EPROTO'),
      'the TLS handshake failed',
    ],
    [
      error(`error:0480006C:PEM routines::no start line ${SECRET}`, 'ERR_OSSL_PEM_NO_START_LINE'),
      'the certificate of the authority cannot be read',
    ],
    [error(`Invalid response ${SECRET}`, 'EPROTOCOL'), 'the server broke the protocol'],
    [error(`Missing credentials for ${SECRET}`, 'EAUTH'), 'the login failed'],
    [error(`${SECRET}`, 'ENEW'), 'the connection failed (ENEW)'],
    [error(SECRET, `E ${SECRET}`), 'the connection failed'],
    [SECRET, 'the connection failed'],
  ])('%#: %s', (failed, sentence) => {
    expect(faultOf(failed)).toBe(sentence);
    expect(faultOf(failed)).not.toContain(SECRET);
  });
});
