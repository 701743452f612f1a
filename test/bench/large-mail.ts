// The largest message that is promised to be accepted: one attachment that makes the request 50
// MiB, less what is left for the id.

import { doorLimits } from '../../services/core/limits/door.ts';
import { FROM, recipientOf, SUBJECT } from './mail.ts';

const SPARE_BYTES = 4 * 1024;

/**
 * Base64 of zeros: content is not looked at. Shared by all requests, so that the client stays
 * small.
 */
const content = Buffer.alloc(Math.floor((doorLimits.bodyBytesMax - SPARE_BYTES) / 4) * 4, 'A');

/** The request in parts; the attachment is the same memory in all of them. */
export function largeBody(id: string): readonly Buffer[] {
  const rest = { from: FROM, to: [recipientOf(id)], subject: SUBJECT, text: 'See the attachment.' };
  const head = JSON.stringify(rest).slice(0, -1);
  return [
    Buffer.from(`${head},"attachments":[{"filename":"scan.bin","content":"`),
    content,
    Buffer.from('"}]}'),
  ];
}
