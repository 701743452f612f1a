// Judges the line and the headers of a request before a byte of the body is read: whether the path
// and the method exist, whether the credential has the form of a key, and whether this server can
// read the body. Pure.

import type { IncomingHttpHeaders } from 'node:http';
import type { Refusal } from '../../proto/gen/packetboat/internal/v1/ingest.ts';
import { type KeyTextFault, readKeyText } from '../../services/core/access/key-text.ts';
import {
  expectationFailed,
  malformed,
  methodNotAllowed,
  notFound,
  unauthenticated,
  unsupportedTransferEncoding,
} from '../refusals.ts';
import { credentialOf, isExpecting } from '../rest/request-headers.ts';
import { type DeclaredRoute, type Methods, partsOf, type RouteTable } from './route-table.ts';

export interface RequestHead {
  readonly method: string;
  /** As sent: `/v1/messages?limit=5`, `http://host/v1/messages`, `*`. */
  readonly target: string;
  /** `1.1`. */
  readonly version: string;
  readonly headers: IncomingHttpHeaders;
  /** The number of `Host` headers in the request; Node keeps only the first. */
  readonly hosts: number;
}

export type HeadVerdict =
  | { readonly kind: 'passed'; readonly route: DeclaredRoute; readonly url: string }
  | { readonly kind: 'options'; readonly route: DeclaredRoute | null; readonly methods: readonly string[] }
  | {
      readonly kind: 'refused';
      /** Null: the path has no route. */
      readonly route: DeclaredRoute | null;
      readonly refused: Refusal;
      readonly headers: Readonly<Record<string, string>>;
      /**
       * The server cannot know where the request ends, so no other request can follow on the
       * connection.
       */
      readonly isLast: boolean;
      /** Why the credential is not a key; null: the refusal has another reason. */
      readonly keyFault: KeyTextFault | null;
    };

export function judgeHead(head: RequestHead, routes: RouteTable): HeadVerdict {
  const fault = faultOf(head);
  if (fault !== null) return refuse(null, malformed([], fault), { isLast: true });
  if (head.target === '*' && head.method === 'OPTIONS')
    return { kind: 'options', route: null, methods: ['GET', 'HEAD', 'OPTIONS', 'POST'] };
  const url = head.target.replace(ABSOLUTE, '').replace(/^(?=\?|$)/, '/');
  const parts = url.startsWith('/') ? decodedParts(url) : [url];
  if (parts === null) return refuse(null, malformed([], 'The URL is not valid.'));
  const methods = routes.find(parts);
  if (methods === null) return refuse(null, notFound());
  return judgeRoute(head, url, methods);
}

function judgeRoute({ method, version, headers }: RequestHead, url: string, methods: Methods): HeadVerdict {
  const [first = null] = methods.values();
  if (method === 'OPTIONS') return { kind: 'options', route: first, methods: allowed(methods) };
  const route = methods.get(method);
  if (route === undefined)
    return refuse(first, methodNotAllowed(), { headers: { allow: allowed(methods).join(', ') } });
  const keyFault = route.needsKey ? keyFaultOf(headers) : null;
  if (keyFault !== null) return refuse(route, unauthenticated(keyFault), { keyFault });
  const coding = headers['transfer-encoding'];
  if (coding !== undefined && coding.trim().toLowerCase() !== 'chunked') {
    return refuse(route, unsupportedTransferEncoding(), { isLast: true });
  }
  // HTTP/1.0 has no Expect (RFC 9110 10.1.1)
  if (version === '1.1' && headers.expect !== undefined && !isExpecting(headers))
    return refuse(route, expectationFailed());
  return { kind: 'passed', route, url };
}

/** RFC 9112, 3.2 and 6.1. */
function faultOf({ version, headers, hosts }: RequestHead): string | null {
  if (version !== '1.1' && version !== '1.0') return 'This server supports HTTP/1.1 and HTTP/1.0.';
  if (version === '1.1' && hosts !== 1) return 'A request must have exactly one Host header.';
  if (version === '1.0' && headers['transfer-encoding'] !== undefined)
    return 'HTTP/1.0 does not support Transfer-Encoding.';
  return null;
}

const ABSOLUTE = /^https?:\/\/[^/?#]*/i;

/** Null: the percent-encoding is invalid. */
function decodedParts(url: string): string[] | null {
  const end = url.search(/[?#]/);
  const path = end < 0 ? url : url.slice(0, end);
  if (!path.includes('%')) return partsOf(path);
  try {
    return partsOf(path).map(decodeURIComponent);
  } catch {
    return null;
  }
}

const allowed = (methods: Methods): string[] => [...methods.keys(), 'OPTIONS'].toSorted();

function keyFaultOf(headers: IncomingHttpHeaders): KeyTextFault | null {
  if (readKeyText(credentialOf(headers)) !== null) return null;
  const { authorization, 'x-api-token': token } = headers;
  if (token !== undefined) return 'malformed';
  if (authorization === undefined) return 'missing';
  return /^bearer(?: |$)/i.test(authorization) ? 'malformed' : 'another_scheme';
}

const refuse = (
  route: DeclaredRoute | null,
  refused: Refusal,
  {
    headers = {},
    isLast = false,
    keyFault = null,
  }: { headers?: Readonly<Record<string, string>>; isLast?: boolean; keyFault?: KeyTextFault | null } = {},
): HeadVerdict => ({ kind: 'refused', route, refused, headers, isLast, keyFault });
