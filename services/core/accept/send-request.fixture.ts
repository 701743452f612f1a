// A request without any field, from which tests make theirs.

import { packetboatNames, type SendRequest } from './send-request.ts';

export const emptyRequest: SendRequest = {
  recipient: '',
  to: [],
  cc: [],
  bcc: [],
  from: null,
  replyTo: [],
  sender: '',
  subject: null,
  html: null,
  text: null,
  template: '',
  templateData: null,
  language: '',
  environment: null,
  headers: {},
  attachments: [],
  tags: {},
  metadata: null,
  tier: null,
  scheduledAt: null,
  expiresAt: null,
  copies: null,
  idempotencyKey: null,
  names: packetboatNames,
};
