// Why a connection failed, in sentences of our own. Messages of nodemailer and OpenSSL may quote
// secrets, and readers should not have to know these libraries. An error without a sentence is
// shown by its code.

const faults: readonly (readonly [pattern: RegExp, sentence: string])[] = [
  [/ECONNRESET|socket hang up/, 'the server reset the connection'],
  [
    /EPIPE|disconnected before secure|connection closed|closed unexpectedly|ECONNABORTED/i,
    'the server closed the connection',
  ],
  [/ETIMEDOUT|TimeoutError|timeout/i, 'the server did not answer in time'],
  [/EHOSTUNREACH|ENETUNREACH|ENETDOWN/, 'the network does not reach the server'],
  [/CERT_HAS_EXPIRED|certificate has expired/, "the server's certificate has expired"],
  [/CERT_NOT_YET_VALID|not yet valid/, "the server's certificate is not valid yet"],
  [/ALTNAME_INVALID|does not match certificate/, "the server's certificate is for other names"],
  [/SELF_SIGNED|self[- ]signed/, "the server's certificate is signed by no authority that is trusted"],
  [
    /UNABLE_TO_(?:GET_ISSUER|VERIFY)|unable to (?:get|verify)/,
    "the server's certificate is signed by no authority that is trusted",
  ],
  [
    /WRONG_VERSION_NUMBER|wrong version number|packet length too long/i,
    'the server does not speak TLS on this port',
  ],
  [
    /UNSUPPORTED_PROTOCOL|unsupported protocol|protocol version/i,
    'the server speaks no version of TLS that is safe',
  ],
  [/ERR_SSL|SSL routines|ssl\/tls alert|handshake/i, 'the TLS handshake failed'],
  [/ERR_OSSL|PEM/, 'the certificate of the authority cannot be read'],
  [/EPROTOCOL/, 'the server broke the protocol'],
  [/EAUTH/, 'the login failed'],
  [/ETLS|EREQUIRETLS/, 'the server offers no TLS'],
];

/** A sentence that quotes nothing of the error. */
export function faultOf(error: unknown): string {
  if (!(error instanceof Error)) return 'the connection failed';
  const code = 'code' in error && typeof error.code === 'string' ? error.code : error.name;
  const known = faults.find(([pattern]) => pattern.test(error.message) || pattern.test(code));
  if (known !== undefined) return known[1];
  return /^[A-Z0-9_]{1,64}$/.test(code) ? `the connection failed (${code})` : 'the connection failed';
}
