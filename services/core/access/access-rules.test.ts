import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { loadContract } from '../../runtime/contract.ts';
import { type AccessRule, accessRuleOf, accessRules, type Bearing } from './access-rules.ts';

const { methods } = loadContract();

test('the table has every public rpc and nothing else, with the scope that the proto names', () => {
  const scopesOf = (rules: readonly (readonly [string, string])[]) => Object.fromEntries(rules);
  const ofTable = scopesOf(Object.entries(accessRules).map(([path, { scope }]) => [path, scope]));
  expect(ofTable).toEqual(scopesOf(methods.map(({ path, rest }) => [path, rest.scope])));
});

test.each(['', '/packetboat.v1.MessagesService/Nothing', 'toString', '__proto__'])(
  '%j has no rule',
  (path) => {
    expect(accessRuleOf(path)).toBeNull();
  },
);

const environmentCells: Readonly<Record<Bearing, string>> = {
  any: '',
  use: '403 beyond it',
  see: 'hidden beyond it',
  cap: '422 beyond it',
  whole: '403 unless live',
};
const senderCells: Readonly<Record<Bearing, string>> = {
  any: '',
  use: '403 for others',
  see: 'others are hidden',
  cap: '422 for others',
  whole: '403 if limited',
};

function rowsOf({ scope, environment, senders }: AccessRule, method: (typeof methods)[number]): string[] {
  return method.http.map(
    ({ verb, pattern }) =>
      `| \`${verb.toUpperCase()} ${pattern}\` | ${method.name} | \`${scope}\` | ${environmentCells[environment]} | ${senderCells[senders]} |`,
  );
}

test('docs/keys.md has the table (make golden writes it anew)', async () => {
  const path = fileURLToPath(new URL('../../../docs/keys.md', import.meta.url));
  const rows = Object.entries(accessRules).flatMap(([rpc, rule]) =>
    methods.filter((m) => m.path === rpc).flatMap((m) => rowsOf(rule, m)),
  );
  const table = [
    '| call | rpc | scope | the key’s environment | the key’s senders |',
    '| --- | --- | --- | --- | --- |',
    ...rows,
  ];
  const block = /(?<=<!-- access rules: [^\n]* -->\n)[\s\S]*(?=<!-- end of access rules -->)/;
  const page = readFileSync(path, 'utf8');
  expect(page).toMatch(block);
  await expect(page.replace(block, `\n${table.join('\n')}\n\n`)).toMatchFileSnapshot(path);
});
