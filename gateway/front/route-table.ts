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

  /**
   * The methods of a decoded path; null: there is no such path. A named part takes precedence over
   * a parameter: `/v1/messages/batch` has only its own methods, not those of a message.
   */
  find(parts: readonly string[]): Methods | null {
    return methodsAt(this.#root, parts, 0);
  }
}

function methodsAt(node: Node, parts: readonly string[], at: number): Methods | null {
  const part = parts[at];
  if (part === undefined) return node.methods.size > 0 ? node.methods : null;
  const named = node.named.get(part);
  const found = named === undefined ? null : methodsAt(named, parts, at + 1);
  if (found !== null || node.any === null || part === '') return found;
  return methodsAt(node.any, parts, at + 1);
}

/** `/a/b/` and `/a/b` are `['a', 'b']`, `/` is `[]`. */
export function partsOf(path: string): string[] {
  const parts = path.split('/');
  if (parts.at(-1) === '') parts.pop();
  return parts.slice(1);
}
