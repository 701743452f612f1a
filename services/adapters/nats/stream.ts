// Declares the stream and its consumers on the server, at start and whenever the server has lost
// them.

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
  /** The name of the stream, and the first token of its subjects. */
  readonly name: string;
  /** How many servers of a NATS cluster keep a copy. */
  readonly replicas: number;
  readonly ackWaitMs: number;
}

/**
 * The creation time of a stream. It distinguishes the stream from a later one of the same name,
 * whose sequence numbers start over.
 */
export type Incarnation = string;

// https://github.com/nats-io/nats-server/blob/main/server/errors.json
const STREAM_NAME_IN_USE = 10_058;
const CONSUMER_EXISTS = 10_148;
const CONSUMER_NAME_IN_USE = 10_013;

/**
 * Creates the stream and its consumers, and updates settings that differ. Rejects if the server
 * refuses or does not reply.
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
 * Rejects with `Failure('unavailable')` if the stream or a consumer is missing, or if the server
 * does not reply.
 */
export async function checkStream(connection: NatsConnection, settings: StreamSettings): Promise<void> {
  try {
    const manager = await managerOf(connection);
    await Promise.all(tiers.map((tier) => manager.consumers.info(settings.name, tier)));
  } catch (cause) {
    throw new Failure('unavailable', `the stream ${settings.name} is unavailable`, { cause });
  }
}

/**
 * Deletes entries that have reached `queueLimits.queueDeliverMax`. A work queue would keep such an
 * entry, and its place in the window, until the entry is too old.
 */
export function deleteExhausted(
  connection: NatsConnection,
  settings: StreamSettings,
  onDeleted: () => void,
): void {
  connection.subscribe(`$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.${settings.name}.*`, {
    // one program of all deletes the entry
    queue: settings.name,
    callback: (error, advisory) => {
      if (error !== null) return;
      const { stream_seq: seq } = advisory.json<{ stream_seq: number }>();
      managerOf(connection)
        .then((manager) => manager.streams.deleteMessage(settings.name, seq, false))
        .then(onDeleted)
        // the entry is dropped later, for its age
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
    subjects: tiers.map((tier) => `${name}.${tier}.*.*`),
    retention: RetentionPolicy.Workqueue,
    storage: StorageType.File,
    num_replicas: replicas,
    // the window: the server refuses entries for a full subject and accepts them for others
    max_msgs_per_subject: queueLimits.windowPerLane,
    discard: DiscardPolicy.New,
    discard_new_per_subject: true,
    max_age: nanos(queueLimits.queueEntryAgeMs),
  };
}

function consumerConfig({ name, replicas, ackWaitMs }: StreamSettings, tier: Tier): Partial<ConsumerConfig> {
  return {
    durable_name: tier,
    filter_subject: `${name}.${tier}.*.*`,
    ack_policy: AckPolicy.Explicit,
    ack_wait: nanos(ackWaitMs),
    max_deliver: queueLimits.queueDeliverMax,
    max_ack_pending: queueLimits.queueAckPendingMax,
    num_replicas: replicas,
  };
}
