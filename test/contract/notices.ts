// What every Notices promises, as far as a hint can promise anything: between two ends that are
// both there, it arrives.

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Notices } from '../../services/ports/notices.ts';

export interface NoticesSubject extends AsyncDisposable {
  readonly notices: Notices;
  /** Another end of the same; in one process it may be the same object. */
  readonly other: Notices;
}

export function noticesContract(name: string, open: () => Promise<NoticesSubject>): void {
  describe(`Notices contract: ${name}`, () => {
    let subject: NoticesSubject;
    let heard: string[];

    beforeEach(async () => {
      subject = await open();
      heard = [];
    });
    afterEach(() => subject[Symbol.asyncDispose]());

    it('reaches all subscribers, including those of the same process', async () => {
      using _here = subject.notices.subscribe('catalog.changed', (text) => heard.push(`here ${text}`));
      using _there = subject.other.subscribe('catalog.changed', (text) => heard.push(`there ${text}`));
      // a subscription may take a moment to reach the server: publish until it is heard
      await vi.waitFor(() => {
        subject.notices.publish('catalog.changed.sender.shop.billing');
        expect(new Set(heard)).toEqual(
          new Set(['here catalog.changed.sender.shop.billing', 'there catalog.changed.sender.shop.billing']),
        );
      });
    });

    it('delivers only notices with the prefix', async () => {
      using _listening = subject.other.subscribe('catalog.changed', (text) => heard.push(text));
      await vi.waitFor(() => {
        for (const text of [
          'catalog.other.a',
          'catalog.changedtoo.a',
          'catalog.changed.a',
          'catalog.changed.b.c',
        ])
          subject.notices.publish(text);
        expect(new Set(heard)).toEqual(new Set(['catalog.changed.a', 'catalog.changed.b.c']));
      });
    });

    it('does not call a disposed subscription', async () => {
      const first = subject.other.subscribe('first', (text) => heard.push(text));
      using _second = subject.other.subscribe('second', (text) => heard.push(text));
      await vi.waitFor(() => {
        subject.notices.publish('first.a');
        expect(heard).toContain('first.a');
      });
      first[Symbol.dispose]();
      heard = [];
      await vi.waitFor(() => {
        subject.notices.publish('first.b');
        subject.notices.publish('second.b');
        expect(heard).toContain('second.b');
      });
      expect(heard).not.toContain('first.b');
    });

    it('drops a notice after it was closed', async () => {
      await subject.notices[Symbol.asyncDispose]();
      expect(() => subject.notices.publish('first.a')).not.toThrow();
    });
  });
}
