// The Resolver: asks recursive servers over UDP, and over TCP when a reply does not fit into a
// datagram. It caches nothing; each result has its time to live, so that a caller can cache it.

import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { getServers } from 'node:dns';
import { connect, isIPv6 } from 'node:net';
import {
  AUTHENTIC_DATA,
  type DecodedPacket,
  type Answer as DnsAnswer,
  decode,
  encode,
  RECURSION_DESIRED,
  type RecordType,
  streamEncode,
} from 'dns-packet';
import { Failure } from '../../core/failure.ts';
import { dnsLimits } from '../../core/limits/dns.ts';
import { type DnsServer, readDnsServer } from '../../core/network/dns-server.ts';
import type { DnsResult, Resolver } from '../../ports/resolver.ts';

/** Reply codes (RFC 1035 section 4.1.1). */
const NO_ERROR = 0;
const NO_SUCH_NAME = 3;

interface ResolverOptions {
  /** Asked in turn until one replies. The system's servers by default. */
  readonly servers?: readonly DnsServer[];
  /** Timeout of one try at one server. */
  readonly tryMs?: number;
}

export function createResolver({
  servers = systemServers(),
  tryMs = dnsLimits.dnsTryMs,
}: ResolverOptions = {}): Resolver {
  const ask = (name: string, type: RecordType): Promise<DecodedPacket> =>
    askInTurn(servers, { name: name.replace(/\.$/, ''), type }, tryMs);
  const addressesOf = async (name: string, type: 'A' | 'AAAA'): Promise<DnsResult<string>> =>
    answerOf(await ask(name, type), (answer) => (answer.type === type ? String(answer.data) : null));
  return {
    async txt(name) {
      return answerOf(await ask(name, 'TXT'), (answer) =>
        answer.type === 'TXT' ? textOf(answer.data) : null,
      );
    },
    async mx(name) {
      const answer = await ask(name, 'MX');
      return answerOf(answer, (found) =>
        found.type === 'MX'
          ? { preference: found.data.preference ?? 0, exchange: found.data.exchange }
          : null,
      );
    },
    async addresses(name) {
      const [four, six] = await Promise.all([addressesOf(name, 'A'), addressesOf(name, 'AAAA')]);
      return {
        records: [...four.records, ...six.records],
        ttlMs: Math.min(four.ttlMs, six.ttlMs),
        isAuthenticated: four.isAuthenticated && six.isAuthenticated,
      };
    },
    async [Symbol.asyncDispose]() {},
  };
}

function systemServers(): readonly DnsServer[] {
  return getServers().flatMap((server) => readDnsServer(server) ?? []);
}

interface Question {
  readonly name: string;
  readonly type: RecordType;
}

async function askInTurn(
  servers: readonly DnsServer[],
  question: Question,
  tryMs: number,
): Promise<DecodedPacket> {
  const giveUpAt = performance.now() + dnsLimits.dnsMs;
  let last: unknown = null;
  for (let round = 0; round < dnsLimits.dnsRounds; round += 1) {
    for (const server of servers) {
      const ms = Math.min(tryMs, giveUpAt - performance.now());
      if (ms <= 0) break;
      try {
        const answer = await askOne(server, question, ms);
        const code = (answer.flags ?? 0) & 0xf;
        // another code (SERVFAIL, REFUSED) says that the server could not find out
        if (code === NO_ERROR || code === NO_SUCH_NAME) return answer;
        last = new Failure('unavailable', `the server replied with code ${code}`);
      } catch (error) {
        last = error;
      }
    }
  }
  throw new Failure('unavailable', `the DNS query for ${question.type} of ${question.name} failed`, {
    cause: last,
  });
}

