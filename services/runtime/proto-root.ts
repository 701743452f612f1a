// The proto files as protobufjs reads them, for what proto-loader drops: comments, and options of
// fields.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
// proto-loader brings google/protobuf/descriptor.proto along, which the options extend
import '@grpc/proto-loader';
import protobuf from 'protobufjs';

/** Where the proto files are, and what they import from others. */
export const protoDirectories: readonly string[] = ['../../proto/', '../../proto/third_party/'].map((path) =>
  fileURLToPath(new URL(path, import.meta.url)),
);

/** `files` are relative to the proto directories. A fault in them is a bug and throws. */
export function loadProtoRoot(files: readonly string[]): protobuf.Root {
  const root = new protobuf.Root();
  root.resolvePath = (_origin, target) =>
    protoDirectories.map((folder) => join(folder, target)).find((path) => existsSync(path)) ?? target;
  root.loadSync([...files], { keepCase: true, alternateCommentMode: true });
  return root;
}
