// OpenAPI 3.1 of the REST door, made from the contract and its comments. What every route has in
// common (errors, headers, keys) is written here; what is special to a route stands in the proto.
// The names of components are made for generators: see `schemaNameOf`.

import packageJson from '../../package.json' with { type: 'json' };
import { acceptLimits } from '../../services/core/limits/accept.ts';
import { doorLimits } from '../../services/core/limits/door.ts';
import type {
  Contract,
  EnumType,
  Field,
  HttpRoute,
  MessageType,
  Method,
  ValueType,
} from '../../services/runtime/contract.ts';
import { sendMethods } from '../rest/content.ts';
import { canBeText } from '../rest/read-url.ts';
import { loadComments } from './comments.ts';
import { type Example, examples } from './examples.ts';
import {
  ALLOWED_NAME,
  fieldSchema,
  isRequiredField,
  type OpenApiSchema,
  type SchemaPlace,
} from './field-schema.ts';

export interface Parameter {
  readonly name: string;
  readonly in: 'path' | 'query' | 'header';
  readonly required: boolean;
  readonly description: string;
  readonly schema: OpenApiSchema;
}

export interface Operation {
  readonly operationId: string;
  readonly tags: readonly string[];
  readonly summary: string;
  readonly description: string;
  readonly parameters: readonly Parameter[];
  readonly requestBody?: {
    readonly required: boolean;
    readonly content: {
      readonly 'application/json': {
        readonly schema: OpenApiSchema;
        readonly examples?: Readonly<Record<string, Example>>;
      };
    };
  };
  /** By HTTP status. */
  readonly responses: Readonly<Record<string, object>>;
}

export interface ApiDescription {
  readonly openapi: '3.1.0';
  readonly info: {
    readonly title: string;
    readonly version: string;
    readonly description: string;
    readonly license: object;
  };
  readonly servers: readonly object[];
  readonly security: readonly object[];
  readonly tags: readonly { readonly name: string; readonly description: string }[];
  /** By path, then by verb. */
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: {
    readonly schemas: Readonly<Record<string, OpenApiSchema>>;
    readonly [kind: string]: Readonly<Record<string, object>>;
  };
}

const DESCRIPTION = `Hand over transactional mail; look it up, cancel it, and keep addresses from being sent to.

Every request carries an API key, as \`Authorization: Bearer sk_live_…\` or as \`X-Api-Token: …\`. Bodies are JSON, whatever \`Content-Type\` says; a field \
that does not exist is refused, and \`null\` leaves a field out. Times are RFC 3339, names are snake_case, and a body has at most 50 MiB.

A path that is not listed here is answered 404. A path that does not have the method of a request is answered 405, and \`Allow\` lists its methods.

Every answer carries \`X-Request-Id\` and the figures of the key's budget. A request that failed with 429, 500 or 503 is safe to repeat with the same \
\`Idempotency-Key\`.`;

/** `serverUrl`: the absolute URL that the routes are relative to, without a slash at its end. */
export function describeApi(contract: Contract, serverUrl: string): ApiDescription {
  const comments = loadComments(contract.files);
  const schemas = new Schemas(comments);
  const paths: Record<string, Record<string, Operation>> = {};
  // handing over mail is what people come for
  const isAboutSending = ({ service }: Method): boolean =>
    contract.methods.some((m) => m.service === service && sendMethods.has(m.path));
  const methods = contract.methods.toSorted((a, b) => Number(isAboutSending(b)) - Number(isAboutSending(a)));
  for (const method of methods) {
    for (const route of method.http) {
      const operation = operationOf(method, route, schemas, comments);
      paths[route.pattern] = { ...paths[route.pattern], [route.verb]: operation };
    }
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Packetboat',
      version: packageJson.version,
      description: DESCRIPTION,
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: serversOf(serverUrl),
    security: [{ bearer: [] }, { apiToken: [] }],
    tags: [...new Set(methods.map(({ service }) => service))].map((service) => ({
      name: tagOf(service),
      description: comments.get(`packetboat.v1.${service}`) ?? '',
    })),
    paths,
    components: {
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer', description: 'An API key.' },
        apiToken: { type: 'apiKey', in: 'header', name: 'X-Api-Token', description: 'The same API key.' },
      },
      headers: responseHeaders,
      responses: Object.fromEntries(
        errors.map(({ name, status, description }) => [name, errorResponse(status, description)]),
      ),
      schemas: { ...schemas.made, ...errorSchemas },
    },
  };
}

