// A DNS server for tests, on a free port of the loopback interface, UDP and TCP. What it knows is a
// plain object that the test may change at any time.

import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';
import {
  type Answer,
  AUTHENTIC_DATA,
  AUTHORITATIVE_ANSWER,
  decode,
  encode,
  type Packet,
  RECURSION_AVAILABLE,
  TRUNCATED_RESPONSE,
} from 'dns-packet';

/** By name, lower case, without the last dot. A name that is not there does not exist. */
export interface Zone {
  [name: string]: ZoneEntry;
}

export interface ZoneEntry {
  /** Each a list of strings, or one. */
  readonly txt?: readonly (string | readonly string[])[];
  readonly mx?: readonly { readonly preference: number; readonly exchange: string }[];
  readonly a?: readonly string[];
  readonly aaaa?: readonly string[];
  readonly cname?: string;
  /** Instead of an answer. `wrong id`: one that belongs to another question comes first. */
  readonly fault?: 'SERVFAIL' | 'REFUSED' | 'silence' | 'wrong id';
}

export interface TestDnsServer extends AsyncDisposable {
  readonly port: number;
  readonly zone: Zone;
  /** Names asked for, in order, `udp` or `tcp` before each. */
  readonly asked: readonly string[];
  isAuthenticated: boolean;
}

const TTL = 300;
const NEGATIVE_TTL = 60;
const UDP_BYTES = 512;

export async function startDnsServer(zone: Zone = {}): Promise<TestDnsServer> {
  const asked: string[] = [];
  const server = { zone, asked, isAuthenticated: false };
  const tcp = createServer((socket) => {
    socket
      .on('error', () => {})
      .on('data', (data) => {
        for (const answer of answersTo(server, data.subarray(2), 'tcp')) {
          const length = Buffer.alloc(2);
          length.writeUInt16BE(answer.length);
          socket.write(Buffer.concat([length, answer]));
        }
      });
  }).listen(0, '127.0.0.1');
  await once(tcp, 'listening');
  const { port } = tcp.address() as { readonly port: number };
  const udp = createSocket('udp4').bind(port, '127.0.0.1');
  await once(udp, 'listening');
  udp.on('message', (data, from) => {
    for (const answer of answersTo(server, data, 'udp')) udp.send(answer, from.port, from.address);
  });
  return Object.assign(server, {
    port,
    async [Symbol.asyncDispose]() {
      udp.close();
      const closed = once(tcp, 'close');
      tcp.close();
      await closed;
    },
  });
}

function answersTo(
  server: Pick<TestDnsServer, 'zone' | 'isAuthenticated'> & { readonly asked: string[] },
  data: Buffer,
  way: 'udp' | 'tcp',
): Buffer[] {
  const { id = 0, questions = [] } = decode(data);
  const [question] = questions;
  if (question === undefined) return [];
  const name = question.name.toLowerCase();
  server.asked.push(`${way} ${question.type} ${name}`);
  const fault = server.zone[name]?.fault;
  if (fault === 'silence') return [];
  const flags = AUTHORITATIVE_ANSWER | RECURSION_AVAILABLE | (server.isAuthenticated ? AUTHENTIC_DATA : 0);
  const rcode = fault === 'SERVFAIL' ? 2 : fault === 'REFUSED' ? 5 : server.zone[name] === undefined ? 3 : 0;
  const answers = rcode === 0 ? answersOf(server.zone, name, question.type) : [];
  const authorities: Answer[] = answers.length > 0 ? [] : [soa(name)];
  const packet: Packet = { type: 'response', id, flags: flags | rcode, questions, answers, authorities };
  const whole = encode(packet);
  const isTooLarge = way === 'udp' && whole.length > UDP_BYTES;
  const sent = isTooLarge
    ? encode({ ...packet, flags: flags | TRUNCATED_RESPONSE, answers: [], authorities: [] })
    : whole;
  return fault === 'wrong id' ? [encode({ ...packet, id: (id + 1) % 65_536, answers: [] }), sent] : [sent];
}

function answersOf(zone: Zone, name: string, type: string): Answer[] {
  const entry = zone[name];
  if (entry === undefined) return [];
  if (entry.cname !== undefined)
    return [{ name, type: 'CNAME', ttl: TTL, data: entry.cname }, ...answersOf(zone, entry.cname, type)];
  switch (type) {
    case 'TXT':
      return (entry.txt ?? []).map((text) => ({
        name,
        type,
        ttl: TTL,
        data: typeof text === 'string' ? inPieces(text) : [...text],
      }));
    case 'MX':
      return (entry.mx ?? []).map((data) => ({ name, type, ttl: TTL, data }));
    case 'A':
      return (entry.a ?? []).map((data) => ({ name, type, ttl: TTL, data }));
    case 'AAAA':
      return (entry.aaaa ?? []).map((data) => ({ name, type, ttl: TTL, data }));
    default:
      return [];
  }
}

/** A string of a TXT record has 255 octets at most. */
const inPieces = (text: string): string[] => text.match(/.{1,255}/gs) ?? [''];

const soa = (name: string): Answer => ({
  name,
  type: 'SOA',
  ttl: TTL,
  data: {
    mname: 'ns.example',
    rname: 'hostmaster.example',
    serial: 1,
    refresh: 1,
    retry: 1,
    expire: 1,
    minimum: NEGATIVE_TTL,
  },
});
