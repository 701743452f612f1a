// Makes the OpenAPI 3.1 description of REST from the contract and its comments. This file describes
// what all routes have in common (errors, headers, keys); the proto describes each route. The names
// of components suit generators of clients: see `schemaNameOf`.

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
import { sendMethods } from '../rest/parts-to-upload.ts';
import { canBeText } from '../rest/read-url.ts';
import { readComments } from './comments.ts';
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

const DESCRIPTION = `Send transactional mail, look up and cancel messages, and suppress addresses.

Every request needs an API key, as \`Authorization: Bearer sk_live_…\` or as \`X-Api-Token: …\`. Bodies are JSON, whatever the \`Content-Type\`. Unknown \
fields are rejected, and \`null\` is the same as leaving the field out. Times are RFC 3339, names are snake_case, and a body has at most 50 MiB.

A path that is not listed here returns 404. A method that a path does not have returns 405, and \`Allow\` lists the methods of the path.

Every response has \`X-Request-Id\` and the rate limit of the key. A request that failed with 429, 500 or 503 is safe to retry with the same \
\`Idempotency-Key\`.`;

/** `serverUrl`: the absolute URL that the routes are relative to, without a slash at its end. */
export function describeApi(contract: Contract, serverUrl: string): ApiDescription {
  const comments = readComments(contract.root);
  const schemas = new Schemas(comments);
  const paths: Record<string, Record<string, Operation>> = {};
  // sending comes first: most readers look for it
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
    'For 24 hours, a repeated request with the same key gets the response to the first request. The header `X-Idempotency-Key`, and `X-Idempotency-Key` inside `headers` of the body, have the same effect.',
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
  const again = { ...success, description: 'The object existed before.' };
  return {
    [rest.status]: success,
    ...(rest.statusAgain === rest.status ? {} : { [rest.statusAgain]: again }),
  };
}

/** Base64 in one alphabet, without surplus bits in the last character. */
const base64In = (char: string): string => {
  const c = `${char}[\\r\\n]*`;
  const padding = '=[\\r\\n]*';
  const lastOfOne = `${c}[AQgw][\\r\\n]*(?:${padding}${padding})?`;
  const lastOfTwo = `${c}${c}[AEIMQUYcgkosw048][\\r\\n]*(?:${padding})?`;
  return `(?:${c}${c}${c}${c})*(?:${lastOfOne}|${lastOfTwo})?`;
};
/** What `rest/base64.ts` reads. */
const BASE64 = `^[\\r\\n]*(?:${base64In('[A-Za-z0-9+/]')}|${base64In('[A-Za-z0-9_-]')})$`;

/**
 * Generators make types for operations as well as for schemas: oapi-codegen makes
 * `SendMessageResponse` and `SendMessageParams`, others make `SendMessageRequest`, `SendMessageData`
 * and `SendMessageBody`. A schema with one of these names would be declared twice. No generator uses
 * `Input` or `Output`.
 */
function schemaNameOf(type: MessageType | EnumType): string {
  const name = type.name.slice(type.name.lastIndexOf('.') + 1);
  return name.replace(/Request$/, 'Input').replace(/Response$/, 'Output');
}

const schemaRef = (name: string): OpenApiSchema => ({ $ref: `#/components/schemas/${name}` });

