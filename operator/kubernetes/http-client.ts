// The client over HTTPS. It uses the Kubernetes library for kubeconfigs only (access.ts): the
// library's generated calls have no timeouts, and the server validates objects anyway.

import type { IncomingMessage } from 'node:http';
import { Agent, request } from 'node:https';
import { Failure, type FailureKind } from '../../services/core/failure.ts';
import { deliveryLimits } from '../../services/core/limits/delivery.ts';
import { kubernetesLimits } from '../../services/core/limits/kubernetes.ts';
import { type Access, type AccessSettings, openAccess } from './access.ts';
import type {
  AnsweredRequest,
  ApplyOptions,
  CallOptions,
  KubernetesClient,
  List,
  ListOptions,
  MetadataPatch,
  Precondition,
  WatchEvent,
  WatchOptions,
} from './client.ts';
import type { KubernetesObject, ObjectKey, Resource } from './resource.ts';

interface ClientOptions {
  readonly access: AccessSettings;
  /** Field manager of everything that the client writes. */
  readonly fieldManager: string;
  readonly onAnswer?: (answered: AnsweredRequest) => void;
  readonly pageSize?: number;
  readonly callMs?: number;
}

/** Throws `Failure('invalid')` without a usable kubeconfig or service account. */
export async function openKubernetesClient(options: ClientOptions): Promise<KubernetesClient> {
  return new HttpClient(options, await openAccess(options.access));
}

interface Call {
  /** As in metrics: GET, LIST, WATCH … */
  readonly verb: string;
  readonly method: string;
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  readonly contentType?: string;
  readonly accept?: string;
  readonly signal?: AbortSignal | undefined;
}

const METADATA = {
  one: 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1',
  list: 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1',
};

class HttpClient implements KubernetesClient {
  readonly #options: ClientOptions;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: kubernetesLimits.kubernetesCallsMax });
  /**
   * Watches have an agent of their own, so that calls never wait for a connection that a watch
   * holds.
   */
  readonly #watching = new Agent();
  #access: Access;

  constructor(options: ClientOptions, access: Access) {
    this.#options = options;
    this.#access = access;
  }

