import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fitOf, hasItsDigits } from './number-text.ts';

describe('a number in decimals', () => {
  it.each([
    ['0', 'held'],
    ['-0', 'held'],
    ['0.0', 'held'],
    ['0e400', 'held'],
    ['1.0', 'held'],
    ['1.10', 'held'],
    ['-12.5', 'held'],
    ['0.1', 'held'],
    ['1e3', 'held'],
    ['1E+3', 'held'],
    ['1e20', 'held'],
    ['1.7976931348623157e308', 'held'],
    ['5e-324', 'held'],
    ['9007199254740991', 'held'],
    ['-9007199254740991', 'held'],
    ['12345678901234.56', 'held'],
    // the double lies halfway between ….2 and ….3
    ['838290887009145.2', 'held'],
    ['838290887009145.3', 'held'],
    ['838290887009145.250', 'held'],
    ['0.30000000000000004', 'held'],
    // one double, written with 17 digits
    ['0.10000000000000001', 'held'],
    ['19.989999999999998', 'held'],
    ['0.1000000000000000055511151231257827', 'held'],
    ['9007199254740992', 'longer'],
    ['9007199254740993', 'longer'],
    ['-9007199254740993', 'longer'],
    ['100000000000000000000', 'longer'],
    ['9'.repeat(308), 'longer'],
    ['9'.repeat(400), 'beyond'],
    ['9007199254740993.0', 'longer'],
    ['9007199254740993e0', 'longer'],
    ['12345678901234567.89', 'longer'],
    ['0.1234567890123456789', 'longer'],
    ['0.1000000000000000055', 'longer'],
    ['1.00000000000000000001', 'longer'],
    ['0.123456789012345678', 'longer'],
    [`0.1${'0'.repeat(101)}`, 'longer'],
    ['1.2345e-320', 'longer'],
    ['1e400', 'beyond'],
    ['-1e400', 'beyond'],
    ['0.1e-400', 'beyond'],
    ['-1e-400', 'beyond'],
    ['', null],
    ['-', null],
    ['+1', null],
    ['01', null],
    ['.5', null],
    ['1.', null],
    ['1e', null],
    ['0x10', null],
    [' 1', null],
    ['1\n', null],
    ['Infinity', null],
    ['NaN', null],
    ['1_000', null],
  ])('%s is %s', (text, fit) => {
    expect(fitOf(text)).toBe(fit);
  });

  it('that JSON writes is held, whichever double it is', () => {
    fc.assert(
      fc.property(fc.double({ noDefaultInfinity: true, noNaN: true }), (value) => {
        const text = JSON.stringify(value);
        if (!/^-?\d+$/.test(text)) expect(fitOf(text)).toBe('held');
      }),
      { numRuns: 5_000 },
    );
  });

  it('is held when it has at most 15 digits', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 10 ** 15 - 1 }), fc.integer({ min: -290, max: 290 }), (n, e) => {
        expect(fitOf(`${n}e${e}`)).toBe('held');
      }),
    );
  });
});

it.each([
  [0, true],
  [-0.5, true],
  [2 ** 53 - 1, true],
  [2 ** 53, false],
  [1 - 2 ** 53, true],
  [-(2 ** 53), false],
  [1e300, false],
  [Number.POSITIVE_INFINITY, false],
  [Number.NaN, false],
])('the parsed number %d surely has its digits: %s', (value, has) => expect(hasItsDigits(value)).toBe(has));
