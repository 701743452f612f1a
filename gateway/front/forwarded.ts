// The `Forwarded` header of RFC 7239, as far as it says for whom a proxy asks:
// `for=192.0.2.60;proto=http, for="[2001:db8::1]:4711"`.

/**
 * One parameter, or one separator. A value is a token, more leniently than the RFC has it, or a
 * quoted string.
 */
const PARAMETER = /[ \t]*([!#$%&'*+.^_`|~0-9a-z-]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s",;]*))[ \t]*/iy;

/**
 * The node that each proxy names, in order; null for a proxy that names none. An invalid header is
 * one null: only its author knows where its elements end, and the author may be a client that wants
 * to hide a proxy's addition.
 */
export function forwardedFor(header: string): (string | null)[] {
  const nodes: (string | null)[] = [];
  let node: string | null = null;
  let at = 0;
  for (;;) {
    PARAMETER.lastIndex = at;
    const [whole, name, quoted, token = ''] = PARAMETER.exec(header) ?? [];
    if (whole === undefined || name === undefined) return [null];
    at += whole.length;
    if (name.toLowerCase() === 'for') {
      if (node !== null) return [null];
      node = quoted?.replaceAll(/\\(.)/g, '$1') ?? token;
    }
    const separator = header[at++];
    if (separator === ';') continue;
    nodes.push(node);
    node = null;
    if (separator === undefined) return nodes;
    if (separator !== ',') return [null];
  }
}
