import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { kubernetesLimits } from '../../services/core/limits/kubernetes.ts';
import { makeAuthority } from '../../test/support/certificates.ts';
import { accessOf, openAccess, type ServiceAccount } from './access.ts';

const authority = makeAuthority();

describe('a service account', () => {
  let serviceAccount: ServiceAccount;
  const put = (name: string, text: string) => writeFile(join(serviceAccount.folder, name), text);

  beforeEach(async () => {
    const folder = await mkdtemp(join(tmpdir(), 'packetboat-access-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    serviceAccount = { host: '10.0.0.1', port: 443, folder };
    await put('ca.crt', `${authority.cert}\n`);
    await put('token', 'first\n');
  });

  test('gives the address, a token and the trusted authority', async () => {
    const access = await openAccess({ serviceAccount });
    expect(access.server).toBe('https://10.0.0.1:443');
    expect(await access.options()).toEqual({
      ca: authority.cert.trim(),
      headers: { authorization: 'Bearer first' },
    });
    expect(
      (await openAccess({ serviceAccount: { ...serviceAccount, host: 'fd00::1', port: 6443 } })).server,
    ).toBe('https://[fd00::1]:6443');
  });

  test('is read again each minute, and its last content is kept while it cannot be read', async () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    onTestFinished(() => void vi.useRealTimers());
    const access = await openAccess({ serviceAccount });
    const token = async () => (await access.options()).headers;
    await put('token', 'second');
    vi.advanceTimersByTime(kubernetesLimits.serviceAccountReadEveryMs - 1);
    expect(await token()).toEqual({ authorization: 'Bearer first' });
    vi.advanceTimersByTime(1);
    expect(await token()).toEqual({ authorization: 'Bearer second' });
    await put('token', 'half of it\nand more');
    vi.advanceTimersByTime(kubernetesLimits.serviceAccountReadEveryMs);
    expect(await token()).toEqual({ authorization: 'Bearer second' });
    await put('token', 'third');
    vi.advanceTimersByTime(kubernetesLimits.serviceAccountReadEveryMs);
    expect(await token()).toEqual({ authorization: 'Bearer third' });
  });

  test.each(['token', 'ca.crt'])(
    'is refused with the name of a file that is missing or empty: %s',
    async (name) => {
      await put(name, ' \n');
      const path = join(serviceAccount.folder, name);
      await expect(openAccess({ serviceAccount })).rejects.toMatchObject({
        kind: 'invalid',
        message: `the service account file ${path} is empty`,
      });
      await rm(path);
      await expect(openAccess({ serviceAccount })).rejects.toMatchObject({
        kind: 'invalid',
        message: `the service account file ${path} cannot be read`,
      });
    },
  );

  test.each([
    ['token', 'two\nlines', 'token'],
    ['token', 'b\u0000in', 'token'],
    ['ca.crt', 'who signed', 'certificate as PEM'],
    ['ca.crt', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----', 'certificate as PEM'],
  ])('is refused with the name of a file with the wrong content: %s', async (name, text, what) => {
    await put(name, text);
    const message = `the service account file ${join(serviceAccount.folder, name)} contains no ${what}`;
    await expect(openAccess({ serviceAccount })).rejects.toMatchObject({ kind: 'invalid', message });
  });

  test('yields to a named kubeconfig, and is not used outside a pod', async () => {
    const kubeconfig = join(serviceAccount.folder, 'kubeconfig');
    await expect(openAccess({ kubeconfig, serviceAccount })).rejects.toMatchObject({
      kind: 'invalid',
      message: `the kubeconfig ${kubeconfig} cannot be read`,
    });
    await writeFile(
      kubeconfig,
      JSON.stringify({ apiVersion: 'v1', kind: 'Config', clusters: [], users: [], contexts: [] }),
    );
    await expect(openAccess({ kubeconfig })).rejects.toMatchObject({
      kind: 'invalid',
      message: `the kubeconfig ${kubeconfig} names no current cluster`,
    });
    const cluster = { name: 'c', cluster: { server: 'http://127.0.0.1:8080' } };
    const context = { name: 'c', context: { cluster: 'c', user: 'u' } };
    const config = {
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [cluster],
      users: [],
      contexts: [context],
      'current-context': 'c',
    };
    await writeFile(kubeconfig, JSON.stringify(config));
    await expect(openAccess({ kubeconfig })).rejects.toMatchObject({
      message: `the kubeconfig ${kubeconfig} names no https:// server`,
    });
    vi.stubEnv('HOME', serviceAccount.folder).stubEnv('KUBECONFIG', '').stubEnv('USERPROFILE', '');
    onTestFinished(() => void vi.unstubAllEnvs());
    await expect(openAccess({})).rejects.toMatchObject({
      kind: 'invalid',
      message: 'there is neither a kubeconfig nor a service account',
    });
    const settings = { kubeconfig: undefined, kubernetesPort: 443, serviceAccountDir: serviceAccount.folder };
    expect(accessOf({ ...settings, kubernetesHost: undefined }).serviceAccount).toBeUndefined();
    expect(accessOf({ ...settings, kubernetesHost: '10.0.0.1' })).toEqual({
      kubeconfig: undefined,
      serviceAccount,
    });
  });
});
