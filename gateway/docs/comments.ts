// The comments of the proto files, which are the reference of the API.

import protobuf from 'protobufjs';

/**
 * Returns the comments of services, rpcs, messages, fields, enums and enum values, by full name.
 * Paragraphs are kept; line breaks inside a paragraph become spaces.
 */
export function readComments(root: protobuf.Root): ReadonlyMap<string, string> {
  const comments = new Map<string, string>();
  const note = (name: string, comment: string | null | undefined): void => {
    if (comment) comments.set(name.replace(/^\./, ''), comment.replaceAll(/(?<!\n)\n(?!\n)/g, ' ').trim());
  };
  const visit = (object: protobuf.ReflectionObject): void => {
    note(object.fullName, object.comment);
    if (object instanceof protobuf.Enum)
      for (const [name, comment] of Object.entries(object.comments))
        note(`${object.fullName}.${name}`, comment);
    if (object instanceof protobuf.Service) object.methodsArray.forEach(visit);
    if (object instanceof protobuf.Type) object.fieldsArray.forEach(visit);
    if (object instanceof protobuf.Namespace) object.nestedArray.forEach(visit);
  };
  visit(root);
  return comments;
}
