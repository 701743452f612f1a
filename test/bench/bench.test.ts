// A tiny round of every system that can run here: the bench itself works, and its account adds up.
// No times.

import MailComposer from 'nodemailer/lib/mail-composer/index.js';
import { describe, expect, test } from 'vitest';
import { describeWith } from '../support/describe-with.ts';
import type { Contender } from './contender.ts';
import { FROM, HTML, recipientOf, SUBJECT, TEXT } from './mail.ts';
import { embedded } from './packetboat.ts';
import { bareLoop } from './peers/bare-loop.ts';
import { bullMq } from './peers/bullmq.ts';
import { postfix } from './peers/postfix.ts';
import { tables } from './report.ts';
import { checkAccount, type Round, runRound } from './round.ts';
import { median, percentile } from './statistics.ts';

const tiny = { messages: 50, warmUp: 10 };

describe.each<Contender>([bareLoop, bullMq, postfix, embedded])('$name', (contender) => {
  describeWith(['smtp-sink', ...contender.needs], 'a tiny round', () => {
    const obstacle =
      process.platform === 'linux'
        ? (contender.obstacle?.() ?? null)
        : 'what processes cost is read from /proc';
    test.skipIf(obstacle !== null)(obstacle ?? 'what it accepts arrives, each once', async () => {
      const round = await runRound(contender, tiny);
      expect(round.perSecond).toBeGreaterThan(0);
      expect(round.acceptedPerSecond).toBeGreaterThanOrEqual(round.perSecond);
      expect(round.parts.length).toBeGreaterThan(0);
      for (const part of round.parts) expect(part.rssPeakBytes, part.name).toBeGreaterThan(1024 * 1024);
    });
  });
});

describe('the account', () => {
  test('adds up when the sink got what was accepted, in any order', () => {
    expect(() => checkAccount(['m-1', 'm-2'], ['m-2', 'm-1'])).not.toThrow();
  });

  test.each([
    ['one is lost', ['m-1', 'm-2'], ['m-1'], '1 did not arrive'],
    ['one comes twice', ['m-1', 'm-2'], ['m-1', 'm-2', 'm-2'], '1 came twice'],
    ['one was never accepted', ['m-1'], ['m-1', 'm-2'], '1 came unasked'],
    ['one was accepted twice', ['m-1', 'm-1'], ['m-1'], 'accepted'],
  ])('does not when %s', (_, accepted, received, complaint) => {
    expect(() => checkAccount(accepted, received)).toThrow(complaint);
  });
});

test('the mail is 2.9 KB', async () => {
  const mail = await new MailComposer({
    from: FROM,
    to: recipientOf('m-1'),
    subject: SUBJECT,
    html: HTML,
    text: TEXT,
  })
    .compile()
    .build();
  expect(mail.length / 1_000).toBeCloseTo(2.9, 1);
});

test.each([
  [[3, 1, 2], 0.5, 2],
  [[1, 2, 3, 4], 0.5, 2.5],
  [[10], 0.99, 10],
  [[0, 100], 0.99, 99],
])('of %j the share %d lies at or below %d', (values, share, expected) => {
  expect(percentile(values, share)).toBe(expected);
});

test('a median of nothing is a bug', () => {
  expect(() => median([])).toThrow('no values');
});

test('a row tells what is missing, and ratios are to its median', () => {
  const round = (perSecond: number): Round => ({
    perSecond,
    acceptedPerSecond: perSecond,
    parts: [{ name: 'dev', cpuUsPerMessage: 250, rssPeakBytes: 100 * 1024 * 1024 }],
    otherCores: 0.1,
    loadBefore: 0.5,
  });
  const row = { durability: 'none', missing: null };
  const text = tables({
    at: '2026-11-23T08:00:00.000Z',
    commit: 'abc1234',
    machine: { cpu: 'a processor', cores: 2, memoryGib: 16, kernel: 'Linux 6.1.0 x64', node: 'v24.0.0' },
    options: { rounds: 3, messages: 50 },
    rates: [
      { ...row, name: 'Postfix relay', missing: 'postfix: get the system package postfix', rounds: [] },
      { ...row, name: 'BullMQ + nodemailer', rounds: [round(100), round(110), round(400)] },
      { ...row, name: 'Packetboat embedded', rounds: [round(200), round(220), round(240)] },
    ],
  });
  expect(text).toMatch(/\| Postfix relay +\| missing \(postfix: get the system package postfix\)/);
  expect(text).toMatch(/\| BullMQ \+ nodemailer +\| 110 +\| 100–400 +\| 2\.00 × +\|/);
});
