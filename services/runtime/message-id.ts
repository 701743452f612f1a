// Message ids for programs that have neither a store nor its clock: a gateway names the message
// that it hands over.

import { randomBytes } from 'node:crypto';
import { ID_RANDOM_BYTES, type MessageId, messageId } from '../core/ids.ts';

export const newMessageId = (): MessageId => messageId(Date.now(), randomBytes(ID_RANDOM_BYTES));
