import { describe, expect, it, test } from 'vitest';
import {
  attachmentTypeErrors,
  contentTypeText,
  parseAttachmentType,
  parseContentType,
  writeContentType,
} from './content-type.ts';

const longest = 'v'.repeat(200);

test.each([
  ['application/pdf', 'application/pdf'],
  ['Image/PNG', 'image/png'],
  ['image/svg+xml', 'image/svg+xml'],
  ['application/vnd.ms-excel', 'application/vnd.ms-excel'],
  ['text/csv; charset=utf-8', 'text/csv; charset=utf-8'],
  ['text/csv;charset="utf-8"', 'text/csv; charset=utf-8'],
  ['text/csv; header="a b; c=\\"d\\\\"', 'text/csv; header="a b; c=\\"d\\\\"'],
  ['text/plain ;\tFormat=Flowed ; DelSp=Yes', 'text/plain; format=Flowed; delsp=Yes'],
  ['text/calendar; method=REQUEST; charset=UTF-8', 'text/calendar; method=REQUEST; charset=UTF-8'],
  ['text/html; charset=""', 'text/html; charset=""'],
  [`text/csv; header=${longest}`, `text/csv; header=${longest}`],
  ['message/rfc822', 'message/rfc822'],
  ['Message/Delivery-Status', 'message/delivery-status'],
  ['message/disposition-notification', 'message/disposition-notification'],
  ['message/feedback-report', 'message/feedback-report'],
])('%j is the content type %j', (given, text) => {
  const read = parseContentType(given);
  if ('fault' in read) throw new Error(read.fault);
  expect(contentTypeText(read)).toBe(text);
  expect(parseContentType(contentTypeText(read))).toEqual(read);
  for (const line of writeContentType(read).split('\r\n')) expect(line.length).toBeLessThanOrEqual(250);
});

test.each([
  ['', 'type/subtype'],
  ['pdf', 'type/subtype'],
  ['a/b/c', 'type/subtype'],
  ['/b', 'type before the slash'],
  ['ä/b', 'type before the slash'],
  ['a/', 'subtype after the slash'],
  ['a/b c', 'subtype after the slash'],
  ['a/b\r\nX: y', 'subtype after the slash'],
  [`a/${'b'.repeat(128)}`, 'subtype after the slash'],
  ['multipart/mixed; boundary=a', 'cannot be multipart'],
  ['message/partial', 'message/rfc822'],
  ['message/external-body', 'message/rfc822'],
  ['text/csv;', 'name=value'],
  ['text/csv; ;a=b', 'name=value'],
  ['text/csv; =b', 'name=value'],
  ['text/csv; a b=c', 'name=value'],
  ["text/csv; charset*=utf-8''a", 'name=value'],
  ['text/csv; charset', 'charset has no value'],
  ['text/csv; charset=', 'charset has no value'],
  ['text/csv; charset=; a=b', 'charset has no value'],
  ['text/csv; charset="a', 'charset has no value'],
  ['text/csv; charset=a b', 'charset has a character that is allowed only in quotes'],
  ['text/csv; charset=a/b', 'charset has a character that is allowed only in quotes'],
  ['text/csv; charset="ü"', 'charset must be printable ASCII'],
  ['text/csv; charset="a\r\nX: y"', 'charset must be printable ASCII'],
  [`text/csv; header=${longest}v`, 'header has more than 200'],
  ['text/csv; a=b; A=c', 'parameter a is given twice'],
  [`text/csv${Array.from({ length: 11 }, (_, i) => `; a${i}=b`).join('')}`, 'at most 10 parameters'],
  ['application/pdf; name="a.pdf"', 'field filename'],
  ['application/pdf; filename=a.pdf', 'field filename'],
  ['text/plain; boundary=a', 'multipart types only'],
  ['text/csv; charset=a"b"', 'name=value'],
])('%j is no content type of an attachment: %s', (given, why) => {
  expect((parseContentType(given) as { fault: string }).fault).toContain(why);
});

test('a content type of any length is parsed in linear time', () => {
  const given = `text/csv${'; a="\\\\'.repeat(200_000)}`;
  expect(parseContentType(given)).toHaveProperty('fault');
});

describe('an alternative', () => {
  it.each(['text/calendar; method=REQUEST', 'text/x-amp-html', 'text/watch-html'])(
    'may be %s',
    (contentType) =>
      expect(attachmentTypeErrors('a', parseAttachmentType(contentType), 'alternative')).toEqual([]),
  );
  it.each(['', 'application/pdf', 'text/plain', 'TEXT/HTML; charset=utf-8', 'message/rfc822'])(
    'may not be %j',
    (contentType) =>
      expect(attachmentTypeErrors('a', parseAttachmentType(contentType), 'alternative')).toMatchObject([
        { field: 'a.disposition', code: 'invalid_disposition' },
      ]),
  );
});