export const serversOf = (url: string): ApiDescription['servers'] => [
  { url, description: 'This installation' },
];

const tagOf = (service: string): string => service.replace(/Service$/, '');

function operationOf(
  method: Method,
  route: HttpRoute,
  schemas: Schemas,
  comments: ReadonlyMap<string, string>,
): Operation {
  const comment = comments.get(`packetboat.v1.${method.service}.${method.name}`) ?? '';
  const [, summary = comment, description = ''] = /^(.+?)\.(?:\s+([\s\S]+))?$/.exec(comment) ?? [];
  const scope = method.rest.scope === '' ? '' : `Needs the scope \`${method.rest.scope}\`.`;
  const isSend = sendMethods.has(method.path);
  return {
    operationId: `${method.name.charAt(0).toLowerCase()}${method.name.slice(1)}`,
    tags: [tagOf(method.service)],
    summary,
    description: [description, scope].filter((text) => text !== '').join('\n\n'),
    parameters: [...parametersOf(method, route, schemas, comments), ...(isSend ? [idempotencyKey] : [])],
    ...(route.body === '*' ? { requestBody: requestBodyOf(method, schemas) } : {}),
    responses: {
      ...successes(method, isSend, schemas, comments),
      ...Object.fromEntries(
        errors
          .filter((e) => e.appliesTo(route, method))
          .map(({ name, status }) => [status, { $ref: `#/components/responses/${name}` }]),
      ),
    },
  };
}

function parametersOf(
  method: Method,
  route: HttpRoute,
  schemas: Schemas,
  comments: ReadonlyMap<string, string>,
): Parameter[] {
  const inPath = new Set([...route.pattern.matchAll(/\{([a-z0-9_]+)\}/g)].map(([, name]) => name));
  const isQuery = (field: Field): boolean => route.body === '' && canBeText(field);
  return [...method.requestType.fields.values()]
    .filter((field) => inPath.has(field.name) || isQuery(field))
    .map((field) => ({
      name: field.name,
      in: inPath.has(field.name) ? 'path' : 'query',
      required: inPath.has(field.name),
      description: comments.get(`${method.requestType.name}.${field.name}`) ?? '',
      schema: schemas.field(field, 'url'),
    }));
}

const idempotencyKey: Parameter = {
  name: 'Idempotency-Key',
  in: 'header',
  required: false,
  description:
    'Repeating a request with the same key within 24 hours answers what the first one did. `X-Idempotency-Key` means the same, also inside `headers` of the body.',
  schema: {
    type: 'string',
    minLength: 1,
    maxLength: acceptLimits.idempotencyKeyCharsMax,
    pattern: '^[!-~]([ -~]*[!-~])?$',
  },
};

function requestBodyOf(method: Method, schemas: Schemas): NonNullable<Operation['requestBody']> {
  const shown = examples[method.name];
  const schema = schemas.message(method.requestType, 'body');
  return {
    required: true,
    content: { 'application/json': { schema, ...(shown === undefined ? {} : { examples: shown }) } },
  };
}

function successes(
  { rest, responseType }: Method,
  isSend: boolean,
  schemas: Schemas,
  comments: ReadonlyMap<string, string>,
): Record<string, object> {
  const headers = headersOf([...everywhere, ...(isSend ? ['Idempotent-Replayed'] : [])]);
  const content = { 'application/json': { schema: schemas.message(responseType, 'response') } };
  const success = { description: comments.get(responseType.name) ?? 'Success.', headers, content };
  const again = { ...success, description: 'It had been done before.' };
  return {
    [rest.status]: success,
    ...(rest.statusAgain === rest.status ? {} : { [rest.statusAgain]: again }),
  };
}

