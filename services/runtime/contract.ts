// The public contract as data: every rpc of `proto/packetboat/v1` that has a REST route, with its
// request and response types. The gateway derives its routes, its JSON reader and `/openapi.json`
// from this. Routes and types come from proto-loader; the options of fields and the comments, which
// proto-loader drops, are read with protobufjs (proto-root.ts).

import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import {
  type AnyDefinition,
  type EnumTypeDefinition,
  loadSync,
  type MessageTypeDefinition,
  type MethodDefinition,
  type PackageDefinition,
  type ServiceDefinition,
} from '@grpc/proto-loader';
import type protobuf from 'protobufjs';
import type { FieldRules } from '../core/accept/field-rules.ts';
import { readFieldRules } from './field-options.ts';
import { loadProtoRoot, protoDirectories } from './proto-root.ts';

const PACKAGE = 'packetboat.v1';

export interface Contract {
  /** The proto files as protobufjs parses them, with options and comments. */
  readonly root: protobuf.Root;
  /** In the order of the files and of the rpcs in them. */
  readonly methods: readonly Method[];
}

/** One public rpc. */
export interface Method {
  /** As on the wire: `/packetboat.v1.MessagesService/SendMessage`. */
  readonly path: string;
  /** Without package: `MessagesService`. */
  readonly service: string;
  /** `SendMessage`. */
  readonly name: string;
  /** Its routes: the annotation's own, then its `additional_bindings`. Never empty. */
  readonly http: readonly HttpRoute[];
  readonly rest: RestOption;
  readonly requestType: MessageType;
  readonly responseType: MessageType;
}

export interface HttpRoute {
  readonly verb: 'get' | 'put' | 'post' | 'delete' | 'patch';
  /** As annotated: `/v1/messages/{message_id}`. */
  readonly pattern: string;
  /**
   * `*`: the body has all fields that are not in the path. The name of a field: the body is that
   * field. Empty: there is no body, and the other fields are in the query.
   */
  readonly body: string;
}

/** The option `(packetboat.v1.rest)`, with its defaults filled in. */
interface RestOption {
  /** HTTP status of success. */
  readonly status: number;
  /** HTTP status of success if the response has `created: false`. */
  readonly statusAgain: number;
  /** The scope that the API key needs; empty: any valid key will do. */
  readonly scope: string;
}

export interface MessageType {
  /** `packetboat.v1.SendMessageRequest`. */
  readonly name: string;
  readonly fields: ReadonlyMap<string, Field>;
}

export interface Field {
  readonly name: string;
  /** `map` has string keys. */
  readonly shape: 'one' | 'list' | 'map';
  /** Whether absent and empty differ: the field is `optional`, in a `oneof`, or a message. */
  readonly hasPresence: boolean;
  /** Of the field, of each item, or of each value. */
  readonly value: ValueType;
  /** The option `(packetboat.v1.field)`; empty when there is none. */
  readonly rules: FieldRules;
}

export type ScalarKind =
  | 'string'
  | 'bytes'
  | 'bool'
  | 'int32'
  | 'uint32'
  | 'int64'
  | 'uint64'
  | 'float'
  | 'double';

export type ValueType =
  | { readonly kind: ScalarKind }
  | { readonly kind: 'enum'; readonly type: EnumType }
  | { readonly kind: 'message'; readonly type: MessageType };

export interface EnumType {
  /** `packetboat.v1.Environment`. */
  readonly name: string;
  /**
   * From the value in JSON (`live`) to the value in proto (`ENVIRONMENT_LIVE`). `UNSPECIFIED` is
   * missing, since JSON omits the field instead.
   */
  readonly values: ReadonlyMap<string, string>;
  /** The value of an absent field: `ENVIRONMENT_UNSPECIFIED`. */
  readonly zero: string;
}

/**
 * Reads the proto files. Throws if a file is invalid, which is a bug. Takes about 50 ms, so call
 * this once, at start.
 */
