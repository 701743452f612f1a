import { execFile } from 'node:child_process';
import { mkdtempDisposable, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import packageJson from '../../package.json' with { type: 'json' };
import { loadContract } from '../../services/runtime/contract.ts';
import { Faults } from '../rest/faults.ts';
import { readMessage } from '../rest/read-message.ts';
import { documentationPage } from './documentation-page.ts';
import { examples } from './examples.ts';
import { describeApi } from './openapi.ts';

const contract = loadContract();
const api = describeApi(contract, 'http://127.0.0.1:8080');
const file = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));

describe('the description of the API', () => {
  test('docs/openapi.json is what the proto says (make golden writes it anew)', async () => {
    await expect(`${JSON.stringify(api, null, 2)}\n`).toMatchFileSnapshot(file('docs/openapi.json'));
  });

  test('is OpenAPI 3.1 by a linter that we did not write', async () => {
    await using folder = await mkdtempDisposable(join(tmpdir(), 'packetboat-openapi-'));
    const path = join(folder.path, 'openapi.json');
    await writeFile(path, JSON.stringify(api));
    const env = { ...process.env, REDOCLY_TELEMETRY: 'off', REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true' };
    const linted = promisify(execFile)(
      file('node_modules/.bin/redocly'),
      ['lint', path, '--extends', 'recommended-strict'],
      { env },
    );
    await expect(linted).resolves.toBeDefined();
  });

  test('has every route, and says of each what it can answer', () => {
    const routes = Object.entries(api.paths).flatMap(([path, verbs]) =>
      Object.keys(verbs).map((verb) => `${verb} ${path}`),
    );
    const annotated = contract.methods.flatMap((m) =>
      m.http.map(({ verb, pattern }) => `${verb} ${pattern}`),
    );
    expect(routes.toSorted()).toEqual(annotated.toSorted());
    expect(Object.keys(api.paths['/v1/messages']?.post?.responses ?? {})).toEqual([
      '202',
      '400',
      '401',
      '403',
      '408',
      '409',
      '413',
      '415',
      '417',
      '422',
      '429',
      '431',
      '500',
      '501',
      '503',
    ]);
    expect(Object.keys(api.paths['/v1/messages/{message_id}']?.get?.responses ?? {})).toEqual([
      '200',
      '400',
      '401',
      '403',
      '404',
      '408',
      '417',
      '429',
      '431',
      '500',
      '501',
      '503',
    ]);
    expect(Object.keys(api.paths['/v1/suppressions']?.post?.responses ?? {})).toEqual(
      expect.arrayContaining(['200', '201']),
    );
  });

  test('explains every field, every parameter and every route', () => {
    const blanks: string[] = [];
    const look = (value: unknown, path: string): void => {
      if (typeof value !== 'object' || value === null) return;
      for (const [key, below] of Object.entries(value)) {
        if ((key === 'description' || key === 'summary') && below === '') blanks.push(path);
        else look(below, `${path}/${key}`);
      }
    };
    look(api, '');
    expect(blanks).toEqual([]);
  });

  test('has the version of the product and an absolute server URL', () => {
    expect(api.info.version).toBe(packageJson.version);
    expect(api.servers).toMatchObject([{ url: 'http://127.0.0.1:8080' }]);
  });

  test('gives every object and every union a name', () => {
    const nameless: string[] = [];
    const look = (value: unknown, path: string): void => {
      if (typeof value !== 'object' || value === null) return;
      const isNamed = /^\/components\/schemas\/[^/]+$/.test(path);
      const { oneOf, anyOf, properties } = value as {
        oneOf?: readonly object[];
        anyOf?: readonly object[];
        properties?: object;
      };
      // generators know what to make of a type that may be null
      const alternatives = [...(oneOf ?? []), ...(anyOf ?? [])].filter(
        (schema) => !('type' in schema && schema.type === 'null'),
      );
      if (!isNamed && (alternatives.length > 1 || properties !== undefined)) nameless.push(path);
      for (const [key, below] of Object.entries(value)) look(below, `${path}/${key}`);
    };
    look(
      {
        components: { schemas: api.components.schemas, responses: api.components.responses },
        paths: api.paths,
      },
      '',
    );
    expect(nameless).toEqual([]);
  });

  // each generator puts types of its own beside those of the schemas, and most know one namespace
  // for all components
  test('no component has the name of another one, nor one that a generator makes of an operation', () => {
    const { schemas, ...others } = api.components;
    const names = [schemas, others.responses ?? {}].flatMap((kind) => Object.keys(kind));
    const suffixes =
      'Request Response Responses Params Parameters Body JSONBody JSONRequestBody Data Error Errors Result Req Res Operation';
    const operations = Object.values(api.paths).flatMap((verbs) =>
      Object.values(verbs).map(({ operationId }) => operationId),
    );
    const made = operations.flatMap((id) => ['', ...suffixes.split(' ')].map((suffix) => `${id}${suffix}`));
    const all = [...names, ...made, ...api.tags.map(({ name }) => name)].map((name) => name.toLowerCase());
    expect(all.filter((name, i) => all.indexOf(name) !== i)).toEqual([]);
  });

  test('shows requests that the strict reader takes', () => {
    for (const [rpc, shown] of Object.entries(examples)) {
      const type = contract.methods.find((m) => m.name === rpc)?.requestType;
      for (const { value } of Object.values(shown)) {
        const faults = new Faults();
        if (type !== undefined) readMessage(type, value, faults);
        expect({ rpc, type: type !== undefined, faults: faults.list }).toEqual({
          rpc,
          type: true,
          faults: [],
        });
      }
    }
  });
});

describe('the page for people', () => {
  const page = documentationPage(api);

  test('shows what is required, ranges, lengths, counts, patterns and closed sets', () => {
    for (const shown of [
      'at most 998 characters',
      '1 to 100',
      'at most 50 items',
      'one of attachment, inline',
      'at most 255 characters, required',
      'like ^[a-z][a-z0-9_]{0,63}$',
    ])
      expect(page).toContain(shown);
    expect(page).not.toMatch(/(?:or|of) null\b|like \^\$|A-Za-z0-9\+\//);
  });

  test('has every route and every object, and links only to what is there', () => {
    for (const path of Object.keys(api.paths)) expect(page).toContain(path);
    const ids = new Set([...page.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id));
    const targets = [...page.matchAll(/href="#([^"]+)"/g)].map(([, target]) => target);
    expect(targets.filter((target) => !ids.has(target))).toEqual([]);
    for (const name of Object.keys(api.components.schemas)) expect(ids).toContain(name);
  });

  test('loads nothing and runs nothing', () => {
    expect(page).not.toMatch(/<script|<link|<img|src=|@import|url\(/);
  });
});