/**
 * RFC 4648 section 4: padded, without line breaks, and without bits that the last character has
 * left over.
 */
const BASE64 = '^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/][AQgw]==|[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]=)?$';

/**
 * Generators make types of each operation beside those of the schemas: oapi-codegen makes
 * `SendMessageResponse` and `SendMessageParams`, others `SendMessageRequest`, `SendMessageData`,
 * `SendMessageBody`. A schema of one of these names is declared twice. `Input` and `Output` are
 * taken by none.
 */
function schemaNameOf(type: MessageType | EnumType): string {
  const name = type.name.slice(type.name.lastIndexOf('.') + 1);
  return name.replace(/Request$/, 'Input').replace(/Response$/, 'Output');
}

const schemaRef = (name: string): OpenApiSchema => ({ $ref: `#/components/schemas/${name}` });

/** Schemas of messages and enums, made when they are first referred to. */
class Schemas {
  readonly made: Record<string, OpenApiSchema> = {};
  readonly #comments: ReadonlyMap<string, string>;

  constructor(comments: ReadonlyMap<string, string>) {
    this.#comments = comments;
  }

  message(type: MessageType, place: SchemaPlace): OpenApiSchema {
    switch (type.name) {
      case 'google.protobuf.Timestamp':
        return { type: 'string', format: 'date-time' };
      case 'google.protobuf.Struct':
        return {
          type: 'object',
          additionalProperties: true,
          ...(place === 'response' ? {} : { propertyNames: ALLOWED_NAME }),
        };
      case 'packetboat.v1.Address':
        return place === 'response' ? this.#refer(type, place) : this.#mailbox(type, place);
      default:
        return this.#refer(type, place);
    }
  }

  field(field: Field, place: SchemaPlace): OpenApiSchema {
    return fieldSchema(field, this.#value(field.value, place), place);
  }

  #value(type: ValueType, place: SchemaPlace): OpenApiSchema {
    switch (type.kind) {
      case 'message':
        return this.message(type.type, place);
      case 'enum':
        return this.#enum(type.type);
      case 'string':
        return { type: 'string' };
      case 'bytes':
        return {
          type: 'string',
          contentEncoding: 'base64',
          ...(place === 'response' ? {} : { pattern: BASE64 }),
        };
      case 'bool':
        return { type: 'boolean' };
      case 'float':
      case 'double':
        return { type: 'number' };
      case 'int32':
        return { type: 'integer', format: 'int32' };
      case 'uint32':
        return { type: 'integer', minimum: 0, maximum: 2 ** 32 - 1 };
      case 'int64':
        return { type: 'integer', minimum: Number.MIN_SAFE_INTEGER, maximum: Number.MAX_SAFE_INTEGER };
      case 'uint64':
        return { type: 'integer', minimum: 0, maximum: Number.MAX_SAFE_INTEGER };
    }
  }

  /**
   * Of a request: as text or as an object. Each has a name, because generators call a nameless
   * alternative `Mailbox0`.
   */
  #mailbox(type: MessageType, place: SchemaPlace): OpenApiSchema {
    this.made.Mailbox ??= {
      description: 'A mailbox, as text or as an object.',
      oneOf: [schemaRef('MailboxText'), this.#refer(type, place)],
    };
    this.made.MailboxText ??= mailboxText;
    return schemaRef('Mailbox');
  }

