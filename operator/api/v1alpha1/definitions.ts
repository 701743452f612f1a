// Generates the CustomResourceDefinitions from the schemas of the objects
// (services/core/objects) and of their status. `make crds` writes them into the chart.

import { z } from 'zod';
import { senderSpec } from '../../../services/core/objects/sender-schema.ts';
import { templateSpec } from '../../../services/core/objects/template-schema.ts';
import { group, version } from './resources.ts';
import { senderStatus, templateStatus } from './status.ts';

const specs = { Sender: senderSpec, Template: templateSpec } as const;

/** Plain JSON, ready for YAML. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };
type Schema = Record<string, Json>;

interface Column {
  readonly name: string;
  readonly type: 'string' | 'integer' | 'date';
  readonly jsonPath: string;
  readonly description: string;
  /** Shown with `-o wide` only. */
  readonly isWide?: true;
}

const conditionColumn = (
  name: string,
  type: string,
  field: string,
  description: string,
  isWide?: true,
): Column => ({
  name,
  type: 'string',
  jsonPath: `.status.conditions[?(@.type=="${type}")].${field}`,
  description,
  ...(isWide === undefined ? {} : { isWide }),
});

const ready = [
  conditionColumn('Ready', 'Ready', 'status', 'Whether the object is ready to use.'),
  conditionColumn('Reason', 'Ready', 'reason', 'Reason of Ready.'),
];
const age: Column = {
  name: 'Age',
  type: 'date',
  jsonPath: '.metadata.creationTimestamp',
  description: 'Time since creation.',
};
const revision: Column = {
  name: 'Revision',
  type: 'integer',
  jsonPath: '.status.revision',
  description: 'Revision in the catalog.',
  isWide: true,
};
const message = conditionColumn('Message', 'Ready', 'message', 'Message of Ready.', true);

interface KindDefinition {
  readonly kind: 'Sender' | 'Template';
  readonly plural: string;
  readonly singular: string;
  readonly shortName: string;
  readonly description: string;
  readonly status: z.ZodType;
  readonly columns: readonly Column[];
  readonly selectableFields: readonly string[];
}

export const kinds: readonly KindDefinition[] = [
  {
    kind: 'Sender',
    plural: 'senders',
    singular: 'sender',
    shortName: 'snd',
    description: 'Sender of mail: a domain, its From, its routes and its limits.',
    status: senderStatus,
    columns: [
      ...ready,
      {
        name: 'Domain',
        type: 'string',
        jsonPath: '.spec.domain',
        description: 'Domain of the sender.',
        isWide: true,
      },
      conditionColumn('Verified', 'DomainVerified', 'reason', 'State of its DNS records.', true),
      revision,
      age,
      message,
    ],
    selectableFields: ['.spec.domain'],
  },
  {
    kind: 'Template',
    plural: 'templates',
    singular: 'template',
    shortName: 'mtpl',
    description:
      'Content of mail in several languages, with revisions. Callers refer to it by its identifier.',
    status: templateStatus,
    columns: [
      ...ready,
      {
        name: 'Identifier',
        type: 'string',
        jsonPath: '.status.identifier',
        description: 'Name that callers use.',
        isWide: true,
      },
      {
        name: 'Locales',
        type: 'string',
        jsonPath: '.status.locales',
        description: 'Languages of the live content.',
        isWide: true,
      },
      revision,
      age,
      message,
    ],
    selectableFields: [],
  },
];

/** apiextensions.k8s.io/v1. */
export function definitionOf({
  kind,
  plural,
  singular,
  shortName,
  description,
  status,
  columns,
  selectableFields,
}: KindDefinition): Json {
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${group}` },
    spec: {
      group,
      scope: 'Namespaced',
      names: {
        kind,
        listKind: `${kind}List`,
        plural,
        singular,
        shortNames: [shortName],
        categories: ['mail'],
      },
      versions: [
        {
          name: version,
          served: true,
          storage: true,
          subresources: { status: {} },
          ...(selectableFields.length === 0
            ? {}
            : { selectableFields: selectableFields.map((jsonPath) => ({ jsonPath })) }),
          additionalPrinterColumns: columns.map(({ isWide, ...column }) => ({
            ...column,
            ...(isWide ? { priority: 1 } : {}),
          })),
          schema: {
            openAPIV3Schema: {
              description,
              type: 'object',
              required: ['spec'],
              properties: {
                apiVersion: { type: 'string' },
                kind: { type: 'string' },
                metadata: { type: 'object' },
                spec: { ...schemaOf(specs[kind]), description: 'Desired state.' },
                // clients that wait for observedGeneration thus wait for the operator's first visit
                status: {
                  ...schemaOf(status),
                  description: 'Observed state, written by the operator.',
                  default: { observedGeneration: -1 },
                },
              },
            },
          },
        },
      ],
    },
  };
}

function schemaOf(description: z.ZodType): Schema {
  return withoutItemDefaults(
    structural(
      z.toJSONSchema(description, { io: 'input', target: 'openapi-3.0', unrepresentable: 'any' }) as Schema,
    ),
    false,
  ) as Schema;
}

/**
 * Removes defaults inside the entries of lists. Clients that compare a manifest with the stored
 * object, such as Argo CD, compare lists as a whole, so a default that the API server fills in
 * there would be a difference forever. The parser of the operator fills in the same default.
 */
function withoutItemDefaults(schema: Json, isInItem: boolean): Json {
  if (Array.isArray(schema)) return schema.map((entry: Json) => withoutItemDefaults(entry, isInItem));
  if (!isObject(schema)) return schema;
  return Object.fromEntries(
    Object.entries(schema).flatMap(([key, value]) => {
      if (key === 'default' && isInItem) return [];
      return [[key, isVerbatim(key) ? value : withoutItemDefaults(value, isInItem || key === 'items')]];
    }),
  );
}

/**
 * Reduces a schema to the subset of OpenAPI that the API server accepts. The server prunes or
 * refuses unknown fields by itself.
 */
function structural(schema: Json): Json {
  if (Array.isArray(schema)) return schema.map(structural);
  if (!isObject(schema)) return schema;
  const { additionalProperties: _, $schema: __, ...rest } = schema;
  const read = Object.fromEntries(
    Object.entries(rest).map(([key, value]) => [key, isVerbatim(key) ? value : structural(value)]),
  );
  return isObject(read.default) ? { ...read, default: withDefaults(read) } : read;
}

/** The values of these keywords are data, not schemas. */
const isVerbatim = (key: string): boolean =>
  key === 'default' || key === 'enum' || key.startsWith('x-kubernetes-');

/**
 * The API server runs CEL rules before it fills in nested defaults, so nested defaults are written
 * out.
 */
function withDefaults(schema: Readonly<Record<string, Json>>): Json {
  const { properties, default: given } = schema;
  const nested = isObject(properties) ? Object.entries(properties) : [];
  const filled = nested.flatMap(([name, property]) =>
    isObject(property) && property.default !== undefined ? [[name, property.default] as const] : [],
  );
  return { ...Object.fromEntries(filled), ...(isObject(given) ? given : {}) };
}

function isObject(value: Json | undefined): value is { readonly [key: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
