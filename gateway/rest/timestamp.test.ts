import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { acceptLimits } from '../../services/core/limits/accept.ts';
import { formatTimestamp, parseTimestamp } from './timestamp.ts';

describe('times', () => {
  test.each([
    ['2026-04-19T14:30:00Z', '2026-04-19T14:30:00.000Z'],
    ['2026-04-19t14:30:00z', '2026-04-19T14:30:00.000Z'],
    ['2026-04-19T14:30:00.5Z', '2026-04-19T14:30:00.500Z'],
    ['2026-04-19T14:30:00.123456789Z', '2026-04-19T14:30:00.123Z'],
    ['2026-04-19T14:30:00.1239999999999999Z', '2026-04-19T14:30:00.123Z'],
    ['2026-04-19T14:30:00+02:00', '2026-04-19T12:30:00.000Z'],
    ['2026-04-19T14:30:00-00:30', '2026-04-19T15:00:00.000Z'],
    ['2024-02-29T00:00:00Z', '2024-02-29T00:00:00.000Z'],
    ['2000-02-29T00:00:00Z', '2000-02-29T00:00:00.000Z'],
    ['0001-01-01T00:00:00Z', '0001-01-01T00:00:00.000Z'],
    ['9999-12-31T23:59:59Z', '9999-12-31T23:59:59.000Z'],
    ['1969-12-31T23:59:59.999Z', '1969-12-31T23:59:59.999Z'],
  ])('%s is %s', (text, written) => {
    const timestamp = parseTimestamp(text);
    expect(timestamp && formatTimestamp(timestamp)).toBe(written);
  });

  test.each([
    '',
    '2026-04-19',
    '2026-04-19T14:30Z',
    '2026-04-19 14:30:00Z',
    '2026-04-19T14:30:00',
    '2026-04-19T24:00:00Z',
    '2026-04-19T14:60:00Z',
    '2026-04-19T14:30:60Z',
    '2026-04-31T00:00:00Z',
    '2026-02-29T00:00:00Z',
    '1900-02-29T00:00:00Z',
    '2026-00-10T00:00:00Z',
    '2026-13-10T00:00:00Z',
    '2026-04-00T00:00:00Z',
    '2026-04-19T14:30:00.Z',
    '2026-04-19T14:30:00+24:00',
    '2026-04-19T14:30:00+0200',
    '+2026-04-19T14:30:00Z',
    '2026-04-19T14:30:00Z\n',
    '1776609000',
  ])('%j is none', (text) => {
    expect(parseTimestamp(text)).toBeNull();
  });

  test.each([
    ['0001-01-01T00:00:00+01:00', acceptLimits.timeSecondsMin - 3_600],
    ['9999-12-31T23:59:59-01:00', acceptLimits.timeSecondsMax + 3_600],
  ])('%s, which its offset leads out of the years 1 to 9999, is for ingest to judge', (text, seconds) => {
    expect(parseTimestamp(text)).toEqual({ seconds, nanos: 0 });
  });

  test('a written value is read unchanged', () => {
    const ms = fc.integer({ min: -62_135_596_800_000, max: 253_402_300_799_999 });
    fc.assert(
      fc.property(ms, (at) => {
        const timestamp = { seconds: Math.floor(at / 1000), nanos: (((at % 1000) + 1000) % 1000) * 1e6 };
        expect(parseTimestamp(formatTimestamp(timestamp))).toEqual(timestamp);
      }),
    );
  });
});