export function loadContract(): Contract {
  const files = contractFiles();
  const definitions = loadSync([...files], {
    includeDirs: [...protoDirectories],
    keepCase: true,
    longs: Number,
    enums: String,
  });
  const root = loadProtoRoot(files);
  const types = new Types(definitions, readFieldRules(root));
  return {
    root,
    methods: Object.entries(definitions).flatMap(([name, definition]) =>
      name.startsWith(`${PACKAGE}.`) && isService(definition) ? methodsOf(name, definition, types) : [],
    ),
  };
}

/** All files of the public contract, sorted; relative to the proto directories. */
function contractFiles(): readonly string[] {
  const [own] = protoDirectories;
  assert(own !== undefined);
  const folder = PACKAGE.replace('.', '/');
  return readdirSync(`${own}${folder}`)
    .filter((file) => file.endsWith('.proto'))
    .toSorted()
    .map((file) => `${folder}/${file}`);
}

const isService = (definition: AnyDefinition): definition is ServiceDefinition => !('format' in definition);

function methodsOf(service: string, definition: ServiceDefinition, types: Types): Method[] {
  return Object.entries(definition).flatMap(([name, method]) => {
    const options: Record<string, unknown> = { ...method.options };
    const http = routesOf(options['(google.api.http)']);
    if (http.length === 0) return [];
    return [
      {
        path: method.path,
        service: service.slice(PACKAGE.length + 1),
        name,
        http,
        rest: restOf(options['(rest)'] ?? options['(packetboat.v1.rest)']),
        requestType: types.message(nameOf(method.requestType), service),
        responseType: types.message(nameOf(method.responseType), service),
      },
    ];
  });
}

const nameOf = (type: MethodDefinition<object, object>['requestType']): string =>
  (type.type as Descriptor).name;

const VERBS = ['get', 'put', 'post', 'delete', 'patch'] as const;

function routesOf(rule: unknown): HttpRoute[] {
  if (!isRecord(rule)) return [];
  const verb = VERBS.find((v) => typeof rule[v] === 'string');
  assert(verb !== undefined, 'an http annotation names its verb and pattern');
  // One binding is an object, several are an array.
  const more = [rule.additional_bindings ?? []].flat();
  return [{ verb, pattern: String(rule[verb]), body: String(rule.body ?? '') }, ...more.flatMap(routesOf)];
}

