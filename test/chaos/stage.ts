// What a case runs on: a cluster of real processes over servers of its own, which the case may
// break, and an SMTP sink that misbehaves by rules. The programs' own settings shorten how long
// mail of a lost process waits, within what any operator may set.

import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect, vi } from 'vitest';
import { accessLimits } from '../../services/core/limits/access.ts';
import { deliveryLimits } from '../../services/core/limits/delivery.ts';
import { queueLimits } from '../../services/core/limits/queue.ts';
import { type Backend, startMongo, startNats, startRedis } from '../support/backend.ts';
import type { Installation, PacketboatProgram, Role } from '../support/installation.ts';
import type { BackendName } from '../support/need.ts';
import { type SinkProcess, startSinkProcess } from '../support/smtp-sink-process.ts';
import { type ClusterOptions, startCluster } from '../support/start-cluster.ts';
import { startEmbedded } from '../support/start-embedded.ts';
import { writeAccount } from './account.ts';
import { ClientDoor } from './door.ts';
import { judgeLedger, type LedgerVerdict, messageIdOf, type Shown, type Told } from './ledger.ts';

const number = (name: string, fallback: number): number => Number(process.env[name] ?? fallback);

/** Of each case; `CHAOS_MESSAGES` and `CHAOS_ROUNDS` make long campaigns of the same cases. */
export const messages = number('CHAOS_MESSAGES', 1_000);
export const rounds = number('CHAOS_ROUNDS', 3);
/** For a case that takes `seconds` with the usual figures. */
export const timeLimit = (seconds: number): number =>
  seconds * 1_000 * Math.max(1, messages / 1_000, rounds / 3) + PATIENCE_MS + BACKLOG_MS;

/** `CHAOS_TIMES=production` leaves the programs their own, for the figures of docs/chaos.md. */
const isQuick = process.env.CHAOS_TIMES !== 'production';
/** Longer than a busy machine of two cores keeps a program waiting between two renewals. */
const LEASE_MS = isQuick ? 9_000 : deliveryLimits.leaseMs;
const LAPSE_DELAY_MS = isQuick ? 1_000 : deliveryLimits.lapseDelayMs;
export const REPUBLISH_MS = isQuick ? queueLimits.republishMinMs : queueLimits.republishMs;
/**
 * How long after the last fault and the last request anything may take: all of these in a row,
 * twice, and a minute.
 */
const PATIENCE_MS = 2 * (LEASE_MS + LAPSE_DELAY_MS + REPUBLISH_MS) + 60_000;

/** Of the account: enough to see what broke. */
const BROKEN_MAX = 1_000;
/**
 * A backlog of a campaign is sent at 200 messages a second, or faster, once nothing is killed any
 * more.
 */
const BACKLOG_MS = messages * 5;

const env = {
  PACKETBOAT_LEASE_SECONDS: String(LEASE_MS / 1_000),
  PACKETBOAT_LAPSE_DELAY_SECONDS: String(LAPSE_DELAY_MS / 1_000),
  PACKETBOAT_REPUBLISH_SECONDS: String(REPUBLISH_MS / 1_000),
  // the limit of a key is not what a campaign is about
  PACKETBOAT_BOOTSTRAP_REQUESTS_PER_MINUTE: String(accessLimits.requestsPerMinuteMax),
};
const catalogDir = fileURLToPath(new URL('catalog', import.meta.url));

export interface ChaosStage extends AsyncDisposable {
  readonly installation: Installation;
  readonly sink: SinkProcess;
  readonly door: ClientDoor;
}

export interface ClusterStage extends ChaosStage {
  readonly mongo: Backend;
  readonly nats: Backend;
  readonly redis: Backend;
  of(role: Role): readonly PacketboatProgram[];
}

interface ClusterStageOptions
  extends Pick<ClusterOptions, 'gateways' | 'ingests' | 'dispatchers' | 'sweepers'> {
  /**
   * Puts something between the programs and a server: its address, as the programs are to know it.
   */
  readonly through?: (name: Exclude<BackendName, 'kubernetes'>, url: string) => Promise<string>;
}

