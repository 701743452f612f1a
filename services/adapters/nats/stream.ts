// The stream and its consumers as they must be on the server: made at start, and again whenever the
// server has lost them.

import {
  AckPolicy,
  type ConsumerConfig,
  DiscardPolicy,
  type JetStreamManager,
  type NatsConnection,
  NatsError,
  nanos,
  RetentionPolicy,
  StorageType,
  type StreamConfig,
} from 'nats';
import { type Tier, tiers } from '../../core/delivery/message.ts';
import { Failure } from '../../core/failure.ts';
import { connectionLimits } from '../../core/limits/connection.ts';
import { queueLimits } from '../../core/limits/queue.ts';

export interface StreamSettings {
  /** Also the first token of its subjects. */
  readonly name: string;
  /** Servers of a cluster that keep a copy. */
  readonly replicas: number;
  readonly ackWaitMs: number;
}

/**
 * What a stream is told apart by from a later one of the same name, whose sequence numbers begin
 * anew.
 */
export type Incarnation = string;

// https://github.com/nats-io/nats-server/blob/main/server/errors.json
const STREAM_NAME_IN_USE = 10_058;
const CONSUMER_EXISTS = 10_148;
const CONSUMER_NAME_IN_USE = 10_013;

/**
 * Makes what is missing, changes what differs. Rejects when the server does not answer or does not
 * agree.
 */
export async function declareStream(
  connection: NatsConnection,
  settings: StreamSettings,
): Promise<Incarnation> {
  const manager = await managerOf(connection);
  const config = streamConfig(settings);
  const { created } = await manager.streams
    .add(config)
    .catch((error) =>
      codeOf(error) === STREAM_NAME_IN_USE
        ? manager.streams.update(settings.name, config)
        : Promise.reject(error),
    );
  for (const tier of tiers) await declareConsumer(manager, settings, tier);
  return created;
}

async function declareConsumer(
  manager: JetStreamManager,
  settings: StreamSettings,
  tier: Tier,
): Promise<void> {
  const config = consumerConfig(settings, tier);
  try {
    await manager.consumers.add(settings.name, config);
  } catch (error) {
    if (codeOf(error) !== CONSUMER_EXISTS && codeOf(error) !== CONSUMER_NAME_IN_USE) throw error;
    await manager.consumers.update(settings.name, tier, config);
  }
}

/**
 * Rejects with `unavailable` when the stream or one of its consumers is missing, or when there is
 * no answer.
 */
export async function checkStream(connection: NatsConnection, settings: StreamSettings): Promise<void> {
  try {
    const manager = await managerOf(connection);
    await Promise.all(tiers.map((tier) => manager.consumers.info(settings.name, tier)));
  } catch (cause) {
    throw new Failure('unavailable', `the stream ${settings.name} does not answer`, { cause });
  }
}

/**
 * An entry that was handed out too often stays in a work queue for ever, and keeps its place in the
 * window, unless somebody deletes it.
 */
export function deleteExhausted(
  connection: NatsConnection,
  settings: StreamSettings,
  onDeleted: () => void,
): void {
  connection.subscribe(`$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.${settings.name}.*`, {
    // one of all programs does it
    queue: settings.name,
    callback: (error, advisory) => {
      if (error !== null) return;
      const { stream_seq: seq } = advisory.json<{ stream_seq: number }>();
      managerOf(connection)
        .then((manager) => manager.streams.deleteMessage(settings.name, seq, false))
        .then(onDeleted)
        // it goes when it is too old
        .catch(() => {});
    },
  });
}

const managerOf = (connection: NatsConnection): Promise<JetStreamManager> =>
  connection.jetstreamManager({ checkAPI: false, timeout: connectionLimits.natsCallMs });

const codeOf = (error: unknown): number | undefined =>
  error instanceof NatsError ? error.api_error?.err_code : undefined;

function streamConfig({ name, replicas }: StreamSettings): Partial<StreamConfig> & { name: string } {
  return {
    name,
    subjects: tiers.map((tier) => `${name}.${tier}.*`),
    retention: RetentionPolicy.Workqueue,
    storage: StorageType.File,
    num_replicas: replicas,
    // the window: a full subject refuses, the others go on
    max_msgs_per_subject: queueLimits.windowPerTenantAndTier,
    discard: DiscardPolicy.New,
    discard_new_per_subject: true,
    max_age: nanos(queueLimits.queueEntryAgeMs),
  };
}

function consumerConfig({ name, replicas, ackWaitMs }: StreamSettings, tier: Tier): Partial<ConsumerConfig> {
  return {
    durable_name: tier,
    filter_subject: `${name}.${tier}.*`,
    ack_policy: AckPolicy.Explicit,
    ack_wait: nanos(ackWaitMs),
    max_deliver: queueLimits.queueDeliverMax,
    max_ack_pending: queueLimits.queueAckPendingMax,
    num_replicas: replicas,
  };
}