  get #callMs(): number {
    return this.#options.callMs ?? kubernetesLimits.kubernetesCallMs;
  }

  get<T extends KubernetesObject>(
    resource: Resource<T>,
    key: ObjectKey,
    { signal }: CallOptions = {},
  ): Promise<T> {
    return this.#call<T>(resource, {
      verb: 'GET',
      method: 'GET',
      path: pathOf(resource, key.namespace, key.name),
      accept: METADATA.one,
      signal,
    });
  }

  async list<T extends KubernetesObject>(resource: Resource<T>, options: ListOptions = {}): Promise<List<T>> {
    const items: T[] = [];
    for (let next = ''; ; ) {
      const query = {
        ...selectors(options),
        limit: String(options.limit ?? this.#options.pageSize ?? kubernetesLimits.kubernetesPageSize),
        ...(next === '' ? {} : { continue: next }),
      };
      const page = await this.#call<{
        readonly items: readonly T[] | null;
        readonly metadata: { readonly resourceVersion: string; readonly continue?: string };
      }>(resource, {
        verb: 'LIST',
        method: 'GET',
        path: pathOf(resource, options.namespace),
        query,
        accept: METADATA.list,
        signal: options.signal,
      });
      items.push(...(page.items ?? [])); // null in an empty list of metadata
      next = page.metadata.continue ?? '';
      if (next === '' || options.limit !== undefined)
        return { items, resourceVersion: page.metadata.resourceVersion };
    }
  }

  async *watch<T extends KubernetesObject>(
    resource: Resource<T>,
    options: WatchOptions,
  ): AsyncGenerator<WatchEvent<T>> {
    const query = {
      ...selectors(options),
      watch: 'true',
      allowWatchBookmarks: 'true',
      resourceVersion: options.resourceVersion,
      timeoutSeconds: String(options.timeoutSeconds),
    };
    const answer = await this.#open(resource, {
      verb: 'WATCH',
      method: 'GET',
      path: pathOf(resource, options.namespace),
      query,
      accept: METADATA.one,
      signal: options.signal,
    });
    const idle = setTimeout(
      () => answer.destroy(new Failure('unavailable', 'a watch received nothing for too long')),
      options.idleMs ?? kubernetesLimits.kubernetesIdleMs,
    );
    try {
      let pending = '';
      for await (const chunk of answer.setEncoding('utf8')) {
        idle.refresh();
        const lines = (pending + String(chunk)).split('\n');
        pending = lines.pop() ?? '';
        for (const line of lines) if (line !== '') yield readEvent(resource, line);
      }
    } catch (error) {
      throw error instanceof Failure ? error : unavailable('WATCH', resource, error);
    } finally {
      clearTimeout(idle);
      answer.destroy();
    }
  }

  create<T extends KubernetesObject>(
    resource: Resource<T>,
    object: T,
    { signal }: CallOptions = {},
  ): Promise<T> {
    const path = pathOf(resource, object.metadata.namespace);
    return this.#call<T>(resource, {
      verb: 'CREATE',
      method: 'POST',
      path,
      body: withKind(resource, object),
      signal,
    });
  }

  update<T extends KubernetesObject>(
    resource: Resource<T>,
    object: T,
    { signal }: CallOptions = {},
  ): Promise<T> {
    const path = pathOf(resource, object.metadata.namespace, object.metadata.name);
    return this.#call<T>(resource, {
      verb: 'UPDATE',
      method: 'PUT',
      path,
      body: withKind(resource, object),
      signal,
    });
  }

  async delete<T extends KubernetesObject>(
    resource: Resource<T>,
    key: ObjectKey & Precondition,
    { signal }: CallOptions = {},
  ): Promise<void> {
    const { uid, resourceVersion } = key;
    const preconditions = {
      ...(uid === undefined ? {} : { uid }),
      ...(resourceVersion === undefined ? {} : { resourceVersion }),
    };
    const body = { apiVersion: 'v1', kind: 'DeleteOptions', preconditions };
    await this.#call(resource, {
      verb: 'DELETE',
      method: 'DELETE',
      path: pathOf(resource, key.namespace, key.name),
      body,
      signal,
    });
  }

  applyStatus<T extends KubernetesObject>(
    resource: Resource<T>,
    { namespace, name, uid }: ObjectKey & Pick<Precondition, 'uid'>,
    status: object,
    { signal, fieldManager = this.#options.fieldManager }: ApplyOptions = {},
  ): Promise<T> {
    const metadata = {
      name,
      ...(namespace === undefined ? {} : { namespace }),
      ...(uid === undefined ? {} : { uid }),
    };
    return this.#call<T>(resource, {
      verb: 'APPLY',
      method: 'PATCH',
      path: `${pathOf(resource, namespace, name)}/status`,
      query: { fieldManager, force: 'true' },
      // JSON is YAML
      contentType: 'application/apply-patch+yaml',
      body: { apiVersion: resource.apiVersion, kind: resource.kind, metadata, status },
      signal,
    });
  }

  patch<T extends KubernetesObject>(
    resource: Resource<T>,
    key: ObjectKey,
    patch: Partial<Omit<T, 'metadata'>>,
    options: CallOptions = {},
  ): Promise<T> {
    return this.#mergePatch(resource, key, patch, options);
  }

  patchMetadata<T extends KubernetesObject>(
    resource: Resource<T>,
    { resourceVersion, ...key }: ObjectKey & { readonly resourceVersion: string },
    patch: MetadataPatch,
    options: CallOptions = {},
  ): Promise<T> {
    return this.#mergePatch(resource, key, { metadata: { resourceVersion, ...patch } }, options);
  }

  #mergePatch<T extends KubernetesObject>(
    resource: Resource<T>,
    { namespace, name }: ObjectKey,
    body: object,
    { signal }: CallOptions,
  ): Promise<T> {
    return this.#call<T>(resource, {
      verb: 'PATCH',
      method: 'PATCH',
      path: pathOf(resource, namespace, name),
      query: { fieldManager: this.#options.fieldManager },
      contentType: 'application/merge-patch+json',
      body,
      signal,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#agent.destroy();
    this.#watching.destroy();
  }

  async #call<R>(resource: Resource<KubernetesObject>, call: Call): Promise<R> {
    const late = AbortSignal.timeout(this.#callMs);
    const signal = call.signal === undefined ? late : AbortSignal.any([call.signal, late]);
    const answer = await this.#open(resource, { ...call, signal });
    try {
      return parseJson<R>(call.verb, resource, await readBody(answer));
    } catch (error) {
      throw unavailable(call.verb, resource, error);
    }
  }

  /**
   * Resolves to a 2xx response; any other is thrown. After a first 401 the credential is read
   * again, because it may just have been replaced.
   */
  async #open(resource: Resource<KubernetesObject>, call: Call): Promise<IncomingMessage> {
    for (let isSecond = false; ; isSecond = true) {
      const reportAnswer = (code: number | null): void => this.#options.onAnswer?.({ verb: call.verb, code });
      const answer = await this.#send(resource, call).catch((error: unknown) => {
        reportAnswer(null);
        throw unavailable(call.verb, resource, error);
      });
      const code = answer.statusCode ?? 0;
      reportAnswer(code);
      if (code >= 200 && code < 300) return answer;
      const late = setTimeout(
        () => answer.destroy(new Error('the response body did not arrive in time')),
        this.#callMs,
      );
      const text = await readBody(answer).catch(() => '');
      clearTimeout(late);
      if (code === 401 && !isSecond) {
        this.#access = await openAccess(this.#options.access).catch(() => this.#access);
        continue;
      }
      throw failureOf(call.verb, resource, { code, retryAfter: answer.headers['retry-after'], text });
    }
  }

  async #send(resource: Resource<KubernetesObject>, call: Call): Promise<IncomingMessage> {
    const url = new URL(`${this.#access.server}${call.path}`);
    for (const [name, value] of Object.entries(call.query ?? {})) url.searchParams.set(name, value);
    const body = call.body === undefined ? null : JSON.stringify(call.body);
    const options = await this.#access.options();
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    const sent = request(url, {
      ...options,
      agent: call.verb === 'WATCH' ? this.#watching : this.#agent,
      method: call.method,
      headers: {
        ...options.headers,
        accept: resource.isMetadataOnly && call.accept !== undefined ? call.accept : 'application/json',
        'user-agent': this.#options.fieldManager,
        ...(body === null
          ? {}
          : {
              'content-type': call.contentType ?? 'application/json',
              'content-length': Buffer.byteLength(body),
            }),
      },
    });
    // a request that still waits for a connection emits no event when it is destroyed
    const end = (error: Error): void => {
      reject(error);
      sent.destroy(error);
    };
    const aborted = (): void =>
      end(
        call.signal?.reason instanceof Error
          ? call.signal.reason
          : new Failure('unavailable', `${call.verb} ${resource.plural} was aborted`),
      );
    // the timeout covers the response headers only: the body of a watch takes as long as the watch
    const late = setTimeout(
      () => end(new Failure('unavailable', `${call.verb} ${resource.plural} got no response in time`)),
      this.#callMs,
    );
    sent.once('response', resolve);
    sent.on('error', reject);
    sent.once('close', () => call.signal?.removeEventListener('abort', aborted));
    call.signal?.addEventListener('abort', aborted, { once: true });
    if (call.signal?.aborted) aborted();
    else sent.end(body ?? undefined);
    try {
      return await promise;
    } finally {
      clearTimeout(late);
    }
  }
}

