// A fault of a Template, with a path within its spec.

import type { FaultPath, FaultReason, ObjectFault } from '../documents/fault.ts';

export function templateFault(reason: FaultReason, path: FaultPath, message: string): ObjectFault {
  return { reason, path: ['spec', ...path], message };
}
