// What every Resolver promises.

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Resolver } from '../../services/ports/resolver.ts';
import type { Zone } from '../support/dns-server.ts';

export interface ResolverSubject extends AsyncDisposable {
  readonly resolver: Resolver;
  /** What DNS knows; may be changed. */
  readonly zone: Zone;
  validates(isAuthenticated: boolean): void;
}

export function resolverContract(name: string, open: () => Promise<ResolverSubject>): void {
  describe(`Resolver contract: ${name}`, () => {
    let subject: ResolverSubject;
    beforeEach(async () => {
      subject = await open();
    });
    afterEach(() => subject[Symbol.asyncDispose]());

    it('joins the strings of a text record, and returns the TTL', async () => {
      subject.zone['shop.example'] = { txt: [['v=spf1 ', '-all'], 'other'] };
      expect(await subject.resolver.txt('shop.example')).toEqual({
        records: ['v=spf1 -all', 'other'],
        ttlMs: 300_000,
        isAuthenticated: false,
      });
    });

    it('returns answers that do not fit into a datagram', async () => {
      const long = 'x'.repeat(3_000);
      subject.zone['long.example'] = { txt: [long] };
      expect((await subject.resolver.txt('long.example')).records).toEqual([long]);
    });

    it('follows an alias in any case and with a final dot', async () => {
      subject.zone['alias.example'] = { cname: 'real.example' };
      subject.zone['real.example'] = { txt: ['here'] };
      expect((await subject.resolver.txt('Alias.Example.')).records).toEqual(['here']);
    });

    it('returns no records for an unknown name, with the negative TTL', async () => {
      subject.zone['empty.example'] = {};
      for (const asked of ['empty.example', 'nobody.example']) {
        expect(await subject.resolver.txt(asked)).toEqual({
          records: [],
          ttlMs: 60_000,
          isAuthenticated: false,
        });
      }
    });

    it('returns mail exchangers and addresses', async () => {
      subject.zone['shop.example'] = {
        mx: [{ preference: 10, exchange: 'mx.shop.example' }],
        a: ['192.0.2.1'],
        aaaa: ['2001:db8::1'],
      };
      expect((await subject.resolver.mx('shop.example')).records).toEqual([
        { preference: 10, exchange: 'mx.shop.example' },
      ]);
      expect((await subject.resolver.addresses('shop.example')).records).toEqual([
        '192.0.2.1',
        '2001:db8::1',
      ]);
    });

    it('returns whether the answer was validated', async () => {
      subject.zone['shop.example'] = { txt: ['here'] };
      subject.validates(true);
      expect((await subject.resolver.txt('shop.example')).isAuthenticated).toBe(true);
    });

    it.each(['SERVFAIL', 'REFUSED', 'silence'] as const)(
      'is unavailable when the answer is %s',
      async (fault) => {
        subject.zone['broken.example'] = { fault };
        await expect(subject.resolver.txt('broken.example')).rejects.toMatchObject({ kind: 'unavailable' });
      },
    );

    it('ignores an answer to another question', async () => {
      subject.zone['spoofed.example'] = { txt: ['here'], fault: 'wrong id' };
      expect((await subject.resolver.txt('spoofed.example')).records).toEqual(['here']);
    });
  });
}
