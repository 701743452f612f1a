// The paths and methods of the gateway, taken from the registered routes. The table is checked
// first, so that no default of the framework applies to a path without a route.

export interface DeclaredRoute {
  /** As it was declared: `/v1/messages/:message_id`. */
  readonly pattern: string;
  /** Whether a caller needs an API key. */
  readonly needsKey: boolean;
}

/** By method. */
export type Methods = ReadonlyMap<string, DeclaredRoute>;

interface Node {
  readonly named: Map<string, Node>;
  /** The node below a parameter; null: no route has a parameter here. */
  any: Node | null;
  readonly methods: Map<string, DeclaredRoute>;
}

const newNode = (): Node => ({ named: new Map(), any: null, methods: new Map() });

export class RouteTable {
  readonly #root = newNode();

  /**
   * `pattern` in the router's notation: `:name` is any part, `::` a colon. A GET route also serves
   * HEAD.
   */
  add(method: string, route: DeclaredRoute): void {
    let node = this.#root;
    for (const part of partsOf(route.pattern)) {
      if (/^:(?!:)/.test(part)) {
        node.any ??= newNode();
        node = node.any;
      } else {
        const name = part.replaceAll('::', ':');
        const next = node.named.get(name) ?? newNode();
        node.named.set(name, next);
        node = next;
      }
    }
    node.methods.set(method, route);
    if (method === 'GET' && !node.methods.has('HEAD')) node.methods.set('HEAD', route);
  }

  /** The methods of a decoded path; null: there is no such path. */
  find(parts: readonly string[]): Methods | null {
    const found: Methods[] = [];
    collect(this.#root, parts, 0, found);
    const [only = null] = found;
    // a named part takes precedence over a parameter, for each method
    return found.length > 1 ? new Map(found.toReversed().flatMap((methods) => [...methods])) : only;
  }
}

function collect(node: Node, parts: readonly string[], at: number, found: Methods[]): void {
  const part = parts[at];
  if (part === undefined) {
    if (node.methods.size > 0) found.push(node.methods);
    return;
  }
  const named = node.named.get(part);
  if (named !== undefined) collect(named, parts, at + 1, found);
  if (node.any !== null && part !== '') collect(node.any, parts, at + 1, found);
}

/** `/a/b/` and `/a/b` are `['a', 'b']`, `/` is `[]`. */
export function partsOf(path: string): string[] {
  const parts = path.split('/');
  if (parts.at(-1) === '') parts.pop();
  return parts.slice(1);
}