function pathOf(resource: Resource<KubernetesObject>, namespace: string | undefined, name?: string): string {
  const root = resource.apiVersion.includes('/')
    ? `/apis/${resource.apiVersion}`
    : `/api/${resource.apiVersion}`;
  const within =
    resource.isNamespaced && namespace !== undefined ? `/namespaces/${encodeURIComponent(namespace)}` : '';
  return `${root}${within}/${resource.plural}${name === undefined ? '' : `/${encodeURIComponent(name)}`}`;
}

const selectors = ({ labelSelector, fieldSelector }: ListOptions): Record<string, string> => ({
  ...(labelSelector === undefined ? {} : { labelSelector }),
  ...(fieldSelector === undefined ? {} : { fieldSelector }),
});

const withKind = <T extends KubernetesObject>(resource: Resource<T>, object: T): T => ({
  ...object,
  apiVersion: resource.apiVersion,
  kind: resource.kind,
});

async function readBody(answer: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of answer.setEncoding('utf8')) text += String(chunk);
  return text;
}

interface RawEvent<T> {
  readonly type: string;
  readonly object: T;
}

/** The parser's own message is dropped: it quotes the text, which may be a Secret. */
function parseJson<R>(verb: string, resource: Resource<KubernetesObject>, text: string): R {
  try {
    return JSON.parse(text) as R;
  } catch {
    throw new Failure('unavailable', `${verb} ${resource.plural}: the response is not JSON`);
  }
}

