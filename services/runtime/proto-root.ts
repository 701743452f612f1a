// Parses the proto files with protobufjs, for the comments and the options of fields, which
// proto-loader drops.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
// importing proto-loader registers google/protobuf/descriptor.proto, which the options extend
import '@grpc/proto-loader';
import protobuf from 'protobufjs';

/** The folders of the proto files and of the third-party files that they import. */
export const protoDirectories: readonly string[] = ['../../proto/', '../../proto/third_party/'].map((path) =>
  fileURLToPath(new URL(path, import.meta.url)),
);

/** `files` are relative to the proto directories. Throws if a file is invalid, which is a bug. */
export function loadProtoRoot(files: readonly string[]): protobuf.Root {
  const root = new protobuf.Root();
  root.resolvePath = (_origin, target) =>
    protoDirectories.map((folder) => join(folder, target)).find((path) => existsSync(path)) ?? target;
  root.loadSync([...files], { keepCase: true, alternateCommentMode: true });
  return root;
}
