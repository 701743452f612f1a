// Reads attachments that a mail must carry without an encoding, such as message/rfc822, and finds
// those that it cannot carry.

import type { SendRequest } from '../core/accept/send-request.ts';
import type { FieldError } from '../core/failure.ts';
import { isUnencoded, parseContentType } from '../core/mail/mime/content-type.ts';
import { SevenBitSurvey } from '../core/mail/mime/seven-bit.ts';
import type { BlobStore } from '../ports/blob-store.ts';

export async function surveyMessages(
  blobs: Pick<BlobStore, 'get'>,
  attachments: SendRequest['attachments'],
): Promise<readonly FieldError[]> {
  const errors: FieldError[] = [];
  for (const [i, { content, contentType }] of attachments.entries()) {
    const type = parseContentType(contentType);
    if (content === null || 'fault' in type || !isUnencoded(type.type)) continue;
    const survey = new SevenBitSurvey();
    for await (const chunk of blobs.get(content.blob)) {
      survey.push(chunk);
      if (!survey.isSevenBit) break;
    }
    if (!survey.isSevenBit)
      errors.push({
        field: `attachments[${i}].content`,
        code: 'invalid_content',
        message:
          'An attachment of a message type must be ASCII in lines of at most 998 characters. Send this file as application/octet-stream.',
      });
  }
  return errors;
}
