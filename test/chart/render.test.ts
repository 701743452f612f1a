// Renders the chart without a cluster: compares the combinations in `ci/` with goldens, expects
// invalid values to be rejected with their path, and checks rules for every object. `make golden`
// rewrites the goldens.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { readme, readValues } from '../../charts/write-readme.ts';
import packageJson from '../../package.json' with { type: 'json' };
import { isRequiredBy, type ProgramName, variables } from '../../services/runtime/config.ts';
import { describeWith } from '../support/describe-with.ts';
import {
  chart,
  combinations,
  helm,
  helms,
  podOf,
  type RenderedObject,
  render,
  valuesOf,
} from '../support/helm.ts';

const own = ['gateway', 'ingest', 'dispatcher', 'sweeper', 'operator'];
const backends = [
  'mongodb.url=mongodb://m',
  'nats.url=nats://n',
  'redis.url=redis://r',
  'keyring.existingSecret=k',
];
const minimal = backends.flatMap((value) => ['--set', value]);

/** Environment variables that Node and the C library read. */
const forTheRuntime = ['NODE_OPTIONS', 'MALLOC_ARENA_MAX'];

const kinds = (objects: readonly RenderedObject[]): readonly string[] => objects.map(({ kind }) => kind);

describeWith(['helm', 'helm3'], 'the chart, rendered', () => {
  it.each(helms.flatMap((which) => combinations.map((combination) => [which, combination] as const)))(
    '%s lints it with the values of %s',
    async (which, combination) => {
      const { code, stdout, stderr } = await helm(which, [
        'lint',
        '--strict',
        chart,
        '--values',
        valuesOf(combination),
      ]);
      expect([code, stdout + stderr]).toEqual([0, expect.stringContaining('0 chart(s) failed')]);
    },
  );

  it.each(combinations)(
    'is as its golden says, by both Helms, with the values of %s',
    async (combination) => {
      const [byFour, byThree] = await Promise.all(
        helms.map((which) => render(['--values', valuesOf(combination)], which)),
      );
      const text = (objects: readonly RenderedObject[] = []) =>
        objects
          .filter(({ kind }) => kind !== 'CustomResourceDefinition') // goldens of their own
          .map((object) => stringify(withoutChance(object), { lineWidth: 0 }))
          .join('---\n');
      expect(text(byThree)).toBe(text(byFour));
      await expect(text(byFour)).toMatchFileSnapshot(`golden/${combination}.yaml`);
    },
  );

  it('sets no variable that its program does not know, and asks no program for one that it lacks', async () => {
    for (const combination of combinations) {
      for (const object of await render(['--values', valuesOf(combination)])) {
        for (const container of podOf(object)?.containers ?? []) {
          const { args: [program = ''] = [], env = [] } = container;
          if (object.metadata.name.includes('-dev-')) continue;
          const known = Object.values(variables).filter(({ programs }) =>
            (programs as readonly string[]).includes(program),
          );
          const set = env.map(({ name }) => name).filter((name) => !forTheRuntime.includes(name));
          expect(set.filter((name) => !known.some((variable) => variable.name === name))).toEqual([]);
          const needed = known.filter((variable) => isRequiredBy(program as ProgramName, variable));
          expect(needed.filter(({ name }) => !set.includes(name))).toEqual([]);
          expect(new Set(env.map(({ name }) => name)).size).toBe(env.length);
          for (const { value } of env) expect(['string', 'undefined']).toContain(typeof value);
        }
      }
    }
  });

  it('gives each pod the labels by which its Deployment, PodDisruptionBudget, Service and NetworkPolicies find it', async () => {
    for (const combination of combinations) {
      const objects = await render(['--values', valuesOf(combination)]);
      const pods = objects.filter((object) => podOf(object) !== undefined);
      const labels = pods.map((pod) => pod.spec?.template?.metadata.labels ?? pod.metadata.labels ?? {});
      const finds = (selector: Readonly<Record<string, string>> = {}) =>
        labels.filter((of) => Object.entries(selector).every(([key, value]) => of[key] === value)).length;
      for (const object of objects) {
        const selector = object.spec?.podSelector?.matchLabels ?? object.spec?.selector?.matchLabels;
        if (object.kind === 'Service')
          expect(finds(object.spec?.selector as Readonly<Record<string, string>>)).toBe(1);
        if (['Deployment', 'StatefulSet', 'PodDisruptionBudget'].includes(object.kind))
          expect(finds(selector)).toBe(1);
        if (object.kind === 'NetworkPolicy') expect(finds(selector)).toBeGreaterThan(0);
      }
      // nothing is open: each pod of ours is in the reach of a policy
      const reached = objects
        .filter(({ kind }) => kind === 'NetworkPolicy')
        .map(({ metadata }) => metadata.labels ?? {});
      for (const component of own)
        expect(reached.map((of) => of['app.kubernetes.io/component'])).toContain(component);
    }
  });

  it('has a README of its values (make chart)', () => {
    expect(readFileSync(join(chart, 'README.md'), 'utf8')).toBe(
      readme(readFileSync(join(chart, 'values.yaml'), 'utf8')),
    );
  });

  it('documents each value that there is, as it is', () => {
    const lines = readValues(readFileSync(join(chart, 'values.yaml'), 'utf8'));
    const values = parse(readFileSync(join(chart, 'values.yaml'), 'utf8')) as object;
    const at = (path: string): unknown =>
      path.split('.').reduce((part, key) => (part as Record<string, unknown>)[key], values as unknown);
    for (const { path, value } of lines)
      if (value !== '') expect([path, at(path)]).toEqual([path, parse(value)]);
    const count = (part: unknown, path: string): number =>
      lines.some((line) => line.path === path && line.value !== '')
        ? 1
        : Object.entries(part as object).reduce(
            (sum, [key, inner]) => sum + count(inner, path === '' ? key : `${path}.${key}`),
            0,
          );
    expect(count(values, '')).toBe(lines.filter(({ value }) => value !== '').length);
  });

  it('has the version of the package', () => {
    expect(parse(readFileSync(join(chart, 'Chart.yaml'), 'utf8'))).toMatchObject({
      version: packageJson.version,
      appVersion: packageJson.version,
    });
  });

  it('leaves the number of replicas to an autoscaler, where there is one', async () => {
    const objects = await render(['--values', valuesOf('everything')]);
    const replicas = Object.fromEntries(
      objects
        .filter(({ kind }) => kind === 'Deployment')
        .map(({ metadata, spec }) => [metadata.name, spec?.replicas]),
    );
    expect(replicas).toEqual({
      'packetboat-gateway': undefined,
      'packetboat-ingest': undefined,
      'packetboat-dispatcher': undefined,
      'packetboat-sweeper': 2,
      'packetboat-operator': 2,
    });
  });

  it('gives the API server’s token to nobody but the operator', async () => {
    for (const object of await render(['--values', valuesOf('existing-backends')])) {
      const pod = podOf(object);
      if (pod !== undefined)
        expect([object.metadata.name, pod.automountServiceAccountToken]).toEqual([
          object.metadata.name,
          pod.serviceAccountName === 'packetboat-operator',
        ]);
    }
  });

  it('gives each program those parts of the keyring that are its own', async () => {
    const objects = await render(['--values', valuesOf('existing-backends')]);
    const parts = objects
      .filter(({ kind }) => kind === 'Deployment')
      .map(({ metadata, spec }) => [
        metadata.name.replace('packetboat-', ''),
        (spec?.template?.spec.volumes ?? [])
          .filter(({ name }) => name === 'keyring')
          .flatMap(({ secret }) => secret?.items?.map(({ key }) => key)),
      ]);
    expect(Object.fromEntries(parts)).toEqual({
      gateway: [],
      ingest: ['suppression', 'cursor'],
      dispatcher: ['suppression', 'return', 'catalog'],
      sweeper: [],
      operator: ['catalog'],
    });
  });

  it.each([
    ['crds.enabled=false', 'CustomResourceDefinition'],
    ['networkPolicy.enabled=false', 'NetworkPolicy'],
    ['rbac.create=false', 'Role'],
    ['helmTest.enabled=false', 'Sender'],
  ])('with %s there is no %s', async (value, kind) => {
    const values = ['--values', valuesOf('existing-backends')];
    expect(kinds(await render(values))).toContain(kind);
    expect(kinds(await render([...values, '--set', value]))).not.toContain(kind);
  });

  it.each([
    [['gateway.replica=3'], /gateway.*(?:replica|additional)/is],
    [['gateway.replicas=many'], /gateway[./]replicas/],
    [['mongodb.existingSecret.name=Not_A_Name'], /mongodb[./]existingSecret[./]name/],
    [['config.logLevel=loud'], /config[./]logLevel/],
    [['dispatcher.autoscaling.type=vpa'], /dispatcher[./]autoscaling[./]type/],
    [['image.digest=latest'], /image[./]digest/],
    [['networkPolicy.smtpPorts={99999}'], /networkPolicy[./]smtpPorts[./]0/],
    [['production=true', 'sweeper.replicas=1'], /sweeper\.replicas: production needs at least 2/],
    [['production=true', 'dev.enabled=true'], /dev\.enabled: is for trials/],
    [
      ['mongodb.url='],
      /mongodb\.url: is missing\. Set the URL or mongodb\.existingSecret; for a trial, set dev\.enabled=true/,
    ],
    [['keyring.existingSecret='], /keyring\.existingSecret: is missing/],
    [
      ['tls.enabled=true'],
      /tls\.(?:gateway|ingest)\.existingSecret: is missing\. Set the Secret, or tls\.certManager\.enabled=true/,
    ],
    [['tls.enabled=true', 'tls.certManager.enabled=true'], /tls\.certManager\.issuerRef\.name/],
    [['httpRoute.enabled=true'], /httpRoute\.parentRefs/],
    [['ingress.enabled=true'], /ingress\.hosts/],
  ])('refuses %j with the path of the mistake, by both Helms', async (values, complaint) => {
    for (const which of helms) {
      const { code, stderr } = await helm(which, [
        'template',
        'packetboat',
        chart,
        ...minimal,
        ...values.flatMap((value) => ['--set', value]),
      ]);
      expect([which, code, stderr]).toEqual([which, 1, expect.stringMatching(complaint)]);
    }
  });
});

/** What is made up at each rendering is not for a golden; long files have tests of their own. */
function withoutChance(object: RenderedObject): object {
  if (object.kind === 'Secret')
    return {
      ...object,
      data: Object.fromEntries(Object.keys(object.data ?? {}).map((key) => [key, '<made up>'])),
    };
  if (object.kind === 'PrometheusRule') return { ...object, spec: '<files/alerts.yaml>' };
  if (object.metadata.name.endsWith('-dashboard')) return { ...object, data: '<files/dashboard.json>' };
  return object;
}
