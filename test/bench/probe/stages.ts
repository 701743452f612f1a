// Divides the time of a CPU profile among the stages that a message passes. A sample belongs to the
// innermost frame that a rule knows, so that Node's and a library's code counts for its caller.

import type { Profiler } from 'node:inspector';

/**
 * By the path of a file below the root, in order of precedence. Store, queue and gRPC are stages of
 * their own, because their batches serve several stages at once.
 */
const rules: readonly (readonly [path: RegExp, stage: string])[] = [
  [/^services\/adapters\/(?:mongo|sqlite|file)\/|^node_modules\/(?:mongodb|bson)\//, 'store'],
  [/^services\/adapters\/(?:nats\/|memory\/work-queue)|^node_modules\/nats\//, 'queue'],
  [
    /^services\/adapters\/(?:redis\/|memory\/budgets)|^node_modules\/(?:ioredis|redis-parser|@ioredis)\//,
    'budgets',
  ],
  [/^(?:gateway\/|services\/ingest\/|services\/embedded\/|services\/core\/(?:accept|access)\/)/, 'accept'],
  [/^services\/sweeper\//, 'feed'],
  [/^services\/dispatcher\/(?:compose-mail|sign)/, 'compose'],
  [/^services\/core\/(?:template|mime|mail|dkim|secrets)\//, 'compose'],
  [/^services\/dispatcher\/(?:record-attempt|delivery-in-hand|tally)/, 'record'],
  [/^services\/(?:adapters|core)\/smtp\/|^services\/dispatcher\/deliver\.ts$/, 'send'],
  [/^services\/dispatcher\//, 'claim'],
  [/^(?:node_modules\/(?:@grpc|@bufbuild)\/|proto\/gen\/|services\/runtime\/grpc-server)/, 'gRPC'],
  [/^services\/runtime\/(?:metrics|exposition|health|operations)|^node_modules\/prom-client\//, 'metrics'],
];

/** Of V8: code of Node without a frame of ours, and what is no JavaScript. */
const special: Readonly<Record<string, string>> = {
  '(garbage collector)': 'garbage collector',
  '(program)': 'native code',
};

export interface Share {
  /** Microseconds of CPU. */
  readonly us: number;
  readonly name: string;
}

/** Largest first. Idle time is left out. `root` is the folder of the repository, with a slash. */
export function stagesOf(profile: Profiler.Profile, root: string): readonly Share[] {
  return shares(profile, (frames) => {
    for (const { url } of frames) {
      const path = pathOf(url, root);
      const stage = rules.find(([of]) => of.test(path))?.[1];
      if (stage !== undefined) return stage;
    }
    return special[frames[0]?.functionName ?? ''] ?? 'Node and the rest';
  });
}

/**
 * Time of each function itself, largest first: `apply services/adapters/mongo/message-store.ts`.
 */
export function functionsOf(profile: Profiler.Profile, root: string): readonly Share[] {
  return shares(
    profile,
    ([leaf]) => `${leaf?.functionName || '(anonymous)'} ${pathOf(leaf?.url ?? '', root)}`,
  );
}

/** `nameOf` gets the frames of a sample, the innermost first. */
function shares(
  { nodes, samples = [], timeDeltas = [] }: Profiler.Profile,
  nameOf: (frames: readonly Profiler.ProfileNode['callFrame'][]) => string,
): readonly Share[] {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const parents = new Map(
    nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id] as const)),
  );
  const names = new Map<number, string | null>();
  const nameOfNode = (id: number): string | null => {
    const frames: Profiler.ProfileNode['callFrame'][] = [];
    for (let at: number | undefined = id; at !== undefined; at = parents.get(at)) {
      const frame = byId.get(at)?.callFrame;
      if (frame !== undefined) frames.push(frame);
    }
    return frames.length === 0 || frames.some(isNotOfProgram) ? null : nameOf(frames);
  };
  const us = new Map<string, number>();
  for (const [i, id] of samples.entries()) {
    const name = names.has(id) ? names.get(id) : nameOfNode(id);
    names.set(id, name ?? null);
    if (name != null) us.set(name, (us.get(name) ?? 0) + (timeDeltas[i] ?? 0));
  }
  return [...us].map(([name, spent]) => ({ name, us: spent })).sort((a, b) => b.us - a.us);
}

/** True for an idle thread, and for the start and the end of the profile itself. */
const isNotOfProgram = ({ functionName, url }: Profiler.ProfileNode['callFrame']): boolean =>
  functionName === '(idle)' || url === 'node:inspector';

const pathOf = (url: string, root: string): string => url.replace(`file://${root}`, '');