  #refer(type: MessageType, place: SchemaPlace): OpenApiSchema {
    const name = schemaNameOf(type);
    if (this.made[name] === undefined) {
      this.made[name] = {}; // types may hold themselves
      this.made[name] = this.#object(type, place);
    }
    return schemaRef(name);
  }

  #object(type: MessageType, place: SchemaPlace): OpenApiSchema {
    const fields = [...type.fields.values()];
    const properties = fields.map((field) => [
      field.name,
      { ...this.field(field, place), description: this.#comments.get(`${type.name}.${field.name}`) ?? '' },
    ]);
    const required = fields.filter((field) => isRequiredField(field, place)).map(({ name }) => name);
    return {
      type: 'object',
      description: this.#comments.get(type.name) ?? '',
      properties: Object.fromEntries(properties),
      ...(required.length > 0 ? { required } : {}),
      ...(place === 'response' ? {} : { additionalProperties: false }),
    };
  }

  #enum(type: EnumType): OpenApiSchema {
    const name = schemaNameOf(type);
    const meanings = [...type.values].map(
      ([word, value]) => `- \`${word}\`: ${this.#comments.get(`${type.name}.${value}`) ?? ''}`,
    );
    this.made[name] ??= {
      type: 'string',
      enum: [...type.values.keys()],
      description: [this.#comments.get(type.name) ?? '', meanings.join('\n')].join('\n\n'),
    };
    return schemaRef(name);
  }
}

const mailboxText: OpenApiSchema = {
  type: 'string',
  minLength: 1,
  description: 'A mailbox as in a header of a mail (RFC 5322, section 3.4).',
  examples: ['Name <user@example.com>', 'user@example.com'],
};

interface ErrorKind {
  readonly status: string;
  readonly name: string;
  readonly description: string;
  readonly appliesTo: (route: HttpRoute, method: Method) => boolean;
}

const always = (): boolean => true;

/**
 * By HTTP status. Names are of the namespace that schemas are in, as far as generators know
 * namespaces.
 */
const errors: readonly ErrorKind[] = [
  {
    status: '400',
    name: 'Malformed',
    description: 'Not JSON, an unknown field or parameter, a name twice in one object, or a wrong type.',
    appliesTo: always,
  },
  {
    status: '401',
    name: 'Unauthenticated',
    description: 'The key is missing, malformed, unknown, revoked or expired.',
    appliesTo: always,
  },
  {
    status: '403',
    name: 'Forbidden',
    description: 'The key lacks the scope, the sender or the environment.',
    appliesTo: always,
  },
  {
    status: '404',
    name: 'NotFound',
    description: 'There is no such object, or it is another tenant’s.',
    appliesTo: ({ pattern }) => pattern.includes('{'),
  },
  {
    status: '408',
    name: 'TooSlow',
    description: 'The request took too long to come in. The connection closes.',
    appliesTo: always,
  },
  {
    status: '409',
    name: 'Conflict',
    description: 'In flight, or another request with this idempotency key is still running.',
    appliesTo: ({ verb }) => verb !== 'get',
  },
  {
    status: '413',
    name: 'TooLarge',
    description: 'The request is too large. Nothing of it was kept.',
    appliesTo: ({ body }) => body !== '',
  },
  {
    status: '415',
    name: 'UnsupportedEncoding',
    description: 'The body has a `Content-Encoding` that is not supported.',
    appliesTo: ({ body }) => body !== '',
  },
  {
    status: '417',
    name: 'ExpectationFailed',
    description: 'The header `Expect` is something other than `100-continue`.',
    appliesTo: always,
  },
  {
    status: '422',
    name: 'Invalid',
    description: 'Well-formed, but fields are not valid: all of them are named.',
    appliesTo: ({ pattern }, { requestType }) =>
      [...requestType.fields.keys()].some((name) => !pattern.includes(`{${name}}`)),
  },
  {
    status: '429',
    name: 'RateLimited',
    description:
      'The key’s budget is spent; or the key is no good, and too many requests failed with it or from this address. `Retry-After` says when to come back.',
    appliesTo: always,
  },
  {
    status: '431',
    name: 'HeadersTooLarge',
    description: `The request's line and headers have more than ${doorLimits.httpHeaderBytesMax} bytes. The connection closes.`,
    appliesTo: always,
  },
  {
    status: '500',
    name: 'Internal',
    description: 'Our fault. Safe to repeat with the same idempotency key.',
    appliesTo: always,
  },
  {
    status: '501',
    name: 'UnsupportedTransferEncoding',
    description: 'The header `Transfer-Encoding` is something other than `chunked`. The connection closes.',
    appliesTo: always,
  },
  {
    status: '503',
    name: 'Unavailable',
    description:
      'Not now. Safe to repeat with the same idempotency key; when `error.message_id` is set, that message may have been accepted all the same.',
    appliesTo: always,
  },
];

