// Parses the `for` parameters of the `Forwarded` header (RFC 7239), which name a proxy's client:
// `for=192.0.2.60;proto=http, for="[2001:db8::1]:4711"`.

/** One parameter. A value is a quoted string, or a token with more characters than in the RFC. */
const PARAMETER = /[ \t]*([!#$%&'*+.^_`|~0-9a-z-]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s",;]*))[ \t]*/iy;

/**
 * Returns the node that each proxy names, in order; null for a proxy that names none. An invalid
 * header is one null: its elements cannot be told apart, and a client may have written it to hide
 * the part that a proxy added.
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
