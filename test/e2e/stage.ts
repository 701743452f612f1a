// The setup of most e2e files: an installation with the test's own catalog, and a real SMTP server
// that receives all its mail.

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll } from 'vitest';
import { command, type Installation } from '../support/installation.ts';
import { type Sink, type SinkOptions, startSink } from '../support/smtp-sink.ts';
import type { Rule } from '../support/smtp-sink-rules.ts';
import { GrpcClient } from './grpc-client.ts';
import { CatalogFolder, type TestObject } from './objects.ts';
import { RestClient } from './rest-client.ts';
import { describeSubjects, type Subject } from './subjects.ts';

export interface Setting {
  /** Of the catalog; the example's by default. */
  readonly objects?: readonly TestObject[];
  readonly rules?: readonly Rule[];
  /** What the SMTP server offers; the defaults of the sink where absent. */
  readonly offers?: Pick<SinkOptions, 'extensions' | 'mailBytesMax'>;
  /**
   * Of each program in a cluster, one by default. Two find what one program alone cannot get wrong.
   */
  readonly size?: 1 | 2;
  /** More settings, for every program. */
  readonly env?: Readonly<Record<string, string>>;
}

/** Complete in tests and hooks, not while tests are being declared. */
export interface E2eStage {
  readonly subject: Subject['name'];
  readonly packetboat: Installation;
  readonly sink: Sink;
  /** At the first gateway, with the first key. */
  readonly rest: RestClient;
  readonly grpc: GrpcClient;
  /**
   * Replaces a file of the catalog folder; in a cluster applies the folder too, and fails unless
   * that went as `isBad` says.
   */
  writeCatalog(
    file: string,
    content: readonly TestObject[] | string,
    how?: { readonly isBad: boolean },
  ): Promise<void>;
  /** What was said about the catalog: in a cluster by the command, embedded in the log. */
  complaints(): string;
}

const STOP_MS = 60_000;

/** One installation for all tests of the body, once embedded and once as a cluster. */
export function onEachSubject(
  title: string,
  { objects, rules = [], offers = {}, size = 1, env = {} }: Setting,
  body: (stage: E2eStage) => void,
): void {
  describeSubjects(title, (subject) => {
    const open = new AsyncDisposableStack();
    const stage = {} as { -readonly [Part in keyof E2eStage]: E2eStage[Part] };

    beforeAll(async () => {
      const catalog = objects === undefined ? null : open.use(await CatalogFolder.make(objects));
      stage.subject = subject.name;
      stage.sink = open.use(await startSink({ rules, ...offers }));
      const relay = `smtp://127.0.0.1:${stage.sink.port}`;
      stage.packetboat = open.use(
        await subject.start(
          { relay, env, ...(catalog === null ? {} : { catalogDir: catalog.path }) },
          { gateways: size, ingests: size, dispatchers: size, sweepers: size },
        ),
      );
      stage.rest = new RestClient(stage.packetboat.url, stage.packetboat.key);
      stage.grpc = open.use(new GrpcClient(stage.packetboat.grpcAddress, stage.packetboat.key));

      let said = '';
      stage.writeCatalog = async (file, content, { isBad } = { isBad: false }) => {
        if (catalog === null) throw new Error("the example catalog is not the test's to change");
        await catalog.write(file, content);
        if (subject.name === 'cluster') said += await applyCatalog(stage.packetboat, catalog.path, isBad);
      };
      stage.complaints = () =>
        subject.name === 'cluster'
          ? said
          : stage.packetboat.programs.map((program) => program.output()).join('');
    });
    afterAll(() => open.disposeAsync(), STOP_MS);

    body(stage);
  });
}

/** What `packetboat catalog apply` printed; fails unless it went as `isBad` says. */
export async function applyCatalog({ env }: Installation, folder: string, isBad: boolean): Promise<string> {
  const applied = promisify(execFile)(process.execPath, [command, 'catalog', 'apply', '-f', folder], {
    env: { ...process.env, ...env },
  });
  const {
    code = 0,
    stdout,
    stderr,
  } = await applied.then(
    (printed) => ({ ...printed, code: 0 }),
    (error: { readonly code?: number; readonly stdout: string; readonly stderr: string }) => error,
  );
  if ((code !== 0) !== isBad)
    throw new Error(`packetboat catalog apply ended with ${code}:\n${stdout}${stderr}`);
  return stdout + stderr;
}
