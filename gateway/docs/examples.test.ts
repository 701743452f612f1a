import { expect, test } from 'vitest';
import { loadContract } from '../../services/runtime/contract.ts';
import { testGateway } from '../gateway.fixture.ts';
import { examples } from './examples.ts';

const { methods } = loadContract();
const requests = Object.entries(examples).flatMap(([rpc, shown]) =>
  Object.entries(shown).map(([name, { value }]) => ({ rpc, name, value })),
);

test.each(requests)('$rpc, $name: works as it is shown, over the example catalog', async ({ rpc, value }) => {
  await using gateway = await testGateway();
  const method = methods.find(({ name }) => name === rpc);
  const path = method?.http[0]?.pattern ?? '';
  const { status, body } = await gateway.send(path, { body: JSON.stringify(value) });
  expect({ status, faults: body.error?.errors }).toEqual({ status: method?.rest.status, faults: undefined });
});
