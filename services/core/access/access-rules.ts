// What each public rpc requires of an API key: the table that ingest enforces, docs/keys.md prints
// and the tests check. The proto has each scope as well (option `rest`), for the gateway and the
// API reference; a test compares the two.

import type { Scope } from './principal.ts';

/** How a restriction of a key, its environment or its senders, bears on a call. */
export type Bearing =
  /** The call does not depend on the restriction. */
  | 'any'
  /** Objects that the request names or implies must lie within the key's reach; otherwise 403. */
  | 'use'
  /**
   * What lies outside does not exist: the answer is that for an unknown name or id, and lists leave
   * it out.
   */
  | 'see'
  /**
   * Values that the request asks for must lie within the key's ceilings; otherwise 422, naming the
   * field.
   */
  | 'cap'
  /** Only a key without the restriction may call: otherwise 403. */
  | 'whole';

export interface AccessRule {
  readonly scope: Scope;
  readonly environment: Bearing;
  readonly senders: Bearing;
}

const send = { scope: 'messages:send', environment: 'use', senders: 'use' } as const satisfies AccessRule;
const read = { scope: 'messages:read', environment: 'see', senders: 'see' } as const satisfies AccessRule;

/** By gRPC path. An rpc of the contract that is missing here cannot be called. */
export const accessRules = {
  '/packetboat.v1.MessagesService/SendMessage': send,
  '/packetboat.v1.MessagesService/SendMessageBatch': send,
  // This form names no sender, only a template, and templates of other senders are hidden.
  '/packetboat.v1.MessagesService/SendEmail': { scope: 'messages:send', environment: 'use', senders: 'see' },
  '/packetboat.v1.MessagesService/GetMessage': read,
  '/packetboat.v1.MessagesService/ListMessages': read,
  '/packetboat.v1.MessagesService/CancelMessage': {
    scope: 'messages:send',
    environment: 'see',
    senders: 'see',
  },
  '/packetboat.v1.EventsService/ListMessageEvents': read,
  // A suppression stops the mail of every sender in every environment.
  '/packetboat.v1.SuppressionsService/CreateSuppression': {
    scope: 'suppressions:write',
    environment: 'whole',
    senders: 'whole',
  },
  // Senders and templates belong to no environment.
  '/packetboat.v1.SendersService/ListSenders': { scope: 'senders:read', environment: 'any', senders: 'see' },
  '/packetboat.v1.TemplatesService/ListTemplates': {
    scope: 'templates:read',
    environment: 'any',
    senders: 'see',
  },
  // Keys are judged by all their ceilings (`ceilings.ts`), of which these are two.
  '/packetboat.v1.KeysService/CreateKey': { scope: 'keys:write', environment: 'cap', senders: 'cap' },
  '/packetboat.v1.KeysService/ListKeys': { scope: 'keys:read', environment: 'see', senders: 'see' },
  '/packetboat.v1.KeysService/RevokeKey': { scope: 'keys:write', environment: 'see', senders: 'see' },
} as const satisfies Readonly<Record<string, AccessRule>>;

/** Null: the table has no such rpc. */
export const accessRuleOf = (path: string): AccessRule | null =>
  Object.hasOwn(accessRules, path) ? accessRules[path as keyof typeof accessRules] : null;
