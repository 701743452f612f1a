import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect } from 'node:http2';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test, vi } from 'vitest';
import { readDescriptors, serveGrpc } from './grpc-server.ts';
import { Health } from './health.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));

test('reflection serves the descriptors that buf generates from proto/packetboat (make proto)', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'packetboat-descriptors-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const fresh = join(folder, 'descriptors.binpb');
  const args = ['build', '--as-file-descriptor-set', '--exclude-source-info', '-o', fresh];
  execFileSync(join(root, 'node_modules/.bin/buf'), args, { cwd: root, stdio: 'pipe' });
  expect(readFileSync(fresh).equals(await readDescriptors())).toBe(true);
});

test('a key that is invalid in a header is not written to stderr', async () => {
  const written = vi.spyOn(console, 'error');
  onTestFinished(() => written.mockRestore());
  using health = new Health({
    dependencies: [],
    metrics: { dependency: () => {} },
    log: { info: () => {}, warn: () => {} },
  });
  await using serving = await serveGrpc(
    { host: '127.0.0.1', port: 0 },
    { services: [], health, descriptors: await readDescriptors() },
  );
  const session = connect(`http://127.0.0.1:${serving.port}`);
  const headers = {
    ':method': 'POST',
    ':path': '/grpc.health.v1.Health/Check',
    'content-type': 'application/grpc',
    te: 'trailers',
  };
  const stream = session.request({ ...headers, authorization: 'Bearer c4naryé' });
  stream.end(Buffer.alloc(5)).resume();
  await new Promise((resolve) => stream.once('close', resolve));
  session.close();
  expect(written.mock.calls).toEqual([]);
});