async function askOne(server: DnsServer, question: Question, ms: number): Promise<DecodedPacket> {
  const query = {
    type: 'query' as const,
    id: randomInt(65_536),
    flags: RECURSION_DESIRED | AUTHENTIC_DATA,
    questions: [question],
  };
  const isAnswer = (packet: DecodedPacket): boolean =>
    packet.type === 'response' &&
    packet.id === query.id &&
    packet.questions?.[0]?.type === question.type &&
    packet.questions[0].name.toLowerCase() === question.name.toLowerCase();
  const answer = await overUdp(server, encode(query), isAnswer, ms);
  return answer.flag_tc ? overTcp(server, streamEncode(query), isAnswer, ms) : answer;
}

/** Ignores packets that do not belong to the question: late replies, and those of others. */
function overUdp(
  { host, port }: DnsServer,
  query: Buffer,
  isAnswer: (packet: DecodedPacket) => boolean,
  ms: number,
): Promise<DecodedPacket> {
  const { promise, resolve, reject } = Promise.withResolvers<DecodedPacket>();
  const socket = createSocket(isIPv6(host) ? 'udp6' : 'udp4');
  const timer = setTimeout(() => reject(new Failure('unavailable', 'no reply in time')), ms);
  socket.on('error', reject);
  socket.on('message', (data) => {
    const packet = read(data);
    if (packet !== null && isAnswer(packet)) resolve(packet);
  });
  // a connected socket drops packets from other addresses and reports a closed port at once
  socket.connect(port, host, () => socket.send(query));
  return promise.finally(() => {
    clearTimeout(timer);
    socket.close();
  });
}

function overTcp(
  { host, port }: DnsServer,
  query: Buffer,
  isAnswer: (packet: DecodedPacket) => boolean,
  ms: number,
): Promise<DecodedPacket> {
  const { promise, resolve, reject } = Promise.withResolvers<DecodedPacket>();
  const socket = connect(port, host, () => socket.write(query));
  const timer = setTimeout(() => reject(new Failure('unavailable', 'no reply in time')), ms);
  let data = Buffer.alloc(0);
  socket
    .on('error', reject)
    .on('close', () => reject(new Failure('unavailable', 'the connection was closed')));
  socket.on('data', (chunk) => {
    data = Buffer.concat([data, chunk]);
    if (data.length < 2 || data.length < data.readUInt16BE(0) + 2) return;
    const packet = read(data.subarray(2));
    if (packet !== null && isAnswer(packet)) resolve(packet);
    else reject(new Failure('unavailable', 'the reply does not match the query'));
  });
  return promise.finally(() => {
    clearTimeout(timer);
    socket.destroy();
  });
}

function read(data: Buffer): DecodedPacket | null {
  try {
    return decode(data);
  } catch {
    return null;
  }
}

function answerOf<R>(packet: DecodedPacket, pick: (answer: DnsAnswer) => R | null): DnsResult<R> {
  const answers = packet.answers ?? [];
  const records = answers.flatMap((answer) => pick(answer) ?? []);
  return { records, ttlMs: ttlOf(packet, records.length > 0) * 1_000, isAuthenticated: packet.flag_ad };
}

/**
 * The smallest TTL of the answer and the aliases on the way. Without records, the negative TTL of
 * the zone (RFC 2308).
 */
function ttlOf({ answers = [], authorities = [] }: DecodedPacket, isThere: boolean): number {
  const ttls = answers.flatMap((answer) => ('ttl' in answer && answer.ttl !== undefined ? [answer.ttl] : []));
  const negative = authorities.flatMap((soa) =>
    soa.type === 'SOA' ? [Math.min(soa.ttl ?? 0, soa.data.minimum ?? 0)] : [],
  );
  const all = isThere ? ttls : [...ttls, ...negative];
  return all.length === 0 ? 0 : Math.min(...all);
}

function textOf(data: unknown): string {
  const strings: readonly unknown[] = Array.isArray(data) ? data : [data];
  return strings
    .map((part) => (part instanceof Uint8Array ? Buffer.from(part).toString('utf8') : String(part)))
    .join('');
}