function readEvent<T extends KubernetesObject>(resource: Resource<T>, line: string): WatchEvent<T> {
  const { type, object } = parseJson<RawEvent<T>>('WATCH', resource, line);
  switch (type) {
    case 'ADDED':
    case 'MODIFIED':
    case 'DELETED':
      return { type: type.toLowerCase() as 'added' | 'modified' | 'deleted', object };
    case 'BOOKMARK':
      return { type: 'bookmark', resourceVersion: object.metadata.resourceVersion ?? '' };
    default: {
      const { code, message } = object as { readonly code?: number; readonly message?: string };
      throw code === 410
        ? expired()
        : new Failure('unavailable', `WATCH ${resource.plural} ended${detail(resource, message ?? type)}`);
    }
  }
}

const expired = (): Failure =>
  new Failure('conflict', 'the server no longer has the version to watch from', { code: 'expired' });

const kindOf = (code: number): FailureKind => {
  switch (code) {
    case 401:
      return 'unauthenticated';
    case 403:
      return 'forbidden';
    case 404:
      return 'not_found';
    case 409:
      return 'conflict';
    case 429:
      return 'rate_limited';
    default:
      return code >= 400 && code < 500 ? 'invalid' : 'unavailable';
  }
};

interface Status {
  readonly message?: string;
  readonly details?: {
    readonly causes?: readonly {
      readonly field?: string;
      readonly reason?: string;
      readonly message?: string;
    }[];
  };
}

interface RefusedRequest {
  readonly code: number;
  /** The header Retry-After. */
  readonly retryAfter: string | undefined;
  /** The body. */
  readonly text: string;
}

function failureOf(
  verb: string,
  resource: Resource<KubernetesObject>,
  { code, retryAfter, text }: RefusedRequest,
): Failure {
  if (code === 410) return expired();
  const { message = '', details } = readStatus(text);
  const errors = (details?.causes ?? []).map((cause) => ({
    field: cause.field ?? '',
    code: cause.reason ?? '',
    message: cause.message ?? '',
  }));
  const seconds = retryAfter === undefined ? Number.NaN : Number(retryAfter);
  const retry =
    seconds >= 0
      ? { retryAfterMs: Math.min(seconds * 1_000, kubernetesLimits.kubernetesRetryAfterMaxMs) }
      : {};
  return new Failure(
    kindOf(code),
    `${verb} ${resource.plural} was refused with status ${code}${detail(resource, message)}`,
    {
      errors,
      ...retry,
    },
  );
}

/** The server's message. Empty for Secrets: their message may repeat their content. */
const detail = (resource: Resource<KubernetesObject>, message: string): string =>
  resource.plural === 'secrets' || message === ''
    ? ''
    : `: ${message.slice(0, deliveryLimits.replyCharsMax)}`;

function readStatus(text: string): Status {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : {};
  } catch {
    // not the API server's: an error page of a proxy may repeat the request and its token
    return {};
  }
}

function unavailable(verb: string, resource: Resource<KubernetesObject>, cause: unknown): Failure {
  if (cause instanceof Failure) return cause;
  return new Failure('unavailable', `${verb} ${resource.plural} got no response`, { cause });
}
