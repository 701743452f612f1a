// The comments of the proto files, which are the reference of the API. proto-loader drops them, so the files are read a second time.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import protobuf from 'protobufjs';
import { protoDirectories } from '../services/runtime/contract.ts';

/** By full name, of services, rpcs, messages, fields, enums and their values; paragraphs are kept, line breaks inside them are not. */
export function loadComments(files: readonly string[]): ReadonlyMap<string, string> {
  const root = new protobuf.Root();
  root.resolvePath = (_origin, target) => protoDirectories.map((folder) => join(folder, target)).find((path) => existsSync(path)) ?? target;
  root.loadSync([...files], { keepCase: true, alternateCommentMode: true });
  const comments = new Map<string, string>();
  const note = (name: string, comment: string | null | undefined): void => {
    if (comment) comments.set(name.replace(/^\./, ''), comment.replaceAll(/(?<!\n)\n(?!\n)/g, ' ').trim());
  };
  const visit = (object: protobuf.ReflectionObject): void => {
    note(object.fullName, object.comment);
    if (object instanceof protobuf.Enum)
      for (const [name, comment] of Object.entries(object.comments)) note(`${object.fullName}.${name}`, comment);
    if (object instanceof protobuf.Service) object.methodsArray.forEach(visit);
    if (object instanceof protobuf.Type) object.fieldsArray.forEach(visit);
    if (object instanceof protobuf.Namespace) object.nestedArray.forEach(visit);
  };
  visit(root);
  return comments;
}
