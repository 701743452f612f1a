// Converts times between RFC 3339 and google.protobuf.Timestamp.

import type { Timestamp } from '../../proto/gen/google/protobuf/timestamp.ts';

const RFC3339 =
  /^(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d{1,30}))?(?:[Zz]|([+-])(\d\d):(\d\d))$/;

/**
 * Parses a strict `date-time` of RFC 3339 section 5.6, without leap seconds, which a Timestamp
 * cannot express. Digits beyond nanoseconds are dropped. Null if the text is not a time.
 */
export function parseTimestamp(text: string): Timestamp | null {
  const match = RFC3339.exec(text);
  if (match === null) return null;
  const [
    ,
    year = '',
    month = '',
    day = '',
    hour = '',
    minute = '',
    second = '',
    fraction = '',
    sign = '',
    offsetHour = '0',
    offsetMinute = '0',
  ] = match;
  const dayOfMonth = Number(day);
  if (dayOfMonth < 1 || dayOfMonth > daysIn(Number(year), Number(month))) return null;
  if (
    Number(hour) > 23 ||
    Number(minute) > 59 ||
    Number(second) > 59 ||
    Number(offsetHour) > 23 ||
    Number(offsetMinute) > 59
  )
    return null;
  const offset = (Number(offsetHour) * 60 + Number(offsetMinute)) * 60 * (sign === '-' ? -1 : 1);
  const seconds = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`) / 1000 - offset;
  // an offset may lead outside the years 1 to 9999; ingest checks ranges
  return { seconds, nanos: Number(fraction.slice(0, 9).padEnd(9, '0')) };
}

/** Days of a month, which counts from 1; 0 if there is no such month. */
function daysIn(year: number, month: number): number {
  if (month < 1 || month > 12) return 0;
  if (month === 2) return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0 ? 29 : 28;
  return [4, 6, 9, 11].includes(month) ? 30 : 31;
}

/** UTC with milliseconds: `2026-04-19T14:30:00.000Z`. */
export function formatTimestamp({ seconds, nanos }: Timestamp): string {
  return new Date(seconds * 1000 + Math.floor(nanos / 1e6)).toISOString();
}
