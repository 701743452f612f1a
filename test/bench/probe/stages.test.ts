// Which stage a sample of a CPU profile counts for.

import { expect, test } from 'vitest';
import { functionsOf, stagesOf } from './stages.ts';

/** A profile with one stack, the outermost frame first, sampled once for 10 µs. */
function profileOf(...stack: readonly (readonly [functionName: string, path: string])[]) {
  const nodes = [['(root)', ''] as const, ...stack].map(([functionName, path], i, all) => ({
    id: i + 1,
    callFrame: {
      functionName,
      scriptId: '0',
      url: path.startsWith('node:') || path === '' ? path : `file:///repository/${path}`,
      lineNumber: 0,
      columnNumber: 0,
    },
    children: i + 1 < all.length ? [i + 2] : [],
  }));
  return { nodes, startTime: 0, endTime: 10, samples: [nodes.length], timeDeltas: [10] };
}

test.each([
  ['a file of ours', [['parse', 'gateway/rest/parse.ts']], 'accept'],
  [
    'Node’s code below ours',
    [
      ['send', 'services/core/smtp/conversation.ts'],
      ['write', 'node:net'],
    ],
    'send',
  ],
  [
    'the driver below a dispatcher',
    [
      ['claim', 'services/dispatcher/claim.ts'],
      ['serialize', 'node_modules/bson/lib/bson.cjs'],
    ],
    'store',
  ],
  [
    'a file of the core that several stages use',
    [
      ['record', 'services/dispatcher/record-attempt.ts'],
      ['withProgress', 'services/core/delivery/message.ts'],
    ],
    'record',
  ],
  ['the batch of a dispatcher', [['select', 'services/dispatcher/select.ts']], 'claim'],
  ['Node’s code alone', [['onread', 'node:internal/stream_base_commons']], 'Node and the rest'],
  ['the garbage collector', [['(garbage collector)', '']], 'garbage collector'],
] as const)('%s', (_, stack, stage) => {
  expect(stagesOf(profileOf(...stack), '/repository/')).toEqual([{ name: stage, us: 10 }]);
});

test.each([
  ['idle time', ['(idle)', '']],
  ['the profiler’s own time', ['post', 'node:inspector']],
] as const)('%s counts for no stage and no function', (_, frame) => {
  expect(stagesOf(profileOf(frame), '/repository/')).toEqual([]);
  expect(functionsOf(profileOf(frame), '/repository/')).toEqual([]);
});

test('a function has the time of its own samples only', () => {
  const profile = profileOf(['outer', 'gateway/main.ts'], ['inner', 'gateway/rest/parse.ts']);
  expect(functionsOf(profile, '/repository/')).toEqual([{ name: 'inner gateway/rest/parse.ts', us: 10 }]);
});