function restOf(option: unknown): RestOption {
  const { status = 200, status_again = 0, scope = '' } = isRecord(option) ? option : {};
  return {
    status: Number(status),
    statusAgain: Number(status_again) || Number(status),
    scope: String(scope),
  };
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The parts of proto-loader's message descriptor that are used here. */
interface Descriptor {
  readonly name: string;
  readonly field: readonly FieldDescriptor[];
  readonly oneofDecl: readonly { readonly name: string }[];
  readonly nestedType: readonly (Descriptor & { readonly options: { readonly mapEntry?: boolean } | null })[];
}
interface FieldDescriptor {
  readonly name: string;
  readonly label: string;
  readonly type: string;
  readonly typeName: string;
}
interface EnumDescriptor {
  readonly name: string;
  readonly value: readonly { readonly name: string; readonly number: number }[];
}

/**
 * Types by full name. Each type is registered before its fields are read, since types may contain
 * themselves.
 */
class Types {
  readonly #definitions: PackageDefinition;
  readonly #rules: ReadonlyMap<string, FieldRules>;
  readonly #messages = new Map<string, MessageType>();
  readonly #enums = new Map<string, EnumType>();

  constructor(definitions: PackageDefinition, rules: ReadonlyMap<string, FieldRules>) {
    this.#definitions = definitions;
    this.#rules = rules;
  }

  /** `name` is relative to `scope`: proto-loader shortens names as far as the scope allows. */
  message(name: string, scope: string): MessageType {
    const [fullName, definition] = this.#resolve(name, scope);
    const known = this.#messages.get(fullName);
    if (known !== undefined) return known;
    assert(definition.format === 'Protocol Buffer 3 DescriptorProto', `${fullName} is a message`);
    const fields = new Map<string, Field>();
    const type: MessageType = { name: fullName, fields };
    this.#messages.set(fullName, type);
    const descriptor = (definition as MessageTypeDefinition<object, object>).type as Descriptor;
    for (const field of descriptor.field) fields.set(field.name, this.#field(field, descriptor, fullName));
    return type;
  }

  #field(field: FieldDescriptor, parent: Descriptor, scope: string): Field {
    const { name } = field;
    const rules = this.#rules.get(`${scope}.${name}`) ?? {};
    const entry = parent.nestedType.find(
      (type) => type.options?.mapEntry === true && type.name === field.typeName,
    );
    if (entry !== undefined) {
      const [, value] = entry.field;
      assert(value !== undefined, 'a map entry has a key and a value');
      return { name, shape: 'map', hasPresence: false, value: this.#value(value, scope), rules };
    }
    const value = this.#value(field, scope);
    if (field.label === 'LABEL_REPEATED') return { name, shape: 'list', hasPresence: false, value, rules };
    // proto-loader drops `proto3_optional`, but keeps the synthetic oneof of an optional field.
    const isOptional = parent.oneofDecl.some((oneof) => oneof.name === `_${name}`);
    return { name, shape: 'one', hasPresence: isOptional || value.kind === 'message', value, rules };
  }

  #value(field: FieldDescriptor, scope: string): ValueType {
    if (field.type === 'TYPE_MESSAGE') return { kind: 'message', type: this.message(field.typeName, scope) };
    if (field.type === 'TYPE_ENUM') return { kind: 'enum', type: this.#enum(field.typeName, scope) };
    const kind = scalars[field.type];
    assert(kind !== undefined, `the JSON reader supports ${field.type}`);
    return { kind };
  }

  #enum(name: string, scope: string): EnumType {
    const [fullName, definition] = this.#resolve(name, scope);
    const known = this.#enums.get(fullName);
    if (known !== undefined) return known;
    assert(definition.format === 'Protocol Buffer 3 EnumDescriptorProto', `${fullName} is an enum`);
    const { name: shortName, value: values } = (definition as EnumTypeDefinition).type as EnumDescriptor;
    const prefix = `${shortName.replace(/(?<=[a-z0-9])[A-Z]/g, '_$&').toUpperCase()}_`;
    const [zero, ...others] = values.toSorted((a, b) => a.number - b.number);
    assert(zero !== undefined, 'an enum has a zero');
    const type: EnumType = {
      name: fullName,
      values: new Map(others.map((v) => [v.name.slice(prefix.length).toLowerCase(), v.name])),
      zero: zero.name,
    };
    this.#enums.set(fullName, type);
    return type;
  }

  #resolve(name: string, scope: string): [string, AnyDefinition] {
    for (let within = scope; ; within = within.slice(0, Math.max(within.lastIndexOf('.'), 0))) {
      const fullName = within === '' ? name : `${within}.${name}`;
      const definition = this.#definitions[fullName];
      if (definition !== undefined) return [fullName, definition];
      assert(within !== '', `${name} is known in ${scope}`);
    }
  }
}

const scalars: Readonly<Record<string, ScalarKind>> = {
  TYPE_STRING: 'string',
  TYPE_BYTES: 'bytes',
  TYPE_BOOL: 'bool',
  TYPE_INT32: 'int32',
  TYPE_SINT32: 'int32',
  TYPE_SFIXED32: 'int32',
  TYPE_UINT32: 'uint32',
  TYPE_FIXED32: 'uint32',
  TYPE_INT64: 'int64',
  TYPE_SINT64: 'int64',
  TYPE_SFIXED64: 'int64',
  TYPE_UINT64: 'uint64',
  TYPE_FIXED64: 'uint64',
  TYPE_FLOAT: 'float',
  TYPE_DOUBLE: 'double',
};
