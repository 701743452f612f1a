// Senders and Templates as people write them, in a folder of the test.

import { chmod, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';

type Spec = Readonly<Record<string, unknown>>;

export interface TestObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly spec?: Spec;
  readonly stringData?: Readonly<Record<string, string>>;
}

const apiVersion = 'packetboat.dev/v1alpha1';

/**
 * A sender of the domain `<name>.shop.example`. Its route leads nowhere: the programs have a relay
 * in their settings.
 */
export const sender = (name: string, spec: Spec = {}): TestObject => ({
  apiVersion,
  kind: 'Sender',
  metadata: { name },
  spec: {
    domain: `${name}.shop.example`,
    from: { address: `no-reply@${name}.shop.example`, name: 'Harbour Shop' },
    routes: [{ name: 'relay', smtp: { host: 'relay.example.net' } }],
    ...spec,
  },
});

export const template = (name: string, spec: Spec): TestObject => ({
  apiVersion,
  kind: 'Template',
  metadata: { name },
  spec: { defaultLocale: 'en', ...spec },
});

export const secret = (name: string, stringData: Readonly<Record<string, string>>): TestObject => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name },
  stringData,
});

export const inTenant = (tenant: string, object: TestObject): TestObject => ({
  ...object,
  metadata: { ...object.metadata, namespace: tenant },
});

/** A catalog folder, removed when disposed. */
export class CatalogFolder implements AsyncDisposable {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  static async make(objects: readonly TestObject[]): Promise<CatalogFolder> {
    const folder = new CatalogFolder(await mkdtemp(join(tmpdir(), 'packetboat-catalog-')));
    await folder.write('catalog.yaml', objects);
    return folder;
  }

  /** Replaces a file, as an editor does it. */
  async write(file: string, content: readonly TestObject[] | string): Promise<void> {
    const text =
      typeof content === 'string' ? content : content.map((object) => stringify(object)).join('---\n');
    const path = join(this.path, file);
    await writeFile(`${path}.new`, text);
    await chmod(`${path}.new`, 0o600); // what Secrets ask for
    await rename(`${path}.new`, path);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.path, { recursive: true, force: true });
  }
}
