// The handlers of all public rpcs except those that send, by gRPC path. Each takes and returns
// messages of the contract. `core/access/access-rules.ts` defines the rights that each needs,
// which are checked before the handler is called.

import type {
  ListMessageEventsRequest,
  ListMessageEventsResponse,
} from '../../proto/gen/packetboat/v1/events.ts';
import type {
  CreateKeyRequest,
  CreateKeyResponse,
  ListKeysResponse,
  RevokeKeyRequest,
  RevokeKeyResponse,
} from '../../proto/gen/packetboat/v1/keys.ts';
import type {
  CancelMessageRequest,
  CancelMessageResponse,
  GetMessageRequest,
  GetMessageResponse,
  ListMessagesRequest,
  ListMessagesResponse,
} from '../../proto/gen/packetboat/v1/messages.ts';
import type { ListSendersResponse } from '../../proto/gen/packetboat/v1/senders.ts';
import type {
  CreateSuppressionRequest,
  CreateSuppressionResponse,
} from '../../proto/gen/packetboat/v1/suppressions.ts';
import type { ListTemplatesResponse } from '../../proto/gen/packetboat/v1/templates.ts';
import { type Caller, reachesSender } from '../core/access/caller.ts';
import { statusOf } from '../core/delivery/message.ts';
import type { FieldError } from '../core/failure.ts';
import { createKey, listKeys, revokeKey } from './api-keys.ts';
import { cancelMessage } from './cancel-message.ts';
import { createSuppression } from './create-suppression.ts';
import { environmentOf, statusOfProto, timeOf } from './from-proto.ts';
import { getMessage } from './get-message.ts';
import type { Ingest } from './ingest-parts.ts';
import { listMessages } from './list-messages.ts';
import {
  toEvents,
  toGetMessageResponse,
  toKey,
  toMessageSummary,
  toSender,
  toStatus,
  toTemplate,
  toTimestamp,
} from './to-proto.ts';

/**
 * Throws a `Failure`. The request has the type of the rpc in the contract, and no field breaks a
 * rule. A handler that does its own validation is `judging`: it also gets requests with faults,
 * together with these faults, so that one response lists all faults.
 */
type Handle =
  | ((ingest: Ingest, caller: Caller, request: never) => Promise<object>)
  | {
      readonly judging: (
        ingest: Ingest,
        caller: Caller,
        request: never,
        faults: readonly FieldError[],
      ) => Promise<object>;
    };

const byName = <T extends { readonly name: string }>(a: T, b: T): number => (a.name < b.name ? -1 : 1);
const byIdentifier = <T extends { readonly identifier: string }>(a: T, b: T): number =>
  a.identifier < b.identifier ? -1 : 1;

export const rpcHandlers: Readonly<Record<string, Handle>> = {
  '/packetboat.v1.MessagesService/GetMessage': async (
    ingest,
    caller,
    request: GetMessageRequest,
  ): Promise<GetMessageResponse> =>
    toGetMessageResponse(await getMessage(ingest, caller, request.message_id)),

  '/packetboat.v1.MessagesService/ListMessages': {
    judging: async (ingest, caller, request: ListMessagesRequest, faults): Promise<ListMessagesResponse> => {
      const filters = {
        status: statusOfProto(request.status),
        recipient: request.recipient,
        sender: request.sender,
        template: request.template,
        environment: environmentOf(request.environment),
        createdAfter: timeOf(request.created_after),
        createdBefore: timeOf(request.created_before),
        limit: request.limit ?? null,
        cursor: request.cursor,
      };
      const page = await listMessages(ingest, caller, filters, faults);
      return { messages: page.messages.map(toMessageSummary), next_cursor: page.nextCursor ?? undefined };
    },
  },

  '/packetboat.v1.MessagesService/CancelMessage': async (
    ingest,
    caller,
    request: CancelMessageRequest,
  ): Promise<CancelMessageResponse> => {
    const message = await cancelMessage(ingest, caller, request.message_id);
    return { message_id: message.id, status: toStatus(statusOf(message.deliveries)) };
  },

  '/packetboat.v1.EventsService/ListMessageEvents': async (
    ingest,
    caller,
    request: ListMessageEventsRequest,
  ): Promise<ListMessageEventsResponse> => ({
    events: toEvents(await getMessage(ingest, caller, request.message_id)),
  }),

  '/packetboat.v1.SuppressionsService/CreateSuppression': {
    judging: async (
      ingest,
      caller,
      request: CreateSuppressionRequest,
      faults,
    ): Promise<CreateSuppressionResponse> => {
      const { suppression, created } = await createSuppression(ingest, caller, request, faults);
      const { reason, scope, createdAt } = suppression;
      return { recipient: request.recipient, reason, scope, created_at: toTimestamp(createdAt), created };
    },
  },

  '/packetboat.v1.SendersService/ListSenders': async (ingest, caller): Promise<ListSendersResponse> => ({
    senders: ingest.catalog
      .current()
      .senders(caller.tenant)
      .filter(({ name }) => reachesSender(caller.reach, name))
      .toSorted(byName)
      .map(toSender),
  }),

  '/packetboat.v1.TemplatesService/ListTemplates': async (
    ingest,
    caller,
  ): Promise<ListTemplatesResponse> => ({
    templates: ingest.catalog
      .current()
      .templates(caller.tenant)
      .filter(({ sender }) => reachesSender(caller.reach, sender))
      .toSorted(byIdentifier)
      .map(toTemplate),
  }),

  '/packetboat.v1.KeysService/CreateKey': {
    judging: async (ingest, caller, request: CreateKeyRequest, faults): Promise<CreateKeyResponse> => {
      const wanted = {
        name: request.name,
        scopes: request.scopes,
        environment: environmentOf(request.environment),
        senders: request.senders,
        requestsPerMinute: request.requests_per_minute ?? null,
        expiresAt: timeOf(request.expires_at),
      };
      const { key, secret } = await createKey(ingest, caller, wanted, faults);
      return { key: toKey(key), secret };
    },
  },

  '/packetboat.v1.KeysService/ListKeys': async (ingest, caller): Promise<ListKeysResponse> => ({
    keys: (await listKeys(ingest, caller)).map(toKey),
  }),

  '/packetboat.v1.KeysService/RevokeKey': async (
    ingest,
    caller,
    request: RevokeKeyRequest,
  ): Promise<RevokeKeyResponse> => ({
    key_id: request.key_id,
    revoked_at: toTimestamp(await revokeKey(ingest, caller, { id: request.key_id, isForced: request.force })),
  }),
};
