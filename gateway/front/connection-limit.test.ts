import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import ipaddr from 'ipaddr.js';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { doorLimits } from '../../services/core/limits/door.ts';
import { isTrustedProxy } from './client-address.ts';
import { ConnectionLimit, type ConnectionLimitOptions } from './connection-limit.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** As much of a connection as is looked at: where it comes from, and that it closes. */
function connectionFrom(remoteAddress: string): Socket & { readonly isClosed: boolean } {
  const socket = Object.assign(new EventEmitter(), {
    remoteAddress,
    isClosed: false,
    destroy() {
      socket.isClosed = true;
      socket.emit('close');
    },
  });
  return socket as unknown as Socket & { readonly isClosed: boolean };
}

function limitOf(options: Partial<ConnectionLimitOptions> = {}) {
  const answers: string[] = [];
  const lines: object[] = [];
  const limit = new ConnectionLimit({
    perAddress: 1,
    isProxy: () => false,
    metrics: { connectionRefused: (answer) => void answers.push(answer) },
    log: { warn: (fields) => void lines.push(fields) },
    ...options,
  });
  const open = (address = '192.0.2.1') => {
    const socket = connectionFrom(address);
    limit.take(socket);
    return socket;
  };
  return { limit, open, answers, lines };
}

describe('connections of one address', () => {
  test('are refused above the limit, and accepted again once others have closed', () => {
    const { limit, open } = limitOf({ perAddress: 2 });
    const first = open();
    open();
    expect(limit.isRefused(open())).toBe(true);
    expect(limit.isRefused(open('192.0.2.2'))).toBe(false);
    first.destroy();
    expect(limit.isRefused(open())).toBe(false);
  });

  test('are the same in both notations of IPv4', () => {
    const { limit, open } = limitOf();
    open('192.0.2.1');
    expect(limit.isRefused(open('::ffff:192.0.2.1'))).toBe(true);
  });

  test.each([
    ['of one /64 of IPv6 count together', '2001:db8:1:2::1', '2001:db8:1:2:ffff::1', true],
    ['of two /64 of IPv6 count apart', '2001:db8:1:2::1', '2001:db8:1:3::1', false],
    ['of two addresses of IPv4 count apart', '192.0.2.1', '192.0.2.2', false],
  ])('%s', (_, first, second, isRefused) => {
    const { limit, open } = limitOf();
    open(first);
    expect(limit.isRefused(open(second))).toBe(isRefused);
  });

  test('of a proxy are not limited', () => {
    const proxies = [{ address: ipaddr.parse('192.0.2.9'), bits: 32 }];
    const { limit, open, answers } = limitOf({ isProxy: (address) => isTrustedProxy(address, proxies) });
    for (let i = 0; i < 5; i++) expect(limit.isRefused(open('::ffff:192.0.2.9'))).toBe(false);
    expect(answers).toEqual([]);
  });

  test('that are refused wait for their 503: a limited number for a limited time', () => {
    const { limit, open, answers } = limitOf();
    open();
    const waiting = Array.from({ length: doorLimits.refusedConnectionsMax }, () => open());
    const beyond = open();
    expect([beyond.isClosed, limit.isRefused(beyond)]).toEqual([true, false]);
    expect(waiting.every((socket) => !socket.isClosed && limit.isRefused(socket))).toBe(true);
    expect(answers).toEqual([...Array(doorLimits.refusedConnectionsMax).fill('503'), 'none']);
    vi.advanceTimersByTime(doorLimits.refusedConnectionMs);
    expect(waiting.every((socket) => socket.isClosed && !limit.isRefused(socket))).toBe(true);
    expect(open().isClosed).toBe(false);
  });

  test('that are refused are logged at once, then once a minute', () => {
    const { open, lines } = limitOf();
    open();
    for (let i = 0; i < 5; i++) open();
    expect(lines).toEqual([{ connections: 1, perAddress: 1 }]);
    vi.advanceTimersByTime(doorLimits.refusedConnectionsLogEveryMs);
    expect(lines.slice(1)).toEqual([{ connections: 4, perAddress: 1 }]);
    vi.advanceTimersByTime(doorLimits.refusedConnectionsLogEveryMs * 10);
    expect(lines).toHaveLength(2);
    open();
    expect(lines.slice(2)).toEqual([{ connections: 1, perAddress: 1 }]);
  });
});