const everywhere = ['X-Request-Id', 'X-RateLimit-Limit', 'X-RateLimit-Remaining', 'X-RateLimit-Reset'];
const headersOf = (names: readonly string[]): Record<string, OpenApiSchema> =>
  Object.fromEntries(names.map((name) => [name, { $ref: `#/components/headers/${name}` }]));

const responseHeaders: Readonly<Record<string, object>> = {
  'X-Request-Id': { description: 'Names this request in our logs.', schema: { type: 'string' } },
  'X-RateLimit-Limit': {
    description: 'Requests a minute; 0 when no key was recognized.',
    schema: { type: 'integer' },
  },
  'X-RateLimit-Remaining': { description: 'Left of them.', schema: { type: 'integer' } },
  'X-RateLimit-Reset': {
    description: 'When the budget is full again, in seconds since 1970.',
    schema: { type: 'integer' },
  },
  'Retry-After': { description: 'Seconds to wait before the next request.', schema: { type: 'integer' } },
  'WWW-Authenticate': {
    description: 'The scheme of the header Authorization.',
    schema: { type: 'string', const: 'Bearer' },
  },
  'Accept-Encoding': { description: 'The content codings that a body may have.', schema: { type: 'string' } },
  'Idempotent-Replayed': {
    description: '`true` when this is the answer of an earlier request with the same key.',
    schema: { type: 'string', const: 'true' },
  },
};

/** What an error has beyond the headers of every answer, by status. */
const headersOfErrors: Readonly<Record<string, readonly string[]>> = {
  401: ['WWW-Authenticate'],
  415: ['Accept-Encoding'],
  429: ['Retry-After'],
  503: ['Retry-After'],
};

function errorResponse(status: string, description: string): object {
  return {
    description,
    headers: headersOf([...everywhere, ...(headersOfErrors[status] ?? [])]),
    content: { 'application/json': { schema: schemaRef('ErrorBody') } },
  };
}

const errorSchemas: Readonly<Record<string, OpenApiSchema>> = {
  ErrorBody: {
    type: 'object',
    description: 'The body of every error.',
    required: ['error', 'request_id'],
    properties: {
      error: schemaRef('ErrorDetail'),
      request_id: { type: 'string', description: 'As in `X-Request-Id`.' },
    },
    examples: [
      {
        error: {
          code: 'validation_failed',
          message: 'One field is not valid.',
          errors: [{ field: 'to[2]', code: 'invalid_address', message: 'The address has no @.' }],
        },
        request_id: 'req_7f1c1f0e-6a3c-4a53-9a5e-0d6f4f6f3b0a',
      },
    ],
  },
  ErrorDetail: {
    type: 'object',
    description: 'Why a request was refused.',
    required: ['code', 'message', 'errors'],
    properties: {
      code: { type: 'string', description: 'A stable word, for example `validation_failed`.' },
      message: { type: 'string', description: 'For people.' },
      errors: {
        type: 'array',
        description: 'All faults of fields, never just the first.',
        items: schemaRef('FieldError'),
      },
      message_id: {
        type: 'string',
        description: 'Only when the store did not answer: the message may have been accepted under this id.',
      },
    },
  },
  FieldError: {
    type: 'object',
    description: 'A fault of one field.',
    required: ['field', 'code', 'message'],
    properties: {
      field: { type: 'string', description: 'Path, for example `to[2]`.' },
      code: { type: 'string', description: 'A stable word, for example `invalid_address`.' },
      message: { type: 'string', description: 'For people; never holds the value.' },
    },
  },
};