/** Schemas of messages and enums, each made at the first reference to it. */
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
   * A mailbox in a request is a text or an object. Both schemas have names, because generators call a
   * nameless alternative `Mailbox0`.
   */
  #mailbox(type: MessageType, place: SchemaPlace): OpenApiSchema {
    this.made.Mailbox ??= {
      description: 'A mailbox, as a text or as an object.',
      oneOf: [schemaRef('MailboxText'), this.#refer(type, place)],
    };
    this.made.MailboxText ??= mailboxText;
    return schemaRef('Mailbox');
  }

  #refer(type: MessageType, place: SchemaPlace): OpenApiSchema {
    const name = schemaNameOf(type);
    if (this.made[name] === undefined) {
      this.made[name] = {}; // types may contain themselves
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
  description: 'A mailbox as in a mail header (RFC 5322, section 3.4).',
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
 * Errors by HTTP status. For generators, these names share one namespace with the schemas.
 */
const errors: readonly ErrorKind[] = [
  {
    status: '400',
    name: 'Malformed',
    description:
      'The body is not JSON, a field or parameter is unknown, an object has a name twice, or a value has the wrong type.',
    appliesTo: always,
  },
  {
    status: '401',
    name: 'Unauthenticated',
    description: 'The API key is missing, malformed, unknown, revoked or expired.',
    appliesTo: always,
  },
  {
    status: '403',
    name: 'Forbidden',
    description: 'The API key does not allow the scope, the sender or the environment.',
    appliesTo: always,
  },
  {
    status: '404',
    name: 'NotFound',
    description: 'The object does not exist, or belongs to another tenant.',
    appliesTo: ({ pattern }) => pattern.includes('{'),
  },
  {
    status: '408',
    name: 'TooSlow',
    description: 'The request took too long to arrive. The connection closes.',
    appliesTo: always,
  },
  {
    status: '409',
    name: 'Conflict',
    description: 'A delivery is in flight, or another request with this idempotency key is still running.',
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
    description: 'The request is well-formed, but fields are not valid. The errors name all of these fields.',
    appliesTo: ({ pattern }, { requestType }) =>
      [...requestType.fields.keys()].some((name) => !pattern.includes(`{${name}}`)),
  },
  {
    status: '429',
    name: 'RateLimited',
    description:
      'The API key has used up its rate limit; or the API key is not valid, and too many requests with this key or from this address have failed. `Retry-After` says how long to wait.',
    appliesTo: always,
  },
  {
    status: '431',
    name: 'HeadersTooLarge',
    description: `The request line and headers have more than ${doorLimits.httpHeaderBytesMax} bytes. The connection closes.`,
    appliesTo: always,
  },
  {
    status: '500',
    name: 'Internal',
    description: 'An internal error. It is safe to retry with the same idempotency key.',
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
      'Packetboat cannot handle the request at present. It is safe to retry with the same idempotency key. When `error.message_id` is set, that message may have been accepted.',
    appliesTo: always,
  },
];

const everywhere = ['X-Request-Id', 'X-RateLimit-Limit', 'X-RateLimit-Remaining', 'X-RateLimit-Reset'];
const headersOf = (names: readonly string[]): Record<string, OpenApiSchema> =>
  Object.fromEntries(names.map((name) => [name, { $ref: `#/components/headers/${name}` }]));

const responseHeaders: Readonly<Record<string, object>> = {
  'X-Request-Id': { description: 'The id of this request in the logs.', schema: { type: 'string' } },
  'X-RateLimit-Limit': {
    description: 'Requests per minute; 0 when no key was recognized.',
    schema: { type: 'integer' },
  },
  'X-RateLimit-Remaining': { description: 'Requests that remain.', schema: { type: 'integer' } },
  'X-RateLimit-Reset': {
    description: 'When the budget is full again, in seconds since 1970.',
    schema: { type: 'integer' },
  },
  'Retry-After': { description: 'Seconds to wait before the next request.', schema: { type: 'integer' } },
  'WWW-Authenticate': {
    description: 'The scheme for the header `Authorization`.',
    schema: { type: 'string', const: 'Bearer' },
  },
  'Accept-Encoding': { description: 'The content codings that a body may have.', schema: { type: 'string' } },
  'Idempotent-Replayed': {
    description: '`true` when this is the response to an earlier request with the same key.',
    schema: { type: 'string', const: 'true' },
  },
};

/** The headers of errors, by status, in addition to the headers of every response. */
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
      request_id: { type: 'string', description: 'The same id as in `X-Request-Id`.' },
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
      message: { type: 'string', description: 'The message for people.' },
      errors: {
        type: 'array',
        description: 'All faults of fields, not only the first.',
        items: schemaRef('FieldError'),
      },
      message_id: {
        type: 'string',
        description:
          'Present when the store did not reply: the message may have been accepted under this id.',
      },
    },
  },
  FieldError: {
    type: 'object',
    description: 'A fault of one field.',
    required: ['field', 'code', 'message'],
    properties: {
      field: { type: 'string', description: 'The path of the field, for example `to[2]`.' },
      code: { type: 'string', description: 'A stable word, for example `invalid_address`.' },
      message: { type: 'string', description: 'The message for people; it never contains the value.' },
    },
  },
};