/** Two of each program by default. */
export async function openCluster({
  through = async (_, url) => url,
  ...programs
}: ClusterStageOptions = {}): Promise<ClusterStage> {
  await using open = new AsyncDisposableStack();
  const starting = [
    startMongo(),
    startNats(),
    startRedis(),
    startSinkProcess(['--header', 'X-Marker']),
  ] as const;
  const started = await Promise.allSettled(starting);
  for (const result of started) if (result.status === 'fulfilled') open.use(result.value);
  const [mongo, nats, redis, sink] = await Promise.all(starting);
  const backends = {
    mongo: await through('mongo', mongo.url),
    nats: await through('nats', nats.url),
    redis: await through('redis', redis.url),
  };
  const installation = open.use(
    await startCluster({ backends, relay: `smtp://127.0.0.1:${sink.port}`, catalogDir, env, ...programs }),
  );
  const door = new ClientDoor(installation.urls, installation.key);
  const owned = open.move();
  return {
    ...{ installation, sink, door, mongo, nats, redis },
    of: (role) => installation.programs.filter((program) => program.role === role),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** `more` goes into the program's environment. */
export async function openEmbedded(
  more: Readonly<Record<string, string>> = {},
): Promise<ChaosStage & { readonly program: PacketboatProgram }> {
  await using open = new AsyncDisposableStack();
  const sink = open.use(await startSinkProcess(['--header', 'X-Marker']));
  const installation = open.use(
    await startEmbedded({ relay: `smtp://127.0.0.1:${sink.port}`, catalogDir, env: { ...env, ...more } }),
  );
  const [program] = installation.programs;
  if (program === undefined) throw new Error('embedded mode is one program');
  const door = new ClientDoor(installation.urls, installation.key);
  const owned = open.move();
  return { installation, sink, door, program, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

const UNFINISHED = ['sending', 'queued', 'deferred', 'scheduled'] as const;
const LOOK_EVERY_MS = 500;

/**
 * Waits until every message has ended; P1 is broken when one does not. Answers when that was, by
 * `performance.now()`.
 */
export async function allEnded({ door }: ChaosStage): Promise<number> {
  const giveUpAt = performance.now() + PATIENCE_MS + BACKLOG_MS;
  for (;;) {
    const pages = await Promise.all(
      UNFINISHED.map((status) => door.look(`/v1/messages?status=${status}&limit=1`)),
    );
    const open = pages.flatMap(
      (page) => (page?.messages ?? []) as { readonly message_id: string; readonly status: string }[],
    );
    const [first] = open;
    if (first === undefined) return performance.now();
    if (performance.now() > giveUpAt) {
      const message = await door.look(`/v1/messages/${first.message_id}`);
      throw new Error(
        `P1: not ended after ${PATIENCE_MS + BACKLOG_MS} ms, among others ${JSON.stringify(message)}`,
      );
    }
    await sleep(LOOK_EVERY_MS);
  }
}

/**
 * Waits until each of these names these dependencies as lost or not reached yet, and no others; P20
 * is broken when that takes longer than 5 s.
 */
export async function untilLost(
  programs: readonly PacketboatProgram[],
  names: readonly string[],
): Promise<void> {
  const look = async ({ operationsUrl }: PacketboatProgram): Promise<void> => {
    const answer = (await (await fetch(`${operationsUrl}/readyz`)).json()) as Readonly<
      Record<'lost' | 'not_reached', readonly string[]>
    >;
    expect([...answer.lost, ...answer.not_reached].toSorted()).toEqual(names);
  };
  await Promise.all(
    programs.map((program) => vi.waitFor(() => look(program), { timeout: 5_000, interval: 100 })),
  );
}

/**
 * Gathers the evidence of a case and judges it: no promise may be broken. Whatever comes of it is
 * in the account.
 */
export async function expectKept(
  stage: ChaosStage,
  told: readonly Told[],
  ambiguousMax = 0,
): Promise<LedgerVerdict> {
  const ids = told.flatMap((t) => messageIdOf(t) ?? []);
  const shown = new Map<string, Shown | null>();
  const rest = ids.values();
  const look = async (): Promise<void> => {
    for (const id of rest) shown.set(id, await shownOf(stage, id));
  };
  await Promise.all(Array.from({ length: 8 }, look));
  const judgement = judgeLedger({ told, shown, mails: await stage.sink.mails(), ambiguousMax });
  const { broken, ...figures } = judgement;
  writeAccount({
    case: expect.getState().currentTestName,
    ...{ messages, rounds, ...figures, ambiguousMax },
    ...{ brokenPromises: broken.length, broken: broken.slice(0, BROKEN_MAX) },
    // what the programs said last, to look into what broke
    ...(broken.length > 0 && {
      output: stage.installation.programs.map((program) => ({ role: program.role, said: program.output() })),
    }),
  });
  expect(broken.slice(0, 20)).toEqual([]);
  // all but those clients who give up at the first trouble got through
  expect(judgement.accepted).toBeGreaterThanOrEqual(judgement.requests * 0.95);
  expect(await stage.sink.anomalies()).toEqual([]);
  return judgement;
}

async function shownOf({ door }: ChaosStage, id: string): Promise<Shown | null> {
  const [message, timeline] = await Promise.all([
    door.look(`/v1/messages/${id}`),
    door.look(`/v1/messages/${id}/events`),
  ]);
  if (message === null || timeline === null) return null;
  return {
    deliveries: message.deliveries as Shown['deliveries'],
    events: timeline.events as Shown['events'],
  };
}

/**
 * When the last of these messages came to its end, by the store's clock, in milliseconds since
 * 1970.
 */
export async function lastEnd({ door }: ChaosStage, told: readonly Told[]): Promise<number> {
  const timelines = await Promise.all(
    told.flatMap((t) => messageIdOf(t) ?? []).map((id) => door.look(`/v1/messages/${id}/events`)),
  );
  const times = timelines
    .flatMap((timeline) => (timeline?.events ?? []) as { readonly at: string }[])
    .map(({ at }) => Date.parse(at));
  return Math.max(...times);
}

/** A line of the run's output that docs/chaos.md is written from. */
export function figure(
  what: string,
  { broken: _, ends, ...rest }: LedgerVerdict,
  more: Readonly<Record<string, string | number>> = {},
): void {
  const said = Object.entries({ ...rest, ...ends, ...more }).map(([name, value]) => `${name} ${value}`);
  process.stdout.write(`chaos: ${what}: ${said.join(', ')}\n`);
  if (Object.keys(more).length > 0) writeAccount({ figuresOf: what, ...more });
}

export const secondsSince = (startedAt: number, endedAt = performance.now()): string =>
  `${((endedAt - startedAt) / 1_000).toFixed(1)} s`;
